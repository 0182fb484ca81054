import BoltAPI
import Foundation
import Spanner
import Testing

@testable import boltctl

/// Meshes on this machine: folders, names, and what is left alone.
@Suite struct LocalMeshTests {
    private func names(_ partition: String, _ bolt: String) throws -> (PartitionName, BoltName) {
        (try #require(PartitionName(partition)), try #require(BoltName(bolt)))
    }

    /// `a-b` with the bolt `c`, and `a` with the bolt `b-c`, are two bolts with two folders.
    @Test func noTwoBoltsShareAFolder() throws {
        let pairs = try [("north", "a"), ("a-b", "c"), ("a", "b-c"), ("a-b-c", "d"), ("a", "b-c-d"), ("abc", "d")]
            .map { try names($0.0, $0.1) }
        let folders = pairs.map { LocalBolt.folder($0.0, $0.1) }
        #expect(Set(folders).count == pairs.count, "\(folders)")
        #expect(folders[0] == "north-a")
    }

    /// What `mesh down` calls a bolt is what its configuration calls it, hyphens or not.
    @Test func aFolderIsOfTheBoltThatItsConfigurationNames() throws {
        let root = NSTemporaryDirectory() + "bolt-down-" + UUID().uuidString.prefix(8)
        defer { try? FileManager.default.removeItem(atPath: root) }
        for (partition, bolt) in [("eu-north", "web-1"), ("a", "b-c"), ("a-b", "c"), ("north", "7")] {
            let (partition, name) = try names(partition, bolt)
            let place = LocalBolt(
                partition: partition,
                bolt: Topology.Bolt(name: name, address: "127.0.0.1:1", ops: "127.0.0.1:2", zone: nil),
                directory: "\(root)/bolts/\(LocalBolt.folder(partition, name))")
            try FileManager.default.createDirectory(atPath: place.directory, withIntermediateDirectories: true)
            try place.configuration(mesh: "example", seeds: [])
                .write(toFile: place.configPath, atomically: true, encoding: .utf8)
        }
        try FileManager.default.createDirectory(atPath: "\(root)/bolts/strange", withIntermediateDirectories: true)
        let found = try MeshDown.bolts(in: root)
        #expect(Set(found.map(\.fullName)) == ["web-1.eu-north", "b-c.a", "c.a-b", "7.north"])
        #expect(throws: CommandFailure.self) { try MeshDown.bolts(in: root + "/none") }
    }

    /// `sealed: sealed: every bolt starts sealed`.
    @Test func aStateIsNamedOnce() {
        #expect(LocalMesh.words(.sealed, ["sealed: every bolt starts sealed"]) == "sealed: every bolt starts sealed")
        #expect(LocalMesh.words(.orphaned, ["no primary is heard"]) == "orphaned: no primary is heard")
        #expect(LocalMesh.words(.active, []) == "active")
    }

    @Test func aBoltIsKnownByTheConfigurationThatItRunsWith() {
        let line = ["/usr/bin/bolt", "run", "--config", "../b/bolt.yaml"]
        #expect(ChildProcess.configuration(of: line, in: "/m/a") == "/m/b/bolt.yaml")
        #expect(
            ChildProcess.configuration(of: ["bolt", "run", "--config", "/m/bolt.yaml"], in: "/x") == "/m/bolt.yaml")
        for other in [["bolt", "run"], ["bolt", "check-config", "--config", "/m/bolt.yaml"], []] {
            #expect(ChildProcess.configuration(of: other, in: "/m") == nil)
        }
    }

    /// A bolt that somebody runs by hand was started again, ended at once over its locked state, and was `started`.
    @Test func aBoltThatRunsByHandIsSeenAndItsPIDIsNotOurs() throws {
        let root = NSTemporaryDirectory() + "bolt-hand-" + UUID().uuidString.prefix(8)
        defer { try? FileManager.default.removeItem(atPath: root) }
        let (partition, name) = try names("north", "a")
        let bolt = LocalBolt(
            partition: partition,
            bolt: Topology.Bolt(name: name, address: "127.0.0.1:1", ops: "127.0.0.1:2", zone: nil), directory: root)
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        #expect(bolt.strangerPID == nil)
        // A shell whose script is called `run`, in the bolt's folder: the command line of a bolt.
        try "read line\n".write(toFile: root + "/run", atomically: true, encoding: .utf8)
        let (process, input) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["run", "--config", "bolt.yaml"]
        process.currentDirectoryURL = URL(fileURLWithPath: root)
        process.standardInput = input
        try process.run()
        defer {
            try? input.fileHandleForWriting.close()
            process.waitUntilExit()
        }
        let deadline = Date().addingTimeInterval(20)
        while bolt.strangerPID == nil, Date() < deadline { sched_yield() }
        #expect(bolt.strangerPID == process.processIdentifier && bolt.runningPID == nil)
        // The process that was started last is gone: its id is not kept.
        try "999999999\n".write(toFile: bolt.pidPath, atomically: true, encoding: .utf8)
        bolt.forgetEnded()
        #expect(!FileManager.default.fileExists(atPath: bolt.pidPath))
    }
}
