/// One writer identity: the key that signs, and one random life of the database behind it.
///
/// A restored backup, a copied disk or a mismatch takes a new incarnation, so that no dot is ever issued twice.
public struct ReplicaID: Hashable, Comparable, Sendable {
    /// Fingerprint of the replica's signing key.
    public let key: Bytes32
    /// 64 random bits, drawn anew for each life of the database.
    public let incarnation: UInt64

    /// The identity of the writer with this key, in this life.
    public init(key: Bytes32, incarnation: UInt64) {
        self.key = key
        self.incarnation = incarnation
    }

    /// By key, then by incarnation: a total order with no meaning but stability.
    public static func < (left: ReplicaID, right: ReplicaID) -> Bool {
        left.key == right.key ? left.incarnation < right.incarnation : left.key < right.key
    }

    /// 32 bytes of key, 8 bytes of incarnation, big-endian.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.fixed(key)
        withUnsafeBytes(of: incarnation.bigEndian) { encoder.raw(Array($0)) }
    }

    /// Reads 40 bytes.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        key = try decoder.fixed()
        incarnation = try decoder.raw(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension ReplicaID: CustomStringConvertible {
    /// Short key and the last four digits of the incarnation.
    public var description: String {
        let digits = withUnsafeBytes(of: incarnation.bigEndian) { Array($0).hexDigits }
        return "\(key.shortHex)/\(digits.suffix(4))"
    }
}
