public import CRDT

/// One hash bucket of a group: the unit of ownership and of rebalancing.
public struct SliceID: LatticeElement, CustomStringConvertible {
    /// The group.
    public let group: GroupID
    /// Which of its slices: below the group's slice count.
    public let index: UInt32

    /// A slice of a group.
    public init(group: GroupID, index: UInt32) { (self.group, self.index) = (group, index) }

    /// By group, then by index.
    public static func < (left: SliceID, right: SliceID) -> Bool {
        (left.group, left.index) < (right.group, right.index)
    }

    /// The group shortened, and the index: for people.
    public var description: String { "\(group.bytes.shortHex)/\(index)" }

    /// The group's 32 bytes and the index in four, big-endian: what placement hashes.
    public var placementKey: [UInt8] {
        group.bytes.bytes + withUnsafeBytes(of: index.bigEndian) { Array($0) }
    }

    /// Group, index.
    public func encode(to encoder: inout CanonicalEncoder) {
        group.encode(to: &encoder)
        encoder.integer(UInt64(index))
    }

    /// Reads what `encode(to:)` wrote; an index that no group has is refused.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        group = try GroupID(from: &decoder)
        let value = try decoder.integer()
        guard value < UInt64(Placement.slicesMax) else { throw .invalid(what: "slice index") }
        index = UInt32(value)
    }
}
