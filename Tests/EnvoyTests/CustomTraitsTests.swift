import BoltAPI
import Foundation
import Testing

@testable import Envoy

/// Facts that a machine's own programs tell: each within its bounds, and one that fails is a failure of its own trait
/// alone.
@Suite struct CustomTraitsTests {
    private func program(_ scratch: Scratch, _ name: String, _ script: String, mode: Int = 0o755) throws {
        let path = scratch.file(name)
        try ("#!/bin/sh\n" + script + "\n").write(toFile: path, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    @Test("what programs print is a trait under their name; whatever else they do is told, and harms no other")
    func gathered() async throws {
        let scratch = try Scratch()
        try program(scratch, "rack.sh", #"echo '{"row": 3, "name": "b"}'"#)
        try program(scratch, "plain", "echo 7")
        try program(scratch, "hangs", "sleep 600 & exec sleep 600")
        try program(scratch, "rubbish", "echo this is none")
        try program(scratch, "silent", "exit 0")
        try program(scratch, "fails", "echo '{}'; exit 3")
        try program(scratch, "killed", "kill -9 $$")
        try program(scratch, "floods", "while :; do echo 0123456789012345678901234567890123456789; done")
        try program(scratch, "others", "echo 1", mode: 0o777)
        try program(scratch, "odd name", "echo 1")
        try program(scratch, "none", "echo 1", mode: 0o644)
        try program(scratch, ".hidden", "echo 1")
        try "no program".write(toFile: scratch.file("broken"), atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: scratch.file("broken"))
        try FileManager.default.createDirectory(atPath: scratch.file("folder"), withIntermediateDirectories: false)
        let told = await CustomTraits(directory: scratch.path, timeout: .seconds(1)).gather()
        #expect(
            told.values == [
                "rack": .object(["row": .integer(3), "name": .string("b")]), "plain": .integer(7),
            ])
        let reasons = [
            "hangs": "had not ended", "rubbish": "no JSON", "silent": "no JSON", "fails": "ended with 3",
            "killed": "signal 9", "floods": "more than", "others": "can write", "odd name": "other characters",
            "broken": "cannot be run",
        ]
        #expect(Set(told.failures.keys) == Set(reasons.keys), "\(told.failures)")
        for (name, reason) in reasons {
            #expect(told.failures[name]?.contains(reason) == true, "\(name): \(told.failures[name] ?? "not told")")
        }
    }

    @Test("two programs of one name are told, and the first of them counts; a folder that is not there tells nothing")
    func names() async throws {
        let scratch = try Scratch()
        try program(scratch, "rack.a", "echo 1")
        try program(scratch, "rack.b", "echo 2")
        let told = await CustomTraits(directory: scratch.path).gather()
        #expect(told.values == ["rack": .integer(1)] && told.failures["rack"]?.contains("several") == true)
        #expect(await CustomTraits(directory: scratch.file("none")).gather() == CustomTraits.Told())
    }

    @Test("more programs than are run are told")
    func tooMany() async throws {
        let scratch = try Scratch()
        for number in 0...CustomTraits.programsMax { try program(scratch, "p\(number)", "echo 1") }
        let told = await CustomTraits(directory: scratch.path).gather()
        #expect(told.values.count == CustomTraits.programsMax)
        #expect(told.failures["directory"]?.contains("\(CustomTraits.programsMax + 1)") == true)
    }

    @Test("a document that is too large goes without what is largest in it, and says so")
    func bounded() throws {
        let small: [String: JSONValue] = ["hostname": .string("web-1")]
        #expect(TraitsDocument.bounded(small) == small)
        var large = small
        large["custom"] = .object([
            "huge": .string(String(repeating: "x", count: 10 * 1024 * 1024)), "fine": .integer(1),
        ])
        let kept = TraitsDocument.bounded(large)
        #expect(kept["custom"] == .object(["fine": .integer(1)]) && kept["hostname"] == .string("web-1"))
        guard case .object(let failed)? = kept["custom_failed"] else {
            Issue.record("nothing is said of what was left out")
            return
        }
        #expect(failed["huge"]?.text?.contains("left out") == true)
        var odd = small
        odd["disks"] = .string(String(repeating: "x", count: 1_000))
        let cut = TraitsDocument.bounded(odd, to: 200)
        #expect(cut == ["hostname": .string("web-1"), "left_out": .bool(true)])
    }
}
