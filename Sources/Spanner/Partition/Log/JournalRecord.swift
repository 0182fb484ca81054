public import CRDT

/// What one transaction of a partition commits: one record, chained to the one before it.
///
/// A group commit is one record with many commands, so that its flush, its hash and its frame are shared. Records are
/// applied whole or not at all.
public struct JournalRecord: Hashable, Sendable {
    /// What a record holds.
    public enum Content: Hashable, Sendable {
        /// Changes of the partition's tables, opaque to replication; 1...`PartitionLimits.recordCommandsMax`.
        case commands([[UInt8]])
        /// A change of who replicates.
        case control(PartitionControl)
    }

    /// The epoch of its author.
    public let epoch: PartitionEpoch
    /// Its place; the first is 1.
    public let position: UInt64
    /// The chain's value before it.
    public let previous: Bytes32
    /// What it changes.
    public let content: Content

    /// A record.
    public init(epoch: PartitionEpoch, position: UInt64, previous: Bytes32, content: Content) {
        (self.epoch, self.position, self.previous, self.content) = (epoch, position, previous, content)
    }
}
