internal import CRDT
internal import Spanner

/// The records about replication, once more: they outlive the journal's compaction, so that who reigned, with whom, and
/// what became of an operation can still be told.
struct ControlTable {
    let database: Database
    let chain: JournalChain

    private enum Kind: Int64 {
        case begin = 1
        case configuration = 2
        case handover = 3
        case handoverCancelled = 4
    }

    static let schema = """
        CREATE TABLE control(
            position INTEGER PRIMARY KEY,
            kind INTEGER NOT NULL,
            body BLOB NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX control_of_kind ON control(kind, position);
        """

    /// Remembers the record, where it is one of these.
    func note(_ record: JournalRecord) throws(StoreError) {
        guard case .control(let control) = record.content else { return }
        let kind: Kind
        switch control {
        case .begin: kind = .begin
        case .configuration: kind = .configuration
        case .handover: kind = .handover
        case .handoverCancelled: kind = .handoverCancelled
        }
        let body = record.canonicalBytes
        try database.run(
            "INSERT INTO control(position, kind, body, checksum) VALUES (?1, ?2, ?3, ?4)", .count(record.position),
            .integer(kind.rawValue), .blob(body), .integer(Checksum.row(3, record.position, body)))
    }

    func remove(after position: UInt64) throws(StoreError) {
        try database.run("DELETE FROM control WHERE position > ?1", .count(position))
    }

    /// Forgets what nobody asks for any more at or before a place: configurations that others replaced, epochs and
    /// hand-overs beyond the last `PartitionLimits.historyMax` of each.
    func compact(through position: UInt64) throws(StoreError) {
        try database.run(
            """
            DELETE FROM control WHERE position <= ?1 AND kind = 2 AND position <
                (SELECT max(position) FROM control WHERE kind IN (1, 2) AND position <= ?1)
            """, .count(position))
        for kind: Kind in [.begin, .handover, .handoverCancelled] {
            try database.run(
                """
                DELETE FROM control WHERE position <= ?1 AND kind = ?3 AND position NOT IN
                    (SELECT position FROM control WHERE kind = ?3 ORDER BY position DESC LIMIT ?2)
                """, .count(position), .integer(Int64(PartitionLimits.historyMax)), .integer(kind.rawValue))
        }
    }

    // MARK: Reading

    /// The latest epochs, oldest first, each with its first record's point; at most `PartitionLimits.historyMax`.
    func begins() throws(StoreError) -> [(point: LogPoint, begin: PartitionBegin)] {
        let records = try database.rows(
            "SELECT position, body, checksum FROM control WHERE kind = 1 ORDER BY position DESC LIMIT ?1",
            .integer(Int64(PartitionLimits.historyMax))
        ) { row throws(StoreError) in try read(row) }
        var begins: [(point: LogPoint, begin: PartitionBegin)] = []
        for held in records.reversed() {
            guard case .control(.begin(let begin)) = held.record.content else { throw misplaced(held) }
            begins.append((point: held.point, begin: begin))
        }
        return begins
    }

    /// The configurations above a safe position, those of `begin` records among them, and the last one at or below it.
    func configurations(safe: UInt64) throws(StoreError) -> [PlacedConfiguration] {
        let records = try database.rows(
            """
            SELECT position, body, checksum FROM control WHERE kind IN (1, 2) AND position >= coalesce(
                (SELECT max(position) FROM control WHERE kind IN (1, 2) AND position <= ?1), 0) ORDER BY position
            """, .count(safe)
        ) { row throws(StoreError) in try read(row) }
        var configurations: [PlacedConfiguration] = []
        for held in records {
            let configuration: PartitionConfiguration
            switch held.record.content {
            case .control(.begin(let begin)): configuration = begin.configuration
            case .control(.configuration(let changed)): configuration = changed
            case _: throw misplaced(held)
            }
            configurations.append(PlacedConfiguration(position: held.record.position, configuration: configuration))
        }
        return configurations
    }

    /// A hand-over that was neither taken nor cancelled.
    func openHandover() throws(StoreError) -> OperationID? {
        let held = try database.first(
            "SELECT position, body, checksum FROM control WHERE kind IN (1, 3, 4) ORDER BY position DESC LIMIT 1"
        ) { row throws(StoreError) in try read(row) }
        guard case .control(.handover(let operation, _)) = held?.record.content else { return nil }
        return operation
    }

    /// Visits the records about epochs and hand-overs, the latest first, until `visit` says no.
    func operations(_ visit: (HeldRecord) throws(StoreError) -> Bool) throws(StoreError) {
        try database.each("SELECT position, body, checksum FROM control WHERE kind <> 2 ORDER BY position DESC") {
            row throws(StoreError) in try visit(try read(row))
        }
    }

    /// Reads every row. `store_corrupt` with the first finding.
    func verify(through position: UInt64) throws(StoreError) {
        try database.each("SELECT position, body, checksum FROM control ORDER BY position") { row throws(StoreError) in
            let held = try read(row)
            guard held.record.position <= position, case .control = held.record.content else { throw misplaced(held) }
            return true
        }
    }

    private func read(_ row: SQLRow) throws(StoreError) -> HeldRecord {
        let (position, body) = (row.count(0), row.blob(1))
        guard row.integer(2) == Checksum.row(3, position, body), let record = JournalTable.decode(body),
            record.position == position
        else { throw database.damage("record \(position) about replication is not what was written") }
        return HeldRecord(record: record, hash: chain.hash(of: record))
    }

    private func misplaced(_ held: HeldRecord) -> StoreError {
        database.damage("record \(held.record.position) about replication stands where it cannot")
    }
}
