import Foundation
import Testing

extension IntegrationTests {
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
    }
}
