import Foundation
import Testing

extension IntegrationTests {
    /// What a new user does, by the programs alone.
    @Suite(.serialized) struct AcceptanceTests {
        @Test("acceptance 2: from a topology to a checked-in envoy, as tables and as JSON", .timeLimit(.minutes(2)))
        func aNewUser() throws {
            try withMesh { (mesh) throws in
                let status = try mesh.done("status")
                #expect(status.standardOutput.contains("running; no fault tolerance: every partition has one bolt"))
                // `mesh up` came back when the mesh was whole, by every bolt's own word: nobody has to wait for it.
                for bolt in mesh.bolts {
                    let json = try mesh.done("status", "--bolt", bolt.address, "-o", "json").json
                    let roster = json?["roster"] as? [String: Any]
                    #expect(json?["verdict"] as? String == "healthy", "at \(bolt.name)")
                    #expect(roster?["bolts_at_digest"] as? Int == 3, "at \(bolt.name): \(String(describing: roster))")
                }
                #expect(try mesh.done("bolt", "list", "-o", "json").json?["bolts"] is [[String: Any]])
                let created = try mesh.done("envoy", "token", "create", "--uses", "2", "-o", "json")
                let token = try #require(created.json?["token"] as? String)
                let enrolled = try mesh.envoy(
                    "enroll", "--mesh", mesh.bolts[0].address, "--token", token, "--name", "web-1", "--state",
                    mesh.file("new/place/web-1"), "-o", "json")
                #expect(enrolled.status == 0, "\(enrolled)")
                #expect(enrolled.json?["level"] as? String == "spread(2)")
                let id = try #require(enrolled.json?["id"] as? String)
                let once = try mesh.envoy(
                    "run", "--once", "--report-only", "--state", mesh.file("new/place/web-1"))
                #expect(once.status == 0 && once.standardOutput.contains("stored through 1"), "\(once)")
                let again = try mesh.envoy(
                    "run", "--once", "--report-only", "--state", mesh.file("new/place/web-1"), "-o", "json")
                #expect(again.json?["release_through"] as? Int == 2, "\(again)")
                let shown = try mesh.done("envoy", "show", "web-1", "-o", "json").json?["envoy"] as? [String: Any]
                #expect(shown?["id"] as? String == id && shown?["standing"] as? String == "active")
                #expect(try mesh.done("envoy", "list").standardOutput.contains("web-1"))
                #expect(try mesh.done("envoy", "explain", "web-1").standardOutput.contains("active"))
                let state = try mesh.envoy("status", "--state", mesh.file("new/place/web-1"), "-o", "json")
                #expect(state.json?["waiting"] as? Int == 0, "\(state)")
                // Running it again leaves running bolts alone.
                let pids = mesh.bolts.map(\.pid)
                try mesh.up()
                #expect(mesh.bolts.map(\.pid) == pids)
                let down = try mesh.done("mesh", "down", "--dir", mesh.directory, "-o", "json")
                let lines = down.json?["bolts"] as? [[String: Any]] ?? []
                #expect(lines.map { $0["action"] as? String } == ["ended", "ended", "ended"])
            }
        }

        @Test(
            "acceptance 3, R2: admitted at A is accepted at B and C; banned is refused at all, also by a restored B",
            .timeLimit(.minutes(2)))
        func bannedEverywhere() throws {
            try withMesh { (mesh) throws in
                let (a, b) = (mesh.bolts[0], mesh.bolts[1])
                let token = try mesh.token("--uses", "2")
                try mesh.enroll("web-1", token: token, at: a)
                try mesh.enroll("web-2", token: token, at: a)
                for bolt in mesh.bolts {
                    let pass = try mesh.pass("web-1", at: bolt)
                    #expect(pass.status == 0, "at \(bolt.name): \(pass)")
                }
                try mesh.waitForEqualDigests()
                try mesh.stop(b)
                let backup = mesh.file("backup")
                try FileManager.default.copyItem(atPath: b.state, toPath: backup)
                try mesh.up()
                let ban = try mesh.done("envoy", "ban", "web-1", "--wait", "--yes", "--reason", "lost", "-o", "json")
                let receipt = try #require(ban.json?["receipt"] as? [String: Any])
                #expect(receipt["complete"] as? Bool == true)
                let lines = receipt["bolts"] as? [[String: Any]] ?? []
                #expect(lines.count == 3 && lines.allSatisfy { $0["state"] as? String == "in_force" }, "\(ban)")
                for bolt in mesh.bolts { try refused(mesh, at: bolt) }
                // The copy knows nothing of the ban.
                try mesh.stop(b)
                try FileManager.default.removeItem(atPath: b.state)
                try FileManager.default.moveItem(atPath: backup, toPath: b.state)
                try mesh.up()
                try mesh.waitForEqualDigests()
                for bolt in mesh.bolts { try refused(mesh, at: bolt) }
                // Whom the ban does not name is none the worse.
                for bolt in mesh.bolts {
                    let pass = try mesh.pass("web-2", at: bolt)
                    #expect(pass.status == 0, "at \(bolt.name): \(pass)")
                }
                // The restored bolt writes on, under a history of its own (R7).
                let fresh = try mesh.token("--uses", "1", at: b)
                try mesh.enroll("web-3", token: fresh, at: b)
                try mesh.waitForEqualDigests()
            }
        }

        private func refused(_ mesh: RealMesh, at bolt: RealMesh.Bolt) throws {
            let pass = try mesh.pass("web-1", at: bolt)
            #expect(pass.status == 77, "at \(bolt.name): \(pass)")
            #expect(pass.standardError.contains("banned"), "at \(bolt.name): \(pass)")
        }
    }
}
