public import CRDT

/// Which group of the fleet: the hash of the topology apply that created it and of its name. A group of the same name
/// that another apply created is another group.
public struct GroupID: LatticeElement, CustomStringConvertible {
    /// The hash.
    public let bytes: Bytes32

    private static let domain = Array("bolt group v1".utf8)

    /// The group with this hash as its id.
    public init(_ bytes: Bytes32) { self.bytes = bytes }

    /// The group that the apply `apply` creates under `name`.
    public init(apply: Bytes32, name: GroupName, hashedBy witness: some Witness) {
        var encoder = CanonicalEncoder(capacity: 128)
        encoder.raw(GroupID.domain)
        encoder.fixed(apply)
        encoder.text(name.text)
        bytes = witness.hash(encoder.bytes)
    }

    /// By the hash's bytes.
    public static func < (left: GroupID, right: GroupID) -> Bool { left.bytes < right.bytes }

    /// 64 hexadecimal digits.
    public var description: String { bytes.hex }

    /// The 32 bytes.
    public func encode(to encoder: inout CanonicalEncoder) { encoder.fixed(bytes) }

    /// Reads 32 bytes.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) { bytes = try decoder.fixed() }
}
