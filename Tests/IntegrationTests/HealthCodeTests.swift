import Foundation
import Testing

extension ReplicatedIntegrationTests {
    /// H5: what load balancers see, each code from a bolt that is in that state.
    @Suite(.serialized) struct HealthCodeTests {
        private func reasons(_ bolt: RealMesh.Bolt) throws -> String {
            let answer = try HTTP.get("http://\(bolt.ops)/v1/health")
            return (answer.json?["reasons"] as? [String] ?? []).joined(separator: "; ")
        }

        private func ready(_ bolt: RealMesh.Bolt) throws -> Bool {
            try HTTP.get("http://\(bolt.ops)/readyz").status == 200
        }

        @Test(
            "200, 429, 473, 474, 501, 530: each from live state, with its reason, at both listeners",
            .timeLimit(.minutes(3)))
        func codes() throws {
            try withMesh(["north", "north", "north", "south"]) { (mesh) throws in
                let (a, b, c, lone) = (mesh.bolts[0], mesh.bolts[1], mesh.bolts[2], mesh.bolts[3])
                #expect(try mesh.waitForSync(of: "north", bolts: 3).name == a.name)
                for (bolt, code) in [(a, 200), (b, 429), (c, 429), (lone, 200)] {
                    try waitUntil("\(bolt.name) answers \(code)") { try mesh.health(bolt) == code }
                    let url = "https://\(bolt.address)/v1/health"
                    #expect(try HTTP.get(url, root: bolt.identity + "/root.crt").status == code)
                    #expect(try HTTP.get(url, root: bolt.identity + "/root.crt", options: ["-I"]).status == code)
                    #expect(try ready(bolt))
                }
                #expect(try HTTP.get("http://\(b.ops)/v1/health?standbyok=true").status == 200)
                // Taken out in good order it serves nothing any more.
                try mesh.done("bolt", "remove", c.name, "--yes", "--reason", "test", "--bolt", a.address)
                try waitUntil("a removed bolt says so", seconds: 20) { try mesh.health(c) == 530 }
                #expect(try !ready(c) && !reasons(c).isEmpty)
                // Emptied, a standby is another disk, which is not taken in while the earlier one counts.
                try mesh.waitForSync(of: "north", bolts: 2)
                try mesh.crash(b)
                try FileManager.default.removeItem(atPath: b.state)
                try mesh.launch(b)
                try waitUntil("an emptied standby is behind", seconds: 20) { try mesh.health(b) == 473 }
                #expect(try !reasons(b).isEmpty && ready(b))
                #expect(try HTTP.get("http://\(b.ops)/v1/health?standbyok=true").status == 473)
                #expect(try HTTP.get("http://\(b.ops)/v1/health?behindcode=200").status == 200)
                try mesh.crash(lone)
                try FileManager.default.removeItem(atPath: lone.state)
                try mesh.launch(lone)
                try waitUntil("an emptied founder waits", seconds: 20) { try mesh.health(lone) == 501 }
                #expect(try !ready(lone) && reasons(lone).contains("south"))
                try mesh.crash(a)
                try waitUntil("a standby hears no primary") { try mesh.health(b) == 474 }
                #expect(try !ready(b) && reasons(b).contains("no primary"))
            }
        }

        @Test(
            "530: a bolt that was removed while it was away learns it from its peers, and says what to do",
            .timeLimit(.minutes(2)))
        func removedWhileAway() throws {
            try withMesh(["south", "south", "north"]) { (mesh) throws in
                let (away, north) = (mesh.bolts[1], mesh.bolts[2])
                try mesh.waitForSync(of: "south", bolts: 2)
                try mesh.crash(away)
                try mesh.declareDead(away, askedOf: north)
                try mesh.launch(away)
                try waitUntil("it says that it is removed", seconds: 30) { try mesh.health(away) == 530 }
                #expect(try reasons(away).contains("no longer admits this bolt") && !ready(away))
                #expect(try reasons(away).contains("boltctl bolt join"))
                #expect(mesh.log(away).contains("peers refuse this bolt"))
                let status = try mesh.ctl("status", "-o", "json", "--bolt", away.address)
                #expect(status.standardOutput.contains("bolt_expelled"), "\(status)")
                // Its views are of an earlier day: it says so, and whom to ask.
                let list = try mesh.ctl("partition", "list", "--bolt", away.address)
                let page = try mesh.ctl("partition", "show", "south", "--bolt", away.address)
                for stale in [list, page] {
                    #expect(stale.status == 69 && stale.standardError.contains("bolt_removed"), "\(stale)")
                    #expect(stale.standardError.contains(north.address), "\(stale)")
                }
            }
        }

        @Test(
            "503: a bolt that ends fails readiness and health before it closes a connection that is in use",
            .timeLimit(.minutes(1)))
        func draining() throws {
            try withMesh(["north"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                let client = try Background(
                    HTTP.openssl,
                    HTTP.client(
                        bolt.address, root: bolt.identity + "/root.crt", identity: mesh.directory + "/operator",
                        options: ["-quiet"]))
                let body = #"{"kind":"one_shot","uses":1,"expires_seconds":60,"labels":{}}"#
                try client.write(
                    Array(
                        """
                        POST /v1/tokens?dry_run=true HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r
                        Content-Length: \(body.utf8.count)\r\n\r\n\(body.prefix(10))
                        """.utf8))
                func inUse() throws -> Bool {
                    try HTTP.get("http://\(bolt.ops)/metrics").body.split(separator: "\n").contains {
                        $0.hasPrefix("bolt_connections{use=\"http\"}") && !$0.hasSuffix(" 0")
                    }
                }
                try waitUntil("its request is under way") { try inUse() }
                #expect(try ready(bolt))
                kill(try #require(bolt.pid), SIGTERM)
                try waitUntil("readiness fails") { try !ready(bolt) }
                #expect(client.isRunning && bolt.isRunning, "the connection was closed first")
                #expect(try mesh.health(bolt) == 503 && reasons(bolt).contains("shutting down"))
                #expect(try HTTP.get("http://\(bolt.ops)/v1/health?drainingcode=204").status == 204)
                #expect(try HTTP.get("http://\(bolt.ops)/livez").status == 200)
                // Nothing new is taken; what was begun is answered.
                let fresh = try HTTP.get("https://\(bolt.address)/v1/health", root: bolt.identity + "/root.crt")
                #expect(fresh.status == 0, "\(fresh)")
                try client.write(Array(body.dropFirst(10).utf8))
                try waitUntil("it is answered") { client.text.contains("HTTP/1.1 ") }
                #expect(client.text.contains("draining"), "\(client.text)")
                try waitUntil("the bolt has ended", seconds: 20) { !bolt.isRunning }
            }
        }
    }
}
