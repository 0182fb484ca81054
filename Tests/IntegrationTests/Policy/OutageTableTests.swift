import Foundation
import Testing

extension MachineIntegrationTests.PolicyIntegrationTests {
    /// Each row of the outage table, for machines under policy.
    @Suite struct OutageTableTests {
        private func source(_ world: PolicyWorld) throws -> [String: Any] {
            try #require(try world.status(of: "north")["source"] as? [String: Any])
        }

        private func revision(_ world: PolicyWorld) throws -> String? {
            (try world.status(of: "north")["in_force"] as? [String: Any])?["revision"] as? String
        }

        @Test(
            "Q1: the source of truth is away, then broken: the last good revision stays in force, its age is shown",
            .timeLimit(.minutes(2)))
        func sourceAway() throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "north")
                try world.publish(PolicyWorld.stack(greeting: "q1"))
                try machine.start()
                defer { machine.crash() }
                try machine.waitFor("/etc/site/greeting", "q1\n")
                let good = try revision(world)

                let (remote, aside) = (world.stack.remote, world.stack.remote + ".away")
                try FileManager.default.moveItem(atPath: remote, toPath: aside)
                defer { try? FileManager.default.moveItem(atPath: aside, toPath: remote) }
                try waitUntil("that it is away is told") { try source(world)["trouble"] is String }
                let age = try #require(try source(world)["age_seconds"] as? Double)
                try waitUntil("its age grows") { try source(world)["age_seconds"] as? Double ?? 0 > age }
                #expect(try revision(world) == good)
                let metrics = try HTTP.get("http://\(try world.mesh.primary(of: "north").ops)/metrics").body
                #expect(metrics.contains("\nbolt_policy_source_age_seconds "))
                // Fresh facts and drift are met by what is in force.
                try machine.tell("generation", "1")
                try machine.overwrite("/etc/site/greeting", "drift\n")
                try machine.waitFor("/etc/site/generation", "q1 1\n")
                try machine.waitFor("/etc/site/greeting", "q1\n")

                try FileManager.default.moveItem(atPath: aside, toPath: remote)
                let bad = try world.stack.publish(
                    PolicyWorld.stack(greeting: "q1-bad", more: ["layers/20-bad.yaml": "layer: bad\nresorces: []\n"]))
                try world.look("north")
                try waitUntil("the broken one is refused, with file and line", seconds: 40) {
                    let rejected = try world.status(of: "north")["rejected"] as? [String: Any]
                    let faults = rejected?["faults"] as? [[String: Any]] ?? []
                    return rejected?["revision"] as? String == bad
                        && faults.contains { fault in
                            fault["file"] as? String == "layers/20-bad.yaml" && fault["line"] as? Int == 2
                        }
                }
                #expect(try revision(world) == good)
                try waitUntil("an alarm says so") { try world.alarms().contains("policy_source_broken") }
                try machine.overwrite("/etc/site/greeting", "drift\n")
                try machine.waitFor("/etc/site/greeting", "q1\n")

                try world.publish(PolicyWorld.stack(greeting: "q1-mended"))
                try machine.waitFor("/etc/site/greeting", "q1-mended\n")
                #expect(try world.status(of: "north")["rejected"] as? [String: Any] == nil)
                try waitUntil("the alarm is over") { try !world.alarms().contains("policy_source_broken") }
            }
        }

        @Test(
            "Q2: a machine that is cut off takes no new disruptive action, and restores the last known state",
            .timeLimit(.minutes(1)))
        func serverCut() throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "north")
                let service = """
                    layer: service
                    resources:
                      - file: /etc/site/service
                        content: "{{traits.custom.mode}}\\n"
                        requires: ["directory:/etc/site"]
                        effect: disruptive
                        when: {custom.mode: {exists: true}}
                    """
                try world.publish(PolicyWorld.stack(greeting: "q2", more: ["layers/30-service.yaml": service]))
                try machine.tell("mode", "\"calm\"")
                try machine.converge("/etc/site/service", "calm\n")

                let nowhere = "127.0.0.1:\(try FreePorts.take(1)[0])"
                try machine.tell("mode", "\"busy\"")
                try machine.tell("generation", "7")
                let cut = try machine.pass("--bolt", nowhere)
                #expect(cut.status == 69, "\(cut)")
                #expect(machine.content("/etc/site/generation") == "q2 7\n", "what is safe follows fresh facts")
                #expect(machine.content("/etc/site/service") == "calm\n", "a new disruptive action waits")
                try machine.tell("mode", "\"calm\"")
                try machine.overwrite("/etc/site/service", "drift\n")
                _ = try machine.pass("--bolt", nowhere)
                #expect(machine.content("/etc/site/service") == "calm\n", "what was in force before is restored")

                try machine.tell("mode", "\"busy\"")
                try machine.passed()
                #expect(machine.content("/etc/site/service") == "busy\n")
                try machine.passed()
                let offline = try machine.expectOnceInOrder(atLeast: 4).filter(\.isOffline)
                #expect(offline.first?.outcome("file:/etc/site/service") == "skipped", "\(offline)")
            }
        }

        @Test(
            "Q3: the active server is down: the standby takes over with the policy, and goes on publishing",
            .timeLimit(.minutes(2)))
        func activeDown() throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "north")
                try world.publish(PolicyWorld.stack(greeting: "q3"))
                try machine.start()
                defer { machine.crash() }
                try machine.waitFor("/etc/site/greeting", "q3\n")
                let before = try world.status(of: "north")["sequence"] as? Int
                let old = try world.mesh.primary(of: "north")
                let heir = try #require(world.north.first { $0.name != old.name })
                try world.mesh.crash(old)
                try waitUntil("the standby is promoted", seconds: 30) {
                    [0, 5].contains(try world.mesh.promote(heir).status)
                }
                try machine.tell("generation", "3")
                try machine.waitFor("/etc/site/generation", "q3 3\n")
                try waitUntil("the heir knows what is in force") {
                    (try world.status(of: "north")["sequence"] as? Int ?? 0) >= before ?? 1
                }
                try world.mesh.launch(old)
                try world.mesh.waitForSync(of: "north", bolts: 2, seconds: 60)
                try world.publish(PolicyWorld.stack(greeting: "q3-heir"))
                try machine.waitFor("/etc/site/greeting", "q3-heir\n")
                machine.stop()
                try machine.passed()
                try machine.expectOnceInOrder(atLeast: 3)
            }
        }

        @Test(
            "Q4: the passive server is down: no effect on machines, one disk less, which is shown",
            .timeLimit(.minutes(1)))
        func passiveDown() throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "north")
                try world.publish(PolicyWorld.stack(greeting: "q4"))
                try machine.converge("/etc/site/greeting", "q4\n")
                let primary = try world.mesh.primary(of: "north")
                let standby = try #require(world.north.first { $0.name != primary.name })
                try world.mesh.crash(standby)
                try machine.tell("generation", "4")
                try machine.passed()
                #expect(machine.content("/etc/site/generation") == "q4 4\n")
                #expect(try machine.lastPass().isOffline == false)
                try waitUntil("one disk less is shown") { try world.mesh.part(primary).inSync == 1 }
            }
        }

        @Test(
            "Q5: all servers are down: machines converge from cache, and tell all of it later", .timeLimit(.minutes(2)))
        func allDown() throws {
            try inPolicyWorld { (world) throws in
                let machines = try ["north", "south"].map { try world.machine(of: $0) }
                try world.publish(PolicyWorld.stack(greeting: "q5"))
                for machine in machines { try machine.start() }
                defer { for machine in machines { machine.crash() } }
                for machine in machines { try machine.waitFor("/etc/site/greeting", "q5\n") }
                try world.crashAll()
                for machine in machines {
                    try machine.tell("generation", "5")
                    try machine.overwrite("/etc/site/greeting", "drift\n")
                }
                for machine in machines {
                    try machine.waitFor("/etc/site/generation", "q5 5\n")
                    try machine.waitFor("/etc/site/greeting", "q5\n")
                    try waitUntil("\(machine.name) keeps what it has to tell") { try machine.waiting() >= 2 }
                    #expect(machine.isRunning, "\(machine.log)")
                }
                try world.ready()
                for machine in machines {
                    try waitUntil("\(machine.name) has told all", seconds: 40) { try machine.waiting() == 0 }
                    machine.stop()
                    try machine.expectOnceInOrder(atLeast: 3)
                }
            }
        }

        @Test("Q6: one site is down: only that site is affected, and others cover it", .timeLimit(.minutes(2)))
        func siteDown() throws {
            try inPolicyWorld { (world) throws in
                let (near, far) = (try world.machine(of: "north"), try world.machine(of: "south"))
                try world.publish(PolicyWorld.stack(greeting: "q6"))
                for machine in [near, far] { try machine.converge("/etc/site/greeting", "q6\n") }
                try world.mesh.crash(world.south)
                try world.publish(PolicyWorld.stack(greeting: "q6-north"), in: ["north"])
                try near.converge("/etc/site/greeting", "q6-north\n")
                try far.tell("generation", "6")
                let covered = try far.pass()
                #expect(covered.status == 0, "another partition keeps it: \(covered)")
                #expect(far.content("/etc/site/generation") == "q6 6\n")
                try world.mesh.launch(world.south)
                try world.ready()
                try far.converge("/etc/site/greeting", "q6-north\n")
                try far.expectOnceInOrder(atLeast: 3)
            }
        }

        @Test(
            "Q7: the load balancer is down: a machine that came by it knows every bolt from the signed list",
            .timeLimit(.minutes(1)))
        func balancerDown() throws {
            try inPolicyWorld { (world) throws in
                let relay = try TCPRelay(to: world.north[0].address, port: try FreePorts.take(1)[0])
                defer { relay.takeDown() }
                let enrolled = try world.mesh.envoy(
                    "enroll", "--mesh", relay.address, "--token", try world.mesh.token(), "--name", "balanced",
                    "--state", world.mesh.file("balanced"))
                try #require(enrolled.status == 0, "\(enrolled)")
                let machine = try PolicyMachine(world.mesh, name: "balanced", owner: "")
                try machine.tell("generation", "0")
                try world.publish(PolicyWorld.stack(greeting: "q7"))
                try machine.converge("/etc/site/greeting", "q7\n")
                let status = try machine.status()
                let known = try #require(status["known_bolts"] as? [String: Any], "\(status)")
                let owner = try #require((status["last_stored"] as? [String: Any])?["partition"] as? String)
                #expect(known["signed_by"] as? String == owner, "\(status)")
                #expect(known["count"] as? Int == world.mesh.bolts.count, "\(status)")
                relay.takeDown()
                try machine.tell("generation", "77")
                try machine.passed()
                #expect(machine.content("/etc/site/generation") == "q7 77\n")
                #expect(try machine.lastPass().isOffline == false)
                let later = try machine.status()["known_bolts"] as? [String: Any]
                #expect(later?["signed_by"] as? String == owner, "\(later ?? [:])")
            }
        }

        @Test("Q8: a machine that cannot reach its server boots, and converges from cache", .timeLimit(.minutes(1)))
        func bootsFromCache() throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "south")
                try world.publish(PolicyWorld.stack(greeting: "q8"))
                try machine.converge("/etc/site/greeting", "q8\n")
                let nowhere = "127.0.0.1:\(try FreePorts.take(1)[0])"
                // Another process, as after a boot; and all that was there is gone.
                try FileManager.default.removeItem(atPath: machine.root + "/etc")
                try machine.tell("generation", "8")
                let booted = try machine.pass("--bolt", nowhere)
                #expect(booted.status == 69, "\(booted)")
                #expect(machine.content("/etc/site/greeting") == "q8\n")
                #expect(machine.content("/etc/site/generation") == "q8 8\n")
                try machine.passed()
                try machine.expectOnceInOrder(atLeast: 2)
            }
        }
    }
}
