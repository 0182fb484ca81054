public import CRDT

extension PolicyChange: CanonicalValue {
    /// Numbers of the kinds in the journal. A number is never used for anything else.
    private enum Kind: UInt8 {
        case stack = 1
        case body = 2
        case publish = 3
        case head = 5
        case given = 6
        case outcome = 7
        case rollout = 8
        case push = 9
        case ordered = 10
        case freeze = 11
        case retire = 12
        /// 4 was that of leaves without terms.
        case leaves = 13
    }

    /// The kind, then its fields in order.
    public func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .stack(let part): PolicyChange.encode(.stack, part, to: &encoder)
        case .body(let part): PolicyChange.encode(.body, part, to: &encoder)
        case .publish(let version):
            encoder.byte(Kind.publish.rawValue)
            version.encode(to: &encoder)
        case .leaves(let sequence, let changes):
            encoder.byte(Kind.leaves.rawValue)
            encoder.integer(sequence)
            encoder.list(changes) { encoder, change in
                encoder.raw(change.envoy.bytes)
                encoder.optional(change.content) { encoder, content in
                    encoder.fixed(content.body)
                    encoder.string(content.box)
                    content.terms.encode(to: &encoder)
                }
            }
        case .head(let sequence, let bytes):
            encoder.byte(Kind.head.rawValue)
            encoder.integer(sequence)
            encoder.string(bytes)
        case .given(let envoys, let sequence):
            encoder.byte(Kind.given.rawValue)
            encoder.integer(sequence)
            encoder.list(envoys) { encoder, envoy in encoder.raw(envoy.bytes) }
        case .outcome(let outcome):
            encoder.byte(Kind.outcome.rawValue)
            encoder.raw(outcome.envoy.bytes)
            encoder.integer(outcome.sequence)
            encoder.flag(outcome.hasSucceeded)
            encoder.integer(outcome.at.milliseconds)
        case .rollout(let sequence, let number, let bytes):
            encoder.byte(Kind.rollout.rawValue)
            encoder.integer(sequence)
            encoder.integer(number)
            encoder.string(bytes)
        case .push(let id, let number, let bytes):
            encoder.byte(Kind.push.rawValue)
            encoder.raw(id.bytes)
            encoder.integer(number)
            encoder.string(bytes)
        case .ordered(let number):
            encoder.byte(Kind.ordered.rawValue)
            encoder.integer(number)
        case .freeze(let freeze):
            encoder.byte(Kind.freeze.rawValue)
            freeze.encode(to: &encoder)
        case .retire(let sequence):
            encoder.byte(Kind.retire.rawValue)
            encoder.integer(sequence)
        }
    }

    private static func encode(_ kind: Kind, _ part: PolicyPart, to encoder: inout CanonicalEncoder) {
        encoder.byte(kind.rawValue)
        encoder.fixed(part.digest)
        encoder.integer(part.number)
        encoder.integer(part.parts)
        encoder.string(part.bytes)
    }

    /// Reads what `encode(to:)` wrote, each part of it within its limit.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        guard let kind = Kind(rawValue: try decoder.byte()) else { throw .invalid(what: "kind of a policy's change") }
        switch kind {
        case .stack: self = .stack(try PolicyPart(from: &decoder, partsMax: PartitionLimits.policyStackPartsMax))
        case .body: self = .body(try PolicyPart(from: &decoder, partsMax: PartitionLimits.policyBodyPartsMax))
        case .publish: self = .publish(try PolicyVersion(from: &decoder))
        case .leaves:
            let sequence = try decoder.sequence()
            self = .leaves(
                sequence: sequence,
                try decoder.list("leaves", limit: PartitionLimits.policyEnvoysMax) { decoder throws(DecodingFailure) in
                    try PolicyLeafChange(from: &decoder)
                })
        case .head:
            let sequence = try decoder.sequence()
            self = .head(sequence: sequence, try decoder.content("head", limit: PolicyLimits.headBytesMax))
        case .given:
            let sequence = try decoder.sequence()
            let envoys = try decoder.list("envoys", limit: PartitionLimits.policyEnvoysMax) {
                decoder throws(DecodingFailure) in try decoder.principal()
            }
            self = .given(envoys, sequence: sequence)
        case .outcome: self = .outcome(try PolicyOutcome(from: &decoder))
        case .rollout:
            let (sequence, number) = (try decoder.sequence(), try decoder.recordNumber())
            self = .rollout(
                sequence: sequence, number: number,
                try decoder.content("record", limit: PartitionLimits.policyRecordBytesMax))
        case .push:
            let (id, number) = (try decoder.principal(), try decoder.recordNumber())
            self = .push(
                id, number: number, try decoder.content("record", limit: PartitionLimits.policyRecordBytesMax))
        case .ordered: self = .ordered(through: try decoder.sequence())
        case .freeze: self = .freeze(try PolicyFreeze(from: &decoder))
        case .retire: self = .retire(below: try decoder.sequence())
        }
    }
}

extension CanonicalDecoder {
    /// A number of a version, or of an order: 1 or more, and one that a column holds.
    fileprivate mutating func sequence() throws(DecodingFailure) -> UInt64 {
        let value = try integer()
        guard (1...UInt64(Int64.max)).contains(value) else { throw .invalid(what: "sequence") }
        return value
    }

    fileprivate mutating func recordNumber() throws(DecodingFailure) -> UInt64 {
        let value = try integer()
        guard value < PartitionLimits.policyRecordsMax else { throw .invalid(what: "number of a record") }
        return value
    }

    /// Bytes that are not empty.
    fileprivate mutating func content(_ what: String, limit: Int) throws(DecodingFailure) -> [UInt8] {
        let bytes = try string(what, limit: limit)
        guard !bytes.isEmpty else { throw .invalid(what: what) }
        return bytes
    }

    fileprivate mutating func principal() throws(DecodingFailure) -> PrincipalID {
        guard let id = PrincipalID(bytes: try raw(PrincipalID.count)) else { throw .truncated }
        return id
    }

    fileprivate mutating func instant() throws(DecodingFailure) -> WallTime { WallTime(milliseconds: try integer()) }
}

extension PolicyPart {
    fileprivate init(from decoder: inout CanonicalDecoder, partsMax: UInt64) throws(DecodingFailure) {
        digest = try decoder.fixed()
        (number, parts) = (try decoder.integer(), try decoder.integer())
        guard number < parts, parts <= partsMax else { throw .invalid(what: "part of a policy") }
        bytes = try decoder.content("part", limit: PartitionLimits.policyPartBytesMax)
    }
}

extension PolicyVersion: CanonicalValue {
    /// Sequence, stack, revision, who, instant, note.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.integer(sequence)
        encoder.fixed(stack)
        encoder.text(revision)
        encoder.text(who)
        encoder.integer(at.milliseconds)
        encoder.text(note)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        sequence = try decoder.sequence()
        stack = try decoder.fixed()
        revision = try decoder.text("revision", limit: PolicyLimits.revisionBytesMax)
        who = try decoder.text("who", limit: PartitionLimits.nameBytesMax)
        at = try decoder.instant()
        note = try decoder.text("note", limit: PartitionLimits.reasonBytesMax)
    }
}

extension PolicyLeafChange {
    fileprivate init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        envoy = try decoder.principal()
        content = try decoder.optional { decoder throws(DecodingFailure) in
            let body = try decoder.fixed()
            let box = try decoder.string("box", limit: PolicyLimits.boxBytesMax)
            return Content(body: body, box: box, terms: try PolicyTerms(from: &decoder))
        }
    }
}

extension PolicyOutcome {
    fileprivate init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        envoy = try decoder.principal()
        sequence = try decoder.sequence()
        hasSucceeded = try decoder.flag()
        at = try decoder.instant()
    }
}

extension PolicyFreeze: CanonicalValue {
    /// Whether, reason, who, instant.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.flag(isFrozen)
        encoder.text(reason)
        encoder.text(who)
        encoder.integer(at.milliseconds)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        isFrozen = try decoder.flag()
        reason = try decoder.text("reason", limit: PartitionLimits.reasonBytesMax)
        who = try decoder.text("who", limit: PartitionLimits.nameBytesMax)
        at = try decoder.instant()
    }
}
