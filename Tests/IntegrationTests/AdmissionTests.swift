import Foundation
import Testing

extension IntegrationTests {
    /// Tokens and names, on real bolts.
    @Suite(.serialized) struct AdmissionTests {
        @Test("a one-shot token is spent once, even when two machines race at two bolts", .timeLimit(.minutes(1)))
        func oneShot() throws {
            try withMesh { (mesh) throws in
                for round in 1...3 {
                    let token = try mesh.token("--uses", "1")
                    let racers = try [1, 2].map { number in
                        try Background(
                            "bolt-envoy",
                            mesh.enrolment("racer-\(round)-\(number)", token: token, at: mesh.bolts[number]),
                            environment: mesh.environment)
                    }
                    let codes = racers.map { $0.wait(seconds: 30) }
                    #expect(codes.sorted() == [0, 77], "round \(round): \(racers.map(\.text))")
                    #expect(racers.contains { $0.text.contains("token_spent") })
                    // The same machine may ask again, whichever bolt it asks; another may not.
                    let winner = codes[0] == 0 ? 1 : 2
                    let late = try Command.run(
                        "bolt-envoy", mesh.enrolment("late-\(round)", token: token, at: mesh.bolts[0]),
                        environment: mesh.environment)
                    #expect(late.status == 77, "\(late)")
                    let again = try Command.run(
                        "bolt-envoy",
                        mesh.enrolment("racer-\(round)-\(winner)", token: token, at: mesh.bolts[0]),
                        environment: mesh.environment)
                    #expect(again.status == 0, "\(again)")
                }
                try mesh.waitForEqualDigests()
                for bolt in mesh.bolts { #expect(try mesh.envoyIDs(at: bolt).count == 3) }
            }
        }

        @Test("a multi-use token is counted, at every bolt", .timeLimit(.minutes(1)))
        func multiUse() throws {
            try withMesh { (mesh) throws in
                let token = try mesh.token("--uses", "3", "--label", "env=prod")
                for (index, bolt) in mesh.bolts.enumerated() {
                    try mesh.enroll("web-\(index)", token: token, at: bolt)
                    try mesh.waitForEqualDigests()
                }
                let fourth = try Command.run(
                    "bolt-envoy", mesh.enrolment("web-4", token: token, at: mesh.bolts[1]),
                    environment: mesh.environment)
                #expect(fourth.status == 77 && fourth.standardError.contains("token_spent"), "\(fourth)")
                for bolt in mesh.bolts {
                    let listed = try mesh.done("envoy", "token", "list", "--bolt", bolt.address, "-o", "json")
                    let tokens = listed.json?["tokens"] as? [[String: Any]] ?? []
                    #expect(tokens.count == 1 && tokens.first?["used"] as? Int == 3, "\(listed)")
                }
                let shown = try mesh.done("envoy", "show", "web-0", "-o", "json").json?["envoy"] as? [String: Any]
                #expect((shown?["labels"] as? [String: String])?["env"] == "prod", "\(String(describing: shown))")
            }
        }

        @Test(
            "a name admitted with two keys is contested at every bolt, until an operator decides",
            .timeLimit(.minutes(1)))
        func contested() throws {
            try withMesh { (mesh) throws in
                let token = try mesh.token("--uses", "4")
                // Two machines of one name, at two bolts that cannot know of each other: at the same time.
                let twins = try [0, 1].map { number in
                    try Background(
                        "bolt-envoy",
                        mesh.enrolment("twin", token: token, at: mesh.bolts[number], state: "twin-\(number)"),
                        environment: mesh.environment)
                }
                let codes = twins.map { $0.wait(seconds: 30) }
                #expect(codes == [0, 0], "\(twins.map(\.text))")
                try mesh.waitForEqualDigests()
                var keys = Set<[String]>()
                for bolt in mesh.bolts {
                    let found = try conflicts(mesh, at: bolt)
                    #expect(found.count == 1 && found.first?["name"] as? String == "twin", "\(bolt.name): \(found)")
                    let holders = found.first?["holders"] as? [[String: Any]] ?? []
                    keys.insert(holders.compactMap { $0["fingerprint"] as? String })
                }
                // All bolts tell the same two keys in the same order.
                let both = try #require(keys.first)
                #expect(keys.count == 1 && both.count == 2)
                let resolve = try mesh.ctl(
                    "roster", "resolve", "twin", "--keep", both[0], "--reason", "the older one", "--yes")
                #expect(resolve.status == 0, "\(resolve)")
                try mesh.waitForEqualDigests()
                for bolt in mesh.bolts { #expect(try conflicts(mesh, at: bolt).isEmpty) }
                let passes = try [0, 1].map { try mesh.pass("twin-\($0)", at: mesh.bolts[2]).status }
                #expect(passes.sorted() == [0, 77])
            }
        }

        private func conflicts(_ mesh: RealMesh, at bolt: RealMesh.Bolt) throws -> [[String: Any]] {
            let output = try mesh.done("roster", "conflicts", "--bolt", bolt.address, "-o", "json")
            return output.json?["conflicts"] as? [[String: Any]] ?? []
        }

        @Test(
            "a removed envoy is refused everywhere and may enrol again; a new key goes on under the same id",
            .timeLimit(.minutes(1)))
        func removedAndRekeyed() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let token = try mesh.token("--uses", "3")
                try mesh.enroll("web-1", token: token, at: mesh.bolts[0])
                let rekeyed = try mesh.envoy("rekey", "--state", mesh.file("web-1"), "-o", "json")
                #expect(rekeyed.status == 0, "\(rekeyed)")
                for bolt in mesh.bolts {
                    try waitUntil("\(bolt.name) takes the new key") { try mesh.pass("web-1", at: bolt).status == 0 }
                }
                try mesh.done("envoy", "remove", "web-1", "--yes", "--reason", "scrapped")
                for bolt in mesh.bolts {
                    try waitUntil("\(bolt.name) refuses it") { try mesh.pass("web-1", at: bolt).status == 77 }
                }
                let again = try Command.run(
                    "bolt-envoy", mesh.enrolment("web-1", token: token, at: mesh.bolts[1], state: "web-1-again"),
                    environment: mesh.environment)
                #expect(again.status == 0, "\(again)")
            }
        }
    }
}
