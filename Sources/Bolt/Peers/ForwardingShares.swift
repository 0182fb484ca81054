internal import Synchronization

/// How many requests are on their way to other bolts: bounded in all, and for each of them.
final class ForwardingShares: Sendable {
    private struct State {
        var all = 0
        var bolts: [String: Int] = [:]
    }

    private let countMax: Int
    private let perBoltMax: Int
    private let state = Mutex(State())

    /// None is on its way.
    init(countMax: Int, perBoltMax: Int) { (self.countMax, self.perBoltMax) = (countMax, perBoltMax) }

    /// Counts one more to the bolt at `address`; false where there are too many, and then it is not counted.
    func enter(_ address: String) -> Bool {
        state.withLock { state in
            let count = state.bolts[address] ?? 0
            guard state.all < countMax, count < perBoltMax else { return false }
            (state.all, state.bolts[address]) = (state.all + 1, count + 1)
            return true
        }
    }

    /// One that was counted has ended.
    func leave(_ address: String) {
        state.withLock { state in
            let count = state.bolts[address] ?? 0
            state.bolts[address] = count > 1 ? count - 1 : nil
            state.all -= 1
        }
    }
}
