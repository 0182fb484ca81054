internal import Spanner
internal import Synchronization

/// Envoys that hold a request until there is something for them: one each, a bounded number of all. Safe to share.
///
/// Nobody is woken twice or never: whoever is taken out is answered by whoever took it out.
final class PolicyWaiters: Sendable {
    /// Envoys that may wait at one bolt.
    static let countMax = 16_384
    /// How long a request is held.
    static let patience: Duration = .seconds(50)
    /// Envoys that are woken together, and the pause before the next: a thousand that come at once would queue for the
    /// same disk.
    static let (wakeCount, wakePause): (Int, Duration) = (128, .milliseconds(10))

    private struct Waiter {
        let number: UInt64
        let until: ContinuousClock.Instant
        let continuation: CheckedContinuation<Bool?, Never>
    }

    private enum Entry {
        case waits(UInt64)
        case full, over
    }

    private struct State {
        var waiting: [PrincipalID: Waiter] = [:]
        var next: UInt64 = 1
        var isOver = false
    }

    private let state = Mutex(State())
    private let countMax: Int

    /// Nobody waits; at most `countMax` may.
    init(countMax: Int = PolicyWaiters.countMax) { self.countMax = countMax }

    /// How many wait.
    var count: Int { state.withLock { $0.waiting.count } }

    /// Whether this one waits.
    func holds(_ envoy: PrincipalID) -> Bool { state.withLock { $0.waiting[envoy] != nil } }

    /// Waits until there is something for `envoy`: true then, false where there was nothing in time, where it asked
    /// again, or where this bolt ends. Nil where too many wait.
    ///
    /// `isDue` is asked once the envoy would be woken: what came between its question and now is not missed.
    func wait(
        for envoy: PrincipalID, until: ContinuousClock.Instant, isDue: () -> Bool
    ) async -> Bool? {
        await withCheckedContinuation { continuation in
            let (entry, replaced): (Entry, Waiter?) = state.withLock { state in
                guard !state.isOver else { return (.over, nil) }
                guard state.waiting.count < countMax || state.waiting[envoy] != nil else { return (.full, nil) }
                let waiter = Waiter(number: state.next, until: until, continuation: continuation)
                state.next += 1
                return (.waits(waiter.number), state.waiting.updateValue(waiter, forKey: envoy))
            }
            let number: UInt64
            switch entry {
            case .over: return continuation.resume(returning: false)
            case .full: return continuation.resume(returning: nil)
            case .waits(let given): number = given
            }
            replaced?.continuation.resume(returning: false)
            if isDue() { take(envoy, number)?.continuation.resume(returning: true) }
        }
    }

    private func take(_ envoy: PrincipalID, _ number: UInt64) -> Waiter? {
        state.withLock { state in
            guard state.waiting[envoy]?.number == number else { return nil }
            return state.waiting.removeValue(forKey: envoy)
        }
    }

    /// Wakes those of these that wait, some at a time with a pause between. Returns how many.
    func wake(
        _ envoys: [PrincipalID], pause: @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }
    ) async -> Int {
        var (woken, rest) = (0, envoys[...])
        while !rest.isEmpty {
            let batch: [Waiter] = state.withLock { state in
                var batch: [Waiter] = []
                while batch.count < PolicyWaiters.wakeCount, let envoy = rest.popFirst() {
                    if let waiter = state.waiting.removeValue(forKey: envoy) { batch.append(waiter) }
                }
                return batch
            }
            for waiter in batch { waiter.continuation.resume(returning: true) }
            woken += batch.count
            if !rest.isEmpty { await pause(PolicyWaiters.wakePause) }
        }
        return woken
    }

    /// Answers those whose time is over.
    func sweep(at now: ContinuousClock.Instant = .now) {
        let late: [Waiter] = state.withLock { state in
            let late = state.waiting.filter { $0.value.until <= now }
            for envoy in late.keys { state.waiting[envoy] = nil }
            return Array(late.values)
        }
        for waiter in late { waiter.continuation.resume(returning: false) }
    }

    /// Answers everybody, and lets nobody wait from now on.
    func end() {
        let all: [Waiter] = state.withLock { state in
            state.isOver = true
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for waiter in all { waiter.continuation.resume(returning: false) }
    }

    /// Answers everybody that nothing came; they may ask again. For a bolt that reigns no more.
    func dismiss() {
        let all: [Waiter] = state.withLock { state in
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for waiter in all { waiter.continuation.resume(returning: false) }
    }
}
