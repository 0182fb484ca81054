public import CRDT
public import Spanner

/// A run with the values of its replica's hash chain around it, as the roster computed and checked them.
public struct RunToStore: Sendable {
    /// The run.
    public var run: SignedRun
    /// The chain's value before its first event.
    public var base: Bytes32
    /// The chain's value after its last event.
    public var head: Bytes32

    /// A checked run.
    public init(run: SignedRun, base: Bytes32, head: Bytes32) {
        (self.run, self.base, self.head) = (run, base, head)
    }
}

/// How far one replica's history is stored, and the hash chain's value there.
public struct StoredHead: Hashable, Sendable {
    /// Whose history.
    public var replica: ReplicaID
    /// The last event's counter; at least 1.
    public var counter: UInt64
    /// The chain's value after it.
    public var hash: Bytes32

    /// A head.
    public init(replica: ReplicaID, counter: UInt64, hash: Bytes32) {
        (self.replica, self.counter, self.hash) = (replica, counter, hash)
    }
}

/// The roster's events on disk: one row an event, and what has been seen in the same transaction as the events.
///
/// Keeps nothing in memory, so that nothing can outlive a rollback. Calls inside `BoltStore.transaction` share its
/// commit; each is all or nothing by itself too.
public final class RosterStore {
    let database: Database

    init(database: Database) { self.database = database }

    static let schema = """
        CREATE TABLE replica(
            ix INTEGER PRIMARY KEY,
            key BLOB NOT NULL CHECK (length(key) = 32),
            incarnation BLOB NOT NULL CHECK (length(incarnation) = 8),
            counter INTEGER NOT NULL,
            head BLOB NOT NULL CHECK (length(head) = 32),
            hash INTEGER NOT NULL,
            UNIQUE (key, incarnation)
        ) STRICT;
        CREATE TABLE run(
            replica_ix INTEGER NOT NULL REFERENCES replica(ix),
            last INTEGER NOT NULL,
            first INTEGER NOT NULL CHECK (first BETWEEN 1 AND last),
            signature BLOB NOT NULL,
            hash INTEGER NOT NULL,
            PRIMARY KEY (replica_ix, last)
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE event(
            replica_ix INTEGER NOT NULL,
            counter INTEGER NOT NULL CHECK (counter >= 1),
            body BLOB NOT NULL,
            hash INTEGER NOT NULL,
            PRIMARY KEY (replica_ix, counter)
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE fork(
            key BLOB NOT NULL CHECK (length(key) = 32),
            incarnation BLOB NOT NULL CHECK (length(incarnation) = 8),
            agreed_through INTEGER NOT NULL,
            proof BLOB NOT NULL,
            hash INTEGER NOT NULL,
            PRIMARY KEY (key, incarnation)
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE lease(
            incarnation BLOB PRIMARY KEY CHECK (length(incarnation) = 8),
            counter INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        """

    // MARK: Writing

    /// Stores runs, in the order given, and moves the heads with them: durable when this returns, none when it throws.
    ///
    /// Each run must continue what is stored: `store_gap` (with the counter expected) where it leaves one out,
    /// `store_conflict` where it begins at or before what is held, or its chain does not continue the stored head.
    /// At most `StoreLimits.runsPerAppendMax` runs within `RosterLimits`, else `store_too_large`.
    public func append(_ runs: [RunToStore]) throws(StoreError) {
        guard runs.count <= StoreLimits.runsPerAppendMax else {
            throw tooLarge("\(runs.count) runs", "\(StoreLimits.runsPerAppendMax) in one call")
        }
        for run in runs { try validate(run.run) }
        try database.transaction { () throws(StoreError) in
            for run in runs { try append(run) }
        }
    }

    private func append(_ entry: RunToStore) throws(StoreError) {
        let run = entry.run
        let index = try row(of: run.replica, openingAt: entry.base)
        let stored = try head(of: run.replica, atRow: index)
        guard run.first <= stored.counter + 1 else {
            throw StoreError(
                .gap, what: "storing events \(run.first)...\(run.last) of \(run.replica)",
                why: "events up to \(stored.counter) are stored", next: "store what lies between first",
                detail: .expected(stored.counter + 1))
        }
        guard run.first == stored.counter + 1, stored.hash == entry.base else {
            throw StoreError(
                .conflict, what: "storing events \(run.first)...\(run.last) of \(run.replica)",
                why: run.first == stored.counter + 1
                    ? "they continue head \(entry.base), stored is \(stored.hash)"
                    : "events up to \(stored.counter) are stored already",
                next: "check the run against the stored head", detail: .differs(at: min(run.first, stored.counter + 1)))
        }
        for (offset, body) in run.bodies.enumerated() {
            let counter = run.first + UInt64(offset)
            try database.run(
                "INSERT INTO event(replica_ix, counter, body, hash) VALUES (?1, ?2, ?3, ?4)",
                .integer(index), .count(counter), .blob(body), .integer(Checksum.row(index, counter, body)))
        }
        try database.run(
            "INSERT INTO run(replica_ix, last, first, signature, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
            .integer(index), .count(run.last), .count(run.first), .blob(run.signature),
            .integer(sum(index, first: run.first, last: run.last, run.signature)))
        let head = StoredHead(replica: run.replica, counter: run.last, hash: entry.head)
        try database.run(
            "UPDATE replica SET counter = ?2, head = ?3, hash = ?4 WHERE ix = ?1",
            .integer(index), .count(head.counter), .blob(head.hash.bytes), .integer(sum(index, head)))
    }

    private func validate(_ run: SignedRun) throws(StoreError) {
        guard run.first >= 1, run.first <= Dot.counterMax, !run.bodies.isEmpty,
            run.bodies.count <= RosterLimits.runEventsMax,
            run.first + UInt64(run.bodies.count) - 1 <= Dot.counterMax
        else { throw tooLarge("a run of \(run.bodies.count) events from \(run.first)", "1...\(Dot.counterMax)") }
        let bytes = run.bodies.reduce(0) { $0 + $1.count }
        guard bytes <= RosterLimits.runBytesMax else {
            throw tooLarge("a run of \(bytes) bytes", "\(RosterLimits.runBytesMax)")
        }
    }

    private func tooLarge(_ what: String, _ limit: String) -> StoreError {
        StoreError(.tooLarge, what: "storing \(what)", why: "the limit is \(limit)", next: "split it")
    }

    /// The row of a replica, made with counter 0 and the chain's start where there is none.
    private func row(of replica: ReplicaID, openingAt base: Bytes32) throws(StoreError) -> Int64 {
        if let index = try row(of: replica) { return index }
        try database.run(
            "INSERT INTO replica(key, incarnation, counter, head, hash) VALUES (?1, ?2, 0, ?3, 0)",
            .blob(replica.key.bytes), .blob(bytes(of: replica.incarnation)), .blob(base.bytes))
        guard let index = try row(of: replica) else { throw database.damage("a replica's row is gone") }
        let head = StoredHead(replica: replica, counter: 0, hash: base)
        try database.run("UPDATE replica SET hash = ?2 WHERE ix = ?1", .integer(index), .integer(sum(index, head)))
        return index
    }

    private func row(of replica: ReplicaID) throws(StoreError) -> Int64? {
        try database.first(
            "SELECT ix FROM replica WHERE key = ?1 AND incarnation = ?2",
            .blob(replica.key.bytes), .blob(bytes(of: replica.incarnation))
        ) { row throws(StoreError) in row.integer(0) }
    }

    private func head(of replica: ReplicaID, atRow index: Int64) throws(StoreError) -> StoredHead {
        let head = try database.first(
            "SELECT key, incarnation, counter, head, hash, ix FROM replica WHERE ix = ?1", .integer(index)
        ) { row throws(StoreError) in try read(row) }
        guard let head, head.replica == replica else { throw database.damage("the head of \(replica) is gone") }
        return head
    }

    /// A head from its row, against its checksum.
    private func read(_ row: SQLRow) throws(StoreError) -> StoredHead {
        guard let key = Bytes32(bytes: row.blob(0)), let hash = Bytes32(bytes: row.blob(3)) else {
            throw database.damage("a replica's row has no key or head")
        }
        let incarnation = row.blob(1).reduce(0) { $0 << 8 | UInt64($1) }
        let head = StoredHead(
            replica: ReplicaID(key: key, incarnation: incarnation), counter: row.count(2), hash: hash)
        guard row.integer(4) == sum(row.integer(5), head) else {
            throw database.damage("the head of \(head.replica) is not what was written")
        }
        return head
    }

    private func sum(_ index: Int64, _ head: StoredHead) -> Int64 {
        Checksum.row(
            index, head.counter, head.replica.key.bytes + bytes(of: head.replica.incarnation) + head.hash.bytes)
    }

    private func sum(_ index: Int64, first: UInt64, last: UInt64, _ signature: [UInt8]) -> Int64 {
        Checksum.row(index, last, bytes(of: first) + signature)
    }

    // MARK: Reading

    /// All heads in replica order: the context that peers were, or may be, told.
    public func heads() throws(StoreError) -> [StoredHead] {
        try database.rows(
            "SELECT key, incarnation, counter, head, hash, ix FROM replica ORDER BY key, incarnation"
        ) { row throws(StoreError) in try read(row) }
    }

    /// The head of one replica; nil where nothing of it is stored.
    public func head(of replica: ReplicaID) throws(StoreError) -> StoredHead? {
        guard let index = try row(of: replica) else { return nil }
        return try head(of: replica, atRow: index)
    }

    /// Whole runs of a replica with events after `after`, in order: at least one where there is any, then as many more
    /// as stay within `bytesMax` bytes of bodies and signatures.
    ///
    /// A run is the unit that is signed: where `after` lies inside one, that whole run comes. Every body is checked
    /// against its checksum: `store_corrupt` rather than a wrong byte (D4).
    public func runs(of replica: ReplicaID, after: UInt64, bytesMax: Int) throws(StoreError) -> [SignedRun] {
        guard let index = try row(of: replica) else { return [] }
        let budget = max(0, min(bytesMax, StoreLimits.readBytesMax))
        var runs: [SignedRun] = []
        var bytes = 0
        var place = min(after, Dot.counterMax)
        while bytes < budget || runs.isEmpty {
            guard let run = try run(of: replica, atRow: index, after: place) else { break }
            bytes += run.signature.count + run.bodies.reduce(0) { $0 + $1.count }
            if !runs.isEmpty, bytes > budget { break }
            place = run.last
            runs.append(run)
        }
        return runs
    }

    private func run(of replica: ReplicaID, atRow index: Int64, after: UInt64) throws(StoreError) -> SignedRun? {
        let bounds = try database.first(
            "SELECT first, last, signature, hash FROM run WHERE replica_ix = ?1 AND last > ?2 ORDER BY last LIMIT 1",
            .integer(index), .count(after)
        ) { row throws(StoreError) in
            let bounds = (first: row.count(0), last: row.count(1), signature: row.blob(2))
            guard row.integer(3) == sum(index, first: bounds.first, last: bounds.last, bounds.signature) else {
                throw database.damage("the run up to \(replica)#\(bounds.last) is not what was written")
            }
            return bounds
        }
        guard let bounds else { return nil }
        var expected = bounds.first
        let bodies = try database.rows(
            """
            SELECT counter, body, hash FROM event WHERE replica_ix = ?1 AND counter BETWEEN ?2 AND ?3 ORDER BY counter
            """, .integer(index), .count(bounds.first), .count(bounds.last)
        ) { row throws(StoreError) in
            let body = row.blob(1)
            guard row.count(0) == expected, row.integer(2) == Checksum.row(index, expected, body) else {
                throw database.damage("event \(replica)#\(expected) is not what was written")
            }
            expected += 1
            return body
        }
        guard expected == bounds.last + 1 else {
            throw database.damage("event \(replica)#\(expected) is missing")
        }
        return SignedRun(replica: replica, first: bounds.first, bodies: bodies, signature: bounds.signature)
    }

    /// Hands over every stored run, in order of replica and counter, for the start. Memory: one run at a time.
    ///
    /// Throws `store_corrupt` where a history does not reach its head without a gap.
    public func scan(_ visit: (SignedRun) throws(StoreError) -> Void) throws(StoreError) {
        for head in try heads() {
            guard let index = try row(of: head.replica) else { continue }
            var place: UInt64 = 0
            while let run = try run(of: head.replica, atRow: index, after: place) {
                guard run.first == place + 1 else {
                    throw database.damage("no run holds event \(head.replica)#\(place + 1)")
                }
                place = run.last
                try visit(run)
            }
            guard place == head.counter else {
                throw database.damage("\(head.replica) has events up to \(place), its head says \(head.counter)")
            }
        }
    }

    // MARK: Counters

    /// Makes counters up to `through` of this incarnation usable: durable before any of them is used (R7). Never goes
    /// back; a lower value changes nothing.
    public func lease(_ incarnation: UInt64, through: UInt64) throws(StoreError) {
        guard through <= Dot.counterMax else { throw tooLarge("counter \(through)", "\(Dot.counterMax)") }
        try database.run(
            """
            INSERT INTO lease(incarnation, counter) VALUES (?1, ?2)
            ON CONFLICT (incarnation) DO UPDATE SET counter = max(counter, excluded.counter)
            """, .blob(bytes(of: incarnation)), .count(through))
    }

    /// Up to which counter this incarnation may go; 0 where none was leased.
    public func leased(_ incarnation: UInt64) throws(StoreError) -> UInt64 {
        try database.first("SELECT counter FROM lease WHERE incarnation = ?1", .blob(bytes(of: incarnation))) {
            row throws(StoreError) in row.count(0)
        } ?? 0
    }

    func bytes(of incarnation: UInt64) -> [UInt8] {
        withUnsafeBytes(of: incarnation.bigEndian) { Array($0) }
    }
}
