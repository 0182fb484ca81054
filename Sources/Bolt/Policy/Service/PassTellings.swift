internal import Spanner
internal import Synchronization

/// What envoys tell of their passes on its way to whoever counts it: one telling after the other, in the order in which
/// they came, so that what an envoy told later is not overtaken. Safe to share.
///
/// A bounded number is held: who comes when it is full waits until its own telling was heard. None is let go of.
final class PassTellings: Sendable {
    /// Hears one telling: an envoy's passes, the last one last.
    typealias Listener = @Sendable (PrincipalID, [HeardPass]) async -> Void

    private struct Telling {
        let envoy: PrincipalID
        let passes: [HeardPass]
        /// Who waits for it to be heard; nil where there was room.
        let teller: CheckedContinuation<Void, Never>?
    }

    private struct State {
        var waiting: [Telling] = []
        var isHeard = false
    }

    private let state = Mutex(State())
    private let countMax: Int

    /// Nothing was told; `countMax` may be held without anybody waiting.
    init(countMax: Int = PolicyServiceLimits.tellingsMax) { self.countMax = countMax }

    /// How many are held, beside those that are being heard.
    var count: Int { state.withLock { $0.waiting.count } }

    /// Tells `listener`, after all that was told before.
    func tell(_ envoy: PrincipalID, _ passes: [HeardPass], to listener: @escaping Listener) async {
        await withCheckedContinuation { teller in
            let (hasRoom, begins) = state.withLock { state in
                let hasRoom = state.waiting.count < countMax
                state.waiting.append(Telling(envoy: envoy, passes: passes, teller: hasRoom ? nil : teller))
                let begins = !state.isHeard
                state.isHeard = true
                return (hasRoom, begins)
            }
            if begins { Task { await hear(listener) } }
            if hasRoom { teller.resume() }
        }
    }

    private func hear(_ listener: Listener) async {
        while true {
            let tellings = state.withLock { state in
                defer { state.waiting = [] }
                state.isHeard = !state.waiting.isEmpty
                return state.waiting
            }
            guard !tellings.isEmpty else { return }
            for telling in tellings {
                await listener(telling.envoy, telling.passes)
                telling.teller?.resume()
            }
        }
    }
}
