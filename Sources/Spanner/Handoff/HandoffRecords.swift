public import CRDT

/// What the source journals. With these records, its tables and nothing else any primary of the partition goes on.
public enum HandoffSourceRecord: Hashable, Sendable {
    /// A handoff begins: the slice is still served here.
    case begun(HandoffOrder)
    /// From here nothing of the slice is acknowledged.
    case sealed(HandoffID)
    /// The seal is taken back: from here it is acknowledged again.
    case unsealed(HandoffID)
    /// The slice is handed on.
    case handedOn(HandoffID, SignedTransition)
    /// The target serves it, *safe*: our copy is garbage.
    case released(HandoffID)
    /// Our copy is gone.
    case collected(HandoffID)
    /// The slice stays here; why.
    case cancelled(HandoffID, reason: String)
    /// An operator gave the slice to another after it was handed on: what is left of our copy stays, for whoever owns
    /// the slice now.
    case overtaken(HandoffID)

    /// Which handoff.
    public var id: HandoffID {
        switch self {
        case .begun(let order): order.id
        case .sealed(let id), .unsealed(let id), .handedOn(let id, _), .released(let id), .collected(let id),
            .cancelled(let id, _), .overtaken(let id):
            id
        }
    }
}

/// What the target journals.
public enum HandoffTargetRecord: Hashable, Sendable {
    /// A slice is to come.
    case opened(HandoffOrder)
    /// A piece of it is staged, beside what is served.
    case stored(HandoffID, HandoffPiece)
    /// What is staged goes back to this place of the source's journal, or to nothing.
    case truncated(HandoffID, to: LogPoint?)
    /// Everything up to the seal is staged, and digest-equal.
    case held(HandoffID, SliceSeal)
    /// What is staged is served from here.
    case adopted(HandoffID, SignedTransition)
    /// What is staged goes.
    case dropped(HandoffID, reason: String)
    /// An operator took the slice over: what is staged may be the last copy, and joins the rows that are here. They
    /// are served, or brought to the owner.
    case claimed(HandoffID, reason: String)

    /// Which handoff.
    public var id: HandoffID {
        switch self {
        case .opened(let order): order.id
        case .stored(let id, _), .truncated(let id, _), .held(let id, _), .adopted(let id, _), .dropped(let id, _),
            .claimed(let id, _):
            id
        }
    }
}

extension HandoffSourceRecord: CanonicalValue {
    /// Kind, then the fields in order.
    public func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .begun(let order):
            encoder.byte(1)
            order.encode(to: &encoder)
        case .sealed(let id): HandoffSourceRecord.encode(2, id, to: &encoder)
        case .unsealed(let id): HandoffSourceRecord.encode(3, id, to: &encoder)
        case .handedOn(let id, let signed):
            HandoffSourceRecord.encode(4, id, to: &encoder)
            signed.encode(to: &encoder)
        case .released(let id): HandoffSourceRecord.encode(5, id, to: &encoder)
        case .collected(let id): HandoffSourceRecord.encode(6, id, to: &encoder)
        case .cancelled(let id, let reason):
            HandoffSourceRecord.encode(7, id, to: &encoder)
            encoder.text(reason)
        case .overtaken(let id): HandoffSourceRecord.encode(8, id, to: &encoder)
        }
    }

    private static func encode(_ kind: UInt8, _ id: HandoffID, to encoder: inout CanonicalEncoder) {
        encoder.byte(kind)
        id.encode(to: &encoder)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let kind = try decoder.byte()
        if kind == 1 {
            self = .begun(try HandoffOrder(from: &decoder))
            return
        }
        let id = try HandoffID(from: &decoder)
        switch kind {
        case 2: self = .sealed(id)
        case 3: self = .unsealed(id)
        case 4: self = .handedOn(id, try SignedTransition(from: &decoder))
        case 5: self = .released(id)
        case 6: self = .collected(id)
        case 7: self = .cancelled(id, reason: try decoder.text("reason", limit: HandoffLimits.reasonBytesMax))
        case 8: self = .overtaken(id)
        default: throw .invalid(what: "record of a handoff's source")
        }
    }
}

extension HandoffTargetRecord: CanonicalValue {
    /// Kind, then the fields in order.
    public func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .opened(let order):
            encoder.byte(1)
            order.encode(to: &encoder)
        case .stored(let id, let piece):
            encoder.byte(2)
            id.encode(to: &encoder)
            piece.encode(to: &encoder)
        case .truncated(let id, let point):
            encoder.byte(3)
            id.encode(to: &encoder)
            encoder.optional(point) { encoder, point in point.encode(to: &encoder) }
        case .held(let id, let seal):
            encoder.byte(4)
            id.encode(to: &encoder)
            seal.encode(to: &encoder)
        case .adopted(let id, let signed):
            encoder.byte(5)
            id.encode(to: &encoder)
            signed.encode(to: &encoder)
        case .dropped(let id, let reason):
            encoder.byte(6)
            id.encode(to: &encoder)
            encoder.text(reason)
        case .claimed(let id, let reason):
            encoder.byte(7)
            id.encode(to: &encoder)
            encoder.text(reason)
        }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let kind = try decoder.byte()
        if kind == 1 {
            self = .opened(try HandoffOrder(from: &decoder))
            return
        }
        let id = try HandoffID(from: &decoder)
        switch kind {
        case 2: self = .stored(id, try HandoffPiece(from: &decoder))
        case 3:
            self = .truncated(
                id,
                to: try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
                    try LogPoint(from: &decoder)
                })
        case 4: self = .held(id, try SliceSeal(from: &decoder))
        case 5: self = .adopted(id, try SignedTransition(from: &decoder))
        case 6: self = .dropped(id, reason: try decoder.text("reason", limit: HandoffLimits.reasonBytesMax))
        case 7: self = .claimed(id, reason: try decoder.text("reason", limit: HandoffLimits.reasonBytesMax))
        default: throw .invalid(what: "record of a handoff's target")
        }
    }
}
