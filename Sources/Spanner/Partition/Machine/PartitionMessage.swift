public import CRDT

/// What bolts of one partition say to each other. Links are ordered and reliable while they live; nothing is assumed of
/// what was on its way when one broke.
public enum PartitionMessage: Hashable, Sendable {
    /// First on each link, both ways: what the sender holds and has promised.
    case hello(PartitionHello)
    /// Primary to standby: these follow what you have; all up to `safe` is safe. Empty: a sign of life.
    case append(epoch: PartitionEpoch, after: LogPoint, records: [JournalRecord], safe: UInt64)
    /// Standby to primary: my log ends here, durably.
    case durable(epoch: PartitionEpoch, LogPoint)
    /// Standby to primary: what you sent does not follow; this is what I hold.
    case mismatch(epoch: PartitionEpoch, PartitionHello)
    /// Primary to standby: your log, as it was when it ended at `of`, parts from mine after this point: cut there. Of a
    /// log that has changed since, it means nothing.
    case cut(epoch: PartitionEpoch, LogPoint, of: LogPoint)
    /// Primary to standby: what you need is no longer in my journal: a snapshot up to here follows on this link.
    case snapshot(epoch: PartitionEpoch, LogPoint, bytes: UInt64, digest: Bytes32)
    /// Whoever thinks of a promotion to member: what do you hold, and whom do you hear? Binds nobody.
    case survey(OperationID)
    /// The answer.
    case surveyed(OperationID, PartitionHello)
    /// Candidate to member: promise me this epoch.
    case promiseMe(OperationID, PartitionEpoch, PartitionCause)
    /// Member to candidate: promised, durably; this is what I hold. `before` is the promise that it replaced: a primary
    /// that had promised nobody else until now vouches for its whole reign.
    case promised(OperationID, PartitionEpoch, before: PartitionEpoch, PartitionHello)
    /// Member to candidate: no; a living primary, a higher promise, or no member.
    case declined(OperationID, PartitionEpoch, PartitionOperationRefusalWire)
    /// Candidate to member: send me what follows this point of yours.
    case fetch(OperationID, from: UInt64)
    /// Member to candidate: this follows; empty where it is no longer held.
    case fetched(OperationID, [JournalRecord])
    /// New disk to member: count me from now on, and tell me what you have promised.
    case acquaint
    /// Member to new disk: you are counted, durably; this is what I hold.
    case acquainted(PartitionHello)
    /// Primary to standby: the hand-over is durable on all in sync; begin your epoch.
    case takeOver(OperationID, LogPoint)
}

/// What a member holds.
public struct PartitionHello: Hashable, Sendable {
    /// Which partition.
    public var partition: Bytes32
    /// The highest epoch promised, durably.
    public var promised: PartitionEpoch
    /// Where its log ends, durably.
    public var tip: LogPoint
    /// All up to here is safe, as it knows.
    public var safe: UInt64
    /// The last epochs with the points of their `begin` records, ascending.
    public var history: [LogPoint]
    /// The last configuration it holds; nil before the first.
    public var configuration: PartitionConfiguration?
    /// Disks that it counts beyond those.
    public var acquaintances: [ReplicaID]
    /// Whether it still awaits the others' promises and so can neither acknowledge nor promise.
    public var isForgetful: Bool
    /// Whether it hears from a primary now; then which.
    public var hears: ReplicaID?

    /// What a member holds.
    public init(
        partition: Bytes32, promised: PartitionEpoch, tip: LogPoint, safe: UInt64, history: [LogPoint],
        configuration: PartitionConfiguration?, acquaintances: [ReplicaID], isForgetful: Bool, hears: ReplicaID?
    ) {
        (self.partition, self.promised, self.tip, self.safe) = (partition, promised, tip, safe)
        (self.history, self.configuration, self.acquaintances) = (history, configuration, acquaintances)
        (self.isForgetful, self.hears) = (isForgetful, hears)
    }

    /// Every disk that the sender counts.
    public var counted: Set<ReplicaID> { Set(configuration?.members ?? []).union(acquaintances) }

    /// Whether `sender` knows that the partition took it out: all others counted it once, and it counts itself no more.
    func saysRemoved(_ sender: ReplicaID) -> Bool {
        !isForgetful && configuration != nil && !counted.contains(sender)
    }
}

/// A member's no, on the wire.
public enum PartitionOperationRefusalWire: Hashable, Sendable {
    /// It hears from this primary.
    case primaryLives(ReplicaID)
    /// It promised this epoch.
    case outbid(PartitionEpoch)
    /// The candidate is no member, or cut off.
    case notMember
    /// It is new and knows too little.
    case forgetful
    /// Its disk failed it.
    case storage
    /// The epoch is so far above what it holds that nobody could have minted it.
    case absurd
}
