public import CRDT

/// What an answer brings to an envoy that has not seen this owner of its slice, or not this epoch: a claim with its
/// proof, and the owner's signature under it.
///
/// The signature is of a key that the mesh certifies for the partition that the register names as its owner, so that no
/// other bolt makes one. It is over the register and the epoch, not over the envoy: all envoys of a slice are shown the
/// same.
public struct SliceVoucher: Hashable, Sendable {
    /// The owner's word: whose key, and what it signed.
    public struct Signature: Hashable, Sendable {
        /// The certificates of the key.
        public let warrant: SliceWarrant
        /// `SliceLimits.signatureBytes` bytes over `signedBytes(_:_:in:)`.
        public let bytes: [UInt8]

        /// A signature as it travels; nothing is verified.
        public init(warrant: SliceWarrant, bytes: [UInt8]) { (self.warrant, self.bytes) = (warrant, bytes) }
    }

    /// What is claimed, and how it came from what the envoy remembers.
    public let claim: SliceClaim
    /// Of the register's owner. Nil where the claim only leads on, to a register that is not in force: each of its
    /// transitions proves itself, and nothing is to be obeyed under it.
    public let signature: Signature?

    private static let domain = Array("bolt slice claim v1".utf8)

    /// A claim with a signature.
    public init(_ claim: SliceClaim, signature: Signature?) { (self.claim, self.signature) = (claim, signature) }

    /// What is signed: a domain, the mesh, the register, the epoch.
    public static func signedBytes(_ register: SliceRegister, _ epoch: PartitionEpoch, in mesh: MeshID) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 256)
        encoder.raw(domain)
        encoder.fixed(mesh.bytes)
        register.encode(to: &encoder)
        epoch.encode(to: &encoder)
        return encoder.bytes
    }

    /// Whether the register's owner signed it. Depends on nothing but the voucher, its certificates and the mesh.
    public func isAuthentic(in mesh: MeshID, witness: some SliceWitness) -> Bool {
        ownerKey(in: mesh, witness: witness) != nil
    }

    /// The key of the owner's that signed; nil where none did.
    func ownerKey(in mesh: MeshID, witness: some SliceWitness) -> VerificationKey? {
        guard let signature, signature.bytes.count == SliceLimits.signatureBytes,
            let author = witness.partition(certifiedBy: signature.warrant.chain),
            author.partition == claim.register.owner
        else { return nil }
        let isSigned = witness.verify(
            signature: signature.bytes, over: SliceVoucher.signedBytes(claim.register, claim.epoch, in: mesh),
            by: author.signingKey)
        return isSigned ? author.signingKey : nil
    }

    /// Reads the bytes of one that a bolt sent: at most `SliceLimits.voucherBytesMax`, with at most
    /// `SliceLimits.proofMax` transitions. Nothing is verified.
    public init(_ bytes: [UInt8]) throws(DecodingFailure) {
        guard bytes.count <= SliceLimits.voucherBytesMax else {
            throw .overLimit(what: "voucher", value: UInt64(bytes.count), limit: SliceLimits.voucherBytesMax)
        }
        var decoder = CanonicalDecoder(bytes)
        self = try SliceVoucher(from: &decoder)
        try decoder.finish()
    }
}

extension SliceVoucher: CanonicalValue {
    /// Register, epoch, both branches of the proof, signature.
    public func encode(to encoder: inout CanonicalEncoder) {
        claim.register.encode(to: &encoder)
        claim.epoch.encode(to: &encoder)
        SliceDelta(claim.path).encode(to: &encoder)
        SliceDelta(claim.lost).encode(to: &encoder)
        encoder.optional(signature) { encoder, signature in
            signature.warrant.encode(to: &encoder)
            encoder.raw(signature.bytes)
        }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let register = try SliceRegister(from: &decoder)
        let epoch = try PartitionEpoch(from: &decoder)
        let path = try SliceDelta(from: &decoder).transitions
        let lost = try SliceDelta(from: &decoder).transitions
        guard path.count + lost.count <= SliceLimits.proofMax else { throw .invalid(what: "length of a proof") }
        claim = SliceClaim(register: register, epoch: epoch, path: path, lost: lost)
        signature = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            let warrant = try SliceWarrant(from: &decoder)
            return Signature(warrant: warrant, bytes: try decoder.raw(SliceLimits.signatureBytes))
        }
    }
}

extension SliceRegisterSet {
    /// The bytes of a voucher for an envoy that remembers a register, or none: at most `SliceLimits.voucherBytesMax`.
    /// Where nothing leads from what it remembers to the register in force, the claim comes without a proof.
    public func voucher(
        _ walk: SliceWalk, epoch: PartitionEpoch, remembered: Bytes32?, signature: SliceVoucher.Signature
    ) -> [UInt8] {
        let bare = SliceVoucher(SliceClaim(register: walk.register, epoch: epoch), signature: signature)
        guard let remembered else { return bare.canonicalBytes }
        var limit = SliceLimits.voucherTransitionsMax
        while limit > 0, let claim = self.claim(walk, epoch: epoch, remembered: remembered, limit: limit) {
            // The owner's word is for its own register, not for one on the way there.
            let isThere = claim.register == walk.register
            let bytes = SliceVoucher(claim, signature: isThere ? signature : nil).canonicalBytes
            if bytes.count <= SliceLimits.voucherBytesMax { return bytes }
            limit /= 2
        }
        return bare.canonicalBytes
    }
}
