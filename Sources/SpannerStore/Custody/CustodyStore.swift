public import Spanner

/// A check-in that is kept for its owner, which is away.
public struct CustodyEntry: Hashable, Sendable {
    /// Its number here: entries are delivered in this order.
    public let number: UInt64
    /// Whose check-in.
    public let envoy: PrincipalID
    /// When it was taken, by this bolt's clock.
    public let at: WallTime
    /// What is to be sent to the owner, as the shells write it.
    public let request: [UInt8]
}

/// What is to be kept.
public struct CustodyDeposit: Sendable {
    /// Whose check-in.
    public let envoy: PrincipalID
    /// The queue whose results it brings.
    public let queue: QueueID
    /// The last of them; 0 where it brings none.
    public let through: UInt64
    /// When, by this bolt's clock.
    public let at: WallTime
    /// What is to be sent to the owner; at most `StoreLimits.custodyEntryBytesMax`.
    public let request: [UInt8]

    /// A check-in to be kept.
    public init(envoy: PrincipalID, queue: QueueID, through: UInt64, at: WallTime, request: [UInt8]) {
        (self.envoy, self.queue, self.through, self.at, self.request) = (envoy, queue, through, at, request)
    }
}

/// Check-ins of other partitions' envoys while these are away: durable, in order, within a budget. A second copy: the
/// envoys keep theirs until the owner says that it may go (P6).
///
/// Not `Sendable`: one owner at a time. Every call blocks for the disk; what changes something is durable when it
/// returns.
public final class CustodyStore {
    let database: Database
    private let bytesMax: UInt64

    static let schema = """
        CREATE TABLE entry(
            number INTEGER PRIMARY KEY,
            envoy BLOB NOT NULL CHECK (length(envoy) = 16),
            queue BLOB NOT NULL CHECK (length(queue) = 16),
            through INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            request BLOB NOT NULL,
            hash INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX entry_of_envoy ON entry(envoy, number);
        CREATE INDEX entry_of_queue ON entry(queue, through);
        CREATE TABLE held(
            one INTEGER PRIMARY KEY CHECK (one = 1),
            entries INTEGER NOT NULL,
            bytes INTEGER NOT NULL
        ) STRICT;
        INSERT INTO held VALUES (1, 0, 0);
        """

    static let kind = Database.Kind(
        name: "what is kept for others", applicationID: 0x4243_5553,
        migrations: [Migration(name: "entries", sql: CustodyStore.schema)])
    static let fileName = "custody.db"

    /// Opens or makes the store in a directory that is locked already. Errors as those of `BoltStore.init`.
    public init(
        in directory: StateDirectory, bytesMax: UInt64 = StoreLimits.custodyBytesMax,
        environment: StoreEnvironment = .system
    ) throws(StoreError) {
        self.bytesMax = bytesMax
        database = try Database.open(
            CustodyStore.kind, in: directory, file: CustodyStore.fileName, vfs: environment.vfs)
    }

    /// Entries and bytes that are held.
    public func held() throws(StoreError) -> (entries: UInt64, bytes: UInt64) {
        try database.first("SELECT entries, bytes FROM held WHERE one = 1") { row throws(StoreError) in
            (row.count(0), row.count(1))
        } ?? (0, 0)
    }

    /// Keeps check-ins in this order with one flush. `store_full` where there is no room within the budget, nothing is
    /// kept then; `store_too_large` for an entry over its limit.
    public func keep(_ deposits: [CustodyDeposit]) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            var (entries, bytes) = try held()
            for deposit in deposits {
                guard deposit.request.count <= StoreLimits.custodyEntryBytesMax else {
                    throw StoreError(
                        .tooLarge, what: "keeping \(deposit.request.count) bytes for another partition",
                        why: "the limit is \(StoreLimits.custodyEntryBytesMax)", next: "report fewer results at once")
                }
                (entries, bytes) = (entries + 1, bytes + CustodyStore.cost(deposit.request))
                guard bytes <= bytesMax else {
                    throw StoreError(
                        .full, what: "keeping results for another partition", why: "the budget of it is used up",
                        next: "the envoy keeps them until its owner is there")
                }
                try insert(deposit)
            }
            try count(entries, bytes)
        }
    }

    private static func cost(_ request: [UInt8]) -> UInt64 { UInt64(request.count) + 128 }

    private func insert(_ deposit: CustodyDeposit) throws(StoreError) {
        let last = try database.first("SELECT max(number) FROM entry") { row throws(StoreError) in row.count(0) }
        let number = (last ?? 0) + 1
        try database.run(
            """
            INSERT INTO entry(number, envoy, queue, through, at_ms, request, hash)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            """, .count(number), .blob(deposit.envoy.bytes), .blob(deposit.queue.bytes),
            .count(min(deposit.through, SequenceLimits.sequenceMax)),
            .count(min(deposit.at.milliseconds, UInt64(Int64.max))), .blob(deposit.request),
            .integer(Checksum.row(19, number, deposit.request)))
    }

    private func count(_ entries: UInt64, _ bytes: UInt64) throws(StoreError) {
        try database.run("UPDATE held SET entries = ?1, bytes = ?2 WHERE one = 1", .count(entries), .count(bytes))
    }

    /// The last result of a queue that is kept here; 0 where none is.
    public func through(_ queue: QueueID) throws(StoreError) -> UInt64 {
        try database.first("SELECT max(through) FROM entry WHERE queue = ?1", .blob(queue.bytes)) {
            row throws(StoreError) in row.count(0)
        } ?? 0
    }

    /// Envoys after one that something is kept for, in order of their ids; at most `limit`.
    public func envoys(after envoy: PrincipalID?, limit: Int) throws(StoreError) -> [PrincipalID] {
        try database.rows(
            "SELECT DISTINCT envoy FROM entry WHERE envoy > ?1 ORDER BY envoy LIMIT ?2", .blob(envoy?.bytes ?? []),
            .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in
            guard let envoy = PrincipalID(bytes: row.blob(0)) else {
                throw database.damage("an entry kept for another partition has no envoy")
            }
            return envoy
        }
    }

    /// What is kept for an envoy, oldest first; at most `limit`.
    public func entries(of envoy: PrincipalID, limit: Int) throws(StoreError) -> [CustodyEntry] {
        try database.rows(
            "SELECT number, at_ms, request, hash FROM entry WHERE envoy = ?1 ORDER BY number LIMIT ?2",
            .blob(envoy.bytes), .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in
            let (number, request) = (row.count(0), row.blob(2))
            guard row.integer(3) == Checksum.row(19, number, request) else {
                throw database.damage("entry \(number) kept for another partition is not what was written")
            }
            return CustodyEntry(
                number: number, envoy: envoy, at: WallTime(milliseconds: row.count(1)), request: request)
        }
    }

    /// Removes an entry that its owner has, or that nobody will take.
    public func remove(_ entry: CustodyEntry) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            let removed = try database.run("DELETE FROM entry WHERE number = ?1", .count(entry.number))
            guard removed == 1 else { return }
            let (entries, bytes) = try held()
            let cost = CustodyStore.cost(entry.request)
            try count(entries > 0 ? entries - 1 : 0, bytes > cost ? bytes - cost : 0)
        }
    }

    /// Copies the write-ahead log back where it has grown.
    @discardableResult
    public func checkpointIfNeeded() throws(StoreError) -> Bool {
        guard database.walPageCount >= StoreLimits.checkpointPages else { return false }
        return try database.checkpoint(truncating: false)
    }

    /// Copies the log back for the end. The store is not to be used after it.
    public func close() throws(StoreError) { try database.checkpoint(truncating: true) }
}
