public import CRDT
public import Spanner

/// A line of the audit log with its place.
public struct AuditRecord: Hashable, Sendable {
    /// Its number: 1, 2, 3, ... with none left out.
    public var number: UInt64
    /// The record of the journal that brought it.
    public var position: UInt64
    /// What was done.
    public var entry: AuditEntry
    /// The chain's value with this line: H(value before ‖ number ‖ position ‖ entry); 32 zero bytes before the first.
    public var hash: Bytes32
}

/// Who did what in a partition, and why: append-only, each line chained to the one before, written in the transaction
/// that it tells of, replicated like all else.
public struct AuditTable {
    let database: Database
    let witness: any Witness

    static let schema = """
        CREATE TABLE audit(
            number INTEGER PRIMARY KEY,
            position INTEGER NOT NULL,
            body BLOB NOT NULL,
            hash BLOB NOT NULL CHECK (length(hash) = 32)
        ) STRICT;
        """

    func append(_ entry: AuditEntry, at position: UInt64) throws(StoreError) {
        let last = try last()
        let number = last.number + 1
        let hash = chained(last.hash, number, position, entry)
        try database.run(
            "INSERT INTO audit(number, position, body, hash) VALUES (?1, ?2, ?3, ?4)", .count(number),
            .count(position), .blob(entry.canonicalBytes), .blob(hash.bytes))
    }

    /// The number and the chain's value of the last line; 0 and zero bytes where there is none.
    public func last() throws(StoreError) -> (number: UInt64, hash: Bytes32) {
        let row = try database.first("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1") {
            row throws(StoreError) in (number: row.count(0), hash: Bytes32(bytes: row.blob(1)))
        }
        guard let row else { return (0, .zero) }
        guard let hash = row.hash else { throw database.damage("a line of the audit log has no hash") }
        return (row.number, hash)
    }

    /// Lines after a number, in order, each checked against the chain; at most `limit` and `StoreLimits.pageMax`.
    /// `store_corrupt` for a line that is not what was written, or missing.
    public func records(after number: UInt64 = 0, limit: Int) throws(StoreError) -> [AuditRecord] {
        let start = min(number, UInt64(Int64.max))
        var previous = try hash(of: start)
        var records: [AuditRecord] = []
        try database.each(
            "SELECT number, position, body, hash FROM audit WHERE number > ?1 ORDER BY number LIMIT ?2", .count(start),
            .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in
            let record = try read(row)
            guard let before = previous, record.number == start + UInt64(records.count) + 1,
                record.hash == chained(before, record.number, record.position, record.entry)
            else { throw database.damage("line \(row.count(0)) of the audit log does not follow the one before it") }
            records.append(record)
            previous = record.hash
            return true
        }
        return records
    }

    /// The chain's value with a line; zero bytes before the first, nil where there is no such line.
    private func hash(of number: UInt64) throws(StoreError) -> Bytes32? {
        guard number > 0 else { return .zero }
        return try database.first("SELECT number, position, body, hash FROM audit WHERE number = ?1", .count(number)) {
            row throws(StoreError) in try read(row).hash
        }
    }

    /// Checks lines after a number. Returns the last; nil at the end.
    func verify(after number: UInt64, limit: Int) throws(StoreError) -> UInt64? {
        try records(after: number, limit: limit).last?.number
    }

    private func read(_ row: SQLRow) throws(StoreError) -> AuditRecord {
        var decoder = CanonicalDecoder(row.blob(2))
        guard let entry = try? AuditEntry(from: &decoder), decoder.remaining == 0,
            let hash = Bytes32(bytes: row.blob(3))
        else { throw database.damage("line \(row.count(0)) of the audit log is not what was written") }
        return AuditRecord(number: row.count(0), position: row.count(1), entry: entry, hash: hash)
    }

    private func chained(_ before: Bytes32, _ number: UInt64, _ position: UInt64, _ entry: AuditEntry) -> Bytes32 {
        var encoder = CanonicalEncoder(capacity: 128)
        encoder.fixed(before)
        encoder.integer(number)
        encoder.integer(position)
        entry.encode(to: &encoder)
        return witness.hash(encoder.bytes)
    }
}
