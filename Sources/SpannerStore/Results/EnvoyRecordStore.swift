public import CRDT
public import Spanner

/// What an owner keeps of an envoy beside its results.
public struct EnvoyRecord: Hashable, Sendable {
    /// An envoy's facts as it last reported them.
    public struct Traits: Hashable, Sendable {
        /// Hash of the document, as the envoy is told it.
        public var digest: Bytes32
        /// The document; at most `StoreLimits.traitsBytesMax`.
        public var document: [UInt8]

        /// Traits with their digest.
        public init(digest: Bytes32, document: [UInt8]) { (self.digest, self.document) = (digest, document) }
    }

    /// Which envoy.
    public var envoy: PrincipalID
    /// Its last check-in, by this bolt's clock: for people.
    public var lastSeen: WallTime
    /// Its traits; in a write, nil leaves what is stored.
    public var traits: Traits?

    /// A record.
    public init(envoy: PrincipalID, lastSeen: WallTime, traits: Traits? = nil) {
        (self.envoy, self.lastSeen, self.traits) = (envoy, lastSeen, traits)
    }
}

/// When each envoy was last seen, and its traits. Written in batches: a lost one costs a minute of `last seen`.
public final class EnvoyRecordStore {
    private let database: Database

    init(database: Database) { self.database = database }

    static let schema = """
        CREATE TABLE envoy(
            id BLOB PRIMARY KEY CHECK (length(id) = 16),
            last_seen_ms INTEGER NOT NULL,
            traits_digest BLOB,
            traits BLOB
        ) WITHOUT ROWID, STRICT;
        """

    /// Stores records, the later of two instants winning, in one transaction. `store_too_large` for traits over the
    /// limit; nothing is stored then.
    public func upsert(_ records: [EnvoyRecord]) throws(StoreError) { try upsert(records, undo: nil) }

    /// The same; `undo` is told how to take it back.
    func upsert(_ records: [EnvoyRecord], undo: UndoLog?) throws(StoreError) {
        for record in records where (record.traits?.document.count ?? 0) > StoreLimits.traitsBytesMax {
            throw StoreError(
                .tooLarge, what: "storing traits of envoy \(record.envoy)",
                why: "the limit is \(StoreLimits.traitsBytesMax) bytes", next: "report fewer traits")
        }
        try database.transaction { () throws(StoreError) in
            for record in records {
                let at = min(record.lastSeen.milliseconds, UInt64(Int64.max))
                if let undo {
                    undo.seen(record.envoy, at: Int64(bitPattern: at), before: try before(record))
                }
                try database.run(
                    """
                    INSERT INTO envoy(id, last_seen_ms, traits_digest, traits) VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT (id) DO UPDATE SET
                        last_seen_ms = max(last_seen_ms, excluded.last_seen_ms),
                        traits_digest = coalesce(excluded.traits_digest, traits_digest),
                        traits = coalesce(excluded.traits, traits)
                    """, .blob(record.envoy.bytes),
                    .count(at),
                    record.traits.map { .blob($0.digest.bytes) } ?? .null,
                    record.traits.map { .blob($0.document) } ?? .null)
            }
        }
    }

    /// What of a row an upsert will change: without the traits where it leaves them alone.
    private func before(_ record: EnvoyRecord) throws(StoreError) -> UndoLog.Sighting? {
        let hasTraits = record.traits != nil
        return try database.first(
            hasTraits
                ? "SELECT last_seen_ms, traits_digest, traits FROM envoy WHERE id = ?1"
                : "SELECT last_seen_ms FROM envoy WHERE id = ?1", .blob(record.envoy.bytes)
        ) { row throws(StoreError) in
            UndoLog.Sighting(
                lastSeen: row.integer(0),
                traits: hasTraits
                    ? (row.isNull(1) ? .absent : .present(digest: row.blob(1), document: row.blob(2)))
                    : .untouched)
        }
    }

    /// The record of one envoy; nil where there is none.
    public func record(of envoy: PrincipalID) throws(StoreError) -> EnvoyRecord? {
        try database.first(
            "SELECT id, last_seen_ms, traits_digest, traits FROM envoy WHERE id = ?1", .blob(envoy.bytes)
        ) { row throws(StoreError) in try read(row) }
    }

    /// Records in order of id after `after`, from the start where it is nil; at most `limit` and `StoreLimits.pageMax`.
    public func records(after: PrincipalID? = nil, limit: Int) throws(StoreError) -> [EnvoyRecord] {
        try database.rows(
            "SELECT id, last_seen_ms, traits_digest, traits FROM envoy WHERE id > ?1 ORDER BY id LIMIT ?2",
            .blob(after?.bytes ?? []), .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in try read(row) }
    }

    private func read(_ row: SQLRow) throws(StoreError) -> EnvoyRecord {
        guard let envoy = PrincipalID(bytes: row.blob(0)) else { throw database.damage("an envoy's row has no id") }
        let lastSeen = WallTime(milliseconds: row.count(1))
        guard !row.isNull(2), let digest = Bytes32(bytes: row.blob(2)) else {
            return EnvoyRecord(envoy: envoy, lastSeen: lastSeen)
        }
        return EnvoyRecord(
            envoy: envoy, lastSeen: lastSeen, traits: EnvoyRecord.Traits(digest: digest, document: row.blob(3)))
    }
}
