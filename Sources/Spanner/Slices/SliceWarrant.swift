public import CRDT

/// The certificates that say whose key signed a transition: a partition's for a hand-on, an operator's for a takeover.
/// Leaf first, DER.
public struct SliceWarrant: Hashable, Comparable, Sendable {
    /// 1...`SliceLimits.chainCertificatesMax` certificates.
    public let chain: [[UInt8]]

    /// A chain as it came; whether it verifies is for a witness to say.
    public init(chain: [[UInt8]]) { self.chain = chain }

    /// By the certificates' bytes in order.
    public static func < (left: SliceWarrant, right: SliceWarrant) -> Bool {
        left.chain.lexicographicallyPrecedes(right.chain) { $0.lexicographicallyPrecedes($1) }
    }
}

extension SliceWarrant: CanonicalValue {
    /// The list of certificates.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.list(chain) { encoder, certificate in encoder.string(certificate) }
    }

    /// Reads what `encode(to:)` wrote, within the limits.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        chain = try decoder.list("certificates", limit: SliceLimits.chainCertificatesMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.string("certificate", limit: SliceLimits.certificateBytesMax)
        }
        guard !chain.isEmpty else { throw .invalid(what: "empty chain") }
    }
}

/// A partition as the certificate of its key names it.
public struct PartitionAuthor: Hashable, Sendable {
    /// The partition.
    public let partition: PartitionName
    /// The key that verifies what it signs.
    public let signingKey: VerificationKey

    /// A partition and its key.
    public init(partition: PartitionName, signingKey: VerificationKey) {
        (self.partition, self.signingKey) = (partition, signingKey)
    }
}

/// Cryptography of registers: that of the roster, and the keys of partitions.
public protocol SliceWitness: Witness {
    /// The partition whose key is certified by a chain of DER certificates, leaf first, under this mesh's root. Expiry
    /// is not looked at: a hand-on stays true when a certificate ends. Nil where the chain does not verify, or
    /// certifies anything but a partition's key.
    func partition(certifiedBy chain: [[UInt8]]) -> PartitionAuthor?
}

/// A transition with what proves it.
public struct SignedTransition: Hashable, Sendable {
    /// The transition.
    public let transition: SliceTransition
    /// Whose key.
    public let warrant: SliceWarrant
    /// 64 bytes over `SliceTransition.signedBytes(in:)`.
    public let signature: [UInt8]

    /// A transition as it travels; nothing is verified.
    public init(_ transition: SliceTransition, warrant: SliceWarrant, signature: [UInt8]) {
        (self.transition, self.warrant, self.signature) = (transition, warrant, signature)
    }

    /// Whether a key signed it that may: the partition's that hands on, or an operator's for a takeover. Depends on
    /// nothing but the transition, its certificates and the mesh.
    public func isAuthentic(in mesh: MeshID, witness: some SliceWitness) -> Bool {
        guard signature.count == SliceLimits.signatureBytes, let key = signingKey(witness) else { return false }
        return witness.verify(signature: signature, over: transition.signedBytes(in: mesh), by: key)
    }

    private func signingKey(_ witness: some SliceWitness) -> VerificationKey? {
        if transition.isHandOn {
            guard let author = witness.partition(certifiedBy: warrant.chain), author.partition == transition.from
            else { return nil }
            return author.signingKey
        }
        guard let author = witness.author(certifiedBy: warrant.chain) else { return nil }
        switch author.standing {
        case .operator: return author.signingKey
        case .root, .bolt: return nil
        }
    }

    /// Which of two proofs of one transition is kept, so that all replicas keep the same.
    func precedes(_ other: SignedTransition) -> Bool {
        if warrant != other.warrant { return warrant < other.warrant }
        return signature.lexicographicallyPrecedes(other.signature)
    }
}
