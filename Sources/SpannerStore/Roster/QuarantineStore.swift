public import CRDT

/// A run that was not taken, kept for an operator to look at.
public struct QuarantinedRun: Hashable, Sendable {
    /// Whose history it claimed to be.
    public var replica: ReplicaID
    /// Counter of its first event.
    public var counter: UInt64
    /// Why it was not taken, in a word or two.
    public var reason: String
    /// Its bytes as received, cut at `StoreLimits.quarantineBytesMax`.
    public var bytes: [UInt8]

    /// A run with the reason against it.
    public init(replica: ReplicaID, counter: UInt64, reason: String, bytes: [UInt8]) {
        (self.replica, self.counter, self.reason, self.bytes) = (replica, counter, reason, bytes)
    }
}

/// What peers sent and nobody took (R10): bounded in rows and bytes, the oldest goes first.
public final class QuarantineStore {
    private let database: Database

    init(database: Database) { self.database = database }

    static let schema = """
        CREATE TABLE quarantine(
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            key BLOB NOT NULL,
            incarnation BLOB NOT NULL,
            counter INTEGER NOT NULL,
            reason TEXT NOT NULL,
            bytes BLOB NOT NULL
        ) STRICT;
        """

    /// Keeps a run, cut to the limit. At `StoreLimits.quarantineMax` the oldest one goes.
    public func add(_ run: QuarantinedRun) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            try database.run(
                "INSERT INTO quarantine(key, incarnation, counter, reason, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
                .blob(run.replica.key.bytes),
                .blob(withUnsafeBytes(of: run.replica.incarnation.bigEndian) { Array($0) }),
                .count(min(run.counter, Dot.counterMax)), .text(String(run.reason.prefix(200))),
                .blob(Array(run.bytes.prefix(StoreLimits.quarantineBytesMax))))
            try database.run(
                "DELETE FROM quarantine WHERE number <= (SELECT max(number) FROM quarantine) - ?1",
                .integer(Int64(StoreLimits.quarantineMax)))
        }
    }

    /// All that is kept, oldest first; at most `StoreLimits.quarantineMax`.
    public func list() throws(StoreError) -> [QuarantinedRun] {
        try database.rows(
            "SELECT key, incarnation, counter, reason, bytes FROM quarantine ORDER BY number"
        ) { row throws(StoreError) in
            guard let key = Bytes32(bytes: row.blob(0)) else { throw database.damage("a quarantined run has no key") }
            let incarnation = row.blob(1).reduce(0) { $0 << 8 | UInt64($1) }
            return QuarantinedRun(
                replica: ReplicaID(key: key, incarnation: incarnation), counter: row.count(2), reason: row.text(3),
                bytes: row.blob(4))
        }
    }

    /// How many were ever quarantined in this database, those that went included.
    public func total() throws(StoreError) -> UInt64 {
        try database.first("SELECT seq FROM sqlite_sequence WHERE name = 'quarantine'") {
            row throws(StoreError) in row.count(0)
        } ?? 0
    }
}
