import Foundation
import Testing

extension ReplicatedIntegrationTests {
    /// What a standby does with requests that are not its own, and what load balancers are told.
    @Suite(.serialized) struct StandbyRequestTests {
        private func ask(
            _ mesh: RealMesh, at bolt: RealMesh.Bolt, as identity: String, _ path: String, body: String? = nil,
            options: [String] = []
        ) throws -> HTTP.Answer {
            var all = options
            if let body { all += ["-H", "Content-Type: application/json", "--data-binary", body] }
            return try HTTP.get(
                "https://\(bolt.address)\(path)", root: bolt.identity + "/root.crt", identity: identity, options: all)
        }

        /// The certificates of an identity as another bolt passes them on: DER, base64, leaf first.
        private func chain(_ identity: String) throws -> String {
            let text = try String(contentsOfFile: identity + "/tls.crt", encoding: .utf8)
            let blocks = text.components(separatedBy: "-----BEGIN CERTIFICATE-----").dropFirst()
            return blocks.map { block in
                let body = block.components(separatedBy: "-----END")[0]
                return "\"" + body.split(whereSeparator: \.isNewline).joined() + "\""
            }.joined(separator: ",")
        }

        private static let report = #"""
            {"traits":{},"queue_incarnation":"000102030405060708090a0b0c0d0e0f","first_held":1,
            "results":[{"sequence":1,"body":"AQ=="}]}
            """#

        /// The identity of a machine of this partition: which one it is, its id decides.
        private func envoyOfNorth(_ mesh: RealMesh, at primary: RealMesh.Bolt) throws -> String {
            let token = try mesh.token("--uses", "8")
            var found: String?
            for number in 1...8 where found == nil {
                try mesh.enroll("web-\(number)", token: token, at: primary)
                let shown = try mesh.done("envoy", "show", "web-\(number)", "-o", "json").json?["envoy"]
                if (shown as? [String: Any])?["owner"] as? String == "north" { found = "web-\(number)" }
            }
            return mesh.file(try #require(found, "none of 8 is of north")) + "/identity"
        }

        @Test(
            "H1: a check-in at a standby is passed on, or answered 307; hops are bounded and no bolt is asked twice",
            .timeLimit(.minutes(3)))
        func checkInsArePassedOn() throws {
            try withMesh(["north", "north", "south"]) { (mesh) throws in
                let primary = try mesh.waitForSync(of: "north", bolts: 2)
                let standby = try #require(mesh.bolts.first { $0.partition == "north" && $0.name != primary.name })
                let envoy = try envoyOfNorth(mesh, at: primary)
                let head = mesh.file("head")
                let told = try ask(
                    mesh, at: standby, as: envoy, "/v1/checkin", body: Self.report,
                    options: ["-H", "X-Bolt-No-Forward: true", "-D", head])
                #expect(told.status == 307 && told.code == "ask_elsewhere", "\(told)")
                let text = try String(contentsOfFile: head, encoding: .utf8).lowercased()
                #expect(text.contains("location: https://\(primary.address)/v1/checkin"), "\(text)")
                let follow = try ask(
                    mesh, at: standby, as: envoy, "/v1/checkin", body: Self.report,
                    options: ["-H", "X-Bolt-No-Forward: true", "--location"])
                #expect(follow.status == 200 && follow.json?["stored_through"] as? Int == 1, "\(follow)")
                for bolt in mesh.bolts {
                    let passed = try ask(mesh, at: bolt, as: envoy, "/v1/checkin", body: Self.report)
                    #expect(passed.status == 200 && passed.json?["level"] as? String == "paired", "\(passed)")
                }
                try boundedHops(mesh, primary, standby, envoy)
                try noOperatorTwice(mesh, primary, standby)
            }
        }

        private func boundedHops(
            _ mesh: RealMesh, _ primary: RealMesh.Bolt, _ standby: RealMesh.Bolt, _ envoy: String
        ) throws {
            func forwarded(hops: Int) throws -> String {
                #"{"envoy_chain_der_base64":[\#(try chain(envoy))],"hops":\#(hops),"request":\#(Self.report)}"#
            }
            let foreign = try #require(mesh.bolts.first { $0.partition == "south" })
            let good = try ask(
                mesh, at: standby, as: foreign.identity, "/v1/peer/checkin", body: forwarded(hops: 1))
            #expect(good.status == 200, "\(good)")
            for hops in [3, 4, -1] {
                let far = try ask(
                    mesh, at: standby, as: foreign.identity, "/v1/peer/checkin", body: forwarded(hops: hops))
                #expect(far.status == 503 && far.code == "owner_unreachable", "\(hops) hops: \(far)")
            }
            // The primary itself passes something on that belongs to it: it does not go back and forth.
            let back = try ask(
                mesh, at: standby, as: primary.identity, "/v1/peer/checkin", body: forwarded(hops: 1))
            #expect(back.status == 503 && back.code == "no_primary", "\(back)")
        }

        private func noOperatorTwice(_ mesh: RealMesh, _ primary: RealMesh.Bolt, _ standby: RealMesh.Bolt) throws {
            func forwarded(hops: Int) throws -> String {
                #"{"operator_chain_der":[\#(try chain(mesh.directory + "/operator"))],"endpoint":"partitionHistory","#
                    + #""arguments":["north"],"query":{},"body":"","hops":\#(hops)}"#
            }
            let looped = try ask(
                mesh, at: standby, as: primary.identity, "/v1/peer/operator", body: forwarded(hops: 1))
            #expect(looped.status == 503 && looped.code == "owner_unreachable", "\(looped)")
            #expect(looped.body.contains("passed this on to here"), "\(looped)")
            let far = try ask(mesh, at: standby, as: standby.identity, "/v1/peer/operator", body: forwarded(hops: 3))
            #expect(far.status == 503 && far.body.contains("do not agree"), "\(far)")
            let beyond = try ask(mesh, at: standby, as: primary.identity, "/v1/peer/operator", body: forwarded(hops: 4))
            #expect(beyond.status == 400, "\(beyond)")
        }

        @Test("reads are answered by a standby from its own disk, with their age", .timeLimit(.minutes(2)))
        func readsAreLocal() throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                let primary = try mesh.waitForSync(of: "north", bolts: 2)
                let standby = try #require(mesh.bolts.first { $0.name != primary.name })
                try mesh.done("partition", "switchover", "north", "--yes", "--reason", "to have a line")
                try mesh.waitForSync(of: "north", bolts: 2)
                for path in ["history", "audit"] {
                    func read(_ of: RealMesh.Bolt) throws -> [String: Any] {
                        let answer = try ask(
                            mesh, at: of, as: mesh.directory + "/operator",
                            "/v1/partitions/north/\(path)?bolt=\(of.name)")
                        return try #require(answer.json, "\(answer)")
                    }
                    // They have changed places.
                    #expect(try read(standby)["age_seconds"] as? Double == 0)
                    let copy = try read(primary)
                    #expect(copy["bolt"] as? String == primary.name)
                    let age = try #require(copy["age_seconds"] as? Double, "\(copy)")
                    #expect(age >= 0 && age < 5, "\(age)")
                    let list = path == "history" ? "epochs" : "records"
                    #expect((copy[list] as? [Any])?.isEmpty == false, "\(copy)")
                }
                try mesh.crash(standby)
                // What it holds it still shows, older and older.
                try waitUntil("the age grows") {
                    let answer = try ask(
                        mesh, at: primary, as: mesh.directory + "/operator",
                        "/v1/partitions/north/history?bolt=\(primary.name)")
                    return answer.json?["age_seconds"] as? Double ?? 0 > 1
                }
                let status = try ask(mesh, at: primary, as: mesh.directory + "/operator", "/v1/status")
                let freshness = status.json?["freshness"] as? [String: Any]
                #expect(freshness?["complete"] as? Bool == false && freshness?["age_seconds"] != nil, "\(status)")
            }
        }

        @Test(
            "a partition without a primary says no_primary at each bolt; REACHABLE counts no dead one",
            .timeLimit(.minutes(2)))
        func withoutAPrimary() throws {
            try withMesh(["north", "north", "south"]) { (mesh) throws in
                let primary = try mesh.waitForSync(of: "north", bolts: 2)
                let envoy = try envoyOfNorth(mesh, at: primary)
                let others = mesh.bolts.filter { $0.name != primary.name }
                try mesh.crash(primary)
                // At once, while its last word is young: it is held for a moment, then refused with the reason.
                for bolt in others {
                    let answer = try ask(mesh, at: bolt, as: envoy, "/v1/checkin", body: Self.report)
                    #expect(answer.status == 503 && answer.code == "no_primary", "at \(bolt.name): \(answer)")
                    #expect((answer.json?["next"] as? String)?.contains("boltctl partition list") == true, "\(answer)")
                    let list = try mesh.ctl("partition", "list", "--bolt", bolt.address, "-o", "json")
                    let views = list.json?["partitions"] as? [[String: Any]] ?? []
                    let north = try #require(views.first { $0["name"] as? String == "north" }, "\(list)")
                    #expect(north["reachable"] as? Int == 1, "at \(bolt.name): \(north)")
                    #expect(north["primary"] == nil, "\(north)")
                }
            }
        }
    }
}
