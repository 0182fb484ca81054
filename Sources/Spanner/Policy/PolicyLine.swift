internal import CRDT

/// A place in what a partition numbers: versions, or orders.
struct PolicyPlace: Hashable, Comparable, Sendable {
    var epoch: PartitionEpoch
    var sequence: UInt64

    static func < (left: PolicyPlace, right: PolicyPlace) -> Bool {
        (left.epoch, left.sequence) < (right.epoch, right.sequence)
    }
}

/// What an envoy heard of one partition: nothing that comes before it is taken.
struct PolicyLine: Hashable, Sendable {
    let partition: PartitionName
    /// The register under which it was heard last; nil before there were slices.
    var register: Bytes32?
    /// The highest epoch in which it spoke.
    var reign: PartitionEpoch
    /// The last version taken.
    var version: Version?
    /// The last order obeyed.
    var order: PolicyPlace?
    /// The last beacon.
    var beacon: PolicyBeacon?

    /// A version as it is told from another under the same number.
    struct Version: Hashable, Sendable {
        var place: PolicyPlace
        var root: Bytes32
    }

    init(_ partition: PartitionName, register: Bytes32?) {
        (self.partition, self.register, reign) = (partition, register, PartitionEpoch.none)
    }
}

extension PolicyPlace: CanonicalValue {
    func encode(to encoder: inout CanonicalEncoder) {
        epoch.encode(to: &encoder)
        encoder.integer(sequence)
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        epoch = try PartitionEpoch(from: &decoder)
        sequence = try decoder.integer()
    }
}

extension PolicyLine: CanonicalValue {
    func encode(to encoder: inout CanonicalEncoder) {
        encoder.text(partition.text)
        encoder.optional(register) { encoder, register in encoder.fixed(register) }
        reign.encode(to: &encoder)
        encoder.optional(version) { encoder, version in
            version.place.encode(to: &encoder)
            encoder.fixed(version.root)
        }
        encoder.optional(order) { encoder, order in order.encode(to: &encoder) }
        encoder.optional(beacon) { encoder, beacon in beacon.encode(to: &encoder) }
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        partition = try PartitionName.read(&decoder)
        register = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.fixed()
        }
        reign = try PartitionEpoch(from: &decoder)
        version = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            Version(place: try PolicyPlace(from: &decoder), root: try decoder.fixed())
        }
        order = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try PolicyPlace(from: &decoder)
        }
        beacon = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try PolicyBeacon(from: &decoder)
        }
    }
}
