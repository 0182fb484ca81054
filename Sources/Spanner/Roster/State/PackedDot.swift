internal import CRDT

/// A dot in eight bytes: the place of its history in this roster, and its counter. Never leaves the process.
struct PackedDot: Hashable, Sendable {
    let raw: UInt64

    init(place: Int, counter: UInt64) { raw = UInt64(place) << 48 | counter }

    init(raw: UInt64) { self.raw = raw }

    var place: Int { Int(raw >> 48) }
    var counter: UInt64 { raw & Dot.counterMax }
}

/// What ended an admission: the removal in a bolt's history, or an operator's act.
enum EndSource: Hashable, Sendable {
    case event(PackedDot)
    case act(Int)

    private static let actBit: UInt64 = 1 << 63

    /// Eight bytes. Places stay below `RosterLimits.replicasMax`, so the highest bit tells the two apart.
    var raw: UInt64 {
        switch self {
        case .event(let dot): dot.raw
        case .act(let place): EndSource.actBit | UInt64(place)
        }
    }

    init(raw: UInt64) {
        if raw & EndSource.actBit == 0 {
            self = .event(PackedDot(raw: raw))
        } else {
            self = .act(Int(raw & ~EndSource.actBit))
        }
    }
}
