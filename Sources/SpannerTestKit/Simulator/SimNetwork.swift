import Spanner

/// What travels on one direction of a connection, in order.
enum SimParcel {
    case message(GossipMessage)
    /// The sender has closed: nothing follows.
    case end
}

/// One connection between two processes: ordered and reliable while it lives, as TCP is.
struct SimConnection {
    struct End {
        let bolt: Int
        /// Which life of that bolt's process.
        let life: Int
        let link: LinkID
        var isOpen = true
        /// When the last parcel towards this end arrives.
        var lastArrival: UInt64
        /// Parcels towards this end that a network split holds up.
        var stalled: [SimParcel] = []
    }

    var ends: [End]
    /// Both ends lost it, with all that was on its way.
    var isBroken = false
}

/// Who can send to whom.
struct SimNetwork {
    var connections: [SimConnection] = []
    /// `blocked[from][to]`: nothing arrives until it heals.
    var blocked: [[Bool]]
    /// Longest delay of a parcel in microseconds, without a lost packet.
    var delayMax: UInt64 = 20_000
    /// Per mille of parcels that a lost packet delays further.
    var lossPerMille: UInt64 = 10

    init(bolts: Int) {
        blocked = Array(repeating: Array(repeating: false, count: bolts), count: bolts)
    }

    mutating func heal() {
        for from in blocked.indices {
            for to in blocked.indices { blocked[from][to] = false }
        }
        (delayMax, lossPerMille) = (20_000, 10)
    }
}
