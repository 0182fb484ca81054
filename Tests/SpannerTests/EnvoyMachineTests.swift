import Spanner
import Testing

@Suite("EnvoyMachine: when to check in, what to tell, what to forget")
struct EnvoyMachineTests {
    typealias Machine = EnvoyMachine

    private static let present = QueueID(high: 0, low: 2)
    private static let earlier = QueueID(high: 0, low: 1)

    private func held(_ first: UInt64 = 1, _ last: UInt64 = 0, earlier: ClosedRange<UInt64>? = nil) -> HeldQueues {
        HeldQueues(
            earlier: earlier.map { [HeldQueue(Self.earlier, first: $0.lowerBound, last: $0.upperBound)] } ?? [],
            present: HeldQueue(Self.present, first: first, last: last))
    }

    private func machine(
        servers: Int = 3, seed: UInt64 = 1, fence: Machine.Fence = .init(register: 0, epoch: 1),
        _ held: HeldQueues? = nil
    ) -> Machine {
        Machine(servers: servers, fence: fence, held: held ?? self.held(), seed: seed)
    }

    private func answer(
        stored: UInt64 = 0, release: UInt64 = 0, told: UInt64 = 1_000, isOwners: Bool = true, register: UInt64 = 0,
        epoch: UInt64 = 1, servers: Int = 3
    ) -> Machine.Answer {
        Machine.Answer(
            storedThrough: stored, releaseThrough: release, toldThrough: told, isOwners: isOwners,
            fence: .init(register: register, epoch: epoch), nextInterval: .seconds(30), servers: servers)
    }

    private func scheduled(_ effects: [Machine.Effect]) -> (number: Int, after: Duration)? {
        for case .schedule(let number, let after) in effects { return (number, after) }
        return nil
    }

    private func asked(_ effects: [Machine.Effect]) -> (server: Int, queue: QueueID, after: UInt64)? {
        for case .checkIn(let server, let queue, let after) in effects { return (server, queue, after) }
        return nil
    }

    /// Fires the timer that the effects ask for.
    private func fire(_ machine: inout Machine, _ effects: [Machine.Effect]) throws -> [Machine.Effect] {
        machine.step(.timerFired(try #require(scheduled(effects), "no timer in \(effects)").number))
    }

    @Test("V1: a failure is followed at once by the next bolt, until all were tried")
    func goesRound() throws {
        var machine = machine()
        var servers = [try #require(asked(machine.step(.started))).server]
        for _ in 0..<2 {
            let effects = machine.step(.failed(.unavailable(retryAfter: nil)))
            servers.append(try #require(asked(effects), "expected the next bolt, got \(effects)").server)
        }
        #expect(Set(servers) == [0, 1, 2])
        let exhausted = machine.step(.failed(.unavailable(retryAfter: nil)))
        #expect(scheduled(exhausted) != nil, "after all failed it waits: \(exhausted)")
    }

    @Test("Q1: served by others, it tries its owner's bolts again after a while of its own", arguments: UInt64(0)..<50)
    func headsHome(seed: UInt64) throws {
        var machine = Machine(servers: 5, fence: .init(register: 0, epoch: 1), held: held(), seed: seed)
        var effects = machine.step(.started)
        // The owner's two are away: it goes on until another answers.
        while try #require(asked(effects)).server < 2 {
            effects = machine.step(.failed(.unavailable(retryAfter: nil)))
            if asked(effects) == nil { effects = try fire(&machine, effects) }
        }
        var (waited, reports) = (Duration.zero, 0)
        while try #require(asked(effects)).server >= 2 {
            var answer = answer(servers: 5)
            answer.home = 2
            answer.nextInterval = .seconds(10)
            effects = machine.step(.answered(answer))
            waited += try #require(scheduled(effects)).after
            reports += 1
            effects = try fire(&machine, effects)
        }
        #expect(waited >= .seconds(30) && waited <= .seconds(70), "\(waited)")
        // Still away: it goes round, and is served as before.
        while try #require(asked(effects)).server < 2 {
            effects = machine.step(.failed(.unavailable(retryAfter: nil)))
            if asked(effects) == nil { effects = try fire(&machine, effects) }
        }
        #expect(reports >= 3)
    }

    @Test("at its owner's bolts it stays where it is, and so it does where nobody says whose they are")
    func staysHome() throws {
        for home in [0, 3] {
            var machine = machine()
            var effects = machine.step(.started)
            let first = try #require(asked(effects)).server
            for _ in 0..<20 {
                var answer = answer()
                answer.home = home
                effects = try fire(&machine, machine.step(.answered(answer)))
                #expect(asked(effects)?.server == first)
            }
        }
    }

    @Test("V1: backoff has full jitter, grows with each round and is bounded", arguments: UInt64(0)..<50)
    func backoff(seed: UInt64) throws {
        var machine = machine(servers: 1, seed: seed)
        _ = machine.step(.started)
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
        _ = machine.step(.started)
        let effects = machine.step(.failed(.unavailable(retryAfter: .seconds(17))))
        #expect(try #require(scheduled(effects)).after >= .seconds(17))
    }

    @Test("P6: deletes up to release_through only, never up to stored_through, and never what is not stored")
    func releasesSafeOnly() {
        for (stored, release, expected) in [(9, 4, 4), (4, 9, 4), (9, 9, 9)] as [(UInt64, UInt64, UInt64)] {
            var machine = machine(held(1, 9))
            _ = machine.step(.started)
            let releases = machine.step(.answered(answer(stored: stored, release: release))).compactMap { effect in
                if case .release(Self.present, let through) = effect { through } else { nil }
            }
            #expect(releases == [expected])
        }
    }

    @Test("P2: an answer under an older authority is not obeyed, and another bolt is asked next")
    func staleFence() throws {
        var machine = machine(fence: .init(register: 2, epoch: 5), held(1, 9))
        let first = try #require(asked(machine.step(.started))).server
        let effects = machine.step(.answered(answer(stored: 9, release: 9, register: 2, epoch: 4)))
        #expect(!effects.contains { if case .release = $0 { true } else { false } })
        #expect(effects.contains { if case .notify(.staleAnswer) = $0 { true } else { false } })
        #expect(!machine.isAllStored)
        #expect(try #require(asked(fire(&machine, effects))).server != first)
    }

    @Test("P2: a higher authority is remembered before anything under it is acted upon")
    func remembersFirst() throws {
        var machine = machine(held(1, 9))
        _ = machine.step(.started)
        let effects = machine.step(.answered(answer(stored: 9, release: 9, register: 1, epoch: 1)))
        let remember = try #require(effects.firstIndex(of: .remember(.init(register: 1, epoch: 1))))
        let release = try #require(effects.firstIndex(of: .release(Self.present, through: 9)))
        #expect(remember < release)
    }

    @Test("P5: more acknowledged than was ever queued means an older copy: it starts over and deletes nothing")
    func acknowledgedTooMuch() throws {
        for (stored, release) in [(5, 1_000), (1_000, 5), (1_000, 1_000)] as [(UInt64, UInt64)] {
            var machine = machine(held(3, 5))
            _ = machine.step(.started)
            let effects = machine.step(.answered(answer(stored: stored, release: release)))
            #expect(effects.contains(.startOver))
            #expect(!effects.contains { if case .release = $0 { true } else { false } })
        }
    }

    @Test("P5: the original of a copied queue may have told more than the copy holds: that is no contradiction")
    func originalWentOn() throws {
        var machine = machine(held(1, 2, earlier: 4...6))
        #expect(try #require(asked(machine.step(.started))).queue == Self.earlier)
        let effects = machine.step(.answered(answer(stored: 50, release: 50)))
        #expect(effects.contains(.release(Self.earlier, through: 6)))
        #expect(!effects.contains(.startOver))
    }

    @Test("P5: the present queue is told once the earlier one is stored, though it is not released yet")
    func earlierIsStoredFirst() throws {
        var machine = machine(held(1, 2, earlier: 4...6))
        _ = machine.step(.started)
        var effects = machine.step(.answered(answer(stored: 5)))
        var next = try #require(asked(fire(&machine, effects)))
        #expect(next.queue == Self.earlier && next.after == 5)
        effects = machine.step(.answered(answer(stored: 6)))
        next = try #require(asked(fire(&machine, effects)))
        #expect(next.queue == Self.present && next.after == 0)
        effects = machine.step(.answered(answer(stored: 2)))
        #expect(machine.isAllStored)
        #expect(try #require(scheduled(effects)).after > .seconds(20), "nothing waits: \(effects)")
        // From now on each is heard of in turn, so that a release, or a loss at the owner, is learned.
        var turns: [QueueID] = []
        for _ in 0..<4 {
            let queue = try #require(asked(fire(&machine, effects))).queue
            turns.append(queue)
            effects = machine.step(.answered(answer(stored: queue == Self.earlier ? 6 : 2)))
        }
        #expect(turns == [Self.earlier, Self.present, Self.earlier, Self.present])
    }

    @Test("P3: an owner that lost what it had not called safe is told again, from what it has")
    func ownerLost() throws {
        var machine = machine(held(1, 9))
        _ = machine.step(.started)
        var effects = machine.step(.answered(answer(stored: 9, release: 3)))
        _ = machine.step(.held(held(4, 9)))
        #expect(try #require(asked(fire(&machine, effects))).after == 9)
        effects = machine.step(.answered(answer(stored: 5, release: 3)))
        #expect(!machine.isAllStored)
        #expect(try #require(asked(fire(&machine, effects))).after == 5)
        // One that contradicts is told everything that is held, at once; after that it is believed.
        #expect(try #require(asked(machine.step(.failed(.contradicted)))).after == 0)
        #expect(machine.step(.failed(.contradicted)).contains(.startOver))
    }

    private func released(_ effects: [Machine.Effect]) -> [UInt64] {
        effects.compactMap { if case .release(_, let through) = $0 { through } else { nil } }
    }

    @Test("P5, P6: an older copy believes of its owner no number that this life did not tell it")
    func believesWhatWasTold() throws {
        var machine = machine(held(1, 9))
        _ = machine.step(.started)
        // The original told nine, all are safe; this one told four, and the owner has the same four.
        var effects = machine.step(.answered(answer(stored: 9, release: 9, told: 4)))
        #expect(released(effects) == [4] && !machine.isAllStored)
        _ = machine.step(.held(held(5, 9)))
        #expect(try #require(asked(fire(&machine, effects))).after == 4, "what was not told is told first")
        effects = machine.step(.answered(answer(stored: 9, release: 9, told: 8)))
        #expect(released(effects) == [8])
        _ = machine.step(.held(held(9, 9)))
        #expect(try #require(asked(fire(&machine, effects))).after == 8)
        // The owner has another ninth: all that is held was told just now, so there is nothing to tell once more.
        #expect(machine.step(.failed(.contradicted)).contains(.startOver))
    }

    @Test("P5: a queue that several reports tell is begun anew where the owner contradicts twice in the same place")
    func contradictedInTheMiddle() throws {
        var machine = machine(held(1, 9))
        _ = machine.step(.started)
        for _ in 0..<2 {
            let effects = machine.step(.answered(answer(stored: 9, told: 4)))
            #expect(try #require(asked(fire(&machine, effects))).after == 4)
            let answered = machine.step(.failed(.contradicted))
            if asked(answered)?.after == 0 { continue }
            #expect(answered.contains(.startOver))
            return
        }
        Issue.record("it tells the same again for ever")
    }

    @Test("P6: what others keep need not be told again to them, deletes nothing, and is told to the owner itself")
    func keptIsNotTold() throws {
        var machine = machine(held(1, 9))
        _ = machine.step(.started)
        var effects = machine.step(.answered(answer(stored: 9, release: 9, told: 9, isOwners: false)))
        #expect(released(effects).isEmpty && machine.isAllStored)
        #expect(try #require(asked(fire(&machine, effects))).after == 9)
        // The owner is back, and has nine: of those it was told nothing by this life.
        effects = machine.step(.answered(answer(stored: 9, release: 9, told: 9)))
        #expect(released(effects).isEmpty && !machine.isAllStored)
        #expect(try #require(asked(fire(&machine, effects))).after == 0)
        #expect(released(machine.step(.answered(answer(stored: 9, release: 9, told: 9)))) == [9])
        #expect(machine.isAllStored)
    }

    @Test("P5: only the owner shows that a queue is an older copy; of others who claim too much nothing is believed")
    func claimsTooMuch() {
        var machine = machine(held(1, 9))
        _ = machine.step(.started)
        let effects = machine.step(.answered(answer(stored: 50, release: 50, told: 4, isOwners: false)))
        #expect(!effects.contains(.startOver) && released(effects).isEmpty && !machine.isAllStored)
    }

    @Test("P5, P6: what another epoch was told the next one is told again, before it is believed of it")
    func toldToAnotherEpoch() throws {
        var machine = machine(held(1, 9, earlier: 1...3))
        _ = machine.step(.started)
        var effects = machine.step(.answered(answer(stored: 3, told: 3)))
        _ = try fire(&machine, effects)
        effects = machine.step(.answered(answer(stored: 9, told: 9)))
        #expect(machine.isAllStored)
        // A failover lost both, and a clone of this machine told others since.
        _ = try fire(&machine, effects)
        effects = machine.step(.answered(answer(stored: 3, release: 3, told: 3, epoch: 2)))
        #expect(released(effects).isEmpty && !machine.isAllStored)
        for (queue, last) in [(Self.earlier, UInt64(3)), (Self.present, 9)] {
            let next = try #require(asked(fire(&machine, effects)))
            #expect(next.queue == queue && next.after == 0)
            effects = machine.step(.answered(answer(stored: last, told: last, epoch: 2)))
        }
        #expect(machine.isAllStored, "once, and not for ever")
        #expect(try #require(asked(fire(&machine, effects))).after > 0)
    }

    @Test("An owner that takes nothing is asked less and less often, one that takes something at once")
    func fruitless() throws {
        var machine = machine(held(1, 100))
        _ = machine.step(.started)
        var effects = machine.step(.answered(answer(stored: 10)))
        #expect(try #require(scheduled(effects)).after == .milliseconds(100))
        var waits: [Duration] = []
        for _ in 0..<8 {
            _ = try fire(&machine, effects)
            effects = machine.step(.answered(answer(stored: 10)))
            waits.append(try #require(scheduled(effects)).after)
        }
        #expect(waits.prefix(5) == [.seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(16)])
        #expect(waits.last == .seconds(30), "never longer than the owner asks for")
        #expect(machine.fruitlessInARow == 8)
        _ = try fire(&machine, effects)
        _ = machine.step(.answered(answer(stored: 20)))
        #expect(machine.fruitlessInARow == 0)
    }

    @Test("An envoy that the roster refuses asks slowly, for ever")
    func refused() throws {
        var machine = machine()
        _ = machine.step(.started)
        let effects = machine.step(.failed(.refused))
        #expect(try #require(scheduled(effects)).after >= .seconds(60))
    }

    @Test("Timers that were superseded and answers that were not asked for do nothing")
    func staleInput() throws {
        var machine = machine(servers: 1)
        _ = machine.step(.started)
        #expect(machine.step(.started).isEmpty)
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
            var machine = machine(seed: seed, held(1, 100, earlier: 2...7))
            var choices = SeededGenerator(seed: seed ^ 0xABCD)
            var trace = [machine.step(.started)]
            for _ in 0..<200 {
                switch choices.below(5) {
                case 0: trace.append(machine.step(.failed(.unavailable(retryAfter: nil))))
                case 1: trace.append(machine.step(.failed(.refused)))
                case 2: trace.append(machine.step(.failed(.contradicted)))
                case 3: trace.append(machine.step(.answered(answer(stored: 50, release: choices.below(120)))))
                default: trace.append(machine.step(.timerFired(Int(choices.below(100)))))
                }
            }
            return trace
        }
        #expect(run() == run(), "seed \(seed)")
    }
}
