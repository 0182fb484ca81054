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
}
