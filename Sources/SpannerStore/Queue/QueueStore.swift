public import Spanner

/// What an append did.
public enum QueueAdmission: Hashable, Sendable {
    /// Stored, durable, under this sequence of the present incarnation.
    case stored(UInt64)
    /// The queue is full: this record is lost, and counted in the marker that follows once there is room.
    case dropped(soFar: UInt64)
}

/// The envoy's queue of records not yet released by their owner: durable, in order, bounded, and honest about what it
/// had to drop (P6).
///
/// Not `Sendable`: one owner at a time. Keeps nothing in memory. A database that is told to be a copy goes on under a
/// new queue incarnation; what it still holds of the old one keeps its name and its numbers, and is sent first. One
/// that was found to be an older copy by its owner alone starts over: see `startOver`.
public final class QueueStore {
    /// What a full queue is.
    public struct Limits: Hashable, Sendable {
        /// Records held.
        public var itemsMax: Int
        /// Bytes of their bodies.
        public var bytesMax: Int

        /// Limits as an operator sets them.
        public init(
            itemsMax: Int = StoreLimits.queueItemsDefault, bytesMax: Int = StoreLimits.queueBytesDefault
        ) {
            (self.itemsMax, self.bytesMax) = (itemsMax, bytesMax)
        }
    }

    /// The locked directory.
    public let directory: StateDirectory
    /// Small values under names: the list of bolts, the last answer, the last traits.
    public let meta: MetaStore
    /// The policy that was accepted.
    public let policy: PolicyCacheStore
    /// The incarnation that new records get, or why one must be drawn.
    public private(set) var incarnation: IncarnationStatus<QueueID>

    private static let file = "queue.db"
    private static let incarnationFile = "queue-incarnation"

    let database: Database
    let keeper: IncarnationKeeper
    private let limits: Limits

    static let schema = """
        CREATE TABLE queue(
            ix INTEGER PRIMARY KEY,
            incarnation BLOB NOT NULL UNIQUE CHECK (length(incarnation) = 16),
            next INTEGER NOT NULL DEFAULT 1,
            first_held INTEGER NOT NULL DEFAULT 1,
            dropped INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE TABLE item(
            queue_ix INTEGER NOT NULL,
            sequence INTEGER NOT NULL CHECK (sequence >= 1),
            body BLOB NOT NULL,
            hash INTEGER NOT NULL,
            PRIMARY KEY (queue_ix, sequence)
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE held(
            one INTEGER PRIMARY KEY CHECK (one = 1),
            items INTEGER NOT NULL,
            bytes INTEGER NOT NULL
        ) STRICT;
        INSERT INTO held VALUES (1, 0, 0);
        """

    static let kind = Database.Kind(
        name: "an envoy's queue", applicationID: 0x4251_5545,
        migrations: [
            Migration(name: "incarnation and meta", sql: IncarnationKeeper.schema + MetaStore.schema),
            Migration(name: "queue", sql: QueueStore.schema),
            // 0 is unknown: for what was queued before this step.
            Migration(
                name: "when it was queued",
                sql: "ALTER TABLE item ADD COLUMN queued_at_ms INTEGER NOT NULL DEFAULT 0;"),
            Migration(name: "policy", sql: PolicyCacheStore.schema),
        ])

    /// A row of `queue`.
    struct Place {
        var index: Int64
        var incarnation: QueueID
        var next: UInt64
        var firstHeld: UInt64
        var dropped: UInt64

        /// What a machine is told of it.
        var held: HeldQueue {
            HeldQueue(incarnation, first: firstHeld, last: next > 0 ? next - 1 : 0)
        }
    }

    /// Locks the directory and opens or makes the queue. Errors as `BoltStore.init`'s; `store_corrupt` also where a
    /// queue was begun and its database is empty or gone. Where `incarnation` then needs a renewal, nothing can be
    /// appended before it.
    public init(
        path: String, limits: Limits = Limits(), environment: StoreEnvironment = .system
    ) throws(StoreError) {
        directory = try StateDirectory(path: path)
        try QueueStore.refuseEmptied(in: directory)
        database = try Database.open(QueueStore.kind, in: directory, file: QueueStore.file)
        keeper = IncarnationKeeper(
            database: database, file: directory.file(QueueStore.incarnationFile), machine: environment.machine)
        meta = MetaStore(database: database)
        policy = PolicyCacheStore(database: database)
        self.limits = limits
        switch try keeper.resume() {
        case .current(let bytes):
            guard let value = QueueID(bytes: bytes) else { throw database.damage("the incarnation is cut") }
            incarnation = .current(value)
        case .renewalNeeded(let doubt): incarnation = .renewalNeeded(doubt)
        }
    }

    /// Made anew in silence, nobody would hear that what it held is lost. The file of the incarnation is written only
    /// once the database has its tables.
    private static func refuseEmptied(in directory: StateDirectory) throws(StoreError) {
        let path = directory.file(file)
        guard FileSystem.isEmptyOrGone(path), directory.holds(incarnationFile) else { return }
        throw StoreError(
            .corrupt, what: "opening \(path)",
            why: "it is \(directory.holds(file) ? "empty" : "gone"), and a queue was begun there",
            next: "restore \(directory.path), or move it away to begin anew without what it held")
    }

    /// Begins a new queue under a random incarnation that the caller drew. Records of older ones stay: they go first.
    /// What those dropped is told by the new one: under their names, only their originals may go on.
    public func renewIncarnation(to value: QueueID) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            try database.run(
                "INSERT INTO queue(incarnation) VALUES (?1) ON CONFLICT (incarnation) DO NOTHING", .blob(value.bytes))
            let dropped = try held().dropped
            try database.run("UPDATE queue SET dropped = 0 WHERE incarnation <> ?1", .blob(value.bytes))
            try database.run(
                "UPDATE queue SET dropped = ?2 WHERE incarnation = ?1", .blob(value.bytes), .count(dropped))
        }
        try keeper.renew(to: value.bytes)
        goOn(under: value)
    }

    /// The present queue is this one from now on, which is durable already.
    func goOn(under value: QueueID) { incarnation = .current(value) }

    // MARK: Writing

    /// Stores records in order, durable when this returns; `at` is told by `oldest` alone. One that finds the queue
    /// full is dropped and counted; earlier ones of the same call stay. `store_too_large` for a body over
    /// `StoreLimits.resultBytesMax`, with nothing stored; `store_unknown` where the incarnation has to be renewed
    /// first.
    public func append(_ bodies: [[UInt8]], at: WallTime? = nil) throws(StoreError) -> [QueueAdmission] {
        for body in bodies where body.count > StoreLimits.resultBytesMax {
            throw StoreError(
                .tooLarge, what: "queueing a record of \(body.count) bytes",
                why: "the limit is \(StoreLimits.resultBytesMax)", next: "cut the record")
        }
        return try database.transaction { () throws(StoreError) in
            var place = try present()
            var admissions: [QueueAdmission] = []
            for body in bodies {
                try settle(&place)
                if place.dropped == 0, try hasRoom(for: body.count) {
                    admissions.append(.stored(place.next))
                    try add(body, at: at, to: &place)
                } else {
                    place.dropped += 1
                    admissions.append(.dropped(soFar: place.dropped))
                }
            }
            try save(place)
            return admissions
        }
    }

    /// Deletes records of a queue up to what its owner has stored safely. Idempotent; a lower value than before changes
    /// nothing. Writes the marker of dropped records, into the present queue, where there is room now.
    ///
    /// `store_unknown` for a queue that is none of ours, `store_queue_behind` where more is released than the present
    /// queue ever held: it is an old copy.
    public func release(_ queue: QueueID, through: UInt64) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            guard var place = try places().first(where: { $0.incarnation == queue }) else {
                throw unknown("releasing records of queue \(queue)", "it is none of this envoy's")
            }
            if through >= place.next, incarnation == .current(queue) {
                throw StoreError(
                    .queueBehind, what: "releasing records up to \(through) of queue \(queue)",
                    why: "it ever held \(place.next - 1): it is an older copy of itself",
                    next: "draw a new queue incarnation", detail: .expected(place.next))
            }
            guard through >= place.firstHeld else { return }
            let through = min(through, place.next - 1)
            let freed = try database.first(
                """
                SELECT count(*), coalesce(sum(length(body)), 0) FROM item WHERE queue_ix = ?1 AND sequence <= ?2
                """, .integer(place.index), .count(through)
            ) { row throws(StoreError) in (items: row.integer(0), bytes: row.integer(1)) }
            try database.run(
                "DELETE FROM item WHERE queue_ix = ?1 AND sequence <= ?2", .integer(place.index), .count(through))
            try grow(items: -(freed?.items ?? 0), bytes: -(freed?.bytes ?? 0))
            place.firstHeld = through + 1
            try save(place)
            var present = try present()
            try settle(&present)
            try save(present)
        }
    }

    /// Writes the marker of what was dropped, where there is room for it.
    func settle(_ place: inout Place) throws(StoreError) {
        guard place.dropped > 0 else { return }
        let body = OverflowMarker.body(dropped: place.dropped)
        guard try hasRoom(for: body.count) else { return }
        place.dropped = 0
        try add(body, at: nil, to: &place)
    }

    private func add(_ body: [UInt8], at: WallTime?, to place: inout Place) throws(StoreError) {
        guard place.next <= SequenceLimits.sequenceMax else {
            throw unknown("queueing record \(place.next)", "the queue is used up")
        }
        try insert(body, queuedAt: Int64(clamping: at?.milliseconds ?? 0), in: place)
        try grow(items: 1, bytes: Int64(body.count))
        place.next += 1
    }

    /// Writes a record under the next sequence of a queue; the counts are the caller's.
    func insert(_ body: [UInt8], queuedAt: Int64, in place: Place) throws(StoreError) {
        try database.run(
            "INSERT INTO item(queue_ix, sequence, body, hash, queued_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
            .integer(place.index), .count(place.next), .blob(body),
            .integer(Checksum.row(place.index, place.next, body)), .integer(queuedAt))
    }

    private func hasRoom(for bytes: Int) throws(StoreError) -> Bool {
        let held = try held()
        return held.items < limits.itemsMax && held.bytes + bytes <= limits.bytesMax
    }

    private func grow(items: Int64, bytes: Int64) throws(StoreError) {
        try database.run("UPDATE held SET items = items + ?1, bytes = bytes + ?2", .integer(items), .integer(bytes))
    }

    func save(_ place: Place) throws(StoreError) {
        try database.run(
            "UPDATE queue SET next = ?2, first_held = ?3, dropped = ?4 WHERE ix = ?1", .integer(place.index),
            .count(place.next), .count(place.firstHeld), .count(place.dropped))
    }

    // MARK: Upkeep

    /// Copies the write-ahead log back where it has grown. Returns whether it did.
    @discardableResult
    public func checkpointIfNeeded() throws(StoreError) -> Bool {
        guard database.walPageCount >= StoreLimits.checkpointPages else { return false }
        return try database.checkpoint(truncating: false)
    }

    /// Reads the file's whole structure; `store_corrupt` with the first finding.
    public func integrityCheck() throws(StoreError) { try database.integrityCheck() }

    /// Cuts the log and ends the session, so that older copies of the files are told at the next start.
    public func close() throws(StoreError) {
        try keeper.endSession()
        try database.checkpoint(truncating: true)
    }
}
