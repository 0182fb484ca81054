import BoltAPI
import Envoy
import Spanner
import Synchronization

/// A small model of an envoy's owner behind a bad network: it is away, loses acknowledgements, handles requests twice,
/// handles old ones again, restarts without what it had not called safe, and has an impostor under an old authority.
///
/// What breaks a guarantee is kept in `violations`.
final class OwnerModel: EnvoyPort, Sendable {
    /// Odds of each fault, in percent.
    struct Odds: Sendable {
        var away: UInt64 = 25
        var lostAnswer: UInt64 = 20
        var duplicate: UInt64 = 20
        var replay: UInt64 = 15
        var restart: UInt64 = 10
        var impostor: UInt64 = 10
    }

    private struct State {
        var generator: SeededGenerator
        var stored: [QueueIncarnation: [[UInt8]]] = [:]
        var safe: [QueueIncarnation: UInt64] = [:]
        var epoch: UInt64 = 1
        var seen: [CheckInRequest] = []
        var isWell = false
        var violations: [String] = []
        var fired: [String: Int] = [:]

        mutating func happens(_ percent: UInt64) -> Bool { !isWell && generator.below(100) < percent }
    }

    private let odds: Odds
    private let state: Mutex<State>

    init(seed: UInt64, odds: Odds = Odds()) {
        self.odds = odds
        state = Mutex(State(generator: SeededGenerator(seed: seed)))
    }

    var violations: [String] { state.withLock { $0.violations } }
    /// How often each fault came.
    var fired: [String: Int] { state.withLock { $0.fired } }
    /// All that is stored, queue by queue, in order.
    var stored: [QueueIncarnation: [[UInt8]]] { state.withLock { $0.stored } }
    /// From now on nothing fails.
    func recover() { state.withLock { $0.isWell = true } }

    func checkIn(_ request: CheckInRequest, at address: String) async throws(EnvoyPortFailure) -> CheckInResponse {
        let answer: Result<CheckInResponse, EnvoyPortFailure> = state.withLock { state in
            func fire(_ fault: String) { state.fired[fault, default: 0] += 1 }
            if state.happens(odds.away) {
                fire("away")
                return .failure(.away())
            }
            if state.happens(odds.impostor), state.epoch > 1, request.highest?.epoch == state.epoch {
                // Of the past: it must be told by its epoch, or everything is deleted.
                fire("impostor")
                let everything = ScriptedPort.last(request)
                return .success(ScriptedPort.answer(stored: everything, released: everything, epoch: state.epoch - 1))
            }
            if state.happens(odds.restart) {
                fire("restart")
                restart(&state)
            }
            guard let answer = handle(request, &state) else {
                fire("gap")
                state.seen.append(request)
                return .failure(.contradicted)
            }
            if state.happens(odds.duplicate) {
                fire("duplicate")
                _ = handle(request, &state)
            }
            if state.happens(odds.replay), !state.seen.isEmpty {
                fire("replay")
                let old = state.seen[Int(state.generator.below(UInt64(state.seen.count)))]
                _ = handle(old, &state, isReplay: true)
            }
            state.seen.append(request)
            if state.happens(odds.lostAnswer) {
                fire("lostAnswer")
                return .failure(.away("the answer was lost"))
            }
            return .success(answer)
        }
        return try answer.get()
    }

    /// A new epoch begins; what was stored but never called safe is gone.
    private func restart(_ state: inout State) {
        state.epoch += 1
        for (queue, bodies) in state.stored {
            state.stored[queue] = Array(bodies.prefix(Int(state.safe[queue] ?? 0)))
        }
    }

    /// Nil where the results do not follow what is stored: the owner takes no gap.
    private func handle(
        _ request: CheckInRequest, _ state: inout State, isReplay: Bool = false
    ) -> CheckInResponse? {
        let queue = request.queueIncarnation
        var bodies = state.stored[queue] ?? []
        if !isReplay, request.firstHeld > UInt64(bodies.count) + 1 {
            state.violations.append("P6: holds from \(request.firstHeld) on, the owner has \(bodies.count)")
        }
        if !isReplay, request.firstHeld > (state.safe[queue] ?? 0) + 1 {
            state.violations.append("P6: deleted to \(request.firstHeld - 1), \(state.safe[queue] ?? 0) are safe")
        }
        let start = request.results.first?.sequence ?? request.firstHeld
        if start < request.firstHeld { state.violations.append("P5: \(start) is before \(request.firstHeld)") }
        guard request.results.isEmpty || start <= UInt64(bodies.count) + 1 else { return nil }
        for (offset, result) in request.results.enumerated() {
            if result.sequence != start + UInt64(offset) {
                state.violations.append("P5: \(result.sequence) at place \(offset) after \(start)")
            }
            let index = Int(result.sequence) - 1
            if index < bodies.count {
                if bodies[index] != result.body.bytes { state.violations.append("P5: \(result.sequence) changed") }
            } else {
                bodies.append(result.body.bytes)
            }
        }
        state.stored[queue] = bodies
        // What is safe lags behind what is stored, and never goes back.
        let stored = UInt64(bodies.count)
        let safe = state.isWell ? stored : max(state.safe[queue] ?? 0, stored - state.generator.below(stored + 1))
        state.safe[queue] = safe
        return ScriptedPort.answer(stored: stored, released: safe, epoch: state.epoch)
    }
}
