public import CRDT

/// What a partition's journal says of a handoff in which it is the source: a fold over its records, the same at the
/// primary, at each standby and after a restart.
public struct HandoffSourceState: Hashable, Sendable {
    /// How far it is.
    public enum Phase: UInt8, Hashable, Sendable {
        /// Nothing is journaled.
        case planned
        /// Served here, streamed to the target.
        case sending
        /// Not served: the target is to come up.
        case sealed
        /// Handed on; the copy stays.
        case sent
        /// The target serves; the copy goes.
        case garbage
        /// Over: the slice is at the target.
        case done
        /// Over: the slice stayed here.
        case cancelled
        /// Over: handed on, and given to another by an operator since. The rows that are left are served where the
        /// slice is ours, else brought to its owner.
        case overtaken
    }

    /// What is to be done.
    public let order: HandoffOrder
    /// How far it is.
    public private(set) var phase: Phase = .planned
    /// The place of the last record that counted; nil before the first.
    public private(set) var since: LogPoint?
    /// The place of the seal, while one stands or the slice was handed on after it.
    public private(set) var sealPoint: LogPoint?
    /// How often it was sealed.
    public private(set) var seals = 0
    /// The hand-on.
    public private(set) var transition: SignedTransition?
    /// Why it was cancelled.
    public private(set) var reason: String?

    /// Before the first record.
    public init(order: HandoffOrder) { self.order = order }

    /// Takes a record of this handoff at its place in the journal; one that its phase does not allow, or of another
    /// handoff, changes nothing. Returns whether it counted.
    @discardableResult
    public mutating func apply(_ record: HandoffSourceRecord, at point: LogPoint) -> Bool {
        guard record.id == order.id else { return false }
        switch (record, phase) {
        case (.begun(let other), .planned) where other == order: phase = .sending
        case (.sealed, .sending):
            phase = .sealed
            sealPoint = point
            seals += 1
        case (.unsealed, .sealed):
            phase = .sending
            sealPoint = nil
        case (.handedOn(_, let signed), .sealed):
            phase = .sent
            transition = signed
        case (.released, .sent): phase = .garbage
        case (.collected, .garbage): phase = .done
        case (.cancelled(_, let why), .sending), (.cancelled(_, let why), .sealed):
            phase = .cancelled
            sealPoint = nil
            reason = why
        case (.overtaken, .sent), (.overtaken, .garbage):
            phase = .overtaken
            sealPoint = nil
        default: return false
        }
        since = point
        return true
    }

    /// Whether nothing is left to do here, but to answer a target that asks.
    public var isOver: Bool {
        switch phase {
        case .done, .cancelled, .overtaken: true
        case .planned, .sending, .sealed, .sent, .garbage: false
        }
    }

    /// Why no slice comes of it for the target any more; nil where one may, or did.
    public var stay: String? {
        switch phase {
        case .cancelled: reason ?? "no reason given"
        case .overtaken: "an operator took the slice over after it was handed on"
        case .planned, .sending, .sealed, .sent, .garbage, .done: nil
        }
    }

    /// The same where a task asks for the slice under a register: one that was handed on may have come back since, by a
    /// takeover, and the task would wait for ever for what is over.
    public func stay(under register: SliceRegister) -> String? {
        if let stay { return stay }
        guard phase == .done, register.position > order.register.position else { return nil }
        return "the slice was handed on, and came back since"
    }

    /// What an operator sees.
    public var sliceState: HandoffSliceState {
        switch phase {
        case .planned, .cancelled: .active
        case .sending: .sending
        case .sealed: .sealed
        case .sent: .sent
        case .garbage: .garbage
        case .done, .overtaken: .absent
        }
    }
}

extension HandoffSourceState: CanonicalValue {
    /// Order, phase, places, seals, hand-on, reason.
    public func encode(to encoder: inout CanonicalEncoder) {
        order.encode(to: &encoder)
        encoder.byte(phase.rawValue)
        encoder.optional(since) { encoder, point in point.encode(to: &encoder) }
        encoder.optional(sealPoint) { encoder, point in point.encode(to: &encoder) }
        encoder.count(seals)
        encoder.optional(transition) { encoder, signed in signed.encode(to: &encoder) }
        encoder.optional(reason) { encoder, reason in encoder.text(reason) }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        self.init(order: try HandoffOrder(from: &decoder))
        guard let phase = Phase(rawValue: try decoder.byte()) else { throw .invalid(what: "phase of a handoff") }
        self.phase = phase
        since = try HandoffSourceState.point(&decoder)
        sealPoint = try HandoffSourceState.point(&decoder)
        let seals = try decoder.integer()
        guard seals <= UInt64(UInt32.max) else { throw .invalid(what: "number of seals") }
        self.seals = Int(seals)
        transition = try HandoffSourceState.transition(&decoder)
        reason = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.text("reason", limit: HandoffLimits.reasonBytesMax)
        }
    }

    static func point(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> LogPoint? {
        try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try LogPoint(from: &decoder)
        }
    }

    static func transition(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> SignedTransition? {
        try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try SignedTransition(from: &decoder)
        }
    }
}

/// What a partition's journal says of a handoff in which it is the target.
public struct HandoffTargetState: Hashable, Sendable {
    /// How far it is.
    public enum Phase: UInt8, Hashable, Sendable {
        /// Nothing is journaled.
        case unknown
        /// Pieces come in.
        case receiving
        /// Everything up to the seal is here.
        case held
        /// Served here.
        case adopted
        /// Over: what was here is gone.
        case dropped
    }

    /// What is to be done.
    public let order: HandoffOrder
    /// How far it is.
    public private(set) var phase: Phase = .unknown
    /// The place, in one's own journal, of the last record that counted; nil before the first.
    public private(set) var since: LogPoint?
    /// How much is staged.
    public private(set) var progress = HandoffProgress()
    /// The seal up to which everything is held.
    public private(set) var seal: SliceSeal?
    /// The hand-on.
    public private(set) var transition: SignedTransition?

    /// What a record does to the tables; carried out in the transaction that applies it.
    public enum Change: Hashable, Sendable {
        /// Nothing.
        case none
        /// All that is staged goes, then this is staged.
        case replace(HandoffPiece)
        /// This is staged.
        case append(HandoffPiece)
        /// What is staged after this place goes; nil: all of it.
        case truncate(to: LogPoint?)
        /// What is staged becomes what is served.
        case serve
        /// What is staged joins the rows that are here, as far as they lack it, and is staged no more.
        case join
    }

    /// Before the first record.
    public init(order: HandoffOrder) { self.order = order }

    /// Takes a record of this handoff at its place in the journal and says what it does to the tables; one that its
    /// phase does not allow, or of another handoff, does nothing.
    @discardableResult
    public mutating func apply(_ record: HandoffTargetRecord, at point: LogPoint) -> Change {
        guard record.id == order.id else { return .none }
        var change = Change.none
        switch (record, phase) {
        case (.opened(let other), .unknown) where other == order, (.opened(let other), .dropped) where other == order:
            phase = .receiving
            progress = HandoffProgress()
        case (.stored(_, let piece), .receiving), (.stored(_, let piece), .held):
            switch progress.take(piece.place) {
            case .none: return .none
            case .append: change = .append(piece)
            case .replace: change = .replace(piece)
            }
            // What follows a seal shows that the source took it back.
            phase = .receiving
            seal = nil
        case (.truncated(_, let place), .receiving), (.truncated(_, let place), .held):
            guard progress.canRewind(to: place) else { return .none }
            progress.rewind(to: place)
            phase = .receiving
            seal = nil
            change = .truncate(to: place)
        case (.held(_, let value), .receiving) where progress.stage == .tail(value.point):
            phase = .held
            seal = value
        case (.adopted(_, let signed), .held) where signed.transition.seal == seal:
            phase = .adopted
            transition = signed
            change = .serve
        case (.dropped, .receiving), (.dropped, .held):
            phase = .dropped
            progress = HandoffProgress()
            seal = nil
            change = .truncate(to: nil)
        case (.claimed, .receiving), (.claimed, .held):
            phase = .dropped
            progress = HandoffProgress()
            seal = nil
            change = .join
        default: return .none
        }
        since = point
        return change
    }

    /// Whether nothing is left to do here, but to answer a source that asks.
    public var isOver: Bool { phase == .adopted || phase == .dropped }

    /// What an operator sees.
    public var sliceState: HandoffSliceState {
        switch phase {
        case .unknown, .dropped: .absent
        case .receiving: .receiving
        case .held: .held
        case .adopted: .active
        }
    }
}

extension HandoffTargetState: CanonicalValue {
    /// Order, phase, place, progress, seal, hand-on.
    public func encode(to encoder: inout CanonicalEncoder) {
        order.encode(to: &encoder)
        encoder.byte(phase.rawValue)
        encoder.optional(since) { encoder, point in point.encode(to: &encoder) }
        progress.encode(to: &encoder)
        encoder.optional(seal) { encoder, seal in seal.encode(to: &encoder) }
        encoder.optional(transition) { encoder, signed in signed.encode(to: &encoder) }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        self.init(order: try HandoffOrder(from: &decoder))
        guard let phase = Phase(rawValue: try decoder.byte()) else { throw .invalid(what: "phase of a handoff") }
        self.phase = phase
        since = try HandoffSourceState.point(&decoder)
        progress = try HandoffProgress(from: &decoder)
        seal = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try SliceSeal(from: &decoder)
        }
        transition = try HandoffSourceState.transition(&decoder)
    }
}
