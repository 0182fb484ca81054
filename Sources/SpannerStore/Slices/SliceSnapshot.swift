internal import CRDT
public import Spanner

/// A slice as it is sent away, cut into pieces one at a time while the journal goes on.
///
/// It counts as the slice at one place of the journal, and each piece may show what came since: rows are unions, and
/// the tail that follows brings the rest again. So nobody has to wait for it, and no piece is kept. A piece that is
/// asked for again holds the same rows, for what it holds is remembered as ranges.
public struct SliceSnapshot {
    /// Which slice.
    public let slice: SliceID
    /// Its place in the journal: what was done up to there is in it.
    public let point: LogPoint

    /// A part of a piece.
    enum Part: Hashable {
        case envoy(PrincipalID)
        case results(queue: Int64, PartitionCommand.EnvoyQueue, from: UInt64, through: UInt64)
        case base(queue: Int64, PartitionCommand.EnvoyQueue, through: UInt64)
    }

    /// Where the next piece begins.
    private struct Cursor {
        var envoy: PrincipalID?
        /// Parts of that envoy that the next piece begins with.
        var rest: [Part] = []
    }

    private var pieces: [[Part]] = []
    private var cursor = Cursor()
    private var isWhole = false

    /// Bytes at which a piece is full.
    static let pieceBytes = 128 * 1024

    init(slice: SliceID, point: LogPoint) { (self.slice, self.point) = (slice, point) }

    /// The piece with this number; nil where the one before it was not read yet.
    mutating func piece(_ number: UInt32, of store: PartitionTables) throws(StoreError) -> HandoffPiece? {
        let number = Int(number)
        if number == pieces.count, !isWhole || pieces.isEmpty { pieces.append(try nextParts(store)) }
        guard pieces.indices.contains(number) else { return nil }
        var rows: [SliceRow] = []
        for part in pieces[number] { if let row = try store.slices.row(part) { rows.append(row) } }
        let isLast = isWhole && number == pieces.count - 1
        return HandoffPiece(
            place: .snapshot(of: point, number: UInt32(number), isLast: isLast), content: SliceRow.content(rows))
    }

    private mutating func nextParts(_ store: PartitionTables) throws(StoreError) -> [Part] {
        var parts: [Part] = []
        var bytes = 0
        while true {
            while let part = cursor.rest.first {
                let size = try store.slices.bytes(of: part)
                guard parts.isEmpty || bytes + size <= SliceSnapshot.pieceBytes else { return parts }
                parts.append(part)
                bytes += size
                cursor.rest.removeFirst()
            }
            guard let envoy = try store.slices.envoys(of: slice, after: cursor.envoy, limit: 1).first else {
                isWhole = true
                return parts
            }
            cursor.envoy = envoy
            cursor.rest = try store.slices.parts(of: envoy)
        }
    }
}

/// What the journal after a place did to a slice.
public enum SliceTail: Sendable {
    /// The journal does not go back as far, or went another way since.
    case gone
    /// Nothing, up to this place.
    case nothing(through: LogPoint)
    /// These rows came.
    case piece(HandoffPiece)
}

extension SliceTables {
    /// Results of one part of a snapshot.
    private static let resultsPerPart = 256

    /// All that an envoy has, in parts: the record, then each queue's bases and results.
    func parts(of envoy: PrincipalID) throws(StoreError) -> [SliceSnapshot.Part] {
        var parts: [SliceSnapshot.Part] = [.envoy(envoy)]
        let queues = try database.rows(
            "SELECT ix, incarnation FROM queue WHERE envoy = ?1 ORDER BY ix", .blob(envoy.bytes)
        ) { row throws(StoreError) -> (Int64, PartitionCommand.EnvoyQueue) in
            guard let queue = QueueID(bytes: row.blob(1)) else { throw database.damage("a queue's row has no id") }
            return (row.integer(0), PartitionCommand.EnvoyQueue(envoy: envoy, queue: queue))
        }
        for (index, queue) in queues {
            let bases = try database.rows(
                "SELECT through FROM base WHERE queue_ix = ?1 ORDER BY through", .integer(index)
            ) { row throws(StoreError) in row.count(0) }
            parts += bases.map { SliceSnapshot.Part.base(queue: index, queue, through: $0) }
            parts += try resultParts(index, queue)
        }
        return parts
    }

    private func resultParts(
        _ index: Int64, _ queue: PartitionCommand.EnvoyQueue
    ) throws(StoreError) -> [SliceSnapshot.Part] {
        var parts: [SliceSnapshot.Part] = []
        var (first, last, bytes, count): (UInt64?, UInt64, Int, Int) = (nil, 0, 0, 0)
        try database.each(
            "SELECT sequence, length(body) FROM result WHERE queue_ix = ?1 ORDER BY sequence", .integer(index)
        ) { row throws(StoreError) in
            let (sequence, size) = (row.count(0), Int(row.integer(1)) + 24)
            if let from = first, count == SliceTables.resultsPerPart || bytes + size > SliceSnapshot.pieceBytes / 2 {
                parts.append(.results(queue: index, queue, from: from, through: last))
                (first, bytes, count) = (nil, 0, 0)
            }
            first = first ?? sequence
            (last, bytes, count) = (sequence, bytes + size, count + 1)
            return true
        }
        if let from = first { parts.append(.results(queue: index, queue, from: from, through: last)) }
        return parts
    }

    /// Bytes that a part takes about.
    func bytes(of part: SliceSnapshot.Part) throws(StoreError) -> Int {
        switch part {
        case .envoy(let envoy):
            let size = try database.first("SELECT length(traits) FROM envoy WHERE id = ?1", .blob(envoy.bytes)) {
                row throws(StoreError) in row.integer(0)
            }
            return 64 + Int(size ?? 0)
        case .base: return PartitionLimits.reasonBytesMax
        case .results(let index, _, let from, let through):
            let size = try database.first(
                "SELECT sum(length(body) + 24) FROM result WHERE queue_ix = ?1 AND sequence BETWEEN ?2 AND ?3",
                .integer(index), .count(from), .count(through)
            ) { row throws(StoreError) in row.integer(0) }
            return 64 + Int(size ?? 0)
        }
    }

    /// The row of a part as it is now; nil where it is gone.
    func row(_ part: SliceSnapshot.Part) throws(StoreError) -> SliceRow? {
        switch part {
        case .envoy(let envoy): return try envoyRow(envoy)
        case .base(let index, let queue, let through): return try baseRow(index, queue, through)
        case .results(let index, let queue, let from, let through):
            let results = try results(index, from...max(from, through))
            return results.isEmpty ? nil : .results(queue, results)
        }
    }

    private func envoyRow(_ envoy: PrincipalID) throws(StoreError) -> SliceRow? {
        try database.first(
            "SELECT last_seen_ms, traits_digest, traits FROM envoy WHERE id = ?1", .blob(envoy.bytes)
        ) { row throws(StoreError) -> SliceRow in
            guard !row.isNull(1) else { return .envoy(envoy, seen: row.count(0), traits: nil) }
            let traits = row.blob(2)
            guard row.blob(1) == witness.hash(traits).bytes else {
                throw database.damage("the traits of envoy \(envoy) are not what was written")
            }
            return .envoy(envoy, seen: row.count(0), traits: traits)
        }
    }

    func baseRow(
        _ index: Int64, _ queue: PartitionCommand.EnvoyQueue, _ through: UInt64
    ) throws(StoreError) -> SliceRow? {
        try database.first(
            "SELECT first, reason, at_ms, checksum FROM base WHERE queue_ix = ?1 AND through = ?2", .integer(index),
            .count(through)
        ) { row throws(StoreError) -> SliceRow in
            let (first, reason) = (row.count(0), row.text(1))
            guard first >= 1, first <= through,
                row.integer(3) == ResultStore.baseChecksum(index, first...through, reason)
            else { throw database.damage("a base of queue row \(index) is not what was written") }
            return .base(queue, first: first, through: through, reason: reason, at: row.count(2))
        }
    }

    func results(_ index: Int64, _ range: ClosedRange<UInt64>) throws(StoreError) -> [SliceRow.Result] {
        try database.rows(
            """
            SELECT sequence, received_ms, body, hash FROM result WHERE queue_ix = ?1 AND sequence BETWEEN ?2 AND ?3
            ORDER BY sequence
            """, .integer(index), .count(range.lowerBound), .count(range.upperBound)
        ) { row throws(StoreError) -> SliceRow.Result in
            let body = row.blob(2)
            guard row.integer(3) == Checksum.row(index, row.count(0), body) else {
                throw database.damage("result \(row.count(0)) of queue row \(index) is not what was written")
            }
            return SliceRow.Result(sequence: row.count(0), received: row.count(1), body: body)
        }
    }
}
