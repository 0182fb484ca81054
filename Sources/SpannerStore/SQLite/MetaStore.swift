/// Small values under names: which steps were taken once, what was answered last.
public final class MetaStore {
    private let database: Database

    init(database: Database) { self.database = database }

    static let schema = "CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;"

    /// The value under `name`; nil where there is none.
    public func value(_ name: String) throws(StoreError) -> [UInt8]? {
        try database.first("SELECT value FROM meta WHERE name = ?1", .text(name)) { row throws(StoreError) in
            row.blob(0)
        }
    }

    /// Sets or, with nil, removes a value. Durable when this returns. At most `StoreLimits.metaBytesMax` bytes under a
    /// name of at most `metaKeyBytesMax`, else `store_too_large`.
    public func set(_ name: String, to value: [UInt8]?) throws(StoreError) {
        guard let value else {
            try database.run("DELETE FROM meta WHERE name = ?1", .text(name))
            return
        }
        guard name.utf8.count <= StoreLimits.metaKeyBytesMax, value.count <= StoreLimits.metaBytesMax else {
            throw StoreError(
                .tooLarge, what: "storing \(value.count) bytes under \(name.prefix(40))",
                why: "the limits are \(StoreLimits.metaBytesMax) bytes and \(StoreLimits.metaKeyBytesMax) for the name",
                next: "store less")
        }
        try database.run("INSERT OR REPLACE INTO meta(name, value) VALUES (?1, ?2)", .text(name), .blob(value))
    }
}
