import CRDT
import Synchronization

/// Remembers what was verified, so that a reconnect costs one hash instead of three signatures.
///
/// Only successes enter, so that junk cannot push out peers. Bounded; when full, the half that was used longest ago
/// goes at once, which keeps a use at one dictionary look-up. Safe to share.
final class VerifiedCache<Value: Sendable>: Sendable {
    private struct Slot: Sendable {
        var value: Value
        var lastUse: UInt64
    }

    private struct State: Sendable {
        var slots: [Bytes32: Slot] = [:]
        var uses: UInt64 = 0
    }

    private let state = Mutex(State())
    private let countMax: Int

    /// `countMax` is at least 2.
    init(countMax: Int) { self.countMax = max(countMax, 2) }

    /// How many are remembered.
    var count: Int { state.withLock { $0.slots.count } }

    /// The value kept for a key, if it is still `usable`; one that is not is forgotten.
    func value(for key: Bytes32, where usable: (Value) -> Bool) -> Value? {
        state.withLock { state in
            guard var slot = state.slots[key] else { return nil }
            guard usable(slot.value) else {
                state.slots[key] = nil
                return nil
            }
            state.uses += 1
            slot.lastUse = state.uses
            state.slots[key] = slot
            return slot.value
        }
    }

    /// Remembers a value.
    func insert(_ value: Value, for key: Bytes32) {
        state.withLock { state in
            if state.slots.count >= countMax, state.slots[key] == nil {
                let order = state.slots.values.map(\.lastUse).sorted()
                let middle = order[order.count / 2]
                state.slots = state.slots.filter { $0.value.lastUse > middle }
            }
            state.uses += 1
            state.slots[key] = Slot(value: value, lastUse: state.uses)
        }
    }
}
