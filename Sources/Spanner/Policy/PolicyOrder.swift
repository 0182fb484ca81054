public import CRDT

/// What an owner tells one envoy to do at once. Each is obeyed at most once, by the envoy that it names, and never
/// after a later one (S8).
public struct PolicyOrder: Hashable, Sendable {
    /// What is to be done.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// Check in, then apply what is given.
        case applyNow = 1
        /// The same, with what is disruptive, even where the policy in force holds that back.
        case applyDisruptive = 2
    }

    /// Who orders.
    public let partition: PartitionName
    /// The epoch that reigns.
    public let epoch: PartitionEpoch
    /// Counts the orders of the partition, apart from its versions; never given twice in an epoch.
    public let sequence: UInt64
    /// Who is to obey.
    public let envoy: PrincipalID
    /// What is to be done.
    public let kind: Kind
    /// Not to be begun any more after this.
    public let notAfter: WallTime

    private static let domain = Array("bolt policy order v1".utf8)

    /// An order.
    public init(
        partition: PartitionName, epoch: PartitionEpoch, sequence: UInt64, envoy: PrincipalID, kind: Kind,
        notAfter: WallTime
    ) {
        (self.partition, self.epoch, self.sequence) = (partition, epoch, sequence)
        (self.envoy, self.kind, self.notAfter) = (envoy, kind, notAfter)
    }

    /// What is signed: a domain, the mesh, the order.
    public func signedBytes(in mesh: MeshID) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 192)
        encoder.raw(PolicyOrder.domain)
        encoder.fixed(mesh.bytes)
        encode(to: &encoder)
        return encoder.bytes
    }
}

extension PolicyOrder: CanonicalValue {
    /// All fields in the order of their declaration.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.text(partition.text)
        epoch.encode(to: &encoder)
        encoder.integer(sequence)
        encoder.raw(envoy.bytes)
        encoder.byte(kind.rawValue)
        encoder.integer(notAfter.milliseconds)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        partition = try PartitionName.read(&decoder)
        epoch = try PartitionEpoch(from: &decoder)
        sequence = try decoder.integer()
        envoy = try PolicyCoding.envoy(&decoder)
        guard let kind = Kind(rawValue: try decoder.byte()) else { throw .invalid(what: "kind of an order") }
        self.kind = kind
        notAfter = try PolicyCoding.time(&decoder)
    }
}

/// An order with the reigning bolt's signature.
public struct SignedPolicyOrder: Hashable, Sendable {
    /// What is ordered.
    public let order: PolicyOrder
    /// Whose key.
    public let warrant: SliceWarrant
    /// `SliceLimits.signatureBytes` bytes over `PolicyOrder.signedBytes(in:)`.
    public let signature: [UInt8]

    /// An order as it travels; nothing is verified.
    public init(_ order: PolicyOrder, warrant: SliceWarrant, signature: [UInt8]) {
        (self.order, self.warrant, self.signature) = (order, warrant, signature)
    }

    /// Reads the bytes of one: at most `PolicyLimits.orderBytesMax`. Nothing is verified.
    public init(_ bytes: [UInt8]) throws(DecodingFailure) {
        self = try PolicyCoding.read("order", bytes, limit: PolicyLimits.orderBytesMax)
    }

    /// Whether a key of its partition signed it.
    public func isAuthentic(in mesh: MeshID, witness: some SliceWitness) -> Bool {
        PolicyCoding.isSigned(
            order.signedBytes(in: mesh), by: order.partition, warrant: warrant, signature: signature,
            witness: witness)
    }
}

extension SignedPolicyOrder: CanonicalValue {
    /// Order, warrant, signature.
    public func encode(to encoder: inout CanonicalEncoder) {
        order.encode(to: &encoder)
        warrant.encode(to: &encoder)
        encoder.raw(signature)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        order = try PolicyOrder(from: &decoder)
        warrant = try SliceWarrant(from: &decoder)
        signature = try decoder.raw(SliceLimits.signatureBytes)
    }
}
