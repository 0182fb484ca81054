import ArgumentParser
import BoltAPI
import CRDT
import Foundation
import Identity
import Policy
import Spanner
import Testing

@testable import boltctl

/// `stack preview`: what a machine gets, without a secret's value, as the machine itself resolves it.
@Suite struct StackPreviewTests {
    private func subject(_ line: String, _ scratch: ScratchDirectory) throws -> PreviewSubject {
        let words = ["preview"] + line.split(separator: " ").map(String.init)
        let command = try StackPreview.parse(Array(words.dropFirst()))
        return try PreviewSubject(
            madeUp: command.facts(), stack: LocalStack(scratch.path).require(), from: scratch.path)
    }

    private func resource(_ preview: Preview, _ id: String) throws -> Preview.Resource {
        try #require(preview.resources.first { $0.id == id }, "\(preview.resources.map(\.id))")
    }

    @Test func aMachineThatNeedNotExistGetsItsLayers() throws {
        let scratch = try ScratchDirectory.stack()
        defer { scratch.remove() }
        let web = Preview(try subject("web-99 --dir . --group web", scratch), traits: ["os": .text("linux")])
        #expect(web.layers == ["base", "web"] && web.resources.count == 5)
        let motd = try resource(web, "file:/etc/motd")
        #expect(motd.spec?["content"] == .string("hello from web-99 on linux\n"))
        #expect(motd.spec?["mode"] == .string("0644") && motd.effect == "safe" && !motd.sensitive)
        #expect(motd.origin == "layers/10-base.yaml:6")
        #expect(try resource(web, "exec:reload").effect == "disruptive")
        let other = Preview(try subject("db-1 --dir . --group db", scratch), traits: ["os": .text("linux")])
        #expect(other.layers == ["base"] && other.resources.count == 3)
    }

    /// Layers for other traits were listed as if the machine got what is in them.
    @Test func aLayerWhoseConditionDoesNotHoldIsLeftOutWithTheReason() throws {
        let scratch = try ScratchDirectory([
            "stack.yaml": "stack: web\n",
            "layers/10-base.yaml": "layer: base\nresources:\n  - directory: /a\n",
            "layers/20-debian.yaml": """
            layer: debian
            match:
              traits:
                os.id: [debian, ubuntu]
            resources:
              - directory: /b
            """,
            "layers/30-large.yaml": """
            layer: large
            match:
              traits:
                cpus: {at_least: 8}
            resources:
              - directory: /c
            """,
        ])
        defer { scratch.remove() }
        func preview(_ traits: [String: PolicyValue]) throws -> Preview {
            Preview(try subject("web-99 --dir . --group web", scratch), traits: traits)
        }
        let fedora = try preview(["os": .object(["id": .text("fedora")]), "cpus": .integer(4)])
        #expect(fedora.layers == ["base"] && fedora.resources.map(\.id) == ["directory:/a"])
        #expect(fedora.leftOut.map(\.layer) == ["debian", "large"])
        #expect(
            fedora.leftOut.map(\.reason) == [
                "os.id is “fedora”, not debian or ubuntu", "cpus is “4”, not at least 8",
            ])
        let table = fedora.table(whole: false)
        #expect(table.contains("debian: os.id is “fedora”") && !table.contains("base, debian"), "\(table)")
        let json = String(decoding: try APIJSON.encode(fedora), as: UTF8.self)
        #expect(json.contains("\"left_out\":[{"), "\(json)")
        // A resource of such a layer was only told not to be found.
        let debian = StackPreview.absent("directory:/b", try subject("web-99 --dir .", scratch), fedora, next: "look")
        #expect(debian.reason == "its layer “debian” is left out: os.id is “fedora”, not debian or ubuntu")
        let stray = StackPreview.absent("directory:/z", try subject("web-99 --dir .", scratch), fedora, next: "look")
        #expect(stray.code == "not_found" && stray.reason == nil)
        let silent = try preview([:])
        #expect(silent.leftOut.map(\.reason) == ["the machine tells no os.id", "the machine tells no cpus"])
        let large = try preview(["os": .object(["id": .text("ubuntu")]), "cpus": .integer(8)])
        #expect(large.layers == ["base", "debian", "large"] && large.leftOut.isEmpty)
    }

    /// S4: a secret stands as its name, for people and for scripts.
    @Test func aSecretStandsAsItsName() throws {
        let scratch = try ScratchDirectory.stack()
        defer { scratch.remove() }
        let preview = Preview(try subject("web-99 --dir . --group web", scratch), traits: ["os": .text("linux")])
        let password = try resource(preview, "file:/etc/app/password")
        #expect(password.sensitive && password.spec?["content"] == .string("<secret db/password>"))
        #expect(password.requires == ["directory:/etc/app"])
        #expect(preview.secrets == ["db/password"])
        #expect(preview.table(whole: false).contains("    <secret db/password>"))
    }

    /// A fault is of its resource alone.
    @Test func aResourceThatCannotBeToldSaysWhyAndTheOthersStand() throws {
        let scratch = try ScratchDirectory.stack()
        defer { scratch.remove() }
        let preview = Preview(try subject("web-99 --dir . --group web", scratch), traits: [:])
        let motd = try resource(preview, "file:/etc/motd")
        #expect(motd.spec == nil && motd.fault?.code == "template_unknown_variable")
        #expect(preview.resources.filter { $0.fault != nil }.count == 1)
        let text = preview.table(whole: false)
        #expect(text.contains("  cannot be told: ") && text.contains("[template_unknown_variable]\n  next: "))
    }

    /// What a bolt tells is resolved only where it is the body that it names.
    @Test func aBodyThatIsNotTheOneNamedIsRefused() throws {
        let scratch = try ScratchDirectory.stack()
        defer { scratch.remove() }
        let made = try subject("web-99 --dir . --group web", scratch)
        func answer(_ bytes: [UInt8], digest: Bytes32, kept: Bool = true) throws -> PreviewResponse {
            PreviewResponse(
                envoy: PrincipalID(high: 1, low: 2), name: try #require(PrincipalName("web-7")),
                group: GroupName("web"), labels: [:], partition: try Views.name("north"), bolt: "a.north",
                revision: "4f2a01", layers: ["base", "web"], digest: digest, body: Base64Bytes(bytes),
                secrets: [.init(name: "db/password", isKept: kept)], traits: ["os": .string("linux")],
                traitsAt: WallTime(milliseconds: 1_000))
        }
        let (bytes, digest) = (made.body.bytes, BLAKE2b.hash(made.body.bytes))
        let preview = Preview(try PreviewSubject(answer(bytes, digest: digest)), traits: nil)
        #expect(preview.traitsAt?.milliseconds == 1_000 && preview.revision == "4f2a01")
        #expect(try resource(preview, "file:/etc/motd").spec?["content"] == .string("hello from web-7 on linux\n"))
        #expect(throws: CommandFailure.self) { try PreviewSubject(answer(bytes, digest: Views.bytes(9))) }
        #expect(throws: CommandFailure.self) { try PreviewSubject(answer(Array(bytes.dropLast()), digest: digest)) }
        #expect(throws: CommandFailure.self) { try PreviewSubject(answer([], digest: BLAKE2b.hash([]))) }
        let missing = Preview(try PreviewSubject(answer(bytes, digest: digest, kept: false)), traits: nil)
        #expect(try resource(missing, "file:/etc/app/password").fault?.code == "secret_missing")
        #expect(missing.missingSecrets == ["db/password"])
    }

    @Test func oneResourceIsShownWholeAndManyAreCut() throws {
        let scratch = try ScratchDirectory([
            "stack.yaml": "stack: web\n",
            "layers/10-base.yaml": """
            layer: base
            resources:
              - file: /etc/long
                source: long
              - file: /etc/bytes
                source: bytes
            """,
            "files/long": (1...40).map { "line \($0)\n" }.joined(),
        ])
        defer { scratch.remove() }
        try scratch.write("files/bytes", Data([0, 1, 2, 255]))
        let preview = Preview(try subject("web-99 --dir . --group web", scratch), traits: nil)
        #expect(preview.table(whole: false).contains("… 29 lines more"))
        #expect(preview.table(whole: true).contains("    line 40") && !preview.table(whole: true).contains("…"))
        let bytes = try resource(preview, "file:/etc/bytes")
        #expect(bytes.spec?["content"] == nil && bytes.spec?["content_base64"] == .string("AAEC/w=="))
        let only = Preview(try subject("web-99 --dir . --group web", scratch), traits: nil, only: ["file:/etc/bytes"])
        #expect(only.resources.map(\.id) == ["file:/etc/bytes"])
    }

    /// Control characters of a content do not reach the terminal.
    @Test func contentThatATerminalWouldObeyIsShownAsBytes() {
        #expect(PreviewSpec.text(Array("a\tb\n".utf8)) == "a\tb\n")
        #expect(PreviewSpec.text(Array("\u{1B}[2J".utf8)) == nil && PreviewSpec.text([0xC3, 0x28]) == nil)
        #expect(PreviewSpec.text(Array("\u{9B}2J".utf8)) == nil && PreviewSpec.text(Array("ü→".utf8)) == "ü→")
    }

    @Test func traitsOfAFileAreAnObjectWithinBounds() throws {
        let scratch = try ScratchDirectory(["good.json": #"{"os":"linux","cpus":8}"#, "bad.json": "[1]"])
        defer { scratch.remove() }
        #expect(try PreviewTraits.read("\(scratch.path)/good.json") == ["os": .text("linux"), "cpus": .integer(8)])
        try scratch.write("large.json", Data(repeating: 0x20, count: APILimits.traitsBytesMax + 1))
        for name in ["bad.json", "large.json", "none.json"] {
            #expect(throws: CommandFailure.self, "\(name)") { try PreviewTraits.read("\(scratch.path)/\(name)") }
        }
    }
}
