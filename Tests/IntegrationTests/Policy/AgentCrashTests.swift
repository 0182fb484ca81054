import Foundation
import Testing

extension MachineIntegrationTests.PolicyIntegrationTests {
    /// Acceptance 4: kill −9 of the agent in the middle of its work.
    @Suite struct AgentCrashTests {
        private static let files = 16
        private static let strace = "/usr/bin/strace"
        private static let canTrace = FileManager.default.isExecutableFile(atPath: strace) && geteuid() == 0
        /// Calls by which a file gets into its place, and a queue onto its disk.
        private static let calls = "?rename,renameat,renameat2,fsync,fdatasync,?unlink,unlinkat"

        private static func path(_ number: Int) -> String { "/etc/many/\(number)" }

        /// Many files, each with its generation at either end of more than a page.
        private static var layer: String {
            var text = "layer: many\nvars: {pad: \"\(String(repeating: "pad ", count: 2000))\"}\nresources:\n"
            text += "  - directory: /etc/many\n"
            for number in 0..<files {
                text += "  - file: \(path(number))\n    requires: [\"directory:/etc/many\"]\n"
                text += "    content: \"{{traits.custom.generation}} {{vars.pad}}{{traits.custom.generation}}\\n\"\n"
            }
            return text
        }

        /// The generation that a file is of; nil where it is not there. One that is not whole is a failure.
        private func generation(_ number: Int, _ machine: PolicyMachine) throws -> Int? {
            guard let text = machine.content(Self.path(number)) else { return nil }
            let words = text.split(separator: " ")
            let whole = words.count == 2002 && text.hasSuffix("\n") ? words.first.flatMap { Int($0) } : nil
            let generation = try #require(
                whole, "\(Self.path(number)) is not whole: \(text.count) bytes, \(text.prefix(20))…")
            #expect(words.last == "\(generation)\n", "\(Self.path(number)) is of two generations")
            return generation
        }

        private func generations(_ machine: PolicyMachine) throws -> [Int?] {
            try (0..<Self.files).map { try generation($0, machine) }
        }

        /// The next pass finishes what was begun, and leaves nothing of the one before.
        private func converges(_ machine: PolicyMachine, to generation: Int) throws {
            try machine.passed()
            #expect(try generations(machine) == Array(repeating: generation, count: Self.files))
            let names = try FileManager.default.contentsOfDirectory(atPath: machine.root + "/etc/many")
            #expect(names.count == Self.files, "\(names.sorted())")
        }

        private func withMachine(_ body: (PolicyMachine) throws -> Void) throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "north")
                try world.publish(
                    PolicyWorld.stack(greeting: "crash", more: ["layers/40-many.yaml": Self.layer]), in: ["north"])
                try machine.converge("/etc/site/greeting", "crash\n")
                try converges(machine, to: 0)
                try body(machine)
                // One pass more, so that all that were before are told.
                try machine.passed()
                #expect(try machine.waiting() == 0)
                try machine.expectOnceInOrder(atLeast: 3)
            }
        }

        @Test(
            "acceptance 4: kill −9 of the agent after each file: files whole, the next run converges, queue intact",
            .timeLimit(.minutes(2)))
        func afterEachFile() throws {
            try withMachine { (machine) throws in
                for round in 1...Self.files {
                    try machine.tell("generation", "\(round)")
                    let folder = try FolderWatch(machine.root + "/etc/many")
                    let agent = try Background(
                        "bolt-envoy", machine.arguments(["--once"]), environment: machine.mesh.environment)
                    // One file further each time.
                    try waitUntil("file \(round - 1) is of round \(round)", seconds: 30, watching: folder) {
                        try !agent.isRunning || generation(round - 1, machine) == round
                    }
                    agent.signal(SIGKILL)
                    _ = agent.wait(seconds: 10)
                    for number in 0..<Self.files {
                        let found = try #require(try generation(number, machine))
                        #expect((0...round).contains(found))
                    }
                    if round % 5 == 0 { try converges(machine, to: round) }
                }
                try converges(machine, to: Self.files)
            }
        }

        @Test(
            "acceptance 4: kill −9 of the agent at the nth call that changes a disk: the same",
            .enabled(if: canTrace, "needs strace, as root"),
            .timeLimit(.minutes(2)))
        func atEachCall() throws {
            try withMachine { (machine) throws in
                var killed = 0
                for (round, nth) in [1, 2, 3, 5, 8, 13, 21].enumerated() {
                    let next = round + 1
                    try machine.tell("generation", "\(next)")
                    let traced = try Command.run(
                        Self.strace,
                        ["-f", "-qq", "-o", "/dev/null", "-e", "trace=\(Self.calls)", "-e"]
                            + ["inject=\(Self.calls):signal=SIGKILL:when=\(nth)"]
                            + [Command.binaries.appending(path: "bolt-envoy").path] + machine.arguments(["--once"]),
                        environment: machine.mesh.environment)
                    if traced.status != 0 { killed += 1 }
                    for number in 0..<Self.files { _ = try #require(try generation(number, machine)) }
                    if round % 3 == 2 { try converges(machine, to: next) }
                }
                #expect(killed >= 3, "the nth call of a thread comes in many rounds")
                try converges(machine, to: 7)
            }
        }
    }
}
