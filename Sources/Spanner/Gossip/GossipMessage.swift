public import CRDT

/// What two bolts say to each other on a peer link. Links are ordered and reliable while they live; nothing is assumed
/// of what was on its way when one broke.
public enum GossipMessage: Hashable, Sendable {
    /// First on each link, both ways. Anything else before it closes the link.
    case hello(Hello)
    /// "This is what I hold, durably." Each round, and at once after a hello. When equal, only the digest is sent.
    /// Lost with its link: the next round repeats it.
    case context(digest: Bytes32, vector: VersionVector?)
    /// "Send me what follows these counters." Answered by `events`; asked again by timer or on the next link.
    case want([WantedRange])
    /// Runs, in counter order for each replica. A duplicate is ignored, a gap is asked for.
    case events([SignedRun])
    /// "All of this replica's history up to there is durable here." An acknowledgement at `spread` counts on it.
    case durable([Dot])
    /// "I do not take this": the peer stops sending that run here and shows the reason to its operator.
    case reject(Dot, RejectReason)
    /// "This replica told two stories": sent to each peer once on a link, and with what is served of that replica.
    case fork(ForkProof)
    /// "I am here": sent when a link was otherwise silent for half the freeze timeout.
    case ping
    /// Of a kind that this version does not know: ignored, counted.
    case unknown(kind: UInt64)

    /// Opening words.
    public struct Hello: Hashable, Sendable {
        /// Lowest wire version that the sender speaks.
        public var versionMin: UInt32
        /// Highest wire version that the sender speaks; the lower of both sides' is used.
        public var versionMax: UInt32
        /// Another mesh: the link is closed.
        public var mesh: MeshID
        /// The sender's replica; its key must be that of the certificate on the link.
        public var replica: ReplicaID
        /// The sender's principal.
        public var bolt: PrincipalID
        /// Bit set of optional features, none so far; unknown bits are ignored.
        public var features: UInt64

        /// Opening words of a bolt.
        public init(
            versionMin: UInt32, versionMax: UInt32, mesh: MeshID, replica: ReplicaID, bolt: PrincipalID,
            features: UInt64
        ) {
            (self.versionMin, self.versionMax, self.mesh) = (versionMin, versionMax, mesh)
            (self.replica, self.bolt, self.features) = (replica, bolt, features)
        }
    }

    /// Part of a history that is missing.
    public struct WantedRange: Hashable, Sendable {
        /// Whose.
        public var replica: ReplicaID
        /// The counter after which it is missing.
        public var after: UInt64

        /// What follows `after` of `replica`.
        public init(replica: ReplicaID, after: UInt64) { (self.replica, self.after) = (replica, after) }
    }
}

/// Why a run was not taken. Judged from the run, its chain and its author's certificate alone.
public enum RejectReason: UInt8, Sendable, CaseIterable {
    /// Not the canonical encoding of events, or over a limit.
    case malformed = 1
    /// The signature does not verify over the chain.
    case badSignature = 2
    /// The author's certificate does not verify, or is no bolt's or the root's.
    case badAuthor = 3
    /// Another event is already held at one of its counters: both heads are evidence.
    case forked = 4
    /// The first event of a replica is no `open`, or a later one is.
    case badOpening = 5
    /// An act in it does not verify.
    case badAct = 6
    /// A key's hand-on in it is not signed by both keys.
    case badProof = 7
}

/// Bounds of the conversation between bolts.
public enum GossipLimits {
    /// Wire versions spoken here.
    public static let versionMin: UInt32 = 1
    /// Highest wire version spoken here.
    public static let versionMax: UInt32 = 1
    /// Bytes of one frame on a link, with its header.
    public static let frameBytesMax = 1024 * 1024
    /// Bytes of runs in one `events` message.
    public static let eventsBytesMax = 512 * 1024
    /// Runs in one `events` message.
    public static let runsMax = 1024
    /// Ranges in one `want`.
    public static let wantsMax = 4096
    /// Dots in one `durable`.
    public static let durableDotsMax = 4096
    /// Bytes that may be on their way to one peer before only its own asking brings more.
    public static let unacknowledgedBytesMax = 4 * 1024 * 1024
    /// Runs that may wait for the disk before links are no longer read.
    public static let pendingRunsMax = 4096
    /// Runs in one transaction.
    public static let batchRunsMax = 1024
    /// Bytes of runs in one transaction, but for the last run.
    public static let batchBytesMax = 4 * 1024 * 1024
    /// Runs of one link that may fail to verify in a round before it is closed.
    public static let rejectionsPerRoundMax = 64
    /// Rounds that a request may stay unanswered before somebody else is asked.
    public static let wantRounds: UInt64 = 2
    /// Rounds that a replica is relayed at once to a peer that had to ask for it.
    public static let eagerRounds: UInt64 = 30
    /// Longest rounds of standing off, from a replica or from a peer.
    public static let backoffRoundsMax: UInt64 = 256
    /// Rounds that a peer which flooded is not spoken with.
    public static let shunRounds: UInt64 = 30
    /// New incarnations with which a peer is served everything anew; one more for each `renewalRounds` rounds.
    public static let renewalsMax = 4
    /// Rounds in which a peer regains one of them.
    public static let renewalRounds: UInt64 = 60
    /// Replicas that are compared with peers' at a time, to find where two stories part.
    public static let auditsMax = 64
    /// Requests of one such comparison.
    public static let auditStepsMax = 64
    /// Rounds after which an unanswered comparison is given up, and before the next one with the same peer.
    public static let auditRounds: UInt64 = 3
    /// Rounds that writing pauses while a peer claims events of this bolt's own that are not held here.
    public static let suspicionRounds: UInt64 = 3
    /// Peers that one bolt keeps links with.
    public static let peersMax = 256
    /// Time between context exchanges.
    public static let roundInterval: Duration = .seconds(1)
    /// Silence after which a peer counts as frozen.
    public static let freezeTimeout: Duration = .seconds(5)
}
