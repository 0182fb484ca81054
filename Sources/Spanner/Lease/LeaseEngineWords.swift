public import CRDT

/// One grant of a lease: a campaign that was won. A later grant to the same bolt is another token.
public struct LeaseToken: Hashable, Sendable {
    /// The engine's number for what expires.
    public let lease: UInt64
    /// The engine's revision at which the grant was written.
    public let created: UInt64

    /// A grant.
    public init(lease: UInt64, created: UInt64) { (self.lease, self.created) = (lease, created) }
}

/// Who has the lease, as the engine says.
public struct LeaseHolder: Hashable, Sendable {
    /// The disk that campaigned.
    public let who: ReplicaID
    /// Its grant.
    public let token: LeaseToken

    /// A holder.
    public init(who: ReplicaID, token: LeaseToken) { (self.who, self.token) = (who, token) }
}

/// Where an engine's own history stands. It grows while the engine is one and the same and loses nothing.
public struct LeaseMark: Hashable, Sendable {
    /// Which engine: a new one where it was rebuilt.
    public let cluster: UInt64
    /// How many changes it has seen.
    public let revision: UInt64

    /// A mark.
    public init(cluster: UInt64, revision: UInt64) { (self.cluster, self.revision) = (cluster, revision) }
}

/// What an engine says about a lease.
public struct LeaseView: Hashable, Sendable {
    /// Where its history stood.
    public let mark: LeaseMark
    /// Who has it; nil: nobody.
    public let holder: LeaseHolder?

    /// A view.
    public init(mark: LeaseMark, holder: LeaseHolder?) { (self.mark, self.holder) = (mark, holder) }
}

/// What is asked of a lease engine.
public enum LeaseRequest: Hashable, Sendable {
    /// Who has it? Answered by `observed`.
    case observe
    /// Give it to me if nobody has it, for this long. Answered by `granted` or `occupied`.
    case campaign(ttl: Duration)
    /// It is still mine, give me the whole time again. Answered by `renewed` or `gone`.
    case renew(LeaseToken)
    /// I don't need it any more. Answered by `released`, whether or not it was still there.
    case release(LeaseToken)
}

/// What a lease engine answers. Nothing of it is believed but as a hint when to try.
public enum LeaseAnswer: Hashable, Sendable {
    /// Nothing changed.
    case observed(LeaseView)
    /// It is the asker's for that long, counted from when the engine took the request.
    case granted(LeaseToken, ttl: Duration, LeaseMark)
    /// Somebody has it, or was quicker.
    case occupied(LeaseView)
    /// It is the asker's for that long again.
    case renewed(ttl: Duration, LeaseView)
    /// It is not the asker's any more.
    case gone(LeaseView)
    /// The token is worth nothing any more.
    case released(LeaseMark)
}

/// Why an engine gave no answer. Whether it did what was asked is not known.
public enum LeaseFailure: Error, Hashable, Sendable {
    /// Not reached, or no answer in time; the text is for people and holds no credential.
    case unreachable(String)
    /// It will not do it, now and on a repeat, until an operator changes something.
    case refused(String)
}

/// One request on its way. Given by the machine; never used twice in one life of a process.
public struct LeaseRequestID: Hashable, Comparable, Sendable {
    /// The machine's number for it.
    public let raw: UInt64
    /// The request with this number.
    public init(_ raw: UInt64) { self.raw = raw }
    /// Older before younger.
    public static func < (left: LeaseRequestID, right: LeaseRequestID) -> Bool { left.raw < right.raw }
}
