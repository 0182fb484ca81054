public import CRDT

/// What an envoy is given of a version: the signed head, its own leaf, and the path between them. It is the same
/// whoever hands it over, so a sibling may keep and serve it.
public struct PolicyGrant: Hashable, Sendable {
    /// The version, signed for all.
    public let signed: SignedPolicyHead
    /// What this envoy is to have.
    public let leaf: PolicyLeaf
    /// That the one is part of the other.
    public let path: PolicyPath

    /// A grant as it travels; nothing is verified.
    public init(signed: SignedPolicyHead, leaf: PolicyLeaf, path: PolicyPath) {
        (self.signed, self.leaf, self.path) = (signed, leaf, path)
    }

    /// The grant of an envoy from the tree that the head is of; nil where the tree has no such envoy.
    public init?(_ signed: SignedPolicyHead, of envoy: PrincipalID, in tree: PolicyTree) {
        guard let leaf = tree.leaf(of: envoy), let path = tree.path(of: envoy) else { return nil }
        self.init(signed: signed, leaf: leaf, path: path)
    }

    /// Reads the bytes of one: at most `PolicyLimits.grantBytesMax`. Nothing is verified.
    public init(_ bytes: [UInt8]) throws(DecodingFailure) {
        self = try PolicyCoding.read("grant", bytes, limit: PolicyLimits.grantBytesMax)
    }

    /// Whether the leaf is one of the head's tree.
    public func isOfHead(by witness: some Witness) -> Bool {
        path.count == signed.head.count
            && path.root(from: leaf.hash(by: witness), by: witness) == signed.head.root
    }

    /// Whether a key of the head's partition signed for this leaf. Says nothing of whether it is the newest.
    public func isAuthentic(in mesh: MeshID, witness: some SliceWitness) -> Bool {
        isOfHead(by: witness) && signed.isAuthentic(in: mesh, witness: witness)
    }
}

extension PolicyGrant: CanonicalValue {
    /// Head, leaf, path.
    public func encode(to encoder: inout CanonicalEncoder) {
        signed.encode(to: &encoder)
        leaf.encode(to: &encoder)
        path.encode(to: &encoder)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        signed = try SignedPolicyHead(from: &decoder)
        leaf = try PolicyLeaf(from: &decoder)
        path = try PolicyPath(from: &decoder)
    }
}
