public import CRDT

/// From the source's primary to the target's. Each may be lost, doubled, late or out of order: what it says stays true,
/// or is told apart by its stamps.
public struct HandoffMessage: Hashable, Sendable {
    /// What is said.
    public enum Body: Hashable, Sendable {
        /// Can you take this slice, and how far are you? The number comes back with the answer.
        case offer(HandoffOrder, probe: UInt64)
        /// A piece of the slice; all of it is *safe* at the source.
        case piece(HandoffPiece)
        /// What you hold after this place is not in our journal: go back to it, or to nothing.
        case rewind(to: LogPoint?)
        /// We acknowledge nothing more: hold everything up to here. The seal is *safe*.
        case seal(SliceSeal)
        /// The slice is yours. The hand-on is *safe*.
        case handOn(SignedTransition)
        /// It will not be; drop what you hold. *Safe*, and final for this id.
        case cancelled
    }

    /// Which handoff.
    public let id: HandoffID
    /// The sender's epoch.
    public let epoch: PartitionEpoch
    /// What is said.
    public let body: Body

    /// A message.
    public init(id: HandoffID, epoch: PartitionEpoch, body: Body) {
        (self.id, self.epoch, self.body) = (id, epoch, body)
    }
}

/// From the target's primary to the source's. Each may be lost, doubled, late or out of order.
public struct HandoffReply: Hashable, Sendable {
    /// What is said.
    public enum Body: Hashable, Sendable {
        /// We cannot take it, or not serve what we hold of it: why, in words. Nothing is held then, or not for long.
        case refused([String])
        /// We hold so much, *safe*; send so many pieces ahead. `probe` is that of the offer it answers; 0: unasked.
        case progress(HandoffProgress, credit: UInt32, probe: UInt64)
        /// Everything up to this seal is here, *safe*, with an equal digest.
        case held(SliceSeal)
        /// We are at this seal's place, and our digest differs.
        case mismatch(SliceSeal)
        /// We serve the slice under this register, *safe*.
        case adopted(Bytes32)
        /// Nothing of it is here any more, *safe*.
        case dropped
    }

    /// Which handoff.
    public let id: HandoffID
    /// What is said.
    public let body: Body

    /// A reply.
    public init(id: HandoffID, body: Body) { (self.id, self.body) = (id, body) }
}

extension HandoffMessage: CanonicalValue {
    /// Id, epoch, kind, fields.
    public func encode(to encoder: inout CanonicalEncoder) {
        id.encode(to: &encoder)
        epoch.encode(to: &encoder)
        switch body {
        case .offer(let order, let probe):
            encoder.byte(1)
            order.encode(to: &encoder)
            encoder.integer(probe)
        case .piece(let piece):
            encoder.byte(2)
            piece.encode(to: &encoder)
        case .rewind(let point):
            encoder.byte(3)
            encoder.optional(point) { encoder, point in point.encode(to: &encoder) }
        case .seal(let seal):
            encoder.byte(4)
            seal.encode(to: &encoder)
        case .handOn(let signed):
            encoder.byte(5)
            signed.encode(to: &encoder)
        case .cancelled: encoder.byte(6)
        }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        id = try HandoffID(from: &decoder)
        epoch = try PartitionEpoch(from: &decoder)
        switch try decoder.byte() {
        case 1:
            let order = try HandoffOrder(from: &decoder)
            guard order.id == id else { throw .invalid(what: "offer of another handoff") }
            body = .offer(order, probe: try decoder.integer())
        case 2: body = .piece(try HandoffPiece(from: &decoder))
        case 3:
            body = .rewind(
                to: try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
                    try LogPoint(from: &decoder)
                })
        case 4: body = .seal(try SliceSeal(from: &decoder))
        case 5: body = .handOn(try SignedTransition(from: &decoder))
        case 6: body = .cancelled
        default: throw .invalid(what: "kind of a handoff message")
        }
    }
}

extension HandoffReply: CanonicalValue {
    /// Id, kind, fields.
    public func encode(to encoder: inout CanonicalEncoder) {
        id.encode(to: &encoder)
        switch body {
        case .refused(let blockers):
            encoder.byte(1)
            encoder.list(blockers) { encoder, blocker in encoder.text(blocker) }
        case .progress(let progress, let credit, let probe):
            encoder.byte(2)
            progress.encode(to: &encoder)
            encoder.integer(UInt64(credit))
            encoder.integer(probe)
        case .held(let seal):
            encoder.byte(3)
            seal.encode(to: &encoder)
        case .mismatch(let seal):
            encoder.byte(4)
            seal.encode(to: &encoder)
        case .adopted(let register):
            encoder.byte(5)
            encoder.fixed(register)
        case .dropped: encoder.byte(6)
        }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        id = try HandoffID(from: &decoder)
        switch try decoder.byte() {
        case 1:
            body = .refused(
                try decoder.list("blockers", limit: HandoffLimits.blockersMax) {
                    (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
                    try decoder.text("blocker", limit: HandoffLimits.reasonBytesMax)
                })
        case 2:
            let progress = try HandoffProgress(from: &decoder)
            let credit = try decoder.integer()
            guard credit <= UInt64(HandoffLimits.piecesInFlightMax) else { throw .invalid(what: "credit") }
            body = .progress(progress, credit: UInt32(credit), probe: try decoder.integer())
        case 3: body = .held(try SliceSeal(from: &decoder))
        case 4: body = .mismatch(try SliceSeal(from: &decoder))
        case 5: body = .adopted(try decoder.fixed())
        case 6: body = .dropped
        default: throw .invalid(what: "kind of a handoff reply")
        }
    }
}

extension SignedTransition: CanonicalValue {
    /// Transition, chain, signature.
    public func encode(to encoder: inout CanonicalEncoder) {
        transition.encode(to: &encoder)
        warrant.encode(to: &encoder)
        encoder.raw(signature)
    }

    /// Reads what `encode(to:)` wrote; nothing is verified.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        transition = try SliceTransition(from: &decoder)
        warrant = try SliceWarrant(from: &decoder)
        signature = try decoder.raw(SliceLimits.signatureBytes)
    }
}
