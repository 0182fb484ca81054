import BoltAPI
import Foundation
import Policy
import Spanner
import Testing

@testable import boltctl

/// `stack validate`: every fault with its place, for people and for scripts.
@Suite struct StackValidateTests {
    private func broken() throws -> ScratchDirectory {
        try ScratchDirectory([
            "stack.yaml": "stack: web\ncolour: red\n",
            "layers/10-base.yaml": """
            layer: base
            resources:
              - file: /etc/motd
                content: hello
                requires: [file:/etc/none]
            """,
        ])
    }

    @Test func aStackWithoutFaultIsValid() throws {
        let scratch = try ScratchDirectory.stack()
        defer { scratch.remove() }
        let local = try LocalStack(scratch.path)
        let answer = StackValidate.answer(local, nil)
        #expect(answer.valid && answer.faults.isEmpty && answer.stack == "web" && answer.files == 3)
        #expect(answer.secrets == ["db/password"])
        #expect(answer.table.hasPrefix("valid: web, 3 files, "), "\(answer.table)")
        #expect(answer.table.hasSuffix("; secrets: db/password"), "\(answer.table)")
    }

    @Test func everyFaultHasFileLineAndWhatToDo() throws {
        let scratch = try broken()
        defer { scratch.remove() }
        try scratch.link("layers/out.yaml", to: "/etc/passwd")
        let answer = StackValidate.answer(try LocalStack(scratch.path), nil)
        #expect(!answer.valid && answer.stack == nil)
        let places = answer.faults.map { "\($0.place) \($0.code)" }
        #expect(places.contains("stack.yaml:2 stack_unknown_key"), "\(places)")
        #expect(places.contains { $0.hasPrefix("layers/10-base.yaml:") && $0.hasSuffix("stack_dangling") }, "\(places)")
        #expect(places.contains("layers/out.yaml stack_bad_path"), "\(places)")
        #expect(answer.faults.allSatisfy { !$0.next.isEmpty })
        let lines = answer.table.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("stack.yaml:2: ") && $0.hasSuffix("[stack_unknown_key]") })
        #expect(lines.last?.hasPrefix("not valid: 3 faults in ") == true, "\(answer.table)")
    }

    /// Scripts read these names: they do not change.
    @Test func theAnswerHasItsNames() throws {
        let scratch = try broken()
        defer { scratch.remove() }
        let answer = StackValidate.answer(try LocalStack(scratch.path), nil)
        let json = String(decoding: try APIJSON.encode(answer), as: UTF8.self)
        for name in ["valid\":false", "faults\":[{", "file\":\"stack.yaml", "line\":2", "omitted\":0", "next\":"] {
            #expect(json.contains("\"\(name)"), "\(name) in \(json)")
        }
    }

    @Test func whatAPartitionLacksIsToldToo() throws {
        let scratch = try ScratchDirectory.stack()
        defer { scratch.remove() }
        let local = try LocalStack(scratch.path)
        var remote = ValidateStackResponse(
            partition: try Views.name("north"), bolt: "a.north", digest: Views.bytes(1), faults: [],
            missingSecrets: ["db/password"], rolloutBlocked: "min_standing is 40 and there are 40 machines")
        let text = StackValidate.answer(local, remote).table
        #expect(text.contains("north does not keep the secret db/password\n  next: boltctl secret put db/password"))
        #expect(text.contains("its roll-out would block itself at north: min_standing is 40"))
        #expect(text.contains("would be refused there: web") && !StackValidate.answer(local, remote).valid)
        // It was said not to be published, and publish took it.
        remote.rolloutBlocked = nil
        let taken = StackValidate.answer(local, remote)
        #expect(taken.table.contains("valid, and machines that need a missing secret would keep what they have: web"))
        #expect(!taken.valid)
        remote.missingSecrets = []
        #expect(StackValidate.answer(local, remote).valid)
    }

    /// What is published is read as what is validated; a fault ends the command before anything is sent.
    @Test func whatHasFaultsIsNotSent() throws {
        let scratch = try broken()
        defer { scratch.remove() }
        do {
            _ = try LocalStack(scratch.path).require()
            Issue.record("it was taken")
        } catch let failure as CommandFailure {
            #expect(failure.code == "invalid_stack" && failure.status == .error && !failure.changed)
            #expect(failure.message.hasSuffix("is no valid stack: 2 faults"))
            #expect(failure.reason?.contains("stack.yaml:2: ") == true)
            #expect(failure.next?.contains("boltctl stack validate \(scratch.path)") == true)
        }
    }
}
