public import CRDT

/// One version of a partition's policy: what all its envoys are to have, under one root.
public struct PolicyHead: Hashable, Sendable {
    /// Whose policy.
    public let partition: PartitionName
    /// The epoch in which it was made. It stays in force when the epoch goes on.
    public let epoch: PartitionEpoch
    /// Counts the versions of the partition; never given twice in an epoch.
    public let sequence: UInt64
    /// Root of the tree of all leaves.
    public let root: Bytes32
    /// How many leaves the tree has.
    public let count: UInt64
    /// What the source calls it, for people: at most `PolicyLimits.revisionBytesMax` bytes.
    public let revision: String
    /// When it was made, by the owner's clock.
    public let made: WallTime

    private static let domain = Array("bolt policy head v2".utf8)

    /// A version. A longer revision is cut to what `PolicyLimits` allows.
    public init(
        partition: PartitionName, epoch: PartitionEpoch, sequence: UInt64, root: Bytes32, count: UInt64,
        revision: String, made: WallTime
    ) {
        (self.partition, self.epoch, self.sequence) = (partition, epoch, sequence)
        (self.root, self.count, self.made) = (root, count, made)
        var revision = revision
        while revision.utf8.count > PolicyLimits.revisionBytesMax { revision.removeLast() }
        self.revision = revision
    }

    /// What is signed: a domain, the mesh, the head.
    public func signedBytes(in mesh: MeshID) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 384)
        encoder.raw(PolicyHead.domain)
        encoder.fixed(mesh.bytes)
        encode(to: &encoder)
        return encoder.bytes
    }
}

extension PolicyHead: CanonicalValue {
    /// All fields in the order of their declaration.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.text(partition.text)
        epoch.encode(to: &encoder)
        encoder.integer(sequence)
        encoder.fixed(root)
        encoder.integer(count)
        encoder.text(revision)
        encoder.integer(made.milliseconds)
    }

    /// Reads what `encode(to:)` wrote, within the limits.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        partition = try PartitionName.read(&decoder)
        epoch = try PartitionEpoch(from: &decoder)
        sequence = try decoder.integer()
        root = try decoder.fixed()
        count = try decoder.integer()
        revision = try decoder.text("revision", limit: PolicyLimits.revisionBytesMax)
        made = try PolicyCoding.time(&decoder)
    }
}

/// A head with the signature of the bolt that reigned when it was made. It is signed once, whatever the number of
/// envoys, and holds after a failover: any key that the mesh certifies for the partition may have signed it.
public struct SignedPolicyHead: Hashable, Sendable {
    /// The version.
    public let head: PolicyHead
    /// Whose key.
    public let warrant: SliceWarrant
    /// `SliceLimits.signatureBytes` bytes over `PolicyHead.signedBytes(in:)`.
    public let signature: [UInt8]

    /// A head as it travels; nothing is verified.
    public init(_ head: PolicyHead, warrant: SliceWarrant, signature: [UInt8]) {
        (self.head, self.warrant, self.signature) = (head, warrant, signature)
    }

    /// Reads the bytes of one: at most `PolicyLimits.headBytesMax`. Nothing is verified.
    public init(_ bytes: [UInt8]) throws(DecodingFailure) {
        self = try PolicyCoding.read("head", bytes, limit: PolicyLimits.headBytesMax)
    }

    /// Whether a key of its partition signed it. Depends on nothing but the head, its certificates and the mesh.
    public func isAuthentic(in mesh: MeshID, witness: some SliceWitness) -> Bool {
        PolicyCoding.isSigned(
            head.signedBytes(in: mesh), by: head.partition, warrant: warrant, signature: signature, witness: witness)
    }
}

extension SignedPolicyHead: CanonicalValue {
    /// Head, warrant, signature.
    public func encode(to encoder: inout CanonicalEncoder) {
        head.encode(to: &encoder)
        warrant.encode(to: &encoder)
        encoder.raw(signature)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        head = try PolicyHead(from: &decoder)
        warrant = try SliceWarrant(from: &decoder)
        signature = try decoder.raw(SliceLimits.signatureBytes)
    }
}
