import CRDT
import Spanner
import SpannerTestKit
import Testing

/// A task with sources that do as they are told, or not.
private struct RebalanceStage {
    let world: SliceWorld
    var task: RebalanceTask
    /// What the registers say.
    var registers: [SliceID: SliceRegister]
    var journal: [RebalanceRecord] = []
    /// Handoffs that sources were asked for and that are not over.
    var running: [HandoffID: HandoffOrder] = [:]
    var paused: Set<HandoffID> = []
    var refusals: [String] = []
    var ended: RebalanceStatus?
    /// The most handoffs that ran at once.
    var peak = 0
    var now: Duration = .zero
    /// Whether records stay unanswered.
    var isJournalStuck = false

    init(slices: UInt32, limits: HandoffBudget.Limits = HandoffBudget.Limits(slices: 3)) throws {
        let world = try #require(SliceWorld(slices: slices))
        let found = (0..<slices).compactMap { world.register($0) }
        let moves = found.compactMap {
            RebalanceMove(register: $0, to: world.other(than: $0.owner), envoys: 10, bytes: 1000)
        }
        let job = try #require(RebalanceJob(id: PrincipalID(high: 1, low: 1), topology: .zero, moves: moves))
        self.world = world
        registers = Dictionary(uniqueKeysWithValues: found.map { ($0.slice, $0) })
        task = RebalanceTask(state: RebalanceState(job: job, limits: limits), hashedBy: world.witness)
        journal = [.planned(job, limits)]
        step(.start(registers: found, at: now))
    }

    mutating func step(_ event: RebalanceTask.Event) {
        var open = [event]
        while !open.isEmpty {
            let effects = task.step(open.removeFirst())
            // What is counted as it changes is what is there.
            let (tally, status) = (task.tally, task.status())
            #expect(tally.inFlight == status.inFlight && tally.done == status.done)
            #expect(tally.overtaken == status.overtaken)
            for effect in effects {
                switch effect {
                case .record(let record):
                    if isJournalStuck { continue }
                    journal.append(record)
                    open.append(.recorded(record))
                case .order(let order):
                    if registers[order.slice] == order.register { running[order.id] = order }
                    peak = max(peak, running.count)
                case .cancel(let order):
                    running[order.id] = nil
                    open.append(.cancelled(order.id, reason: "cancelled"))
                case .pause(let order, let isPaused):
                    if isPaused { paused.insert(order.id) } else { paused.remove(order.id) }
                case .throttle: break
                case .refuse(_, let reason): refusals.append(reason)
                case .ended(let status): ended = status
                }
            }
        }
    }

    mutating func tick(_ seconds: Int64 = 1) {
        now += .seconds(seconds)
        step(.tick(now))
    }

    /// The source hands on.
    mutating func finish(_ order: HandoffOrder) {
        guard let signed = world.handOn(order.register, to: order.to) else { return }
        running[order.id] = nil
        registers[order.slice] = world.after(signed)
        step(.register(world.after(signed)))
    }

    /// Another primary of the driving partition goes on with what is journaled.
    mutating func restart() throws {
        guard case .planned(let job, let limits) = journal.first else { return }
        var state = RebalanceState(job: job, limits: limits)
        for record in journal { state.apply(record) }
        #expect(state == task.state)
        task = RebalanceTask(state: state, hashedBy: world.witness)
        step(.start(registers: registers.values.sorted { $0.slice < $1.slice }, at: now))
    }

    var first: HandoffOrder? { running.values.min { $0.id < $1.id } }

    mutating func runToEnd(ticksMax: Int = 400) {
        for _ in 0..<ticksMax where ended == nil {
            if let first { finish(first) }
            tick()
        }
    }
}

@Suite("Rebalance tasks: many handoffs as one")
struct RebalanceTaskTests {
    @Test("All slices move, never more at once than allowed; the counts are of what is")
    func moves() throws {
        var stage = try RebalanceStage(slices: 12)
        #expect(stage.running.count == 3)
        stage.runToEnd()
        let status = try #require(stage.ended)
        #expect(stage.peak == 3 && status.done == 12 && status.envoysDone == 120 && status.bytesDone == 12_000)
        #expect(status.stuck.isEmpty && status.inFlight == 0 && status.phase == .ended)
    }

    @Test("Attempts that may begin at once begin with one record, which is read back as it was written")
    func together() throws {
        var stage = try RebalanceStage(slices: 12, limits: HandoffBudget.Limits(slices: 5))
        let begun = (0..<5 as Range<UInt32>).map { RebalanceAttempt(move: $0, attempt: 0) }
        #expect(stage.journal.count == 2 && stage.journal.last == .beganTogether(begun))
        #expect(stage.running.count == 5 && stage.peak == 5)
        for record in [.beganTogether(begun), .forgotten] as [RebalanceRecord] {
            var decoder = CanonicalDecoder(record.canonicalBytes)
            #expect(try RebalanceRecord(from: &decoder) == record)
        }
        // Three are over while the journal is busy: all of their places are taken with the next record.
        stage.isJournalStuck = true
        for _ in 0..<3 { stage.finish(try #require(stage.first)) }
        #expect(stage.journal.count == 2)
        try stage.restart()
        stage.isJournalStuck = false
        try stage.restart()
        guard case .beganTogether(let next) = stage.journal.last else {
            Issue.record("they do not begin together: \(stage.journal)")
            return
        }
        #expect(next.map(\.move) == [5, 6, 7] && stage.running.count == 5)
        stage.runToEnd()
        #expect(stage.ended?.done == 12 && stage.peak == 5)
    }

    @Test("Any primary goes on with what is journaled, at any step", arguments: 0..<40 as Range<UInt64>)
    func restarts(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var stage = try RebalanceStage(slices: 8)
        for _ in 0..<300 where stage.ended == nil {
            switch generator.below(6) {
            case 0: try stage.restart()
            case 1: if let first = stage.first { stage.finish(first) }
            case 2:
                if let first = stage.first {
                    stage.running[first.id] = nil
                    stage.step(.cancelled(first.id, reason: "the target is full"))
                }
            case 3: stage.step(.command(generator.below(2) == 0 ? .pause : .resume))
            default: stage.tick()
            }
        }
        stage.step(.command(.resume))
        stage.runToEnd()
        let status = try #require(stage.ended, "seed \(seed)")
        #expect(status.done == 8 && stage.peak <= 3, "seed \(seed)")
    }

    @Test("A pause holds what is in flight and begins nothing; resume goes on")
    func pauses() throws {
        var stage = try RebalanceStage(slices: 6)
        stage.step(.command(.pause))
        #expect(stage.paused.count == 3 && stage.task.status().isPaused)
        let first = try #require(stage.first)
        stage.finish(first)
        for _ in 0..<5 { stage.tick() }
        #expect(stage.running.count == 2 && stage.ended == nil)
        stage.step(.command(.resume))
        #expect(stage.paused.isDisjoint(with: stage.running.keys))
        stage.runToEnd()
        #expect(stage.ended?.done == 6)
    }

    @Test("A task that is held moves nothing, whatever an operator wants, and can be ended; let go it goes on")
    func holds() throws {
        var stage = try RebalanceStage(slices: 6)
        stage.task.hold = "a newer apply is in force"
        stage.tick()
        #expect(stage.paused.count == 3)
        stage.finish(try #require(stage.first))
        stage.step(.command(.resume))
        for _ in 0..<20 { stage.tick() }
        #expect(stage.running.count == 2 && stage.paused.isSuperset(of: stage.running.keys))
        #expect(stage.task.status().stuck.isEmpty && stage.ended == nil)
        // A source that forgot what it was asked for is not asked again.
        stage.running = [:]
        stage.tick()
        #expect(stage.running.isEmpty)
        var ending = stage
        ending.step(.command(.cancel))
        ending.tick()
        #expect(ending.ended?.done == 1)
        stage.task.hold = nil
        stage.runToEnd()
        #expect(stage.ended?.done == 6)
    }

    @Test("Whether a command is taken can be asked without giving it")
    func obstacles() throws {
        var stage = try RebalanceStage(slices: 2)
        let before = stage.task.state
        #expect(stage.task.obstacle(to: .pause) == nil && stage.task.obstacle(to: .reverse) == nil)
        #expect(stage.task.state == before && stage.task.isSettled)
        stage.runToEnd()
        #expect(stage.task.obstacle(to: .pause) == "the task is over; make a new plan")
        #expect(stage.task.obstacle(to: .reverse) == nil)
    }

    @Test("A throttle counts from now on")
    func throttles() throws {
        var stage = try RebalanceStage(slices: 12)
        stage.step(.command(.throttle(HandoffBudget.Limits(slices: 6))))
        for _ in 0..<6 { stage.tick() }
        #expect(stage.running.count == 6)
        stage.step(.command(.throttle(HandoffBudget.Limits(slices: 1))))
        for _ in 0..<5 {
            if let first = stage.first { stage.finish(first) }
            stage.tick()
        }
        #expect(stage.running.count == 1)
    }

    @Test("A cancelled task leaves what is not handed on where it was, and ends when nothing is in flight")
    func cancels() throws {
        var stage = try RebalanceStage(slices: 6)
        stage.finish(try #require(stage.first))
        stage.step(.command(.cancel))
        for _ in 0..<3 { stage.tick() }
        let status = try #require(stage.ended)
        #expect(stage.running.isEmpty && status.done == 1)
        stage.step(.command(.pause))
        #expect(stage.refusals == ["the task is over; make a new plan"])
    }

    @Test("A reversed task puts everything back, what was in flight too")
    func reverses() throws {
        var stage = try RebalanceStage(slices: 6)
        for _ in 0..<3 { stage.finish(try #require(stage.first)) }
        let late = try #require(stage.first)
        stage.step(.command(.reverse))
        // One was handed on before it heard of the cancellation.
        stage.finish(late)
        stage.step(.command(.reverse))
        #expect(stage.refusals == ["the task is reversed already"])
        stage.runToEnd()
        #expect(stage.ended?.done == 6)
        for index in 0..<6 as Range<UInt32> {
            let slice = SliceID(group: stage.world.genesis.id, index: index)
            #expect(stage.registers[slice]?.owner == stage.world.genesis.owner(of: index))
        }
    }

    @Test("A task that is over can be reversed, once")
    func reversesAfterItsEnd() throws {
        var stage = try RebalanceStage(slices: 6)
        stage.runToEnd()
        #expect(stage.ended?.done == 6)
        stage.ended = nil
        stage.step(.command(.reverse))
        stage.runToEnd()
        #expect(stage.ended?.done == 6 && stage.refusals.isEmpty)
        for index in 0..<6 as Range<UInt32> {
            let slice = SliceID(group: stage.world.genesis.id, index: index)
            #expect(stage.registers[slice]?.owner == stage.world.genesis.owner(of: index))
        }
        stage.step(.command(.reverse))
        #expect(stage.refusals == ["the task is reversed already"])
    }

    @Test("A slice that fails holds up none of the others, is tried again, then named with the reason (vshard #41)")
    func stuck() throws {
        var stage = try RebalanceStage(slices: 5, limits: HandoffBudget.Limits(slices: 1))
        let busy = try #require(stage.first?.slice)
        for _ in 0..<2000 {
            guard let first = stage.first else {
                stage.tick()
                continue
            }
            if first.slice == busy {
                stage.running[first.id] = nil
                stage.step(.cancelled(first.id, reason: "the vault of south is sealed"))
            } else {
                stage.finish(first)
            }
        }
        let status = stage.task.status()
        #expect(status.done == 4 && stage.ended == nil && status.stuck.map(\.slice) == [busy])
        #expect(status.stuck.first?.reason.contains("the vault of south is sealed") == true)
        stage.step(.command(.resume))
        stage.runToEnd()
        #expect(stage.ended?.done == 5)
    }

    @Test("A move without progress is named, with since when and what its source says; an ETA is of real bytes")
    func progress() throws {
        var stage = try RebalanceStage(slices: 4, limits: HandoffBudget.Limits(slices: 2))
        #expect(stage.task.status().remaining == nil)
        let orders = stage.running.values.sorted { $0.slice < $1.slice }
        stage.tick()
        for order in orders { stage.step(.progress(order.id, bytes: 500, hindrance: nil)) }
        for _ in 0..<5 { stage.tick() }
        // 1000 of 4000 bytes in the 6 s since the tick before the first of them.
        #expect(stage.task.status().remaining == .seconds(18))
        for _ in 0..<8 { stage.tick() }
        stage.step(.progress(orders[1].id, bytes: 600, hindrance: nil))
        stage.step(.progress(orders[0].id, bytes: 500, hindrance: "the target south does not answer"))
        #expect(stage.task.status().stuck.isEmpty)
        for _ in 0..<10 { stage.tick() }
        let stuck = stage.task.status().stuck
        #expect(stuck.count == 2 && stuck.allSatisfy { $0.since == .seconds(14) })
        #expect(Set(stuck.map(\.reason)) == ["no progress", "the target south does not answer"])
    }

    @Test("A slice that somebody else moved meanwhile is left alone and counted")
    func overtaken() throws {
        var stage = try RebalanceStage(slices: 3, limits: HandoffBudget.Limits(slices: 1))
        let move = try #require(stage.task.state.job.moves.last)
        let elsewhere = try #require(
            SliceWorld.names.first { $0 != move.from && $0 != move.to })
        let signed = try #require(stage.world.handOn(move.register, to: elsewhere))
        stage.registers[move.slice] = stage.world.after(signed)
        stage.step(.register(stage.world.after(signed)))
        stage.runToEnd()
        let status = try #require(stage.ended)
        #expect(status.done == 2 && status.overtaken == 1)
    }

    @Test("Plans and records survive their encoding; a slice named twice is refused")
    func encoding() throws {
        let stage = try RebalanceStage(slices: 3)
        let job = stage.task.state.job
        #expect(RebalanceJob(id: job.id, topology: .zero, moves: job.moves + job.moves) == nil)
        let limits = HandoffBudget.Limits(slices: 4, bytesPerSecond: 1 << 20, addedMilliseconds: 5)
        let records: [RebalanceRecord] = [
            .planned(job, limits), .paused, .resumed, .throttled(limits), .cancelled, .reversed,
            .began(move: 2, attempt: 1), .failed(move: 2, attempt: 1, reason: "full"), .ended,
        ]
        for record in records {
            var decoder = CanonicalDecoder(record.canonicalBytes)
            #expect(try RebalanceRecord(from: &decoder) == record)
            try decoder.finish()
        }
    }
}
