import Foundation
import Testing

extension ReplicatedIntegrationTests {
    /// A partition of several real bolts: journal, standbys, and who reigns.
    @Suite(.serialized) struct PartitionTests {
        private func pass(_ mesh: RealMesh, _ name: String, at bolt: RealMesh.Bolt) throws -> (
            stored: Int, release: Int
        ) {
            let output = try mesh.pass(name, at: bolt)
            try #require(output.status == 0, "\(output)")
            return (
                try #require(output.json?["stored_through"] as? Int, "\(output)"),
                try #require(output.json?["release_through"] as? Int, "\(output)")
            )
        }

        @Test(
            "P1: results are released only once a standby has them; it comes back in sync by itself, by its log",
            .timeLimit(.minutes(3)))
        func releasedWhenPaired() throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                let (a, b) = (mesh.bolts[0], mesh.bolts[1])
                #expect(try mesh.waitForSync(of: "north", bolts: 2).name == a.name, "the first bolt founds")
                try mesh.enroll("web-1", token: try mesh.token(), at: b)
                // Either bolt takes a check-in: the standby passes it on.
                for bolt in [a, b] {
                    let told = try pass(mesh, "web-1", at: bolt)
                    #expect(told.release == told.stored, "at \(bolt.name)")
                }
                try mesh.crash(b)
                try waitUntil("the primary goes on alone") { try mesh.part(a).inSync == 1 }
                let safe = try mesh.part(a).safe
                let alone = try pass(mesh, "web-1", at: a)
                #expect(alone.stored == 3 && alone.release < 3, "\(alone)")
                #expect(try mesh.part(a).safe == safe, "one disk of two is not safe")
                // A one-shot token must not be spent on one disk: it would be spent twice.
                let token = try mesh.token(at: a)
                let refused = try Command.run(
                    "bolt-envoy", mesh.enrolment("web-2", token: token, at: a), environment: mesh.environment)
                #expect(refused.status != 0, "\(refused)")
                try mesh.launch(b)
                try mesh.waitForSync(of: "north", bolts: 2)
                let again = try pass(mesh, "web-1", at: b)
                #expect(again.stored == 4 && again.release == 4, "\(again)")
                #expect(try mesh.part(a).reigns && mesh.part(b).role == "standby")
                #expect(try mesh.part(a).tip == mesh.part(b).tip)
                let retried = try Command.run(
                    "bolt-envoy", mesh.enrolment("web-2", token: token, at: a), environment: mesh.environment)
                #expect(retried.status == 0, "\(retried)")
            }
        }

        @Test(
            "P4: a standby that was away for longer than the journal reaches back takes a snapshot, and is in sync",
            .timeLimit(.minutes(3)))
        func snapshot() throws {
            try withMesh(["north", "north", "north"]) { (mesh) throws in
                try mesh.waitForSync(of: "north", bolts: 3)
                for bolt in mesh.bolts {
                    try mesh.stop(bolt)
                    try mesh.set("partition:\n  records_kept: 16\n", in: bolt)
                }
                for bolt in mesh.bolts { try mesh.launch(bolt) }
                let primary = try mesh.waitForSync(of: "north", bolts: 3)
                let away = try #require(mesh.bolts.last { $0.name != primary.name })
                try mesh.crash(away)
                try waitUntil("the others go on") { try mesh.part(primary).inSync == 2 }
                let count = 4
                let fleet = try Command.run(
                    "bolt-envoy",
                    [
                        "simulate", "--count", "\(count)", "--token", try mesh.token("--uses", "\(count)"), "--passes",
                        "30",
                    ]
                        + ["--dir", mesh.file("fleet"), "--mesh", primary.address], environment: mesh.environment,
                    deadline: 90)
                #expect(fleet.status == 0, "\(fleet)")
                let tip = try mesh.part(primary).tip
                #expect(tip > 60)
                // Between two looks, four in a second, the journal is cut down to what it is to keep.
                let quiet = Date()
                try waitUntil("the others had time to look after their journals") {
                    try Date().timeIntervalSince(quiet) > 2 && mesh.part(primary).reigns
                }
                // What a primary wrote in its own reign it still has in memory: the other one reigns from here on.
                try mesh.stop(primary)
                try mesh.launch(primary)
                try mesh.waitForSync(of: "north", bolts: 2)
                try mesh.launch(away)
                try mesh.waitForSync(of: "north", bolts: 3, seconds: 60)
                #expect(mesh.log(away).contains("a snapshot is installed"), "\(away.log)")
                for bolt in mesh.bolts { try mesh.crash(bolt) }
                let ids = try PartitionDisk(primary, of: mesh)
                let copied = try PartitionDisk(away, of: mesh)
                for envoy in try ids.envoys() {
                    #expect(try ids.results(of: envoy).sequences == copied.results(of: envoy).sequences)
                }
                #expect(try ids.envoys().count == count)
            }
        }

        @Test(
            "P9: a lone bolt goes on from a copy of its disk, and its journal says that something may be lost",
            .timeLimit(.minutes(2)))
        func restoredAlone() throws {
            try withMesh(["north"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                try mesh.enroll("web-1", token: try mesh.token(), at: bolt)
                _ = try pass(mesh, "web-1", at: bolt)
                try mesh.stop(bolt)
                let copy = mesh.file("copy")
                try FileManager.default.copyItem(atPath: bolt.state, toPath: copy)
                try mesh.launch(bolt)
                try waitUntil("it reigns") { try mesh.part(bolt).reigns }
                _ = try pass(mesh, "web-1", at: bolt)
                try mesh.crash(bolt)
                try FileManager.default.removeItem(atPath: bolt.state)
                try FileManager.default.moveItem(atPath: copy, toPath: bolt.state)
                try mesh.launch(bolt)
                try waitUntil("it reigns again") { try mesh.part(bolt).reigns }
                let history = try mesh.done("partition", "history", "north", "-o", "json").json
                let last = (history?["epochs"] as? [[String: Any]])?.last
                #expect(last?["cause"] as? String == "restore", "\(String(describing: history))")
                let told = try pass(mesh, "web-1", at: bolt)
                #expect(told.stored == 3 && told.release == 3, "the machine's numbers go on: \(told)")
            }
        }
    }
}
