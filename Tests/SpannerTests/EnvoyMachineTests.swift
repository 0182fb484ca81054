import Spanner
import Testing

@Suite("EnvoyMachine: when to check in, what to forget")
struct EnvoyMachineTests {
    typealias Machine = EnvoyMachine

    func machine(servers: Int = 3, seed: UInt64 = 1, fence: Machine.Fence = .init(register: 0, epoch: 1)) -> Machine {
        Machine(servers: servers, fence: fence, seed: seed)
    }

    func answer(
        stored: UInt64 = 0, release: UInt64 = 0, register: UInt64 = 0, epoch: UInt64 = 1, servers: Int = 3
    ) -> Machine.Answer {
        Machine.Answer(
            storedThrough: stored, releaseThrough: release, fence: .init(register: register, epoch: epoch),
            nextInterval: .seconds(30), servers: servers)
    }

    func scheduled(_ effects: [Machine.Effect]) -> (number: Int, after: Duration)? {
        for case .schedule(let number, let after) in effects { return (number, after) }
        return nil
    }

    @Test("V1: a failure is followed at once by the next bolt, until all were tried")
    func goesRound() throws {
        var machine = machine()
        guard case .checkIn(let first)? = machine.step(.started(held: .init(first: 1, last: 0))).first else {
            Issue.record("a started agent checks in")
            return
        }
        var asked = [first]
        for _ in 0..<2 {
            let effects = machine.step(.failed(.unavailable(retryAfter: nil)))
            guard case .checkIn(let next)? = effects.first else {
                Issue.record("expected the next bolt, got \(effects)")
                return
            }
            asked.append(next)
        }
        #expect(Set(asked) == [0, 1, 2])
        let exhausted = machine.step(.failed(.unavailable(retryAfter: nil)))
        #expect(scheduled(exhausted) != nil, "after all failed it waits: \(exhausted)")
    }

    @Test("V1: backoff has full jitter, grows with each round and is bounded", arguments: UInt64(0)..<50)
    func backoff(seed: UInt64) throws {
        var machine = machine(servers: 1, seed: seed)
        _ = machine.step(.started(held: .init(first: 1, last: 0)))
        for round in 0..<40 {
            let effects = machine.step(.failed(.unavailable(retryAfter: nil)))
            let timer = try #require(scheduled(effects), "seed \(seed)")
            let bound = min(Duration.seconds(300), Duration.seconds(1) * (1 << min(round, 20)))
            #expect(timer.after <= max(bound, .milliseconds(100)), "seed \(seed), round \(round)")
            _ = machine.step(.timerFired(timer.number))
        }
    }

    @Test("Retry-After is the least wait")
    func retryAfter() throws {
        var machine = machine(servers: 1)
        _ = machine.step(.started(held: .init(first: 1, last: 0)))
        let effects = machine.step(.failed(.unavailable(retryAfter: .seconds(17))))
        #expect(try #require(scheduled(effects)).after >= .seconds(17))
    }

    @Test("P6: deletes up to release_through only, never up to stored_through")
    func releasesSafeOnly() {
        var machine = machine()
        _ = machine.step(.started(held: .init(first: 1, last: 9)))
        let effects = machine.step(.answered(answer(stored: 9, release: 4)))
        #expect(effects.contains(.release(through: 4)))
        #expect(!effects.contains(.release(through: 9)))
    }

    @Test("P2: an answer under an older authority is not obeyed")
    func staleFence() {
        var machine = machine(fence: .init(register: 2, epoch: 5))
        _ = machine.step(.started(held: .init(first: 1, last: 9)))
        let effects = machine.step(.answered(answer(stored: 9, release: 9, register: 2, epoch: 4)))
        #expect(!effects.contains { if case .release = $0 { true } else { false } })
        #expect(effects.contains { if case .notify(.staleAnswer) = $0 { true } else { false } })
    }

    @Test("P2: a higher authority is remembered before anything under it is acted upon")
    func remembersFirst() throws {
        var machine = machine()
        _ = machine.step(.started(held: .init(first: 1, last: 9)))
        let effects = machine.step(.answered(answer(stored: 9, release: 9, register: 1, epoch: 1)))
        let remember = try #require(effects.firstIndex(of: .remember(.init(register: 1, epoch: 1))))
        let release = try #require(effects.firstIndex(of: .release(through: 9)))
        #expect(remember < release)
    }

    @Test("P6: an acknowledgement beyond what was ever queued deletes nothing")
    func impossibleRelease() {
        var machine = machine()
        _ = machine.step(.started(held: .init(first: 3, last: 5)))
        let effects = machine.step(.answered(answer(stored: 5, release: 1_000)))
        #expect(!effects.contains { if case .release = $0 { true } else { false } })
    }

    @Test("An envoy that the roster refuses asks slowly, for ever")
    func refused() throws {
        var machine = machine()
        _ = machine.step(.started(held: .init(first: 1, last: 0)))
        let effects = machine.step(.failed(.refused))
        #expect(try #require(scheduled(effects)).after >= .seconds(60))
    }

    @Test("Timers that were superseded and answers that were not asked for do nothing")
    func staleInput() throws {
        var machine = machine(servers: 1)
        _ = machine.step(.started(held: .init(first: 1, last: 0)))
        let first = try #require(scheduled(machine.step(.failed(.unavailable(retryAfter: nil)))))
        _ = machine.step(.timerFired(first.number))
        #expect(machine.step(.timerFired(first.number)).isEmpty)
        _ = machine.step(.answered(answer(servers: 1)))
        #expect(machine.step(.answered(answer(stored: 3, release: 3))).isEmpty)
        #expect(machine.step(.failed(.refused)).isEmpty)
    }

    @Test("The same seed gives the same effects", arguments: UInt64(0)..<20)
    func deterministic(seed: UInt64) {
        func run() -> [[Machine.Effect]] {
            var machine = machine(seed: seed)
            var choices = SeededGenerator(seed: seed ^ 0xABCD)
            var trace = [machine.step(.started(held: .init(first: 1, last: 100)))]
            for _ in 0..<200 {
                switch choices.below(4) {
                case 0: trace.append(machine.step(.failed(.unavailable(retryAfter: nil))))
                case 1: trace.append(machine.step(.failed(.refused)))
                case 2: trace.append(machine.step(.answered(answer(stored: 50, release: choices.below(120)))))
                default: trace.append(machine.step(.timerFired(Int(choices.below(100)))))
                }
            }
            return trace
        }
        #expect(run() == run(), "seed \(seed)")
    }
}
