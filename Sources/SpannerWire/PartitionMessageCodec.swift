public import CRDT
public import Spanner

/// The body of each message of the partition plane, in the canonical encoding: one value, one form.
public enum PartitionMessageCodec {
    /// Number of the message's kind on the wire.
    public static func kind(of message: PartitionMessage) -> PartitionMessageKind {
        switch message {
        case .hello: .hello
        case .append: .append
        case .durable: .durable
        case .mismatch: .mismatch
        case .cut: .cut
        case .snapshot: .snapshot
        case .survey: .survey
        case .surveyed: .surveyed
        case .promiseMe: .promiseMe
        case .promised: .promised
        case .declined: .declined
        case .fetch: .fetch
        case .fetched: .fetched
        case .acquaint: .acquaint
        case .acquainted: .acquainted
        case .takeOver: .takeOver
        }
    }

    /// The message's body.
    public static func body(of message: PartitionMessage) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 512)
        switch message {
        case .hello(let hello), .acquainted(let hello): hello.encode(to: &encoder)
        case .append(let epoch, let after, let records, let safe):
            epoch.encode(to: &encoder)
            after.encode(to: &encoder)
            encoder.list(records) { encoder, record in record.encode(to: &encoder) }
            encoder.integer(safe)
        case .durable(let epoch, let point):
            epoch.encode(to: &encoder)
            point.encode(to: &encoder)
        case .cut(let epoch, let point, let tip):
            epoch.encode(to: &encoder)
            point.encode(to: &encoder)
            tip.encode(to: &encoder)
        case .mismatch(let epoch, let hello):
            epoch.encode(to: &encoder)
            hello.encode(to: &encoder)
        case .snapshot(let epoch, let point, let bytes, let digest):
            epoch.encode(to: &encoder)
            point.encode(to: &encoder)
            encoder.integer(bytes)
            encoder.fixed(digest)
        case .acquaint: break
        case .survey, .surveyed, .promiseMe, .promised, .declined, .fetch, .fetched, .takeOver:
            encodeOperation(message, to: &encoder)
        }
        return encoder.bytes
    }

    /// Messages about an operation: its id first.
    private static func encodeOperation(_ message: PartitionMessage, to encoder: inout CanonicalEncoder) {
        switch message {
        case .survey(let operation): operation.encode(to: &encoder)
        case .surveyed(let operation, let hello):
            operation.encode(to: &encoder)
            hello.encode(to: &encoder)
        case .promiseMe(let operation, let epoch, let cause):
            operation.encode(to: &encoder)
            epoch.encode(to: &encoder)
            encoder.byte(cause.rawValue)
        case .promised(let operation, let epoch, let before, let hello):
            operation.encode(to: &encoder)
            epoch.encode(to: &encoder)
            before.encode(to: &encoder)
            hello.encode(to: &encoder)
        case .declined(let operation, let epoch, let refusal):
            operation.encode(to: &encoder)
            epoch.encode(to: &encoder)
            encode(refusal, to: &encoder)
        case .fetch(let operation, let position):
            operation.encode(to: &encoder)
            encoder.integer(position)
        case .fetched(let operation, let records):
            operation.encode(to: &encoder)
            encoder.list(records) { encoder, record in record.encode(to: &encoder) }
        case .takeOver(let operation, let point):
            operation.encode(to: &encoder)
            point.encode(to: &encoder)
        case .hello, .append, .durable, .mismatch, .cut, .snapshot, .acquaint, .acquainted: break
        }
    }

    /// The message of this kind with this body.
    public static func message(
        kind: PartitionMessageKind, body: ArraySlice<UInt8>
    ) throws(DecodingFailure) -> PartitionMessage {
        var decoder = CanonicalDecoder(slice: body)
        let message: PartitionMessage
        switch kind {
        case .hello: message = .hello(try PartitionHello(from: &decoder))
        case .append:
            let epoch = try PartitionEpoch(from: &decoder)
            let after = try LogPoint(from: &decoder)
            let records = try decodeRecords(&decoder)
            message = .append(epoch: epoch, after: after, records: records, safe: try decoder.integer())
        case .durable:
            let epoch = try PartitionEpoch(from: &decoder)
            message = .durable(epoch: epoch, try LogPoint(from: &decoder))
        case .mismatch:
            let epoch = try PartitionEpoch(from: &decoder)
            message = .mismatch(epoch: epoch, try PartitionHello(from: &decoder))
        case .cut:
            let epoch = try PartitionEpoch(from: &decoder)
            let point = try LogPoint(from: &decoder)
            message = .cut(epoch: epoch, point, of: try LogPoint(from: &decoder))
        case .snapshot:
            let epoch = try PartitionEpoch(from: &decoder)
            let point = try LogPoint(from: &decoder)
            let bytes = try decoder.integer()
            message = .snapshot(epoch: epoch, point, bytes: bytes, digest: try decoder.fixed())
        case .snapshotPiece: throw .invalid(what: "message kind")
        case .acquaint: message = .acquaint
        case .acquainted: message = .acquainted(try PartitionHello(from: &decoder))
        case .survey, .surveyed, .promiseMe, .promised, .declined, .fetch, .fetched, .takeOver:
            message = try decodeOperation(kind, &decoder)
        }
        try decoder.finish()
        return message
    }

    private static func decodeOperation(
        _ kind: PartitionMessageKind, _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> PartitionMessage {
        let operation = try OperationID(from: &decoder)
        switch kind {
        case .survey: return .survey(operation)
        case .surveyed: return .surveyed(operation, try PartitionHello(from: &decoder))
        case .promiseMe:
            let epoch = try PartitionEpoch(from: &decoder)
            guard let cause = PartitionCause(rawValue: try decoder.byte()) else { throw .invalid(what: "cause") }
            return .promiseMe(operation, epoch, cause)
        case .promised:
            let epoch = try PartitionEpoch(from: &decoder)
            let before = try PartitionEpoch(from: &decoder)
            return .promised(operation, epoch, before: before, try PartitionHello(from: &decoder))
        case .declined:
            let epoch = try PartitionEpoch(from: &decoder)
            return .declined(operation, epoch, try decodeRefusal(&decoder))
        case .fetch: return .fetch(operation, from: try decoder.integer())
        case .fetched: return .fetched(operation, try decodeRecords(&decoder))
        case .takeOver: return .takeOver(operation, try LogPoint(from: &decoder))
        case .hello, .append, .durable, .mismatch, .cut, .snapshot, .snapshotPiece, .acquaint, .acquainted:
            throw .invalid(what: "message kind")
        }
    }

    private static func decodeRecords(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> [JournalRecord] {
        try decoder.list("records", limit: PartitionLimits.appendRecordsMax) { decoder throws(DecodingFailure) in
            try JournalRecord(from: &decoder)
        }
    }

    /// Numbers of the refusals on the wire.
    private enum Refusal: UInt8 {
        case primaryLives = 1
        case outbid = 2
        case notMember = 3
        case forgetful = 4
        case storage = 5
        case absurd = 6
    }

    private static func encode(_ refusal: PartitionOperationRefusalWire, to encoder: inout CanonicalEncoder) {
        switch refusal {
        case .primaryLives(let disk):
            encoder.byte(Refusal.primaryLives.rawValue)
            disk.encode(to: &encoder)
        case .outbid(let epoch):
            encoder.byte(Refusal.outbid.rawValue)
            epoch.encode(to: &encoder)
        case .notMember: encoder.byte(Refusal.notMember.rawValue)
        case .forgetful: encoder.byte(Refusal.forgetful.rawValue)
        case .storage: encoder.byte(Refusal.storage.rawValue)
        case .absurd: encoder.byte(Refusal.absurd.rawValue)
        }
    }

    private static func decodeRefusal(
        _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> PartitionOperationRefusalWire {
        switch Refusal(rawValue: try decoder.byte()) {
        case .primaryLives: .primaryLives(try ReplicaID(from: &decoder))
        case .outbid: .outbid(try PartitionEpoch(from: &decoder))
        case .notMember: .notMember
        case .forgetful: .forgetful
        case .storage: .storage
        case .absurd: .absurd
        case nil: throw .invalid(what: "refusal")
        }
    }
}
