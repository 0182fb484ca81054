public import CRDT

/// A record about replication itself. It stands in the journal like any other, so that history can be walked.
public enum PartitionControl: Hashable, Sendable {
    /// First record of an epoch: who reigns, on what it stands, and with whom.
    case begin(PartitionBegin)
    /// Who belongs to the partition and who is in sync. In force at its author when it is durable on all members that
    /// remain in sync; in force at a standby when it is durable there.
    case configuration(PartitionConfiguration)
    /// The primary gives up for `to` and acknowledges nothing after it in this epoch, unless it cancels.
    case handover(OperationID, to: ReplicaID)
    /// The hand-over did not come to be: nobody was promised another epoch.
    case handoverCancelled(OperationID)
}

/// How an epoch began.
public struct PartitionBegin: Hashable, Sendable {
    /// The promotion that it is the outcome of: an operator asks by it what became of the command.
    public var operation: OperationID
    /// Why.
    public var cause: PartitionCause
    /// The last record of the epochs before.
    public var basis: LogPoint
    /// Who promised, the minter included; sorted.
    public var promisedBy: [ReplicaID]
    /// Records that may be lost by it as far as was known: nil where the promises exclude a loss of what was `paired`.
    public var acceptedLoss: String?
    /// With whom it begins.
    public var configuration: PartitionConfiguration

    /// How an epoch began.
    public init(
        operation: OperationID, cause: PartitionCause, basis: LogPoint, promisedBy: [ReplicaID],
        acceptedLoss: String?, configuration: PartitionConfiguration
    ) {
        (self.operation, self.cause, self.basis) = (operation, cause, basis)
        (self.promisedBy, self.acceptedLoss, self.configuration) = (promisedBy, acceptedLoss, configuration)
    }
}

/// Why an epoch began.
public enum PartitionCause: UInt8, Sendable, CaseIterable {
    /// The partition's first.
    case genesis = 1
    /// An operator promoted.
    case promotion = 2
    /// An operator switched over: planned.
    case switchover = 3
    /// A lease ended: nobody was asked.
    case failover = 4
    /// A backup was restored.
    case restore = 5
    /// A primary that restarted took its own epoch up again: the epoch is a renewal, and nobody was asked.
    case resumption = 6
}

/// Who replicates a partition. Members are disks, named by incarnation: a disk that was lost is another member.
public struct PartitionConfiguration: Hashable, Sendable {
    /// All that may hold acknowledged records; sorted, 1...`PartitionLimits.membersMax`, the primary included.
    public var members: [ReplicaID]
    /// Those whose flush a `paired` answer waits for, the primary included; sorted, a subset of `members`.
    public var inSync: [ReplicaID]

    /// A configuration; both lists are sorted here.
    public init(members: some Sequence<ReplicaID>, inSync: some Sequence<ReplicaID>) {
        (self.members, self.inSync) = (members.sorted(), inSync.sorted())
    }
}

/// 128 random bits that stand for one thing an operator or a lease asked of a partition: its outcome is found by it.
public struct OperationID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The bits.
    public let id: PrincipalID
    /// The operation with these bits.
    public init(_ id: PrincipalID) { self.id = id }
    /// By the bytes.
    public static func < (left: OperationID, right: OperationID) -> Bool { left.id < right.id }
    /// 32 hexadecimal digits.
    public var description: String { id.description }
}
