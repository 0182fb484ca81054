import CRDT
import Spanner

/// What a record of the model's journal does.
enum HandoffSimContent {
    /// An epoch begins.
    case begin
    /// An envoy's result with this number, of a slice with one envoy.
    case write(SliceID, UInt64)
    /// A step of a handoff away from here.
    case source(HandoffSourceRecord)
    /// A step of a handoff to here.
    case target(HandoffTargetRecord)
    /// The garbage of a handoff goes.
    case remove(HandoffID, SliceID)
    /// What another partition had left of a slice that is served here.
    case join(SliceID, [UInt64])
    /// What was left of another's slice goes: its owner has it.
    case forget(SliceID)
}

struct HandoffSimEntry {
    let content: HandoffSimContent
    let point: LogPoint
}

/// Pieces that came and are not served.
struct HandoffSimStage {
    var parts: [(place: HandoffPiece.Place, numbers: [UInt64])] = []

    var rows: [UInt64] {
        var rows: [UInt64] = []
        for part in parts {
            for number in part.numbers { HandoffSimTables.add(number, to: &rows) }
        }
        return rows
    }

    mutating func truncate(to point: LogPoint?) {
        guard let point else {
            parts = []
            return
        }
        parts.removeAll { part in
            switch part.place {
            case .snapshot: false
            case .tail(_, let through): through.position > point.position
            }
        }
    }
}

/// The tables of one partition: a fold over its journal.
struct HandoffSimTables {
    /// Results by slice: of those that are served, and of those that are garbage.
    var rows: [SliceID: [UInt64]] = [:]
    var staged: [HandoffID: HandoffSimStage] = [:]
    var sources: [HandoffID: HandoffSourceState] = [:]
    var targets: [HandoffID: HandoffTargetState] = [:]

    init() {}

    init(_ journal: some Sequence<HandoffSimEntry>) {
        for entry in journal { apply(entry) }
    }

    mutating func apply(_ entry: HandoffSimEntry) {
        switch entry.content {
        case .begin: break
        case .write(let slice, let number):
            HandoffSimTables.add(number, to: &rows[slice, default: []])
        case .remove(let id, let slice):
            // A handoff that was overtaken removes nothing more.
            if sources[id]?.phase != .overtaken { rows[slice] = nil }
        case .join(let slice, let numbers): join(numbers, to: slice)
        case .forget(let slice): rows[slice] = nil
        case .source(let record):
            if case .begun(let order) = record, sources[order.id] == nil {
                sources[order.id] = HandoffSourceState(order: order)
            }
            _ = sources[record.id]?.apply(record, at: entry.point)
        case .target(let record): apply(record, at: entry.point)
        }
    }

    private mutating func apply(_ record: HandoffTargetRecord, at point: LogPoint) {
        if case .opened(let order) = record, targets[order.id] == nil {
            targets[order.id] = HandoffTargetState(order: order)
        }
        guard let change = targets[record.id]?.apply(record, at: point) else { return }
        switch change {
        case .none: break
        case .replace(let piece):
            staged[record.id] = HandoffSimStage()
            staged[record.id]?.parts.append((piece.place, HandoffSimTables.numbers(piece.content)))
        case .append(let piece):
            staged[record.id, default: HandoffSimStage()].parts
                .append((piece.place, HandoffSimTables.numbers(piece.content)))
        case .truncate(let point): staged[record.id]?.truncate(to: point)
        case .serve:
            if let order = targets[record.id]?.order {
                // What is here already stays.
                let left = rows[order.slice] ?? []
                rows[order.slice] = staged[record.id]?.rows ?? []
                if !left.isEmpty { join(left, to: order.slice) }
            }
            staged[record.id] = nil
        case .join:
            if let order = targets[record.id]?.order, let stage = staged[record.id], !stage.rows.isEmpty {
                join(stage.rows, to: order.slice)
            }
            staged[record.id] = nil
        }
        if targets[record.id]?.phase == .dropped { staged[record.id] = nil }
    }

    /// A union, in order.
    private mutating func join(_ numbers: [UInt64], to slice: SliceID) {
        rows[slice] = Set(rows[slice] ?? []).union(numbers).sorted()
    }

    /// Appends a number that is not there.
    static func add(_ number: UInt64, to rows: inout [UInt64]) {
        if rows.last.map({ $0 < number }) ?? true || !rows.contains(number) { rows.append(number) }
    }

    static func content(_ numbers: [UInt64]) -> [UInt8] {
        guard !numbers.isEmpty else { return [] }
        var encoder = CanonicalEncoder()
        encoder.list(numbers) { encoder, number in encoder.integer(number) }
        return encoder.bytes
    }

    static func numbers(_ content: [UInt8]) -> [UInt64] {
        guard !content.isEmpty else { return [] }
        var decoder = CanonicalDecoder(content)
        let numbers = try? decoder.list("numbers", limit: 1 << 20) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try decoder.integer()
        }
        return numbers ?? []
    }

    /// Of the rows, in whatever order they came.
    static func digest(_ rows: [UInt64]) -> Bytes32 { TestWitness.digest([1] + content(rows.sorted())) }
}
