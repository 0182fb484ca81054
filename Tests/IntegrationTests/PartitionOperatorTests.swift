import Foundation
import Testing

extension ReplicatedIntegrationTests {
    /// What operators ask of partitions, asked at any bolt.
    @Suite(.serialized) struct PartitionOperatorTests {
        private func ask(
            _ mesh: RealMesh, at bolt: RealMesh.Bolt, _ path: String, body: String? = nil, options: [String] = []
        ) throws -> HTTP.Answer {
            var all = options
            if let body { all += ["-X", "POST", "-H", "Content-Type: application/json", "-d", body] }
            return try HTTP.get(
                "https://\(bolt.address)\(path)", root: bolt.identity + "/root.crt",
                identity: mesh.directory + "/operator", options: all)
        }

        private func switchover(_ operation: String) -> String {
            #"{"operation":"\#(operation)","reason":"test"}"#
        }

        @Test(
            "S5, P9: any bolt may be asked; what changes a partition comes through its own bolts",
            .timeLimit(.minutes(3)))
        func anyBoltMayBeAsked() throws {
            try withMesh(["north", "north", "south"]) { (mesh) throws in
                let primary = try mesh.waitForSync(of: "north", bolts: 2)
                let standby = try #require(mesh.bolts.first { $0.partition == "north" && $0.name != primary.name })
                let foreign = try #require(mesh.bolts.first { $0.partition == "south" })
                // Reads are passed on from anywhere; who answered says so.
                for bolt in mesh.bolts {
                    let history = try ask(mesh, at: bolt, "/v1/partitions/north/history")
                    #expect(history.status == 200 && history.json?["bolt"] as? String == primary.name, "\(history)")
                }
                let theirs = try ask(mesh, at: foreign, "/v1/partitions/north/salvage?bolt=\(standby.name)")
                #expect(theirs.json?["bolt"] as? String == standby.name, "\(theirs)")
                // Who would rather be told where to ask is told, and nothing is done.
                let first = String(repeating: "1a", count: 16)
                let path = "/v1/partitions/north/switchover"
                let told = try ask(
                    mesh, at: standby, path, body: switchover(first),
                    options: ["-H", "X-Bolt-No-Forward: true", "-D", mesh.file("head")])
                #expect(told.status == 307 && told.code == "ask_elsewhere", "\(told)")
                let head = try String(contentsOfFile: mesh.file("head"), encoding: .utf8).lowercased()
                #expect(head.contains("location: https://\(primary.address)\(path)"), "\(head)")
                // A bolt of another partition passes on no change: its word is no proof that an operator asks now.
                let elsewhere = try ask(mesh, at: foreign, path, body: switchover(first))
                #expect(elsewhere.status == 307, "\(elsewhere)")
                #expect(try mesh.part(primary).reigns)
                // A standby passes it on to its primary. A repeat is the same operation.
                let done = try ask(mesh, at: standby, path, body: switchover(first))
                #expect(done.status == 200 && done.json?["outcome"] as? String == "done", "\(done)")
                try mesh.waitForSync(of: "north", bolts: 2)
                #expect(try mesh.primary(of: "north").name == standby.name)
                let again = try ask(mesh, at: standby, path, body: switchover(first))
                #expect(again.json?["epoch"] as? String == done.json?["epoch"] as? String, "\(again)")
                #expect(try mesh.primary(of: "north").name == standby.name)
                let fate = try ask(mesh, at: foreign, "/v1/partitions/north/operations/\(first)")
                #expect(fate.json?["state"] as? String == "done", "\(fate)")
                let nobody = try ask(
                    mesh, at: foreign, "/v1/partitions/north/operations/\(String(repeating: "2b", count: 16))")
                #expect(nobody.json?["state"] as? String == "unknown", "\(nobody)")
                // Who asked, and why, is on record at both, in one chain.
                let verified = try mesh.done("audit", "verify", "north", "-o", "json")
                #expect(verified.json?["valid"] as? Bool == true, "\(verified)")
                let log = try mesh.done("audit", "log", "north")
                let way = "north from \(primary.name) to \(standby.name) by operation \(first)"
                #expect(log.standardOutput.contains("partition.switchover.asked"), "\(log)")
                #expect(log.standardOutput.contains(way), "\(log)")
                try waitUntil("that it was done is on record once, with both bolts") {
                    let lines = try mesh.done("audit", "log", "north", "-o", "json").json?["records"]
                    let done = (lines as? [[String: Any]] ?? []).filter {
                        $0["action"] as? String == "partition.switchover"
                    }
                    return done.count == 1 && done[0]["object"] as? String == way
                }
                let epochs = try mesh.done("partition", "history", "north", "-o", "json").json?["epochs"]
                let last = try #require((epochs as? [[String: Any]])?.last)
                #expect(last["reason"] as? String == "test" && last["at_ms"] != nil, "\(last)")
                try rosterChangesAreOnRecord(mesh, askedOf: primary)
            }
        }

        /// S9: what operators change in the roster is in the audit log of the partition whose bolt they asked.
        private func rosterChangesAreOnRecord(_ mesh: RealMesh, askedOf standby: RealMesh.Bolt) throws {
            let token = try mesh.token("--uses", "2", at: standby)
            for name in ["web-1", "web-2"] { try mesh.enroll(name, token: token, at: standby) }
            let at = ["--yes", "--bolt", standby.address]
            for line in [
                ["envoy", "remove", "web-1", "--reason", "scrapped"] + at,
                ["envoy", "ban", "web-2", "--reason", "stolen"] + at,
            ] {
                let output = try Command.run("boltctl", line, environment: mesh.environment)
                #expect(output.status == 0, "\(output)")
            }
            try waitUntil("all three are on record") {
                let lines = try mesh.done("audit", "log", "north", "--limit", "1000").standardOutput
                return lines.contains("token.create") && lines.contains("envoy.remove") && lines.contains("scrapped")
                    && lines.contains("roster.act") && lines.contains("stolen")
            }
            let verified = try mesh.done("audit", "verify", "north", "-o", "json")
            #expect(verified.json?["valid"] as? Bool == true, "\(verified)")
        }

        @Test(
            "P10, bad input: every refusal names its reason and what to do, and changes nothing",
            .timeLimit(.minutes(3)))
        func refusals() throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                let primary = try mesh.waitForSync(of: "north", bolts: 2)
                let standby = try #require(mesh.bolts.first { $0.name != primary.name })
                let epoch = try mesh.part(primary).epoch
                let refused: [(line: [String], code: String, status: Int32)] = [
                    (["partition", "promote", "north", "--yes"], "primary_lives", 4),
                    (["partition", "promote", "north", "--to", standby.name, "--yes"], "primary_lives", 4),
                    (["partition", "promote", "north", "--to", "c.north", "--yes"], "not_found", 1),
                    (["partition", "promote", "nrth", "--yes"], "not_found", 1),
                    (["partition", "switchover", "north", "--to", primary.name, "--yes"], "not_in_sync", 4),
                    (["bolt", "step-down", standby.name, "--yes"], "not_primary", 4),
                    (["bolt", "remove", primary.name, "--yes"], "removes_primary", 4),
                    (["bolt", "remove", standby.name, "--yes"], "last_standby", 4),
                    (["bolt", "remove", standby.name, "--dead", "--yes"], "bolt_lives", 4),
                ]
                for (line, code, status) in refused {
                    let output = try Command.run("boltctl", line + ["-o", "json"], environment: mesh.environment)
                    #expect(output.status == status, "\(line): \(output)")
                    #expect(output.standardError.contains("\"\(code)\""), "\(line): \(output)")
                    #expect(output.standardError.contains("\"next\""), "\(line): \(output)")
                }
                #expect(try mesh.part(primary).reigns && mesh.part(primary).epoch == epoch)
                // S9: what was refused before anything happened is not on record as if it had been done.
                let log = try mesh.done("audit", "log", "north")
                for action in ["partition.", "bolt.step_down"] {
                    #expect(!log.standardOutput.contains(action), "\(log)")
                }
                // What a load balancer sees of each.
                #expect(try mesh.health(primary) == 200 && mesh.health(standby) == 429)
                let mapped = try HTTP.get("http://\(standby.ops)/v1/health?standbyok=true").status
                #expect(mapped == 200)
                try mesh.crash(primary)
                try waitUntil("the standby hears no primary") { try mesh.health(standby) == 474 }
            }
        }
    }
}
