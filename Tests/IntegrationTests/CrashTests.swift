import Foundation
import Testing

extension IntegrationTests {
    /// kill −9 and SIGTERM of real bolts.
    @Suite(.serialized) struct CrashTests {
        /// Admissions of the test; the acceptance asks for 1,000.
        private static let admissions =
            ProcessInfo.processInfo.environment["BOLT_TEST_ADMISSIONS"].flatMap { Int($0) } ?? 120

        /// Names of machines that were told that they are admitted. A bolt may have died between an admission and its
        /// answer; the next one that is asked admits the same key once more, and one of both ids is in force.
        private func acknowledged(_ journal: String) -> Set<String> {
            let text = (try? String(contentsOfFile: journal, encoding: .utf8)) ?? ""
            return Set(
                text.split(separator: "\n").compactMap { line in
                    let entry = (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any]
                    return entry?["event"] as? String == "enrolled" ? entry?["name"] as? String : nil
                })
        }

        @Test(
            "acceptance 4, R1: kill −9 of each bolt during admissions loses none that was acknowledged",
            .timeLimit(.minutes(10)))
        func killedDuringAdmissions() throws {
            try withMesh { (mesh) throws in
                let count = Self.admissions
                let journal = mesh.file("journal")
                let token = try mesh.token("--uses", "\(count)")
                let fleet = try Background(
                    "bolt-envoy",
                    ["simulate", "--count", "\(count)", "--token", token, "--passes", "0", "--concurrency", "4"]
                        + ["--dir", mesh.file("fleet"), "--journal", journal]
                        + mesh.bolts.flatMap { ["--mesh", $0.address] }, environment: mesh.environment)
                for (index, bolt) in mesh.bolts.enumerated() {
                    let enough = count * (index + 1) / 5
                    try waitUntil("\(enough) admissions", seconds: 120) {
                        acknowledged(journal).count >= enough || !fleet.isRunning
                    }
                    #expect(fleet.isRunning, "the fleet ended early: \(fleet.text)")
                    try mesh.crash(bolt)
                    try mesh.start(bolt)
                }
                _ = fleet.wait(seconds: 240)
                try mesh.waitForEqualDigests()
                let told = acknowledged(journal)
                #expect(told.count > count * 3 / 5, "\(fleet.text)")
                for bolt in mesh.bolts {
                    let held = try mesh.envoyNames(at: bolt)
                    let lost = told.subtracting(held)
                    #expect(lost.isEmpty, "\(bolt.name) lost \(lost.count) of \(told.count)")
                }
            }
        }

        @Test("R1, R4, R7: bolts killed again and again come back and hold the same", .timeLimit(.minutes(3)))
        func killedInALoop() throws {
            try withMesh { (mesh) throws in
                let token = try mesh.token("--uses", "20")
                for round in 1...3 {
                    let victim = mesh.bolts[round % 3]
                    let other = mesh.bolts[(round + 1) % 3]
                    try mesh.enroll("before-\(round)", token: token, at: victim)
                    try mesh.crash(victim)
                    try mesh.enroll("during-\(round)", token: token, at: other)
                    try mesh.up()
                    try mesh.waitForEqualDigests()
                    // Whom the killed bolt admitted is still known, to it as well.
                    for name in ["before-\(round)", "during-\(round)"] {
                        let pass = try mesh.pass(name, at: victim)
                        #expect(pass.status == 0, "round \(round), \(name): \(pass)")
                    }
                }
                let views = try mesh.bolts.map { try mesh.envoyIDs(at: $0) }
                #expect(Set(views).count == 1 && views[0].count == 6)
            }
        }

        @Test("R1: all bolts killed at once come back with all that was acknowledged", .timeLimit(.minutes(2)))
        func allKilled() throws {
            try withMesh { (mesh) throws in
                let token = try mesh.token("--uses", "4")
                for (index, bolt) in mesh.bolts.enumerated() {
                    try mesh.enroll("web-\(index)", token: token, at: bolt)
                }
                for bolt in mesh.bolts { if let pid = bolt.pid { kill(pid, SIGKILL) } }
                for bolt in mesh.bolts { try waitUntil("\(bolt.name) is gone") { !bolt.isRunning } }
                let pass = try mesh.pass("web-0", at: mesh.bolts[0])
                #expect(pass.status == 69, "nobody is there: \(pass)")
                try mesh.up()
                try mesh.waitForEqualDigests()
                #expect(try mesh.envoyIDs(at: mesh.bolts[2]).count == 3)
                // What waited goes with the next pass: the record of the pass that found nobody, and its own.
                let after = try mesh.pass("web-0", at: mesh.bolts[0])
                #expect(after.status == 0 && after.json?["stored_through"] as? Int == 2, "\(after)")
            }
        }

        @Test("SIGTERM drains: silent, half-open and stuck clients do not hold a bolt", .timeLimit(.minutes(1)))
        func drains() throws {
            let mesh = try RealMesh(["north", "south"])
            try with(mesh, settings: ["limits.drain_seconds=4"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                let root = bolt.identity + "/root.crt"
                try mesh.stop(bolt)
                let daemon = try Background("bolt", ["run", "--config", bolt.config])
                try waitUntil("the bolt serves") { try mesh.health(bolt) == 200 }
                // Says nothing at all.
                let silent = try TCPSocket(bolt.address)
                // Ends its half right after connecting.
                let halfOpen = try TCPSocket(bolt.address)
                halfOpen.finishWriting()
                // Shakes hands as another bolt, and is silent.
                let peer = try Background(
                    HTTP.openssl,
                    HTTP.client(
                        bolt.address, root: root, identity: mesh.bolts[1].identity, protocol: "bolt-peer/1"))
                // Promises a body that never comes.
                let stuck = try Background(
                    HTTP.openssl, HTTP.client(bolt.address, root: root, identity: mesh.directory + "/operator"))
                try waitUntil("both shook hands") {
                    peer.text.contains("Verify return code: 0") && stuck.text.contains("Verify return code: 0")
                }
                try stuck.write(
                    "POST /v1/roster/acts HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{".utf8)
                let begun = Date()
                daemon.signal(SIGTERM)
                #expect(daemon.wait(seconds: 30) == 0, "\(daemon.text)")
                let took = Date().timeIntervalSince(begun)
                #expect(took < 9, "took \(took) s; the drain's bound is 4 s, the cut's 2 s")
                #expect(daemon.text.contains("shut down"))
                withExtendedLifetime((silent, halfOpen)) {}
                peer.signal(SIGKILL)
                stuck.signal(SIGKILL)
                // The store was closed in order: the history goes on under the same incarnation.
                let replica = daemon.text.firstMatch(of: /replica ([0-9a-f\/]+)/)?.1
                try mesh.up()
                #expect(replica != nil && bolt.log.contains("replica \(replica ?? "")"))
            }
        }
    }
}
