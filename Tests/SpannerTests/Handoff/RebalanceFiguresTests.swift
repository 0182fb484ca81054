import CRDT
import Spanner
import SpannerTestKit
import Testing

/// A task whose only slices are refused, or moved, as a test wants.
private struct FiguresStage {
    let world: SliceWorld
    var task: RebalanceTask
    var registers: [SliceRegister]
    var journal: [RebalanceRecord]
    var running: [HandoffID: HandoffOrder] = [:]
    var now: Duration = .zero

    init(slices: UInt32, bytes: UInt64) throws {
        let world = try #require(SliceWorld(slices: slices))
        let found = (0..<slices).compactMap { world.register($0) }
        let moves = found.compactMap {
            RebalanceMove(register: $0, to: world.other(than: $0.owner), envoys: 10, bytes: bytes)
        }
        let job = try #require(RebalanceJob(id: PrincipalID(high: 1, low: 1), topology: .zero, moves: moves))
        let limits = HandoffBudget.Limits(slices: 1)
        (self.world, registers) = (world, found)
        journal = [.planned(job, limits)]
        task = RebalanceTask(state: RebalanceState(job: job, limits: limits), hashedBy: world.witness)
        begin()
    }

    /// What the clock on the wall says.
    private var wall: WallTime { WallTime(milliseconds: 1_700_000_000_000 + UInt64(now / .milliseconds(1))) }

    private mutating func begin() { step(.start(registers: registers, at: now, wall: wall)) }

    mutating func step(_ event: RebalanceTask.Event) {
        var open = [event]
        while !open.isEmpty {
            for effect in task.step(open.removeFirst()) {
                switch effect {
                case .record(let record):
                    journal.append(record)
                    open.append(.recorded(record))
                case .order(let order): running[order.id] = order
                case .cancel, .pause, .throttle, .refuse, .ended: break
                }
            }
        }
    }

    mutating func tick(_ seconds: Int64 = 1) {
        now += .seconds(seconds)
        step(.tick(now))
    }

    var first: HandoffOrder? { running.values.min { $0.id < $1.id } }

    mutating func refuse(_ reason: String) {
        guard let first else { return }
        running[first.id] = nil
        step(.cancelled(first.id, reason: reason))
    }

    mutating func finish() throws {
        let order = try #require(first)
        let signed = try #require(world.handOn(order.register, to: order.to))
        running[order.id] = nil
        let index = try #require(registers.firstIndex { $0.slice == order.slice })
        registers[index] = world.after(signed)
        step(.register(registers[index]))
    }

    /// Another primary of the driving partition goes on, whose clock says something else.
    mutating func restart() throws {
        guard case .planned(let job, let limits) = journal.first else { return }
        var state = RebalanceState(job: job, limits: limits)
        for record in journal {
            var decoder = CanonicalDecoder(record.canonicalBytes)
            state.apply(try RebalanceRecord(from: &decoder))
        }
        #expect(state == task.state)
        task = RebalanceTask(state: state, hashedBy: world.witness)
        begin()
    }
}

@Suite("Rebalance tasks: what is stuck, since when, and what is left")
struct RebalanceFiguresTests {
    @Test("A move that is refused again and again is named between its attempts too, since it first got stuck")
    func refused() throws {
        var stage = try FiguresStage(slices: 1, bytes: 1000)
        for second in 1...300 {
            stage.tick()
            stage.refuse("the vault of south is sealed")
            let stuck = stage.task.status().stuck
            guard second >= 10 else {
                #expect(stuck.isEmpty, "after \(second) s")
                continue
            }
            #expect(stuck.count == 1 && stuck.first?.since == .zero, "after \(second) s: \(stuck)")
            #expect(stuck.first?.reason.contains("the vault of south is sealed") == true)
            if second % 60 == 0 {
                try stage.restart()
                #expect(stage.task.status().stuck.first?.since == .zero, "after a restart at \(second) s")
            }
        }
        #expect(stage.task.status().givenUp == 1)
        #expect(stage.task.status().stuck.first?.reason.contains("given up after 8 attempts") == true)
        stage.step(.command(.resume))
        #expect(stage.task.status().givenUp == 0 && stage.task.status().stuck.isEmpty)
    }

    @Test("Progress ends it: a later failure counts from there")
    func recovered() throws {
        var stage = try FiguresStage(slices: 1, bytes: 1000)
        stage.tick()
        stage.refuse("busy")
        for _ in 0..<5 { stage.tick() }
        let order = try #require(stage.first)
        stage.step(.progress(order.id, bytes: 500, hindrance: nil))
        stage.refuse("busy again")
        // The next attempt begins from nothing, which is no progress.
        for _ in 0..<5 { stage.tick() }
        if let next = stage.first { stage.step(.progress(next.id, bytes: 400, hindrance: nil)) }
        stage.refuse("still busy")
        #expect(stage.task.status().stuck.isEmpty)
        for _ in 0..<6 { stage.tick() }
        stage.refuse("still busy")
        #expect(stage.task.status().stuck.map(\.since) == [.seconds(6)])
    }

    @Test("What is left is told from the rate since the task was let go on, not from before it was held")
    func rates() throws {
        var stage = try FiguresStage(slices: 8, bytes: 1000)
        for _ in 0..<3 {
            stage.tick()
            try stage.finish()
        }
        // Three in the three seconds since the tick before the first of them.
        #expect(stage.task.status().remaining == .seconds(5))
        stage.step(.command(.pause))
        for _ in 0..<100 { stage.tick() }
        #expect(stage.task.status().remaining == nil)
        stage.step(.command(.resume))
        #expect(stage.task.status().stuck.isEmpty, "what was held is not stuck for that")
        for _ in 0..<3 {
            stage.tick(2)
            try stage.finish()
        }
        // From 1 s after it was let go on to 6 s: three in 5 s, two are left.
        let left = try #require(stage.task.status().remaining)
        #expect(left > .milliseconds(3300) && left < .milliseconds(3400), "\(left)")
        stage.step(.command(.throttle(HandoffBudget.Limits(slices: 2))))
        #expect(stage.task.status().remaining == nil)
    }

    @Test("The first pieces of the first slices make no rate, nor does the time before anything got on")
    func noRateYet() throws {
        var stage = try FiguresStage(slices: 50, bytes: 1000)
        // A target that is waited for.
        for _ in 0..<60 { stage.tick() }
        let order = try #require(stage.first)
        stage.step(.progress(order.id, bytes: 1, hindrance: nil))
        for _ in 0..<4 {
            stage.tick()
            #expect(stage.task.status().remaining == nil, "one byte of 50,000 would be hours")
        }
        try stage.finish()
        stage.tick()
        let first = try #require(stage.task.status().remaining)
        // One slice in 6 s: had the minute before counted, it would be an hour.
        #expect(first == .seconds(49 * 6), "\(first)")
    }

    @Test("A task that is over or is being cancelled has nothing left to be told of")
    func overIsOver() throws {
        var stage = try FiguresStage(slices: 4, bytes: 1000)
        for _ in 0..<3 {
            stage.tick()
            try stage.finish()
        }
        #expect(stage.task.status().remaining == .seconds(1))
        stage.tick()
        try stage.finish()
        #expect(stage.task.status().phase == .ended && stage.task.status().remaining == nil)
        #expect(!stage.task.state.isCancelled, "it ended because nothing was left to be done")
    }

    @Test("Whether it was cancelled is said by the journal, in each direction anew")
    func cancelledIsKept() throws {
        var stage = try FiguresStage(slices: 4, bytes: 1000)
        stage.tick()
        try stage.finish()
        stage.step(.command(.cancel))
        stage.refuse("its task cancelled it")
        #expect(stage.task.status().phase == .ended && stage.task.state.isCancelled)
        try stage.restart()
        #expect(stage.task.state.isCancelled)
        stage.step(.command(.reverse))
        #expect(!stage.task.state.isCancelled && stage.task.state.phase == .reversing)
    }

    @Test("Where nothing has bytes what is left is told from the slices that are done")
    func withoutBytes() throws {
        var stage = try FiguresStage(slices: 6, bytes: 0)
        for _ in 0..<3 {
            stage.tick()
            try stage.finish()
        }
        #expect(stage.task.status().remaining == .seconds(3))
    }
}
