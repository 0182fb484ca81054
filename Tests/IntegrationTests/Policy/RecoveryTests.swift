import Foundation
import Testing

extension MachineIntegrationTests.PolicyIntegrationTests {
    /// Outages from their beginning to their end.
    @Suite struct RecoveryTests {
        @Test(
            "acceptance 2, P5: edited in git, applied; bolts stopped, a fact changes, the file changes; all told once",
            .timeLimit(.minutes(2)))
        func editedThenOffline() throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "north")
                try world.publish(PolicyWorld.stack(greeting: "before"))
                try machine.start()
                defer { machine.crash() }
                try machine.waitFor("/etc/site/greeting", "before\n")
                try world.stack.publish(PolicyWorld.stack(greeting: "edited"))
                try machine.waitFor("/etc/site/greeting", "edited\n")

                for bolt in world.mesh.bolts { try world.mesh.stop(bolt) }
                try machine.tell("generation", "1")
                try machine.waitFor("/etc/site/generation", "edited 1\n")
                try machine.tell("generation", "2")
                try machine.waitFor("/etc/site/generation", "edited 2\n")
                let waiting = try machine.waiting()
                #expect(waiting >= 2)
                machine.stop()

                try world.ready()
                try machine.start()
                try waitUntil("all is told", seconds: 40) { try machine.waiting() == 0 }
                machine.stop()
                let passes = try machine.expectOnceInOrder(atLeast: waiting + 2)
                let changed = passes.filter { $0.outcome("file:/etc/site/generation") == "changed" }
                #expect(changed.count == 4, "made, edited, and twice offline: \(changed)")
                // The same from the other bolts of the partition.
                let standby = try #require(
                    world.north.first { $0.name != (try? world.mesh.primary(of: "north").name) })
                try world.mesh.waitForSync(of: "north", bolts: 2)
                #expect(try machine.results(at: standby).compactMap { $0.passRecord }.count == passes.count)
            }
        }

        @Test(
            "V1, V7: a server dies, machines go on; a standby is promoted; all die, machines go on; all comes back",
            .timeLimit(.minutes(3)))
        func fromDeathToFlush() throws {
            try inPolicyWorld { (world) throws in
                let mesh = world.mesh
                let machines = try ["north", "south"].map { try world.machine(of: $0) }
                try world.publish(PolicyWorld.stack(greeting: "v7"))
                for machine in machines { try machine.start() }
                defer { for machine in machines { machine.crash() } }
                for machine in machines { try machine.waitFor("/etc/site/greeting", "v7\n") }

                // The server of one dies: it goes on, whoever answers.
                let old = try mesh.primary(of: "north")
                let heir = try #require(world.north.first { $0.name != old.name })
                try mesh.crash(old)
                try all(machines, are: 1)
                try waitUntil("the standby is promoted", seconds: 30) {
                    [0, 5].contains(try mesh.promote(heir).status)
                }
                try all(machines, are: 2)

                // Nobody is there any more.
                try world.crashAll()
                try all(machines, are: 3)
                for machine in machines { try waitUntil("\(machine.name) keeps it") { try machine.waiting() > 0 } }

                // The heir comes back as it was, the old one as its standby, by themselves.
                try world.ready()
                #expect(try mesh.primary(of: "north").name == heir.name)
                try world.publish(PolicyWorld.stack(greeting: "v7-after"))
                for machine in machines { try machine.waitFor("/etc/site/greeting", "v7-after\n", seconds: 40) }
                for machine in machines {
                    // The file is there before the pass that made it is over and told.
                    try waitUntil("\(machine.name) has told all", seconds: 40) {
                        try machine.waiting() == 0 && changes(in: machine.passes()) >= 5
                    }
                    machine.stop()
                    let passes = try machine.expectOnceInOrder(atLeast: 5)
                    #expect(changes(in: passes) == 5, "\(machine.name): each state of it once: \(passes)")
                }
                let verified = try mesh.ctl("slice", "verify")
                #expect(verified.status == 0, "\(verified)")
            }
        }

        /// How many passes changed the file that follows the fact.
        private func changes(in passes: [[String: Any]]) -> Int {
            passes.count { $0.outcome("file:/etc/site/generation") == "changed" }
        }

        /// A fact changes on all machines, and each meets it.
        private func all(_ machines: [PolicyMachine], are generation: Int) throws {
            for machine in machines { try machine.tell("generation", "\(generation)") }
            for machine in machines { try machine.waitFor("/etc/site/generation", "v7 \(generation)\n") }
        }
    }
}
