public import CRDT

/// What one envoy is to have: the digest of its policy's body, and that of the box with its secrets.
///
/// Its hash is the digest that an envoy names when it checks in, so that "nothing changed" is one comparison.
public struct PolicyLeaf: Hashable, Sendable {
    /// The envoy. A leaf is of one envoy alone, even where two have the same body and no secrets.
    public var envoy: PrincipalID
    /// Digest of the body's canonical bytes.
    public var body: Bytes32
    /// Digest of the box's bytes; zero where the body names no secrets.
    public var box: Bytes32

    private static let domain = Array("bolt policy leaf v1".utf8)

    /// A leaf.
    public init(envoy: PrincipalID, body: Bytes32, box: Bytes32) {
        (self.envoy, self.body, self.box) = (envoy, body, box)
    }

    /// The hash of the leaf: of a domain that no node has, then its bytes (RFC 9162, section 2.1.1, in spirit).
    public func hash(by witness: some Witness) -> Bytes32 {
        var encoder = CanonicalEncoder(capacity: 128)
        encoder.raw(PolicyLeaf.domain)
        encode(to: &encoder)
        return witness.hash(encoder.bytes)
    }
}

extension PolicyLeaf: CanonicalValue {
    /// Envoy, body, box.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.raw(envoy.bytes)
        encoder.fixed(body)
        encoder.fixed(box)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        envoy = try PolicyCoding.envoy(&decoder)
        body = try decoder.fixed()
        box = try decoder.fixed()
    }
}
