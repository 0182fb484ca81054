import Foundation
import Testing

extension MachineIntegrationTests.PolicyIntegrationTests {
    /// Bad input to real agents: each a clear result of its own, the rest goes on, nothing is lost.
    @Suite struct PolicyBadInputTests {
        /// What goes wrong, each with the code that its result has to tell, beside something that is right.
        private static let broken: [(id: String, code: String)] = [
            ("nap:long", "program_timed_out"), ("talk:rubbish", "handler_bad_answer"), ("gone:x", "handler_missing"),
            ("locked:x", "program_cannot_run"), ("file:/leak/passwd", "path_outside_root"),
            ("file:/etc/site/absent", "template_unknown_variable"), ("exec:fails", "command_failed"),
        ]

        private static let layer = """
            layer: broken
            resources:
              - nap: long
                timeout: 1s
              - talk: rubbish
              - gone: x
              - locked: x
              - file: /leak/passwd
                content: "root::0\\n"
              - file: /etc/site/absent
                content: "{{traits.custom.nobody_tells}}\\n"
              - exec: fails
                command: [/bin/sh, -c, "exit 3"]
              - file: /etc/site/after
                content: "never\\n"
                requires: ["nap:long"]
              - file: /etc/site/right
                content: "right\\n"
            """

        @Test(
            "a handler hangs, prints rubbish, is missing, cannot be run; a link leads out; a template has an error",
            .timeLimit(.minutes(1)))
        func eachByItself() throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "north")
                let child = world.mesh.file("napping")
                try machine.script("sleep 600 & echo $! > '\(child)'\nsleep 600", at: machine.handlers + "/nap")
                try machine.script("echo 'not json {'", at: machine.handlers + "/talk")
                try machine.script("echo '{\"state\":\"unchanged\"}'", at: machine.handlers + "/locked")
                chmod(machine.handlers + "/locked", 0o644)
                let outside = world.mesh.file("outside")
                try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
                try FileManager.default.createSymbolicLink(
                    atPath: machine.root + "/leak", withDestinationPath: outside)
                try world.publish(PolicyWorld.stack(greeting: "broken", more: ["layers/60-broken.yaml": Self.layer]))
                try machine.converge("/etc/site/right", "right\n", status: 1)

                let pass = try machine.lastPass()
                for (id, code) in Self.broken {
                    let resource = pass.resource(id)
                    #expect(resource?["outcome"] as? String == "failed", "\(id): \(String(describing: resource))")
                    #expect(resource?["code"] as? String == code, "\(id): \(String(describing: resource))")
                    for part in ["what", "why", "next"] { #expect(resource?[part] is String, "\(id): \(part)") }
                }
                let after = pass.resource("file:/etc/site/after")
                #expect(after?["outcome"] as? String == "skipped" && after?["by"] as? String == "nap:long")
                #expect(machine.content("/etc/site/after") == nil)
                #expect(machine.content("/etc/site/greeting") == "broken\n")
                #expect(try FileManager.default.contentsOfDirectory(atPath: outside).isEmpty)
                let napping = try String(contentsOfFile: child, encoding: .utf8)
                let pid = try #require(pid_t(napping.trimmingCharacters(in: .whitespacesAndNewlines)))
                try waitUntil("what the handler began has ended") { ProcessTable.isGone(pid) }
            }
        }

        @Test("a fact of 10 MB, one that is no JSON: left out, by name; the pass goes on", .timeLimit(.minutes(1)))
        func largeFacts() throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "north")
                try world.publish(PolicyWorld.stack(greeting: "facts"))
                try machine.script("head -c 10485760 /dev/zero | tr '\\0' x", at: machine.facts + "/huge")
                try machine.script("echo no json", at: machine.facts + "/rubbish")
                try machine.tell("generation", "9")
                try machine.converge("/etc/site/generation", "facts 9\n")
                let shown = try world.mesh.done("envoy", "show", machine.name, "-o", "json").json
                let traits = (shown?["envoy"] as? [String: Any])?["traits"] as? [String: Any]
                let failures = traits?["custom_failed"] as? [String: String]
                #expect(failures?["huge"] != nil && failures?["rubbish"] != nil, "\(String(describing: traits))")
                #expect((traits?["custom"] as? [String: Any])?["generation"] as? Int == 9)
            }
        }

        @Test(
            "a root that is read-only, then full: told for each resource; with room it converges, and all is told",
            .enabled(if: SmallDisk.canMount, "needs root that may mount a file system in memory"),
            .timeLimit(.minutes(1)))
        func disks() throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "north")
                try world.publish(PolicyWorld.stack(greeting: "disks"))
                let disk = try SmallDisk(at: machine.root, megabytes: 1)
                try machine.converge("/etc/site/greeting", "disks\n")

                try remount(machine.root, "ro")
                try machine.tell("generation", "1")
                #expect(try machine.pass().status == 1, "it failed, and that is told")
                #expect(try code(machine) == "disk_read_only")
                #expect(machine.content("/etc/site/generation") == "disks 0\n")
                try remount(machine.root, "rw")

                try disk.fill()
                #expect(try machine.pass().status == 1)
                #expect(try code(machine) == "disk_full")
                #expect(machine.content("/etc/site/generation") == "disks 0\n", "it is whole")
                try disk.makeRoom()
                try machine.converge("/etc/site/generation", "disks 1\n")
                try machine.expectOnceInOrder(atLeast: 4)
                // It goes with its keeper.
                withExtendedLifetime(disk) {}
            }
        }

        private func code(_ machine: PolicyMachine) throws -> String? {
            try machine.lastPass().resource("file:/etc/site/generation")?["code"] as? String
        }

        private func remount(_ path: String, _ mode: String) throws {
            let output = try Command.run("/usr/bin/mount", ["-o", "remount,\(mode)", path])
            try #require(output.status == 0, "\(output)")
        }

        @Test(
            "a clock in 1970: it converges from what it holds, loses nothing, and tells all once the clock is right",
            .enabled(if: ShiftedClock.isPossible, "needs a C compiler"), .timeLimit(.minutes(1)))
        func clockOf1970() throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "north")
                try world.publish(PolicyWorld.stack(greeting: "clock"))
                try machine.converge("/etc/site/greeting", "clock\n")
                let clock = try ShiftedClock(in: world.mesh.folder)
                for generation in 1...2 {
                    try machine.tell("generation", "\(generation)")
                    // No certificate is valid yet by its clock: whether a bolt is heard is not what counts.
                    let pass = try machine.pass(environment: clock.never())
                    #expect([0, 69].contains(pass.status), "\(pass)")
                    #expect(machine.content("/etc/site/generation") == "clock \(generation)\n", "\(pass)")
                }
                try machine.tell("generation", "3")
                try machine.converge("/etc/site/generation", "clock 3\n")
                #expect(try machine.waiting() == 0)
                try machine.expectOnceInOrder(atLeast: 4, isTimed: false)
            }
        }
    }
}
