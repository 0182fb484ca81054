internal import CRDT

/// Another disk of the partition, as one machine sees it.
struct PartitionPeer: Sendable {
    /// Up to where a primary has sent its log to a peer.
    enum Cursor: Sendable, Equatable {
        /// What the peer holds is not known: it says so when it is sent something that does not follow.
        case unknown
        /// The logs are equal up to here; the chain's value is to be read from disk. `cut`: the peer holds
        /// more, and said that its log ends there.
        case position(UInt64, cut: LogPoint?)
        /// Everything up to here was sent.
        case point(LogPoint)

        /// The last position that need not be sent.
        var position: UInt64? {
            switch self {
            case .unknown: nil
            case .position(let position, _): position
            case .point(let point): point.position
            }
        }
    }

    /// A snapshot for the peer.
    enum Snapshot: Sendable, Equatable {
        /// None is needed.
        case none
        /// The shell builds it.
        case building(LinkID)
        /// The shell sends it.
        case sending(LinkID)
    }

    /// Links that stand, oldest first: the last is used.
    var links: [LinkID] = []
    /// What it said last about itself; nil before its hello.
    var hello: PartitionHello?
    /// Looks since something was heard.
    var silentTicks = 0

    // What a primary keeps.
    var cursor = Cursor.unknown
    var snapshot = Snapshot.none
    /// Durable there, said under this reign.
    var acknowledged: LogPoint?
    var unacknowledged: [(position: UInt64, bytes: Int)] = []
    var unacknowledgedBytes = 0
    var isLoading = false
    /// Looks since it last held everything that it was owed.
    var lateTicks = 0
    /// What it must hold to be on time.
    var owed: UInt64 = 0

    var link: LinkID? { links.last }

    /// Forgets what only a primary keeps.
    mutating func endReign() {
        (cursor, snapshot, acknowledged) = (.unknown, .none, nil)
        (unacknowledged, unacknowledgedBytes, isLoading) = ([], 0, false)
        (lateTicks, owed) = (0, 0)
    }

    /// Counts what was sent and not yet acknowledged.
    mutating func sent(_ tip: LogPoint, bytes: Int) {
        cursor = .point(tip)
        unacknowledged.append((tip.position, bytes))
        unacknowledgedBytes += bytes
    }

    /// Everything up to here is durable there.
    mutating func acknowledge(_ point: LogPoint) {
        if point.position > acknowledged?.position ?? 0 || acknowledged == nil { acknowledged = point }
        let done = unacknowledged.prefix { $0.position <= point.position }
        unacknowledgedBytes -= done.reduce(0) { $0 + $1.bytes }
        unacknowledged.removeFirst(done.count)
    }

    /// Everything on its way is forgotten: it is sent again from the cursor.
    mutating func rewind(to cursor: Cursor) {
        self.cursor = cursor
        (unacknowledged, unacknowledgedBytes, isLoading) = ([], 0, false)
    }
}
