import Foundation
import SpannerStore
import Testing

extension MachineIntegrationTests.PolicyIntegrationTests {
    /// What a machine keeps of its policy, touched behind its agent's back: nothing of it is put in force.
    @Suite struct PolicyCacheTests {
        private let nowhere: String

        init() throws { nowhere = "127.0.0.1:\(try FreePorts.take(1)[0])" }

        /// What a machine's agent keeps, while it does not run.
        private func withCache<Result>(
            of machine: PolicyMachine, _ body: (PolicyCacheStore) throws -> Result
        ) throws -> Result {
            let queue = try QueueStore(path: machine.state + "/queue")
            defer { try? queue.close() }
            return try body(queue.policy)
        }

        private func cached(_ machine: PolicyMachine) throws -> CachedPolicy {
            try withCache(of: machine) { cache in
                guard case .whole(let policy) = try cache.load() else {
                    throw Unheard(what: "a whole policy of \(machine.name)")
                }
                return policy
            }
        }

        /// Offline it puts nothing in force and says why; with a bolt it is given its policy again.
        private func refuses(
            _ machine: PolicyMachine, _ greeting: String, location: SourceLocation = #_sourceLocation
        ) throws {
            try machine.tell("generation", "1")
            let offline = try machine.pass("--bolt", nowhere)
            #expect(offline.status == 69, "\(offline)", sourceLocation: location)
            #expect(machine.content("/etc/site/generation") == "\(greeting) 0\n", sourceLocation: location)
            #expect(machine.content("/etc/site/greeting") == "\(greeting)\n", sourceLocation: location)
            try machine.converge("/etc/site/generation", "\(greeting) 1\n", location: location)
            let troubles = try machine.expectOnceInOrder(atLeast: 2, location: location)
                .compactMap { $0["trouble"] as? String }
            #expect(
                troubles.contains { $0.contains("policy_cache_damaged") }, "\(troubles)", sourceLocation: location)
        }

        @Test(
            "an altered policy in the agent's cache: nothing of it is put in force, it is fetched anew",
            .timeLimit(.minutes(1)))
        func altered() throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "north")
                let mark = "altered-here"
                try world.publish(PolicyWorld.stack(greeting: mark))
                try machine.converge("/etc/site/greeting", "\(mark)\n")
                var flips = 0
                let folder = machine.state + "/queue"
                for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                    flips += try flip(mark, in: "\(folder)/\(name)")
                }
                try #require(flips > 0, "its body lies there as it is")
                try refuses(machine, mark)
            }
        }

        /// Turns a bit over wherever a text stands in a file; how often that was.
        private func flip(_ mark: String, in path: String) throws -> Int {
            guard var content = FileManager.default.contents(atPath: path) else { return 0 }
            var (place, count) = (content.startIndex, 0)
            while let found = content.range(of: Data(mark.utf8), in: place..<content.endIndex) {
                content[found.lowerBound + 3] ^= 4
                count += 1
                place = found.upperBound
            }
            guard count > 0 else { return 0 }
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            try handle.write(contentsOf: content)
            return count
        }

        @Test(
            "S8: an older policy put back, or another machine's put in: neither is put in force",
            .timeLimit(.minutes(1)))
        func replaced() throws {
            try inPolicyWorld { (world) throws in
                let (machine, other) = (try world.machine(of: "north"), try world.machine(of: "north"))
                try world.publish(PolicyWorld.stack(greeting: "older"))
                try machine.converge("/etc/site/greeting", "older\n")
                let older = try cached(machine)
                try world.publish(PolicyWorld.stack(greeting: "newer"))
                for each in [machine, other] { try each.converge("/etc/site/greeting", "newer\n") }
                let newer = try cached(machine)
                try #require(older.grant != newer.grant)

                // Put back whole, but for what the machine remembers of what it saw.
                try withCache(of: machine) { cache in
                    var policy = older
                    policy.sight = newer.sight
                    try cache.accept(policy)
                }
                try refuses(machine, "newer")

                let foreign = try cached(other)
                let own = try cached(machine)
                try machine.tell("generation", "0")
                try machine.converge("/etc/site/generation", "newer 0\n")
                try withCache(of: machine) { cache in
                    var policy = foreign
                    policy.sight = own.sight
                    try cache.accept(policy)
                }
                try refuses(machine, "newer")
            }
        }

        @Test(
            "a policy that is too old, and says that nothing is to be applied then: nothing is, until a bolt is heard",
            .enabled(if: ShiftedClock.isPossible, "needs a C compiler"), .timeLimit(.minutes(1)))
        func expired() throws {
            try inPolicyWorld { (world) throws in
                let machine = try world.machine(of: "north")
                try world.publish(
                    PolicyWorld.stack(
                        greeting: "expires",
                        more: ["stack.yaml": "stack: trial\nexpiry:\n  policy: stop\n  after: 30d\n"]))
                try machine.converge("/etc/site/greeting", "expires\n")
                let clock = try ShiftedClock(in: world.mesh.folder)
                try machine.tell("generation", "1")
                // Twenty-five days later it is warned of, and still put in force.
                let aging = try machine.pass(
                    "--bolt", nowhere, "--verbose", environment: clock.environment(ahead: 25 * 86_400))
                #expect(aging.standardError.contains("grows old"), "\(aging)")
                #expect(machine.content("/etc/site/generation") == "expires 1\n")
                try machine.tell("generation", "2")
                _ = try machine.pass("--bolt", nowhere, environment: clock.environment(ahead: 31 * 86_400))
                #expect(machine.content("/etc/site/generation") == "expires 1\n")
                try machine.converge("/etc/site/generation", "expires 2\n")
                let passes = try machine.expectOnceInOrder(atLeast: 4, isTimed: false)
                #expect(passes.contains { ($0["trouble"] as? String)?.contains("policy_expired") == true }, "\(passes)")
            }
        }
    }
}
