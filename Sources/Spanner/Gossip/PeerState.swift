internal import CRDT

/// One connection, from its first word to its last.
struct LinkState: Sendable {
    enum Stage: Sendable, Equatable {
        /// Opening words were sent; the peer's are awaited.
        case opening
        /// The two speak this version.
        case ready(version: UInt32)
        /// It is to be closed: nothing is sent or taken any more.
        case closing
    }

    let identity: PeerIdentity
    let dialed: Bool
    var stage = Stage.opening
    /// Round in which something was last heard.
    var heard: UInt64
    /// Round in which something was last sent.
    var spoke: UInt64
    /// What came in the round that runs.
    var messagesThisRound = 0
    var rejectionsThisRound = 0
    /// Round of the last context that was sent outside the rounds' own.
    var answered: UInt64?
    /// Whether different events behind equal vectors were shown already.
    var divergenceShown = false

    var isReady: Bool {
        switch stage {
        case .ready: true
        case .opening, .closing: false
        }
    }

    var version: UInt32? {
        switch stage {
        case .ready(let version): version
        case .opening, .closing: nil
        }
    }
}

/// What is known of one bolt beyond its links. Kept while it is a member or linked.
struct PeerState: Sendable {
    /// Something of a replica that is not to be repeated before a round.
    struct Backoff: Sendable {
        var until: UInt64
        var strikes: Int

        /// Doubles with each strike: 4, 8, ... `GossipLimits.backoffRoundsMax` rounds.
        mutating func strike(_ round: UInt64) {
            strikes = min(strikes + 1, 16)
            until = round + min(4 << UInt64(strikes - 1), GossipLimits.backoffRoundsMax)
        }
    }

    /// Bytes that were sent and not yet said to be durable.
    struct InTransit: Sendable {
        let dot: Dot
        let bytes: Int
        /// Whether it cost of the allowance for repeats, though the peer did not yet say to hold it.
        let isRefundable: Bool
    }

    let identity: PeerIdentity
    /// Hash of its signing key: its replicas carry it.
    let key: Bytes32
    var bolt: PrincipalID?
    var replica: ReplicaID?
    var link: LinkID?
    /// Whether the roster admits it.
    var member = false
    /// What it said last to hold durably.
    var durable = VersionVector()
    /// Digest it said last; nil before.
    var digest: Bytes32?
    /// Round in which something was last heard of it.
    var heard: UInt64?
    /// Round in which its last link was lost.
    var lost: UInt64?
    /// Not spoken with before this round: it flooded.
    var shunnedUntil: UInt64 = 0
    /// Replicas of which it sent what does not verify: not asked of it for a while.
    var quarantine: [ReplicaID: Backoff] = [:]
    /// Replicas of which it takes nothing from here: not sent for a while.
    var refused: [ReplicaID: Backoff] = [:]
    /// Round in which a replica was last compared with its.
    var audited: [ReplicaID: UInt64] = [:]
    /// Replicas that it had to ask for here: relayed to it at once, until this round.
    var eager: [ReplicaID: UInt64] = [:]
    /// Requests that went unanswered in a row.
    var failures = 0
    /// What it asked for and was not yet served, by replica.
    var queue: [GossipMessage.WantedRange] = []
    var loading: LoadID?
    /// Highest counter that it was served or said to hold, per replica: what is below is sent for a second time.
    var served = VersionVector()
    /// How often it may still come with a new incarnation and be served anew.
    var renewals = GossipLimits.renewalsMax
    /// Highest counter, per replica, of a repeat that was given back.
    var credited = VersionVector()
    var serveBudget = 0
    var repeatBudget = 0
    var inTransit: [InTransit] = []
    var inTransitBytes = 0
    var counters = PeerCounters()

    init(identity: PeerIdentity, key: Bytes32) {
        (self.identity, self.key) = (identity, key)
    }

    /// Forgets what was on its way and is durable there now.
    ///
    /// A repeat after which it holds for the first time what was sent is given back to its allowance, of which at most
    /// `most` is saved up: broken links, or a full disk, may have used it up, but whoever gets on is not to wait. Once
    /// for each event, so that a sick peer gains nothing by saying it again (R9).
    mutating func settle(allowanceMax most: Int) {
        guard !inTransit.isEmpty else { return }
        for sent in inTransit where sent.isRefundable && durable.contains(sent.dot) {
            guard sent.dot.counter > credited[sent.dot.replica] else { continue }
            credited.raise(sent.dot.replica, to: sent.dot.counter)
            repeatBudget = min(repeatBudget + sent.bytes, most)
        }
        inTransit.removeAll { durable.contains($0.dot) }
        inTransitBytes = inTransit.reduce(0) { $0 + $1.bytes }
    }

    /// Forgets what belonged to a link.
    mutating func unlink(_ round: UInt64) {
        link = nil
        lost = round
        queue = []
        loading = nil
        inTransit = []
        inTransitBytes = 0
    }
}

/// One request for what is missing.
struct Want: Sendable {
    let peer: KeyFingerprint
    let after: UInt64
    /// Round at whose end somebody else is asked.
    let until: UInt64
    /// How many runs may come of it.
    let expected: Int
}

extension SignedRun {
    /// Bytes of bodies, signature and names: what it costs to send.
    var weight: Int { bodies.reduce(128) { $0 + $1.count + 2 } }
}
