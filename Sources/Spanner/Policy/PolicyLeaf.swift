public import CRDT

/// What one envoy is to have: the digest of its policy's body, that of the box with its secrets, and how old both may
/// become.
///
/// Its hash is the digest that an envoy names when it checks in, so that "nothing changed" is one comparison.
public struct PolicyLeaf: Hashable, Sendable {
    /// The envoy. A leaf is of one envoy alone, even where two have the same body and no secrets.
    public var envoy: PrincipalID
    /// Digest of the body's canonical bytes.
    public var body: Bytes32
    /// Digest of the box's bytes; zero where the body names no secrets.
    public var box: Bytes32
    /// How old it may become, and what is done then.
    public var terms: PolicyTerms

    private static let domain = Array("bolt policy leaf v2".utf8)

    /// A leaf.
    public init(envoy: PrincipalID, body: Bytes32, box: Bytes32, terms: PolicyTerms) {
        (self.envoy, self.body, self.box, self.terms) = (envoy, body, box, terms)
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
    /// Envoy, body, box, terms.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.raw(envoy.bytes)
        encoder.fixed(body)
        encoder.fixed(box)
        terms.encode(to: &encoder)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        envoy = try PolicyCoding.envoy(&decoder)
        body = try decoder.fixed()
        box = try decoder.fixed()
        terms = try PolicyTerms(from: &decoder)
    }
}
