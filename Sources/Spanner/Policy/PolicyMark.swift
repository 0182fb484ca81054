public import CRDT

/// Which version an envoy took last.
public struct PolicyMark: Hashable, Sendable {
    /// The register of the envoy's slice then; nil before there were slices.
    public let register: Bytes32?
    /// Whose version.
    public let partition: PartitionName
    /// The epoch in which it was made.
    public let epoch: PartitionEpoch
    /// Its sequence.
    public let sequence: UInt64
    /// Hash of the envoy's leaf: what it names when it checks in.
    public let leaf: Bytes32

    /// A mark.
    public init(
        register: Bytes32?, partition: PartitionName, epoch: PartitionEpoch, sequence: UInt64, leaf: Bytes32
    ) {
        (self.register, self.partition, self.epoch) = (register, partition, epoch)
        (self.sequence, self.leaf) = (sequence, leaf)
    }
}

extension PolicyMark: CanonicalValue {
    /// All fields in the order of their declaration.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.optional(register) { encoder, register in encoder.fixed(register) }
        encoder.text(partition.text)
        epoch.encode(to: &encoder)
        encoder.integer(sequence)
        encoder.fixed(leaf)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        register = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.fixed()
        }
        partition = try PartitionName.read(&decoder)
        epoch = try PartitionEpoch(from: &decoder)
        sequence = try decoder.integer()
        leaf = try decoder.fixed()
    }
}
