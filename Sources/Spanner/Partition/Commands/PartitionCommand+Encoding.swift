public import CRDT

extension PartitionCommand: CanonicalValue {
    /// Numbers of the kinds in the journal. A number is never used for anything else.
    private enum Kind: UInt8 {
        case results = 1
        case seen = 2
        case base = 3
        case tokenSpent = 4
        case setting = 5
        case secret = 6
        case keyring = 7
        case audit = 8
        case skip = 9
        case placed = 10
        case handoffSource = 11
        case handoffTarget = 12
        case sliceCollected = 13
        case task = 14
        case remainsGone = 15
        case policy = 16
    }

    /// The kind, then its fields in order.
    public func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .results(let results):
            encoder.byte(Kind.results.rawValue)
            results.source.encode(to: &encoder)
            encoder.integer(results.received.milliseconds)
            encoder.list(results.results) { encoder, result in
                encoder.integer(result.sequence)
                encoder.string(result.body)
            }
        case .seen(let sightings):
            encoder.byte(Kind.seen.rawValue)
            encoder.list(sightings) { encoder, sighting in
                encoder.raw(sighting.envoy.bytes)
                encoder.integer(sighting.at.milliseconds)
                encoder.optional(sighting.traits) { encoder, traits in encoder.string(traits) }
            }
        case .base(let source, let through, let reason, let at):
            encoder.byte(Kind.base.rawValue)
            source.encode(to: &encoder)
            encoder.integer(through)
            encoder.text(reason)
            encoder.integer(at.milliseconds)
        case .tokenSpent(let token, let key, let admission, let at):
            encoder.byte(Kind.tokenSpent.rawValue)
            encoder.raw(token.id.bytes)
            encoder.fixed(key.bytes)
            encoder.string(admission)
            encoder.integer(at.milliseconds)
        case .setting(let name, let value): encode(.setting, name, value, to: &encoder)
        case .secret(let name, let sealed): encode(.secret, name, sealed, to: &encoder)
        case .keyring(let bytes):
            encoder.byte(Kind.keyring.rawValue)
            encoder.string(bytes)
        case .audit(let entry):
            encoder.byte(Kind.audit.rawValue)
            entry.encode(to: &encoder)
        case .skip(let position, let index):
            encoder.byte(Kind.skip.rawValue)
            encoder.integer(position)
            encoder.integer(index)
        case .placed, .handoffSource, .handoffTarget, .sliceCollected, .task, .remainsGone:
            encodeSlices(to: &encoder)
        case .policy(let change):
            encoder.byte(Kind.policy.rawValue)
            change.encode(to: &encoder)
        }
    }

    private func encodeSlices(to encoder: inout CanonicalEncoder) {
        switch self {
        case .placed(let placements):
            encoder.byte(Kind.placed.rawValue)
            encoder.list(placements) { encoder, placement in
                encoder.raw(placement.envoy.bytes)
                placement.slice.encode(to: &encoder)
            }
        case .handoffSource(let record):
            encoder.byte(Kind.handoffSource.rawValue)
            record.encode(to: &encoder)
        case .handoffTarget(let record):
            encoder.byte(Kind.handoffTarget.rawValue)
            record.encode(to: &encoder)
        case .sliceCollected(let id, let envoys):
            encoder.byte(Kind.sliceCollected.rawValue)
            id.encode(to: &encoder)
            encoder.integer(envoys)
        case .task(let part):
            encoder.byte(Kind.task.rawValue)
            encoder.raw(part.task.bytes)
            for number in [part.number, part.part, part.parts] { encoder.integer(number) }
            encoder.string(part.bytes)
        case .remainsGone(let placement):
            encoder.byte(Kind.remainsGone.rawValue)
            encoder.raw(placement.envoy.bytes)
            placement.slice.encode(to: &encoder)
        case .results, .seen, .base, .tokenSpent, .setting, .secret, .keyring, .audit, .skip, .policy: break
        }
    }

    private func encode(_ kind: Kind, _ name: String, _ value: [UInt8]?, to encoder: inout CanonicalEncoder) {
        encoder.byte(kind.rawValue)
        encoder.text(name)
        encoder.optional(value) { encoder, value in encoder.string(value) }
    }

    /// Reads what `encode(to:)` wrote. An unknown kind throws: a journal that this version cannot apply is not applied.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        guard let kind = Kind(rawValue: try decoder.byte()) else { throw .invalid(what: "command kind") }
        switch kind {
        case .results: self = .results(try QueuedResults(from: &decoder))
        case .seen:
            self = .seen(
                try decoder.list("sightings", limit: PartitionLimits.sightingsMax) { decoder throws(DecodingFailure) in
                    try EnvoySighting(from: &decoder)
                })
        case .base:
            let source = try EnvoyQueue(from: &decoder)
            let through = try decoder.integer()
            let reason = try decoder.text("reason", limit: PartitionLimits.reasonBytesMax)
            self = .base(source, through: through, reason: reason, at: try WallTime.read(&decoder))
        case .tokenSpent:
            let token = TokenID(try PrincipalID.read(&decoder))
            let key = KeyFingerprint(try decoder.fixed())
            let admission = try decoder.string("admission", limit: RosterLimits.eventBytesMax)
            self = .tokenSpent(token, key: key, admission: admission, at: try WallTime.read(&decoder))
        case .setting:
            let (name, value) = try PartitionCommand.named(&decoder)
            self = .setting(name: name, value: value)
        case .secret:
            let (name, sealed) = try PartitionCommand.named(&decoder)
            self = .secret(name: name, sealed: sealed)
        case .keyring: self = .keyring(try decoder.string("keyring", limit: PartitionLimits.valueBytesMax))
        case .audit: self = .audit(try AuditEntry(from: &decoder))
        case .skip:
            let position = try decoder.integer()
            self = .skip(position: position, index: try decoder.integer())
        case .placed:
            self = .placed(
                try decoder.list("placements", limit: PartitionLimits.placementsMax) {
                    decoder throws(DecodingFailure) in
                    let envoy = try PrincipalID.read(&decoder)
                    return EnvoyPlacement(envoy: envoy, slice: try SliceID(from: &decoder))
                })
        case .handoffSource: self = .handoffSource(try HandoffSourceRecord(from: &decoder))
        case .handoffTarget: self = .handoffTarget(try HandoffTargetRecord(from: &decoder))
        case .sliceCollected:
            let id = try HandoffID(from: &decoder)
            self = .sliceCollected(id, envoys: try decoder.integer())
        case .task: self = .task(try TaskPart(from: &decoder))
        case .remainsGone:
            let envoy = try PrincipalID.read(&decoder)
            self = .remainsGone(EnvoyPlacement(envoy: envoy, slice: try SliceID(from: &decoder)))
        case .policy: self = .policy(try PolicyChange(from: &decoder))
        }
    }

    private static func named(
        _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> (name: String, value: [UInt8]?) {
        let name = try decoder.text("name", limit: PartitionLimits.nameBytesMax)
        let value = try decoder.optional { decoder throws(DecodingFailure) in
            try decoder.string("value", limit: PartitionLimits.valueBytesMax)
        }
        return (name, value)
    }
}

extension PartitionCommand.EnvoyQueue {
    func encode(to encoder: inout CanonicalEncoder) {
        encoder.raw(envoy.bytes)
        encoder.raw(queue.bytes)
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        envoy = try PrincipalID.read(&decoder)
        guard let queue = QueueID(bytes: try decoder.raw(16)) else { throw .truncated }
        self.queue = queue
    }
}

extension PartitionCommand.QueuedResults {
    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        source = try PartitionCommand.EnvoyQueue(from: &decoder)
        received = try WallTime.read(&decoder)
        results = try decoder.list("results", limit: PartitionLimits.resultsMax) { decoder throws(DecodingFailure) in
            let sequence = try decoder.integer()
            let body = try decoder.string("result", limit: PartitionLimits.resultBytesMax)
            return SequencedResult(sequence: sequence, body: body)
        }
        guard !results.isEmpty else { throw .invalid(what: "no results") }
        for (left, right) in zip(results, results.dropFirst()) where left.sequence >= right.sequence {
            throw .invalid(what: "results out of order")
        }
    }
}

extension PartitionCommand.TaskPart {
    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        task = try PrincipalID.read(&decoder)
        (number, part, parts) = (try decoder.integer(), try decoder.integer(), try decoder.integer())
        guard part < parts, parts <= PartitionLimits.taskPartsMax, number <= UInt64(Int64.max) else {
            throw .invalid(what: "part of a task's record")
        }
        bytes = try decoder.string("part", limit: PartitionLimits.taskPartBytesMax)
    }
}

extension PartitionCommand.EnvoySighting {
    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        envoy = try PrincipalID.read(&decoder)
        at = try WallTime.read(&decoder)
        traits = try decoder.optional { decoder throws(DecodingFailure) in
            try decoder.string("traits", limit: PartitionLimits.traitsBytesMax)
        }
    }
}

extension AuditEntry: CanonicalValue {
    /// Instant, actor, action, object, reason.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.integer(at.milliseconds)
        for text in [actor, action, object, reason] { encoder.text(text) }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        at = try WallTime.read(&decoder)
        actor = try decoder.text("actor", limit: PartitionLimits.nameBytesMax)
        action = try decoder.text("action", limit: PartitionLimits.nameBytesMax)
        object = try decoder.text("object", limit: PartitionLimits.reasonBytesMax)
        reason = try decoder.text("reason", limit: PartitionLimits.reasonBytesMax)
    }
}

extension WallTime {
    fileprivate static func read(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> WallTime {
        WallTime(milliseconds: try decoder.integer())
    }
}

extension PrincipalID {
    fileprivate static func read(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> PrincipalID {
        guard let id = PrincipalID(bytes: try decoder.raw(PrincipalID.count)) else { throw .truncated }
        return id
    }
}
