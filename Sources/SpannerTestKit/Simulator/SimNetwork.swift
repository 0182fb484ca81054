import Spanner

/// What travels on one direction of a connection, in order.
enum SimParcel<Message> {
    case message(Message)
    /// The sender has closed: nothing follows.
    case end
}

/// One connection between two processes: ordered and reliable while it lives, as TCP is.
struct SimConnection<Message> {
    struct End {
        let bolt: Int
        /// Which life of that bolt's process.
        let life: Int
        let link: LinkID
        var isOpen = true
        /// When the last parcel towards this end arrives.
        var lastArrival: UInt64
        /// Parcels towards this end that a network split holds up.
        var stalled: [SimParcel<Message>] = []
    }

    var ends: [End]
    /// Both ends lost it, with all that was on its way.
    var isBroken = false
    /// Since when nothing disturbed it.
    var quietSince: UInt64
}

/// Who can send to whom.
struct SimNetwork<Message> {
    /// How long messages take where nothing is wrong.
    struct Pace {
        /// Longest delay of a parcel in microseconds, without a lost packet.
        let delayMax: UInt64
        /// Per mille of parcels that a lost packet delays further.
        let lossPerMille: UInt64
    }

    var connections: [SimConnection<Message>] = []
    /// `blocked[from][to]`: nothing arrives until it heals.
    var blocked: [[Bool]]
    /// Longest delay of a parcel in microseconds, without a lost packet.
    var delayMax: UInt64
    /// Per mille of parcels that a lost packet delays further.
    var lossPerMille: UInt64
    private let pace: Pace

    init(bolts: Int, pace: Pace) {
        self.pace = pace
        (delayMax, lossPerMille) = (pace.delayMax, pace.lossPerMille)
        blocked = Array(repeating: Array(repeating: false, count: bolts), count: bolts)
    }

    /// Nobody is split off from anybody any more, and delays and losses are what they are where nothing is wrong.
    mutating func heal() {
        for from in blocked.indices {
            for to in blocked.indices { blocked[from][to] = false }
        }
        calm()
    }

    /// Delays and losses are again what they are where nothing is wrong.
    mutating func calm() { (delayMax, lossPerMille) = (pace.delayMax, pace.lossPerMille) }
}
