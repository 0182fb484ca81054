public import CRDT

extension PartitionMessage: CanonicalValue {
    private enum Kind: UInt8 {
        case hello = 1
        case append = 2
        case durable = 3
        case mismatch = 4
        case cut = 5
        case snapshot = 6
        case survey = 7
        case surveyed = 8
        case promiseMe = 9
        case promised = 10
        case declined = 11
        case fetch = 12
        case fetched = 13
        case acquaint = 14
        case acquainted = 15
        case takeOver = 16
    }

    private var kind: Kind {
        switch self {
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

    /// One byte of kind, then what it holds, in the order of its declaration.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.byte(kind.rawValue)
        switch self {
        case .acquaint: break
        case .hello(let hello), .acquainted(let hello): hello.encode(to: &encoder)
        case .survey(let operation): operation.encode(to: &encoder)
        case .append(let epoch, let after, let records, let safe):
            epoch.encode(to: &encoder)
            after.encode(to: &encoder)
            encoder.list(records) { encoder, record in record.encode(to: &encoder) }
            encoder.integer(safe)
        case .durable(let epoch, let point):
            epoch.encode(to: &encoder)
            point.encode(to: &encoder)
        case .mismatch(let epoch, let hello):
            epoch.encode(to: &encoder)
            hello.encode(to: &encoder)
        case .cut(let epoch, let point, let end):
            epoch.encode(to: &encoder)
            point.encode(to: &encoder)
            end.encode(to: &encoder)
        case .snapshot(let epoch, let point, let bytes, let digest):
            epoch.encode(to: &encoder)
            point.encode(to: &encoder)
            encoder.integer(bytes)
            encoder.fixed(digest)
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
            refusal.encode(to: &encoder)
        case .fetch(let operation, let from):
            operation.encode(to: &encoder)
            encoder.integer(from)
        case .fetched(let operation, let records):
            operation.encode(to: &encoder)
            encoder.list(records) { encoder, record in record.encode(to: &encoder) }
        case .takeOver(let operation, let point):
            operation.encode(to: &encoder)
            point.encode(to: &encoder)
        }
    }

    /// Reads what `encode(to:)` wrote; counts and lengths over their limits are refused.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        guard let kind = Kind(rawValue: try decoder.byte()) else { throw .invalid(what: "kind of message") }
        switch kind {
        case .hello: self = .hello(try PartitionHello(from: &decoder))
        case .acquaint: self = .acquaint
        case .acquainted: self = .acquainted(try PartitionHello(from: &decoder))
        case .append, .durable, .mismatch, .cut, .snapshot:
            self = try PartitionMessage(kind, under: try PartitionEpoch(from: &decoder), from: &decoder)
        case .survey, .surveyed, .promiseMe, .promised, .declined, .fetch, .fetched, .takeOver:
            self = try PartitionMessage(kind, of: try OperationID(from: &decoder), from: &decoder)
        }
    }

    /// Messages of a reign.
    private init(
        _ kind: Kind, under epoch: PartitionEpoch, from decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) {
        switch kind {
        case .append:
            let after = try LogPoint(from: &decoder)
            let records = try decoder.records()
            self = .append(epoch: epoch, after: after, records: records, safe: try decoder.integer())
        case .mismatch: self = .mismatch(epoch: epoch, try PartitionHello(from: &decoder))
        case .cut:
            let point = try LogPoint(from: &decoder)
            self = .cut(epoch: epoch, point, of: try LogPoint(from: &decoder))
        case .snapshot:
            let point = try LogPoint(from: &decoder)
            let bytes = try decoder.integer()
            self = .snapshot(epoch: epoch, point, bytes: bytes, digest: try decoder.fixed())
        default: self = .durable(epoch: epoch, try LogPoint(from: &decoder))
        }
    }

    /// Messages about an operation.
    private init(
        _ kind: Kind, of operation: OperationID, from decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) {
        switch kind {
        case .surveyed: self = .surveyed(operation, try PartitionHello(from: &decoder))
        case .promiseMe:
            let epoch = try PartitionEpoch(from: &decoder)
            guard let cause = PartitionCause(rawValue: try decoder.byte()) else { throw .invalid(what: "cause") }
            self = .promiseMe(operation, epoch, cause)
        case .promised:
            let epoch = try PartitionEpoch(from: &decoder)
            let before = try PartitionEpoch(from: &decoder)
            self = .promised(operation, epoch, before: before, try PartitionHello(from: &decoder))
        case .declined:
            let epoch = try PartitionEpoch(from: &decoder)
            self = .declined(operation, epoch, try PartitionOperationRefusalWire(from: &decoder))
        case .fetch: self = .fetch(operation, from: try decoder.integer())
        case .fetched: self = .fetched(operation, try decoder.records())
        case .takeOver: self = .takeOver(operation, try LogPoint(from: &decoder))
        default: self = .survey(operation)
        }
    }
}

extension PartitionOperationRefusalWire: CanonicalValue {
    private enum Kind: UInt8 {
        case primaryLives = 1
        case outbid = 2
        case notMember = 3
        case forgetful = 4
        case storage = 5
        case absurd = 6
    }

    /// One byte of kind, then the primary or the epoch.
    public func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .primaryLives(let disk):
            encoder.byte(Kind.primaryLives.rawValue)
            disk.encode(to: &encoder)
        case .outbid(let epoch):
            encoder.byte(Kind.outbid.rawValue)
            epoch.encode(to: &encoder)
        case .notMember: encoder.byte(Kind.notMember.rawValue)
        case .forgetful: encoder.byte(Kind.forgetful.rawValue)
        case .storage: encoder.byte(Kind.storage.rawValue)
        case .absurd: encoder.byte(Kind.absurd.rawValue)
        }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        switch Kind(rawValue: try decoder.byte()) {
        case .primaryLives: self = .primaryLives(try ReplicaID(from: &decoder))
        case .outbid: self = .outbid(try PartitionEpoch(from: &decoder))
        case .notMember: self = .notMember
        case .forgetful: self = .forgetful
        case .storage: self = .storage
        case .absurd: self = .absurd
        case nil: throw .invalid(what: "refusal")
        }
    }
}

extension CanonicalDecoder {
    /// Records of one message.
    fileprivate mutating func records() throws(DecodingFailure) -> [JournalRecord] {
        try list("records", limit: PartitionLimits.appendRecordsMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try JournalRecord(from: &decoder)
        }
    }
}
