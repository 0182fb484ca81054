import BoltAPI
import Foundation
import Spanner
import Testing

extension ReplicatedIntegrationTests {
    /// N1: a zone is lost whole, with everything that runs in it.
    @Suite(.serialized) struct ZoneLossTests {
        /// The mesh of `topology/local.yaml`, on ports of its own.
        private func shipped() throws -> RealMesh {
            var root = URL(fileURLWithPath: #filePath)
            for _ in 0..<3 { root.deleteLastPathComponent() }
            let path = root.appending(path: "topology/local.yaml").path
            let document = TopologyDocument(
                parsing: try String(contentsOfFile: path, encoding: .utf8), file: "topology/local.yaml")
            let topology = try #require(document.topology, "\(document.findings)")
            return try RealMesh(
                places: topology.partitions.flatMap { partition in
                    partition.bolts.map { (partition.name.text, $0.name.text, $0.zone) }
                })
        }

        @Test(
            "N1, P1, R2: a zone is lost whole: each partition is served or promoted in the other; nothing is lost",
            .timeLimit(.minutes(5)))
        func aZoneIsLost() throws {
            try with(shipped()) { (mesh) throws in
                let partitions = Set(mesh.bolts.map(\.partition)).sorted()
                let zone = try #require(mesh.bolts[0].zone)
                let (lost, left) = (mesh.bolts.filter { $0.zone == zone }, mesh.bolts.filter { $0.zone != zone })
                #expect(Set(left.map(\.partition)) == Set(partitions), "the other zone has a bolt of each partition")
                for partition in partitions { try mesh.waitForSync(of: partition, bolts: 2) }
                try mesh.enroll("thief", token: try mesh.token(), at: left[0])
                let fleet = try Fleet(mesh, count: 18)
                let running = try fleet.start()
                try waitUntil("everybody reports", seconds: 60) { fleet.told().count == fleet.count }
                try fleet.waitForMore(18, of: running)

                for bolt in lost { kill(try #require(bolt.pid), SIGKILL) }
                for bolt in lost { try waitUntil("\(bolt.name) is gone") { !bolt.isRunning } }
                let paired = fleet.told(paired: true)
                // Operators' acts need no primary, and no other zone.
                let ban = try mesh.ctl(
                    "envoy", "ban", "thief", "--yes", "--reason", "stolen", "--bolt", left[0].address)
                #expect(ban.status == 0, "\(ban)")
                let survivors = try left.filter { try mesh.part($0).reigns }
                let orphans = left.filter { bolt in !survivors.contains { $0.name == bolt.name } }
                #expect(!survivors.isEmpty && !orphans.isEmpty, "the zones have primaries each")
                for bolt in orphans {
                    try waitUntil("\(bolt.name) may be promoted", seconds: 20) {
                        let promoted = try mesh.promote(bolt, timeout: 5, reason: "zone \(zone) is lost")
                        return promoted.status == 5
                    }
                }
                for bolt in left { try waitUntil("\(bolt.name) reigns") { try mesh.part(bolt).reigns } }
                let promoted = Fleet.now
                try waitUntil("every machine is answered by the zone that is left", seconds: 60) {
                    Set(fleet.deliveries().filter { $0.at > promoted }.map(\.id)).count == fleet.count
                }
                let status = try mesh.ctl("status", "-o", "json", "--bolt", left[0].address)
                #expect(status.json?["fault_tolerance"] as? Int == 0, "\(status)")

                for bolt in lost { try mesh.spawn(bolt) }
                for partition in partitions {
                    try mesh.waitForSync(of: partition, bolts: 2, seconds: 60, underLoad: true)
                }
                try mesh.waitForEqualDigests()
                let refused = try mesh.pass("thief", at: lost[0])
                #expect(refused.status == 77 && refused.standardError.contains("banned"), "\(refused)")
                _ = try fleet.finish(running)
                for partition in partitions { try mesh.waitForSync(of: partition, bolts: 2) }
                for bolt in mesh.bolts { try mesh.crash(bolt) }
                try expectAll(fleet, paired, partitions, mesh)
            }
        }

        private func expectAll(
            _ fleet: Fleet, _ paired: [String: UInt64], _ partitions: [String], _ mesh: RealMesh
        ) throws {
            let told = fleet.told()
            var seen: Set<String> = []
            for partition in partitions {
                for bolt in mesh.bolts where bolt.partition == partition {
                    let disk = try PartitionDisk(bolt, of: mesh)
                    let own = Set(try disk.envoys())
                    seen.formUnion(own)
                    try fleet.expectAll(on: disk, told: paired.filter { own.contains($0.key) })
                    try fleet.expectAll(on: disk, told: told.filter { own.contains($0.key) })
                }
            }
            #expect(Set(told.keys).isSubset(of: seen))
        }
    }
}
