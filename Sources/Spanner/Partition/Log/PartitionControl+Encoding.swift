public import CRDT

extension OperationID: CanonicalValue {
    /// The 16 bytes.
    public func encode(to encoder: inout CanonicalEncoder) { encoder.raw(id.bytes) }

    /// Reads 16 bytes.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        guard let id = PrincipalID(bytes: try decoder.raw(PrincipalID.count)) else { throw .truncated }
        self.init(id)
    }
}

extension PartitionBegin: CanonicalValue {
    /// Operation, cause, basis, promises, accepted loss, configuration.
    public func encode(to encoder: inout CanonicalEncoder) {
        operation.encode(to: &encoder)
        encoder.byte(cause.rawValue)
        basis.encode(to: &encoder)
        encoder.list(promisedBy) { encoder, disk in disk.encode(to: &encoder) }
        encoder.optional(acceptedLoss) { encoder, text in encoder.text(text) }
        configuration.encode(to: &encoder)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        operation = try OperationID(from: &decoder)
        guard let cause = PartitionCause(rawValue: try decoder.byte()) else { throw .invalid(what: "cause") }
        self.cause = cause
        basis = try LogPoint(from: &decoder)
        promisedBy = try decoder.disks("promises", limit: PartitionLimits.universeMax)
        acceptedLoss = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.text("accepted loss", limit: PartitionLimits.lossTextMax)
        }
        configuration = try PartitionConfiguration(from: &decoder)
    }
}

extension PartitionConfiguration: CanonicalValue {
    /// Members, then those in sync.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.list(members) { encoder, disk in disk.encode(to: &encoder) }
        encoder.list(inSync) { encoder, disk in disk.encode(to: &encoder) }
    }

    /// Reads what `encode(to:)` wrote: sorted, nobody twice, in-sync disks among the members.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        members = try decoder.disks("members", limit: PartitionLimits.universeMax)
        inSync = try decoder.disks("members in sync", limit: PartitionLimits.universeMax)
        guard isSound else { throw .invalid(what: "configuration") }
    }

    /// Whether it has 1...`PartitionLimits.universeMax` members, and those in sync, at least one, are among them.
    public var isSound: Bool {
        (1...PartitionLimits.universeMax).contains(members.count) && !inSync.isEmpty
            && members.isStrictlyAscending && inSync.isStrictlyAscending && inSync.allSatisfy(members.contains)
    }
}

extension PartitionHello: CanonicalValue {
    /// All fields in the order of their declaration.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.fixed(partition)
        promised.encode(to: &encoder)
        tip.encode(to: &encoder)
        encoder.integer(safe)
        encoder.list(history) { encoder, point in point.encode(to: &encoder) }
        encoder.optional(configuration) { encoder, configuration in configuration.encode(to: &encoder) }
        encoder.list(acquaintances) { encoder, disk in disk.encode(to: &encoder) }
        encoder.flag(isForgetful)
        encoder.optional(hears) { encoder, disk in disk.encode(to: &encoder) }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        partition = try decoder.fixed()
        promised = try PartitionEpoch(from: &decoder)
        tip = try LogPoint(from: &decoder)
        safe = try decoder.integer()
        history = try decoder.list("history", limit: PartitionLimits.historyMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try LogPoint(from: &decoder)
        }
        configuration = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try PartitionConfiguration(from: &decoder)
        }
        acquaintances = try decoder.disks("acquaintances", limit: PartitionLimits.countedMax)
        isForgetful = try decoder.flag()
        hears = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try ReplicaID(from: &decoder)
        }
    }
}

extension CanonicalDecoder {
    /// Disks, sorted, nobody twice.
    mutating func disks(_ what: String, limit: Int) throws(DecodingFailure) -> [ReplicaID] {
        let disks = try list(what, limit: limit) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try ReplicaID(from: &decoder)
        }
        guard disks.isStrictlyAscending else { throw .notCanonical(what: what) }
        return disks
    }
}

extension Array where Element: Comparable {
    /// Whether each is above the one before it.
    var isStrictlyAscending: Bool { zip(self, dropFirst()).allSatisfy { $0 < $1 } }
}
