public import CRDT

/// Who is at the other end of a link, as its verified certificate says: nothing of it comes from messages.
///
/// The certificate has been checked to be a bolt's of this mesh; whether the bolt is a member is the roster's word.
public struct PeerIdentity: Hashable, Sendable {
    /// Fingerprint of the TLS key: what the roster knows it by, and what a ban names.
    public let tlsKey: KeyFingerprint
    /// The key that its events are signed with; its replicas are named by the hash of this key.
    public let signingKey: VerificationKey

    /// The bolt with these keys.
    public init(tlsKey: KeyFingerprint, signingKey: VerificationKey) {
        (self.tlsKey, self.signingKey) = (tlsKey, signingKey)
    }
}

/// What is known of a bolt's life from here.
public enum PeerStatus: String, Hashable, Sendable, CaseIterable {
    /// Heard of within half of the freeze timeout.
    case alive
    /// Silent for longer than that, or its link was lost less than a freeze timeout ago.
    case suspect
    /// Without a link for longer than the freeze timeout, or never linked.
    case unreachable
}

/// One admitted bolt as this bolt sees it: for status pages and receipts.
public struct PeerView: Hashable, Sendable {
    /// Who.
    public var bolt: PrincipalID
    /// What people call it.
    public var name: PrincipalName
    /// Fingerprint of its TLS key.
    public var tlsKey: KeyFingerprint
    /// Where it listens.
    public var address: String?
    /// Whether it lives, as seen from here.
    public var status: PeerStatus
    /// Its replica, once it said so.
    public var replica: ReplicaID?
    /// The link in use.
    public var link: LinkID?
    /// Wire version spoken on the link.
    public var wireVersion: UInt32?
    /// What it said to hold durably, last.
    public var durable: VersionVector
    /// Events held here that it did not yet say to hold.
    public var lacks: UInt64
    /// Events that it said to hold and that are not held here.
    public var leads: UInt64
    /// Whether its digest was last seen equal to the one here.
    public var converged: Bool
    /// Rounds since anything was heard of it; nil: never.
    public var silentRounds: UInt64?
    /// What passed between the two.
    public var counters: PeerCounters
}

/// What passed between this bolt and one peer since the process started.
public struct PeerCounters: Hashable, Sendable {
    /// Messages sent.
    public var messagesSent: UInt64 = 0
    /// Messages received.
    public var messagesReceived: UInt64 = 0
    /// Runs sent.
    public var runsSent: UInt64 = 0
    /// Bytes of runs sent: bodies and signatures, without frames.
    public var runBytesSent: UInt64 = 0
    /// Runs received and taken.
    public var runsTaken: UInt64 = 0
    /// Runs received that were held already.
    public var runsDuplicate: UInt64 = 0
    /// Runs received that do not verify.
    public var runsRejected: UInt64 = 0
    /// Runs sent that the peer did not take.
    public var runsRefused: UInt64 = 0
    /// Requests put off because the peer had spent its share.
    public var servesDelayed: UInt64 = 0
    /// Messages of kinds not known here.
    public var unknownMessages: UInt64 = 0

    /// Nothing passed yet.
    public init() {}
}
