import BoltAPI
import Foundation
import Spanner
import Testing

@testable import boltctl

/// `mesh up --set`: a start without it took the settings of the one before away, and said nothing.
@Suite struct KeptSettingsTests {
    private func setting(_ text: String) throws -> LocalSetting { try #require(LocalSetting(text)) }

    private func settings(_ texts: String...) throws -> [LocalSetting] { try texts.map { try setting($0) } }

    private func withFolder(_ body: (String) throws -> Void) throws {
        let root = NSTemporaryDirectory() + "bolt-kept-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        try body(root)
    }

    private func mesh(in root: String) throws -> LocalMesh {
        let text = """
            version: 1
            mesh: {name: trial}
            groups: [{name: default}]
            partitions:
              - name: north
                groups: [default]
                bolts: [{name: a, address: "127.0.0.1:1", ops: "127.0.0.1:2"}]
            """
        let document = TopologyDocument(parsing: text, file: "trial")
        return LocalMesh(directory: root, topology: try #require(document.topology, "\(document.findings)"))
    }

    @Test func aLaterStartWithoutSetKeepsWhatAnEarlierOneSaid() throws {
        try withFolder { root in
            var first = KeptSettings()
            _ = first.take(try settings("policy.source=git", "policy.poll=7", "etcd.endpoints=http://a:1,http://b:2"))
            try first.write(below: root)
            var later = try KeptSettings(directory: root)
            #expect(later == first && later.settings.map(\.value) == ["http://a:1,http://b:2", "7", "git"])
            #expect(later.take([]).map(\.origin) == [.kept, .kept, .kept])
            let lines = later.take(try settings("policy.poll=9", "policy.source="))
            #expect(
                lines.map(\.text) == [
                    "policy.source is kept no longer",
                    "etcd.endpoints=http://a:1,http://b:2 (kept from before; --set etcd.endpoints= removes it)",
                    "policy.poll=9",
                ])
            try later.write(below: root)
            #expect(try KeptSettings(directory: root).settings.map(\.key) == ["etcd.endpoints", "policy.poll"])
        }
    }

    @Test func whatWasNeverSetLeavesNoFileAndTheLastOneRemovedAnEmptyOne() throws {
        try withFolder { root in
            var kept = try KeptSettings(directory: root)
            try kept.write(below: root)
            #expect(!FileManager.default.fileExists(atPath: KeptSettings.path(root)))
            _ = kept.take(try settings("lease.engine=etcd"))
            try kept.write(below: root)
            #expect(kept.take(try settings("lease.engine=")).map(\.origin) == [.removed])
            try kept.write(below: root)
            #expect(try KeptSettings(directory: root).settings == [])
        }
    }

    /// Going on without them would be the fault that keeping them mends.
    @Test(arguments: ["", "[]", "{\"lease\": \"etcd\"}", "{\"lease.engine\": 1}", "{\"a.b=c\": \"d\"}"])
    func aFileThatHoldsNoSettingsIsAFailureAndNotNone(text: String) throws {
        try withFolder { root in
            try text.write(toFile: KeptSettings.path(root), atomically: true, encoding: .utf8)
            #expect(throws: CommandFailure.self) { try KeptSettings(directory: root) }
        }
    }

    @Test func aBoltThatRunsIsToldWhatIsNotInForceAndHowItComesToBe() throws {
        try withFolder { root in
            var mesh = try mesh(in: root)
            let before = mesh.configuration(of: mesh.bolts[0])
            _ = mesh.settings.take(try settings("policy.source=git", "state.quota=5"))
            let after = mesh.configuration(of: mesh.bolts[0])
            #expect(ConfigurationChange.keys(from: before, to: before) == [])
            #expect(ConfigurationChange.keys(from: before, to: after) == ["policy.source", "state.quota"])
            #expect(ConfigurationChange.dropped(from: before, to: after) == [])
            var line = MeshUp.Line(
                bolt: "a.north", address: "127.0.0.1:1", ops: "127.0.0.1:2", pid: 7, action: "restart_needed", log: "")
            #expect(MeshUp.notInForce([line], "t.yaml", root) == [])
            line.notInForce = ["policy.source", "state.quota"]
            #expect(
                MeshUp.notInForce([line], "t.yaml", root) == [
                    "a.north does not run with policy.source, state.quota as in its bolt.yaml: "
                        + "in force after a restart",
                    "to restart them: boltctl mesh down --dir \(root), then boltctl mesh up -f t.yaml --dir \(root)",
                ])
        }
    }

    /// What was written into a bolt.yaml by hand, or by a release that kept nothing, does not go without a word.
    @Test func whatAConfigurationLosesIsSaidUnlessItWasAskedFor() throws {
        try withFolder { root in
            var mesh = try mesh(in: root)
            let plain = mesh
            _ = mesh.settings.take(try settings("policy.source=git", "lease.engine=etcd"))
            let before = [Optional(mesh.configuration(of: mesh.bolts[0]))]
            #expect(MeshUp.dropped([nil], plain, []) == [])
            #expect(
                MeshUp.dropped(before, plain, []) == [
                    "a.north loses lease.engine, policy.source, which its bolt.yaml had and no --set says"
                ])
            let lines = mesh.settings.take(try settings("lease.engine=", "policy.source="))
            #expect(MeshUp.dropped(before, mesh, lines) == [])
        }
    }
}
