public import CRDT

/// A place in a partition's journal that names everything before it too: two logs with one point in common are equal
/// up to there.
public struct LogPoint: Hashable, Sendable {
    /// The epoch under which the record at this place was written.
    public let epoch: PartitionEpoch
    /// The record's position; the first is 1, 0 is the empty log.
    public let position: UInt64
    /// The chain's value with that record.
    public let hash: Bytes32

    /// A point.
    public init(epoch: PartitionEpoch, position: UInt64, hash: Bytes32) {
        (self.epoch, self.position, self.hash) = (epoch, position, hash)
    }

    /// Whether a log that ends here holds at least what one that ends at `other` holds, as far as epochs tell: the log
    /// of the higher epoch, and within one epoch the longer (Raft §5.4.1).
    public func isAtLeastAsFar(as other: LogPoint) -> Bool {
        (epoch, position) >= (other.epoch, other.position)
    }
}

extension LogPoint: CanonicalValue {
    /// Epoch, position, hash.
    public func encode(to encoder: inout CanonicalEncoder) {
        epoch.encode(to: &encoder)
        encoder.integer(position)
        encoder.fixed(hash)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        epoch = try PartitionEpoch(from: &decoder)
        position = try decoder.integer()
        hash = try decoder.fixed()
    }
}
