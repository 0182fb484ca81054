public import CRDT

/// One entry of a replica's history, decoded.
public struct RosterEvent: Hashable, Sendable {
    /// What happened.
    public enum Payload: Hashable, Sendable {
        /// First of each replica, and only there: the author's certificate chain, leaf first, DER.
        case open(chain: [[UInt8]])
        /// A principal is admitted (an envoy; bolts and operators by act).
        case admit(Admission)
        /// An admission is amended.
        case amend(Amendment)
        /// Admissions of envoys end.
        case remove(targets: [Dot])
        /// A join token comes to be.
        case token(JoinTokenRecord)
        /// An operator's decision is carried.
        case act(SignedAct)
        /// A part of a topology that an operator applied.
        case topology(TopologyPart)
        /// Slices changed their owners.
        case slices(SliceDelta)
        /// A kind that this version does not know: kept and forwarded, without effect.
        case unknown(kind: UInt64, content: [UInt8])
    }

    /// Which event.
    public let dot: Dot
    /// When, by the author's clock: for people.
    public let at: WallTime
    /// What happened.
    public let payload: Payload

    /// An event of a replica's history.
    public init(dot: Dot, at: WallTime, payload: Payload) {
        (self.dot, self.at, self.payload) = (dot, at, payload)
    }
}

/// Consecutive events of one replica under one signature: the unit that is sent, checked and stored.
///
/// `head` is the hash chain's value after the last event: h(n) = H(h(n−1) ‖ length ‖ body), h(0) = H(domain ‖ mesh ‖
/// replica). The signature is over the domain, the replica, the last counter and the head, so it vouches for the whole
/// history up to there.
public struct SignedRun: Hashable, Sendable {
    /// Whose history.
    public var replica: ReplicaID
    /// Counter of the first body; at least 1.
    public var first: UInt64
    /// Canonical event bodies (kind, time, content); 1...`RosterLimits.runEventsMax`.
    public var bodies: [[UInt8]]
    /// 64 bytes of Ed25519 by the replica's key.
    public var signature: [UInt8]

    /// A run as it travels and as it is stored.
    public init(replica: ReplicaID, first: UInt64, bodies: [[UInt8]], signature: [UInt8]) {
        (self.replica, self.first, self.bodies, self.signature) = (replica, first, bodies, signature)
    }

    /// Counter of the last body.
    public var last: UInt64 { first + UInt64(bodies.count) - 1 }
}
