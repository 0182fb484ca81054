import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Rebalance tasks: limits, and records that nobody wrote")
struct RebalanceLimitsTests {
    private let limits = HandoffBudget.Limits(slices: 3)

    private func planned() throws -> (state: RebalanceState, registers: [SliceRegister], world: SliceWorld) {
        let world = try #require(SliceWorld(slices: 3))
        let registers = (0..<3 as Range<UInt32>).compactMap { world.register($0) }
        let moves = registers.compactMap {
            RebalanceMove(register: $0, to: world.other(than: $0.owner), envoys: 1, bytes: 1)
        }
        let job = try #require(RebalanceJob(id: PrincipalID(high: 1, low: 1), topology: .zero, moves: moves))
        return (RebalanceState(job: job, limits: limits), registers, world)
    }

    private func throttles(_ effects: [RebalanceTask.Effect]) -> [HandoffBudget.Limits] {
        effects.compactMap { effect -> HandoffBudget.Limits? in
            if case .throttle(let limits) = effect { limits } else { nil }
        }
    }

    @Test("The limits are said again at each tick: the next primary of a source knows nothing of them")
    func repeated() throws {
        let given = try planned()
        var task = RebalanceTask(state: given.state, hashedBy: given.world.witness)
        #expect(Set(task.partitions) == Set(given.state.job.moves.flatMap { [$0.from, $0.to] }))
        let begun = throttles(task.step(.start(registers: given.registers, at: .zero)))
        #expect(begun == [limits])
        let repeated = throttles(task.step(.tick(.seconds(1))))
        #expect(repeated == [limits])
        let less = HandoffBudget.Limits(slices: 1, bytesPerSecond: 1000)
        let told = throttles(task.step(.recorded(.throttled(less))))
        #expect(told == [less])
        let later = throttles(task.step(.tick(.seconds(2))))
        #expect(later == [less])
    }

    @Test("A task that is over says no limits in its next life: they would be the running task's")
    func over() throws {
        let given = try planned()
        var state = given.state
        state.apply(.ended)
        var task = RebalanceTask(state: state, hashedBy: given.world.witness)
        let begun = throttles(task.step(.start(registers: given.registers, at: .zero)))
        let later = throttles(task.step(.tick(.seconds(1))))
        #expect(begun.isEmpty && later.isEmpty)
    }

    @Test("A record of an attempt that cannot be changes nothing, whatever its number (R10)")
    func attempts() throws {
        let given = try planned()
        var state = given.state
        let before = state
        for attempt in [0, 1, UInt32.max] { state.apply(.failed(move: 0, attempt: attempt, reason: "no")) }
        #expect(state == before)
        state.apply(.began(move: 0, attempt: 0))
        let begun = state
        for attempt in [1, UInt32.max] { state.apply(.failed(move: 0, attempt: attempt, reason: "no")) }
        #expect(state == begun)
        state.apply(.failed(move: 0, attempt: 0, reason: "full"))
        #expect(!state.attempts[0].isOpen && state.attempts[0].failures == 1)
    }
}
