import Foundation
import Testing

extension ReplicatedIntegrationTests {
    /// Bits that flip on a bolt's disk: found, told, and mended by the runbook.
    @Suite(.serialized) struct BitRotTests {
        /// A text that stands in the journal and in the tables, so that what it is struck in is in use.
        private static let mark = "bit-rot-here"

        /// Turns a bit over wherever a text stands in a bolt's database; how often that was. Its log is in the
        /// database before: who ends gracefully copies it back.
        private func strike(_ bolt: RealMesh.Bolt) throws -> Int {
            let path = bolt.state + "/partition.db"
            var content = try Data(contentsOf: URL(fileURLWithPath: path))
            let mark = Data(Self.mark.utf8)
            var place = content.startIndex
            var count = 0
            while let found = content.range(of: mark, in: place..<content.endIndex) {
                content[found.lowerBound + 3] ^= 4
                count += 1
                place = found.upperBound
            }
            // In place: another file would be another disk.
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.write(contentsOf: content)
            try handle.close()
            return count
        }

        private func alarms(_ mesh: RealMesh) throws -> [String] {
            let all = try mesh.ctl("status", "-o", "json").json?["alarms"] as? [[String: Any]] ?? []
            return all.filter { $0["code"] as? String == "bolt_fenced" }.compactMap { $0["text"] as? String }
        }

        private func health(_ bolt: RealMesh.Bolt) throws -> (status: Int, body: String) {
            let answer = try HTTP.get("http://\(bolt.ops)/v1/health")
            return (answer.status, answer.body)
        }

        /// A pair with an envoy, whose reason of an operator's command is on both disks.
        private func withPair(_ body: (RealMesh) throws -> Void) throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                try mesh.waitForSync(of: "north", bolts: 2)
                try mesh.enroll("web-1", token: try mesh.token(), at: mesh.bolts[0])
                try mesh.done("partition", "switchover", "north", "--yes", "--reason", Self.mark)
                try mesh.waitForSync(of: "north", bolts: 2)
                for bolt in mesh.bolts {
                    let pass = try mesh.pass("web-1", at: bolt)
                    try #require(pass.status == 0, "\(pass)")
                }
                try mesh.waitForSync(of: "north", bolts: 2)
                try body(mesh)
            }
        }

        /// The runbook "a standby is gone for good".
        private func replace(_ bolt: RealMesh.Bolt, in mesh: RealMesh, askedOf other: RealMesh.Bolt) throws {
            try mesh.crash(bolt)
            try mesh.declareDead(bolt, askedOf: other, reason: "its disk rots", seconds: 40)
            try mesh.rejoin(bolt, askedOf: other)
            try mesh.waitForSync(of: "north", bolts: 2, seconds: 60)
        }

        private func expectFenced(_ bolt: RealMesh.Bolt, in mesh: RealMesh) throws {
            try waitUntil("\(bolt.name) is fenced", seconds: 60) { try health(bolt).status == 530 }
            #expect(try health(bolt).body.contains("is not what was written"))
            #expect(bolt.isRunning, "the roster goes on")
            try waitUntil("status tells that it is", seconds: 30) {
                try alarms(mesh).contains { $0.contains(bolt.name) && $0.contains("is not what was written") }
            }
        }

        @Test(
            "D4: rot on a standby's disk is found; it is fenced, its primary goes on; replaced, it is in sync again",
            .timeLimit(.minutes(4)))
        func standby() throws {
            try withPair { (mesh) throws in
                let primary = try mesh.primary(of: "north")
                let standby = try #require(mesh.bolts.first { $0.name != primary.name })
                try mesh.stop(standby)
                #expect(try strike(standby) > 1)
                try mesh.launch(standby)
                try expectFenced(standby, in: mesh)
                try waitUntil("the primary goes on alone") { try mesh.part(primary).inSync == 1 }
                let pass = try mesh.pass("web-1", at: primary)
                #expect(pass.status == 0, "\(pass)")
                try replace(standby, in: mesh, askedOf: primary)
                #expect(try mesh.part(standby).tip == mesh.part(primary).tip)
                let again = try mesh.pass("web-1", at: standby)
                #expect(again.json?["release_through"] as? Int == again.json?["stored_through"] as? Int, "\(again)")
            }
        }

        @Test(
            "D4, P1: a primary whose disk rots never reigns over it; its standby is promoted and lacks nothing",
            .timeLimit(.minutes(4)))
        func primary() throws {
            try withPair { (mesh) throws in
                let old = try mesh.primary(of: "north")
                let other = try #require(mesh.bolts.first { $0.name != old.name })
                try mesh.crash(old)
                // Its log is not copied back: whoever opens the database does that first.
                try PartitionDisk.copyLogBack(old)
                #expect(try strike(old) > 1)
                try mesh.launch(old)
                try expectFenced(old, in: mesh)
                try waitUntil("the standby is promoted", seconds: 30) {
                    let promoted = try mesh.promote(other)
                    return promoted.status == 0 || promoted.status == 5
                }
                try waitUntil("it reigns") { try mesh.part(other).reigns }
                #expect(try health(old).status == 530)
                let pass = try mesh.pass("web-1", at: other)
                #expect(pass.status == 0 && pass.json?["stored_through"] as? Int == 3, "\(pass)")
                try replace(old, in: mesh, askedOf: other)
            }
        }
    }
}
