internal import CRDT
internal import Spanner

/// A record as it is held, with the chain's value that it makes.
struct HeldRecord {
    var record: JournalRecord
    var hash: Bytes32

    var point: LogPoint { LogPoint(epoch: record.epoch, position: record.position, hash: hash) }
}

/// The records of a journal, one row each, dense from the first held to the tip.
///
/// A row is served only after its checksum, its place, its link to the row before it and its own hash were found right:
/// bit rot is found before it is shipped (D4).
struct JournalTable {
    let database: Database
    let chain: JournalChain

    static let schema = """
        CREATE TABLE journal(
            position INTEGER PRIMARY KEY,
            hash BLOB NOT NULL CHECK (length(hash) = 32),
            body BLOB NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE undo(
            position INTEGER PRIMARY KEY,
            changes BLOB NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
        """

    // MARK: Records

    func append(_ held: HeldRecord) throws(StoreError) {
        let body = held.record.canonicalBytes
        try database.run(
            "INSERT INTO journal(position, hash, body, checksum) VALUES (?1, ?2, ?3, ?4)",
            .count(held.record.position), .blob(held.hash.bytes), .blob(body),
            .integer(JournalTable.checksum(held.record.position, held.hash, body)))
    }

    /// The record at a place; nil where it is not held.
    func record(at position: UInt64) throws(StoreError) -> HeldRecord? {
        try database.first(
            "SELECT position, hash, body, checksum FROM journal WHERE position = ?1", .count(position)
        ) { row throws(StoreError) in try read(row) }
    }

    /// Visits the records that follow a point, each of which must follow the one before it, until `visit` says no.
    func visit(
        after point: LogPoint, limit: Int, _ visit: (HeldRecord) throws(StoreError) -> Bool
    ) throws(StoreError) {
        var last = point
        try database.each(
            "SELECT position, hash, body, checksum FROM journal WHERE position > ?1 ORDER BY position LIMIT ?2",
            .count(point.position), .integer(Int64(limit))
        ) { row throws(StoreError) in
            let held = try read(row)
            guard held.record.position == last.position + 1, held.record.previous == last.hash else {
                throw database.damage("record \(held.record.position) does not follow record \(last.position)")
            }
            last = held.point
            return try visit(held)
        }
    }

    /// Whether a record is found by its position, which a walk over all of them does not tell.
    func isFound(_ position: UInt64) throws(StoreError) -> Bool {
        try database.first("SELECT 1 FROM journal WHERE position = ?1", .count(position)) {
            row throws(StoreError) in row.integer(0)
        } != nil
    }

    func remove(after position: UInt64) throws(StoreError) {
        try database.run("DELETE FROM journal WHERE position > ?1", .count(position))
    }

    func remove(through position: UInt64) throws(StoreError) {
        try database.run("DELETE FROM journal WHERE position <= ?1", .count(position))
    }

    /// First and last place held; nil where there is none.
    func range() throws(StoreError) -> ClosedRange<UInt64>? {
        let first = try database.first("SELECT position FROM journal ORDER BY position LIMIT 1") {
            row throws(StoreError) in row.count(0)
        }
        let last = try database.first("SELECT position FROM journal ORDER BY position DESC LIMIT 1") {
            row throws(StoreError) in row.count(0)
        }
        guard let first, let last else { return nil }
        return first...max(first, last)
    }

    private func read(_ row: SQLRow) throws(StoreError) -> HeldRecord {
        let (position, body) = (row.count(0), row.blob(2))
        guard let hash = Bytes32(bytes: row.blob(1)), row.integer(3) == JournalTable.checksum(position, hash, body),
            let record = JournalTable.decode(body), record.position == position, chain.hash(of: record) == hash
        else { throw database.damage("record \(position) of the journal is not what was written") }
        return HeldRecord(record: record, hash: hash)
    }

    private static func checksum(_ position: UInt64, _ hash: Bytes32, _ body: [UInt8]) -> Int64 {
        Checksum.row(1, position, hash.bytes + body)
    }

    /// The record that these bytes are all of; nil for anything else.
    static func decode(_ body: [UInt8]) -> JournalRecord? {
        var decoder = CanonicalDecoder(body)
        guard let record = try? JournalRecord(from: &decoder), decoder.remaining == 0 else { return nil }
        return record
    }

    // MARK: What undoes them

    /// Keeps what a record changed, until it is safe.
    func keep(_ changes: [UInt8], of position: UInt64) throws(StoreError) {
        guard !changes.isEmpty else { return }
        try database.run(
            "INSERT INTO undo(position, changes, checksum) VALUES (?1, ?2, ?3)", .count(position), .blob(changes),
            .integer(Checksum.row(2, position, changes)))
    }

    /// What a record changed; empty where it changed nothing.
    func changes(of position: UInt64) throws(StoreError) -> [UInt8] {
        let changes = try database.first("SELECT changes, checksum FROM undo WHERE position = ?1", .count(position)) {
            row throws(StoreError) in (bytes: row.blob(0), checksum: row.integer(1))
        }
        guard let changes else { return [] }
        guard changes.checksum == Checksum.row(2, position, changes.bytes) else {
            throw database.damage("what record \(position) changed is not what was written")
        }
        return changes.bytes
    }

    func dropChanges(through position: UInt64) throws(StoreError) {
        try database.run("DELETE FROM undo WHERE position <= ?1", .count(position))
    }

    func dropChanges(after position: UInt64) throws(StoreError) {
        try database.run("DELETE FROM undo WHERE position > ?1", .count(position))
    }
}
