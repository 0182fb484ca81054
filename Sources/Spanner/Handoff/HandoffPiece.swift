public import CRDT

/// A piece of a slice on its way: of a snapshot, or of the journal after it. Stamped with the place in the source's
/// journal, so that a target knows what it holds, and finds a fork.
public struct HandoffPiece: Hashable, Sendable {
    /// Where it belongs.
    public enum Place: Hashable, Sendable {
        /// A snapshot's piece, counted from 0. All pieces of one snapshot name the same place in the journal.
        case snapshot(of: LogPoint, number: UInt32, isLast: Bool)
        /// What the records after `after` up to and including `through` did to the slice.
        case tail(after: LogPoint, through: LogPoint)
    }

    /// Where it belongs.
    public let place: Place
    /// The content, for the shells; at most `HandoffLimits.pieceBytesMax`.
    public let content: [UInt8]

    /// A piece.
    public init(place: Place, content: [UInt8]) { (self.place, self.content) = (place, content) }
}

extension HandoffPiece: CanonicalValue {
    /// Kind, place, content.
    public func encode(to encoder: inout CanonicalEncoder) {
        switch place {
        case .snapshot(let point, let number, let isLast):
            encoder.byte(1)
            point.encode(to: &encoder)
            encoder.integer(UInt64(number))
            encoder.flag(isLast)
        case .tail(let after, let through):
            encoder.byte(2)
            after.encode(to: &encoder)
            through.encode(to: &encoder)
        }
        encoder.string(content)
    }

    /// Reads what `encode(to:)` wrote; a tail that goes back is refused.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        switch try decoder.byte() {
        case 1:
            let point = try LogPoint(from: &decoder)
            let number = try decoder.integer()
            guard number < UInt64(UInt32.max) else { throw .invalid(what: "number of a piece") }
            place = .snapshot(of: point, number: UInt32(number), isLast: try decoder.flag())
        case 2:
            let after = try LogPoint(from: &decoder)
            let through = try LogPoint(from: &decoder)
            guard after.position < through.position else { throw .invalid(what: "tail that goes back") }
            place = .tail(after: after, through: through)
        default: throw .invalid(what: "kind of a piece")
        }
        content = try decoder.string("piece", limit: HandoffLimits.pieceBytesMax)
    }
}

/// How far a target has come.
public struct HandoffProgress: Hashable, Sendable {
    /// What it holds.
    public enum Stage: Hashable, Sendable {
        /// Nothing.
        case empty
        /// So many pieces, from the first, of the snapshot of this place.
        case snapshot(of: LogPoint, pieces: UInt32)
        /// Everything up to this place.
        case tail(LogPoint)
    }

    /// What it holds.
    public private(set) var stage: Stage = .empty
    /// Places to which it can go back: the snapshot's first, then the last of each epoch, ascending; at most
    /// `HandoffLimits.marksMax`.
    public private(set) var marks: [LogPoint] = []

    /// Nothing yet.
    public init() {}

    /// What a piece does to what is staged.
    public enum Change: Hashable, Sendable {
        /// All that is staged goes, then the piece is staged.
        case replace
        /// The piece is staged after the others.
        case append
        /// Nothing: it is here already, or does not follow.
        case none
    }

    /// Whether a piece follows, and how; the piece is counted.
    mutating func take(_ place: HandoffPiece.Place) -> Change {
        switch place {
        case .snapshot(let point, let number, let isLast): return takeSnapshot(point, number, isLast)
        case .tail(let after, let through):
            guard stage == .tail(after), after.position < through.position, after.epoch <= through.epoch else {
                return .none
            }
            mark(through)
            stage = .tail(through)
            return .append
        }
    }

    private mutating func takeSnapshot(_ point: LogPoint, _ number: UInt32, _ isLast: Bool) -> Change {
        var change = Change.append
        switch stage {
        case .snapshot(let known, let pieces) where known == point:
            guard number == pieces else { return .none }
        case .empty:
            guard number == 0 else { return .none }
            change = .replace
        case .snapshot(let other, _):
            // A new snapshot of an older place is a late message.
            guard number == 0, !other.isAtLeastAsFar(as: point) else { return .none }
            change = .replace
        case .tail: return .none
        }
        marks = isLast ? [point] : []
        stage = isLast ? .tail(point) : .snapshot(of: point, pieces: number &+ 1)
        return change
    }

    private mutating func mark(_ point: LogPoint) {
        if marks.count > 1, marks.last?.epoch == point.epoch { marks.removeLast() }
        // The second oldest goes: the snapshot's place is the one that is always worth having.
        if marks.count == HandoffLimits.marksMax { marks.remove(at: 1) }
        marks.append(point)
    }

    /// Whether it can go back to this place.
    func canRewind(to point: LogPoint?) -> Bool { point.map { marks.contains($0) } ?? true }

    /// Goes back to a marked place, or to nothing.
    mutating func rewind(to point: LogPoint?) {
        guard let point, let place = marks.firstIndex(of: point) else {
            self = HandoffProgress()
            return
        }
        marks.removeSubrange((place + 1)...)
        stage = .tail(point)
    }
}

extension HandoffProgress: CanonicalValue {
    /// Stage, marks.
    public func encode(to encoder: inout CanonicalEncoder) {
        switch stage {
        case .empty: encoder.byte(0)
        case .snapshot(let point, let pieces):
            encoder.byte(1)
            point.encode(to: &encoder)
            encoder.integer(UInt64(pieces))
        case .tail(let point):
            encoder.byte(2)
            point.encode(to: &encoder)
        }
        encoder.list(marks) { encoder, point in point.encode(to: &encoder) }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        switch try decoder.byte() {
        case 0: stage = .empty
        case 1:
            let point = try LogPoint(from: &decoder)
            let pieces = try decoder.integer()
            guard pieces <= UInt64(UInt32.max) else { throw .invalid(what: "count of pieces") }
            stage = .snapshot(of: point, pieces: UInt32(pieces))
        case 2: stage = .tail(try LogPoint(from: &decoder))
        default: throw .invalid(what: "stage of a handoff")
        }
        marks = try decoder.list("marks", limit: HandoffLimits.marksMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try LogPoint(from: &decoder)
        }
    }
}
