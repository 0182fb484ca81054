import Foundation
import Testing

extension ReplicatedIntegrationTests {
    /// Bolts that serve nobody, before work on their machines.
    @Suite(.serialized) struct BoltDrainTests {
        @Test(
            "a drained bolt hands over, is ready for nobody and is not chosen; a restart does not end that",
            .timeLimit(.minutes(3)))
        func drained() throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                let first = try mesh.waitForSync(of: "north", bolts: 2)
                let second = try #require(mesh.bolts.first { $0.name != first.name })
                func ready(_ bolt: RealMesh.Bolt) throws -> Bool {
                    try HTTP.get("http://\(bolt.ops)/readyz").status == 200
                }
                let dry = try mesh.done("bolt", "drain", first.name, "--dry-run")
                #expect(dry.standardOutput.contains("dry run: nothing was changed"), "\(dry)")
                #expect(try mesh.part(first).reigns && ready(first))
                let done = try mesh.done("bolt", "drain", first.name, "--yes", "--reason", "kernel", "-o", "json")
                #expect(done.json?["drained"] as? Bool == true, "\(done)")
                #expect(done.json?["candidates"] as? [String] == [second.name], "\(done)")
                #expect(try mesh.primary(of: "north").name == second.name)
                try waitUntil("the drained bolt is in maintenance") { try mesh.health(first) == 472 }
                #expect(try !ready(first) && ready(second))
                try waitUntil("everybody is told") {
                    try mesh.done("partition", "show", "north").standardOutput.contains("drained")
                }
                // Nobody would be left.
                let other = try mesh.ctl("bolt", "drain", second.name, "--yes", "-o", "json")
                #expect(other.status == 4 && other.standardError.contains("last_bolt"), "\(other)")
                let handed = try mesh.ctl("partition", "switchover", "north", "--yes", "-o", "json")
                #expect(handed.status == 4, "a drained bolt is not chosen: \(handed)")
                try mesh.stop(first)
                try mesh.launch(first)
                try mesh.waitForSync(of: "north", bolts: 2)
                #expect(try mesh.health(first) == 472)
                try mesh.done("bolt", "undrain", first.name, "--yes")
                try waitUntil("it stands by again") { try mesh.health(first) == 429 }
                try mesh.done("partition", "switchover", "north", "--yes")
                #expect(try mesh.primary(of: "north").name == first.name)
            }
        }
    }
}
