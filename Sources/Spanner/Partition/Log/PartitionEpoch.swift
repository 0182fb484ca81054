public import CRDT

/// One reign over a partition: the only fencing token. Minted by a promotion or a restore, never by a clock or a lease.
///
/// Ordered by number, then minter: two candidates that choose one number still have two epochs. A minter makes an epoch
/// durable before anybody hears of it, and never uses it again after a restart.
public struct PartitionEpoch: Hashable, Comparable, Sendable {
    /// 1 + the highest that the minter knew of; 0 is before the first.
    public let number: UInt64
    /// Who minted it: a disk, not a name.
    public let minter: ReplicaID

    /// An epoch.
    public init(number: UInt64, minter: ReplicaID) { (self.number, self.minter) = (number, minter) }

    /// What is lower than each epoch that was ever minted.
    public static let none = PartitionEpoch(number: 0, minter: ReplicaID(key: Bytes32.zero, incarnation: 0))

    /// By number, then by minter.
    public static func < (left: PartitionEpoch, right: PartitionEpoch) -> Bool {
        left.number == right.number ? left.minter < right.minter : left.number < right.number
    }
}

extension PartitionEpoch: CanonicalValue {
    /// Number, then minter.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.integer(number)
        minter.encode(to: &encoder)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        number = try decoder.integer()
        minter = try ReplicaID(from: &decoder)
    }
}

extension PartitionEpoch: CustomStringConvertible {
    /// The number and, shortened, the minter.
    public var description: String { "\(number)@\(minter)" }
}
