public import CRDT

/// That the owner lives, and what its newest version is. Signed every `PolicyLimits.beaconSeconds` for all envoys, by
/// the owner alone: who is served by a sibling hears none, and knows that it is covered, not served.
public struct PolicyBeacon: Hashable, Sendable {
    /// Whose.
    public let partition: PartitionName
    /// The epoch that reigns.
    public let epoch: PartitionEpoch
    /// Sequence of the newest version; 0 where there is none.
    public let sequence: UInt64
    /// When it was signed, by the owner's clock.
    public let at: WallTime
    /// Until when it is fresh: at most `PolicyLimits.beaconValidSeconds` after `at`.
    public let notAfter: WallTime

    private static let domain = Array("bolt policy beacon v1".utf8)

    /// A beacon.
    public init(
        partition: PartitionName, epoch: PartitionEpoch, sequence: UInt64, at: WallTime, notAfter: WallTime
    ) {
        (self.partition, self.epoch, self.sequence) = (partition, epoch, sequence)
        (self.at, self.notAfter) = (at, notAfter)
    }

    /// A beacon that is fresh for `PolicyLimits.beaconValidSeconds`.
    public init(partition: PartitionName, epoch: PartitionEpoch, sequence: UInt64, at: WallTime) {
        let until = at.milliseconds.addingReportingOverflow(PolicyLimits.beaconValidSeconds * 1000)
        self.init(
            partition: partition, epoch: epoch, sequence: sequence, at: at,
            notAfter: WallTime(milliseconds: until.overflow ? .max : until.partialValue))
    }

    /// What is signed: a domain, the mesh, the beacon.
    public func signedBytes(in mesh: MeshID) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 192)
        encoder.raw(PolicyBeacon.domain)
        encoder.fixed(mesh.bytes)
        encode(to: &encoder)
        return encoder.bytes
    }
}

extension PolicyBeacon: CanonicalValue {
    /// All fields in the order of their declaration.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.text(partition.text)
        epoch.encode(to: &encoder)
        encoder.integer(sequence)
        encoder.integer(at.milliseconds)
        encoder.integer(notAfter.milliseconds)
    }

    /// Reads what `encode(to:)` wrote. One that is fresh for longer than it may be is refused.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        partition = try PartitionName.read(&decoder)
        epoch = try PartitionEpoch(from: &decoder)
        sequence = try decoder.integer()
        at = try PolicyCoding.time(&decoder)
        notAfter = try PolicyCoding.time(&decoder)
        guard notAfter >= at, notAfter.milliseconds - at.milliseconds <= PolicyLimits.beaconValidSeconds * 1000
        else { throw .invalid(what: "life of a beacon") }
    }
}

/// A beacon with the reigning bolt's signature.
public struct SignedPolicyBeacon: Hashable, Sendable {
    /// What is said.
    public let beacon: PolicyBeacon
    /// Whose key.
    public let warrant: SliceWarrant
    /// `SliceLimits.signatureBytes` bytes over `PolicyBeacon.signedBytes(in:)`.
    public let signature: [UInt8]

    /// A beacon as it travels; nothing is verified.
    public init(_ beacon: PolicyBeacon, warrant: SliceWarrant, signature: [UInt8]) {
        (self.beacon, self.warrant, self.signature) = (beacon, warrant, signature)
    }

    /// Reads the bytes of one: at most `PolicyLimits.beaconBytesMax`. Nothing is verified.
    public init(_ bytes: [UInt8]) throws(DecodingFailure) {
        self = try PolicyCoding.read("beacon", bytes, limit: PolicyLimits.beaconBytesMax)
    }

    /// Whether a key of its partition signed it.
    public func isAuthentic(in mesh: MeshID, witness: some SliceWitness) -> Bool {
        PolicyCoding.isSigned(
            beacon.signedBytes(in: mesh), by: beacon.partition, warrant: warrant, signature: signature,
            witness: witness)
    }
}

extension SignedPolicyBeacon: CanonicalValue {
    /// Beacon, warrant, signature.
    public func encode(to encoder: inout CanonicalEncoder) {
        beacon.encode(to: &encoder)
        warrant.encode(to: &encoder)
        encoder.raw(signature)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        beacon = try PolicyBeacon(from: &decoder)
        warrant = try SliceWarrant(from: &decoder)
        signature = try decoder.raw(SliceLimits.signatureBytes)
    }
}
