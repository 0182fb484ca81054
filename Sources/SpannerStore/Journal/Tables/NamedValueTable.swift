/// Values under names that a partition's journal set: settings, sealed secrets.
public struct NamedValueTable {
    let database: Database
    let table: String
    let owner: Int64

    static func schema(_ table: String) -> String {
        """
        CREATE TABLE \(table)(
            name TEXT PRIMARY KEY,
            value BLOB NOT NULL,
            position INTEGER NOT NULL,
            checksum INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        """
    }

    /// A value and the record that set it last.
    public struct Value: Hashable, Sendable {
        /// The bytes.
        public var bytes: [UInt8]
        /// The record's position: grows with each change.
        public var position: UInt64
    }

    func set(_ name: String, to value: [UInt8]?, at position: UInt64) throws(StoreError) {
        guard let value else {
            try database.run("DELETE FROM \(table) WHERE name = ?1", .text(name))
            return
        }
        try database.run(
            """
            INSERT INTO \(table)(name, value, position, checksum) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name)
            DO UPDATE SET value = excluded.value, position = excluded.position, checksum = excluded.checksum
            """, .text(name), .blob(value), .count(position), .integer(checksum(name, position, value)))
    }

    /// The value under a name; nil where there is none. `store_corrupt` where it is not what was written.
    public func value(_ name: String) throws(StoreError) -> Value? {
        try database.first("SELECT name, value, position, checksum FROM \(table) WHERE name = ?1", .text(name)) {
            row throws(StoreError) in try read(row)
        }
    }

    /// Names after `name`, in order of their bytes, from the start where it is empty; at most `limit` and
    /// `StoreLimits.pageMax`.
    public func names(after name: String = "", limit: Int) throws(StoreError) -> [String] {
        try database.rows(
            "SELECT name FROM \(table) WHERE name > ?1 ORDER BY name LIMIT ?2", .text(name),
            .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in row.text(0) }
    }

    /// Checks rows after a name. Returns the last; nil at the end.
    func verify(after name: String, limit: Int) throws(StoreError) -> String? {
        let names = try database.rows(
            "SELECT name, value, position, checksum FROM \(table) WHERE name > ?1 ORDER BY name LIMIT ?2", .text(name),
            .integer(Int64(limit))
        ) { row throws(StoreError) in
            _ = try read(row)
            return row.text(0)
        }
        return names.last
    }

    private func read(_ row: SQLRow) throws(StoreError) -> Value {
        let value = Value(bytes: row.blob(1), position: row.count(2))
        guard row.integer(3) == checksum(row.text(0), value.position, value.bytes) else {
            throw database.damage("\(table) \(row.text(0)) is not what was written")
        }
        return value
    }

    private func checksum(_ name: String, _ position: UInt64, _ value: [UInt8]) -> Int64 {
        Checksum.row(owner, position, Array(name.utf8) + [0] + value)
    }
}
