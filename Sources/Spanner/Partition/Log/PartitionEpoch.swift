public import CRDT

/// One reign over a partition: the only fencing token. Minted by a promotion or a restore, never by a clock or a lease.
///
/// Ordered by number, then minter, then renewal: two candidates that choose one number still have two epochs. A minter
/// makes an epoch durable before anybody hears of it, and never uses it again after a restart: records that it had sent
/// but not written itself may stand elsewhere, so it renews the epoch and begins anew where its own disk ends.
public struct PartitionEpoch: Hashable, Comparable, Sendable {
    /// 1 + the highest that the minter knew of; 0 is before the first.
    public let number: UInt64
    /// Who minted it: a disk, not a name.
    public let minter: ReplicaID
    /// How often its minter took it up again after a restart. A renewal outranks what it renews and nothing else, so it
    /// needs no promises: whoever promised another epoch above refuses it.
    public let renewal: UInt64

    /// An epoch.
    public init(number: UInt64, minter: ReplicaID, renewal: UInt64 = 0) {
        (self.number, self.minter, self.renewal) = (number, minter, renewal)
    }

    /// The same reign, taken up again by its minter.
    public var renewed: PartitionEpoch { PartitionEpoch(number: number, minter: minter, renewal: renewal &+ 1) }

    /// Whether both are one reign of one minter, renewals apart.
    public func isSameReign(as other: PartitionEpoch) -> Bool { number == other.number && minter == other.minter }

    /// What is lower than each epoch that was ever minted.
    public static let none = PartitionEpoch(number: 0, minter: ReplicaID(key: Bytes32.zero, incarnation: 0))

    /// By number, then by minter, then by renewal.
    public static func < (left: PartitionEpoch, right: PartitionEpoch) -> Bool {
        (left.number, left.minter, left.renewal) < (right.number, right.minter, right.renewal)
    }
}

extension PartitionEpoch: CanonicalValue {
    /// Number, minter, renewal.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.integer(number)
        minter.encode(to: &encoder)
        encoder.integer(renewal)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        number = try decoder.integer()
        minter = try ReplicaID(from: &decoder)
        renewal = try decoder.integer()
    }
}

extension PartitionEpoch: CustomStringConvertible {
    /// The number, the renewal where there is one and, shortened, the minter.
    public var description: String { renewal == 0 ? "\(number)@\(minter)" : "\(number).\(renewal)@\(minter)" }
}
