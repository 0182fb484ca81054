public import CRDT

/// One transaction on a partition's database. All of it is durable, or nothing.
///
/// The store checks inside the transaction that the fence stored there is `fence`, and that `cut` and each record
/// follow what is held; it aborts otherwise (P2). It applies each record to the tables in the same transaction.
public struct PartitionWrite: Hashable, Sendable {
    /// The promise that must be in force when it commits; a mismatch aborts the transaction.
    public var fence: PartitionEpoch
    /// First: drop all records after this position, undo what they did, and keep them as salvage. Never at or below
    /// the safe position.
    public var cut: UInt64?
    /// Then: append and apply these, in order. Each follows the one before it.
    public var records: [JournalRecord] = []
    /// Then: all up to this position is safe. Never goes back.
    public var safe: UInt64?
    /// Then: refuse everything under epochs below this one. Never goes back.
    public var promise: PartitionEpoch?
    /// Then: from now on these disks, sorted, and no others beside the members may come to hold acknowledged records;
    /// whoever asks for promises must count them. Nil where nothing changes.
    public var acquaintances: [ReplicaID]?
    /// Then: this disk is no longer forgetful. Never unset.
    public var remembers = false

    /// A transaction under `fence` that does nothing yet.
    public init(fence: PartitionEpoch) { self.fence = fence }
}

/// What a partition's database holds about replication when a machine starts over it.
public struct PartitionDurable: Hashable, Sendable {
    /// The last record; position 0 where there is none.
    public var tip: LogPoint
    /// All up to this position is safe: on every disk that could be asked for it.
    public var safe: UInt64
    /// Each epoch with the point of its `begin` record, in order; at most `PartitionLimits.historyMax`, the latest.
    public var history: [LogPoint]
    /// Each configuration in the journal above `safe`, those of `begin` records among them, and the last one at or
    /// below it; in order. Empty before the first. A cut brings back the last one that is left.
    public var configurations: [PlacedConfiguration]
    /// Highest epoch promised, minted ones included.
    public var promised: PartitionEpoch
    /// Disks that asked to become members and may be counted upon since.
    public var acquaintances: [ReplicaID]
    /// A hand-over that the journal ends with, neither taken nor cancelled.
    public var openHandover: OperationID?
    /// First position whose record is still held; earlier ones are in tables only.
    public var firstHeld: UInt64
    /// Whether this disk is new: until all others told it what they promised, it acknowledges and promises nothing.
    public var isForgetful: Bool

    /// Nothing yet.
    public init(genesis: Bytes32) {
        tip = LogPoint(epoch: .none, position: 0, hash: genesis)
        (safe, history, configurations, promised) = (0, [], [], .none)
        (acquaintances, openHandover, firstHeld, isForgetful) = ([], nil, 1, true)
    }

    /// The last configuration in the journal; nil before the first.
    public var configuration: PartitionConfiguration? { configurations.last?.configuration }
}

/// A configuration and the position of the record that says so.
public struct PlacedConfiguration: Hashable, Sendable {
    /// Where it stands in the journal.
    public var position: UInt64
    /// What it says.
    public var configuration: PartitionConfiguration

    /// A configuration at its place.
    public init(position: UInt64, configuration: PartitionConfiguration) {
        (self.position, self.configuration) = (position, configuration)
    }
}
