public import Spanner

/// A result as it is stored at its owner.
public struct StoredResult: Hashable, Sendable {
    /// The queue that it came from.
    public var queue: QueueID
    /// Its place there.
    public var sequence: UInt64
    /// When it was stored, by this bolt's clock: for people.
    public var received: WallTime
    /// The bytes as the envoy sent them.
    public var body: [UInt8]
}

/// What an append did.
public struct ResultReceipt: Hashable, Sendable {
    /// All results up to this sequence are stored, or covered by a base.
    public var storedThrough: UInt64
    /// Results stored by this call.
    public var added: Int
    /// Results that were stored already, with the same bytes.
    public var duplicates: Int
}

/// Results at their owner: each once, in order, as the envoy sent it (P5).
///
/// Unique by (queue incarnation, sequence), dense up to `storedThrough`. Keeps nothing in memory. Calls inside
/// `BoltStore.transaction` share its commit, so that many check-ins cost one flush; each is all or nothing by itself.
public final class ResultStore {
    let database: Database

    init(database: Database) { self.database = database }

    static let schema = """
        CREATE TABLE queue(
            ix INTEGER PRIMARY KEY,
            incarnation BLOB NOT NULL UNIQUE CHECK (length(incarnation) = 16),
            envoy BLOB NOT NULL CHECK (length(envoy) = 16),
            stored_through INTEGER NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX queue_of_envoy ON queue(envoy, ix);
        CREATE TABLE result(
            queue_ix INTEGER NOT NULL,
            sequence INTEGER NOT NULL CHECK (sequence >= 1),
            received_ms INTEGER NOT NULL,
            body BLOB NOT NULL,
            hash INTEGER NOT NULL,
            PRIMARY KEY (queue_ix, sequence)
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE base(
            queue_ix INTEGER NOT NULL REFERENCES queue(ix),
            through INTEGER NOT NULL,
            first INTEGER NOT NULL CHECK (first BETWEEN 1 AND through),
            reason TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (queue_ix, through)
        ) WITHOUT ROWID, STRICT;
        """

    /// A queue's row.
    struct Queue {
        var index: Int64
        var storedThrough: UInt64
    }

    // MARK: Writing

    /// Stores results of one queue, in ascending order of sequence, and says how far it is stored. Durable when this
    /// returns, unless an outer transaction is open: then when that one is.
    ///
    /// What is stored already with the same bytes is ignored. Errors, each with nothing stored: `store_gap` where a
    /// sequence is left out (detail: the one expected), `store_conflict` where other bytes are stored at a sequence
    /// (detail: which), `store_queue_of_another` where the queue is another envoy's, `store_too_many_queues` where it
    /// would be one more than `StoreLimits.queuesPerEnvoyMax`, `store_too_large`.
    @discardableResult
    public func append(
        _ results: [SequencedResult], queue: QueueID, envoy: PrincipalID, received: WallTime
    ) throws(StoreError) -> ResultReceipt {
        try append(results, queue: queue, envoy: envoy, received: received, undo: nil)
    }

    /// The same; `undo` is told how to take it back.
    func append(
        _ results: [SequencedResult], queue: QueueID, envoy: PrincipalID, received: WallTime, undo: UndoLog?
    ) throws(StoreError) -> ResultReceipt {
        try validate(results)
        return try database.transaction { () throws(StoreError) in
            let place = try openQueue(queue, of: envoy, undo)
            var receipt = ResultReceipt(storedThrough: place.storedThrough, added: 0, duplicates: 0)
            for result in results {
                try store(result, at: place.index, received: received, queue: queue, receipt: &receipt, undo)
            }
            if receipt.storedThrough > place.storedThrough {
                try count(receipt.storedThrough, in: place.index, queue, envoy)
                undo?.moved(place.index, from: place.storedThrough, to: receipt.storedThrough)
            }
            return receipt
        }
    }

    private func store(
        _ result: SequencedResult, at index: Int64, received: WallTime, queue: QueueID,
        receipt: inout ResultReceipt, _ undo: UndoLog?
    ) throws(StoreError) {
        guard result.sequence <= receipt.storedThrough + 1 else {
            throw StoreError(
                .gap, what: "storing result \(result.sequence) of queue \(queue)",
                why: "results up to \(receipt.storedThrough) are stored", next: "send what lies between first",
                detail: .expected(receipt.storedThrough + 1))
        }
        if result.sequence <= receipt.storedThrough {
            let body = try stored(index, result.sequence)
            if let body {
                guard body == result.body else { throw conflict(result.sequence, queue) }
                receipt.duplicates += 1
                return
            }
            // Not stored though counted: a base covers it, and what arrives later fills it.
        }
        let checksum = Checksum.row(index, result.sequence, result.body)
        try database.run(
            "INSERT INTO result(queue_ix, sequence, received_ms, body, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
            .integer(index), .count(result.sequence), .count(min(received.milliseconds, UInt64(Int64.max))),
            .blob(result.body), .integer(checksum))
        undo?.stored(index, result.sequence, checksum: checksum)
        receipt.storedThrough = max(receipt.storedThrough, result.sequence)
        receipt.added += 1
    }

    /// Says why results before `through` cannot be had, so that later ones are not blocked, and counts them as stored.
    /// What arrives of them later is taken. Nothing happens where they are stored. Durable as `append` is.
    public func recordBase(
        queue: QueueID, envoy: PrincipalID, through: UInt64, reason: String, at: WallTime
    ) throws(StoreError) {
        guard through <= SequenceLimits.sequenceMax else { throw tooLarge("a base through \(through)") }
        try database.transaction { () throws(StoreError) in
            let place = try openQueue(queue, of: envoy, nil)
            guard through > place.storedThrough else { return }
            let (first, text) = (place.storedThrough + 1, String(reason.prefix(200)))
            try database.run(
                """
                INSERT INTO base(queue_ix, through, first, reason, at_ms, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                """, .integer(place.index), .count(through), .count(first), .text(text),
                .count(min(at.milliseconds, UInt64(Int64.max))),
                .integer(ResultStore.baseChecksum(place.index, first...through, text)))
            try count(through, in: place.index, queue, envoy)
        }
    }

    private func validate(_ results: [SequencedResult]) throws(StoreError) {
        guard results.count <= StoreLimits.resultsPerAppendMax else { throw tooLarge("\(results.count) results") }
        for result in results {
            guard result.sequence >= 1, result.sequence <= SequenceLimits.sequenceMax,
                result.body.count <= StoreLimits.resultBytesMax
            else { throw tooLarge("result \(result.sequence) of \(result.body.count) bytes") }
        }
    }

    private func tooLarge(_ what: String) -> StoreError {
        StoreError(
            .tooLarge, what: "storing \(what)",
            why: "a call takes \(StoreLimits.resultsPerAppendMax) results of \(StoreLimits.resultBytesMax) bytes, "
                + "numbered from 1 to \(SequenceLimits.sequenceMax)", next: "send less at once")
    }

    private func conflict(_ sequence: UInt64, _ queue: QueueID) -> StoreError {
        StoreError(
            .conflict, what: "storing result \(sequence) of queue \(queue)",
            why: "other bytes are stored there: two queues share one incarnation",
            next: "give the envoy's queue a new incarnation", detail: .differs(at: sequence))
    }

    private func openQueue(_ queue: QueueID, of envoy: PrincipalID, _ undo: UndoLog?) throws(StoreError) -> Queue {
        if let (owner, found) = try lookUp(queue) {
            guard owner == envoy else {
                throw StoreError(
                    .queueOfAnother, what: "storing results of queue \(queue) for envoy \(envoy)",
                    why: "the queue is envoy \(owner)'s", next: "give this envoy's queue a new incarnation")
            }
            return found
        }
        let opened = try database.first("SELECT count(*) FROM queue WHERE envoy = ?1", .blob(envoy.bytes)) {
            row throws(StoreError) in row.count(0)
        }
        guard (opened ?? 0) < UInt64(StoreLimits.queuesPerEnvoyMax) else {
            throw StoreError(
                .tooManyQueues, what: "opening queue \(queue) of envoy \(envoy)",
                why: "it has opened \(StoreLimits.queuesPerEnvoyMax) already, the most that are kept",
                next: "enrol the machine anew: its results stay in its queue until they are stored")
        }
        let last = try database.first("SELECT max(ix) FROM queue") { row throws(StoreError) in row.integer(0) }
        let index = (last ?? 0) + 1
        try database.run(
            "INSERT INTO queue(ix, incarnation, envoy, stored_through, checksum) VALUES (?1, ?2, ?3, 0, ?4)",
            .integer(index), .blob(queue.bytes), .blob(envoy.bytes),
            .integer(ResultStore.queueChecksum(index, 0, queue, envoy)))
        undo?.opened(index)
        return Queue(index: index, storedThrough: 0)
    }

    /// A queue counts as stored so far.
    private func count(
        _ through: UInt64, in index: Int64, _ queue: QueueID, _ envoy: PrincipalID
    ) throws(StoreError) {
        try database.run(
            "UPDATE queue SET stored_through = ?2, checksum = ?3 WHERE ix = ?1", .integer(index), .count(through),
            .integer(ResultStore.queueChecksum(index, through, queue, envoy)))
    }

    /// Counts a queue as stored less far again, whose row has to say `from`; how many rows that changed.
    static func move(back index: Int64, from: UInt64, to: UInt64, in database: Database) throws(StoreError) -> Int {
        let sums = try database.first(
            "SELECT incarnation, envoy, checksum FROM queue WHERE ix = ?1 AND stored_through = ?2", .integer(index),
            .count(from)
        ) { row throws(StoreError) -> (found: Int64, written: Int64?, next: Int64?) in
            let (queue, envoy) = (QueueID(bytes: row.blob(0)), PrincipalID(bytes: row.blob(1)))
            guard let queue, let envoy else { return (row.integer(2), nil, nil) }
            return (
                row.integer(2), queueChecksum(index, from, queue, envoy), queueChecksum(index, to, queue, envoy)
            )
        }
        guard let sums, sums.found == sums.written, let next = sums.next else { return 0 }
        return try database.run(
            "UPDATE queue SET stored_through = ?2, checksum = ?3 WHERE ix = ?1", .integer(index), .count(to),
            .integer(next))
    }

    /// Over all of a queue's row: what is told of a queue is as good as what is told of its results.
    static func queueChecksum(
        _ index: Int64, _ through: UInt64, _ queue: QueueID, _ envoy: PrincipalID
    ) -> Int64 {
        Checksum.row(index, through, queue.bytes + envoy.bytes)
    }

    static func baseChecksum(_ index: Int64, _ range: ClosedRange<UInt64>, _ reason: String) -> Int64 {
        let first = withUnsafeBytes(of: range.lowerBound.littleEndian) { Array($0) }
        return Checksum.row(index, range.upperBound, first + Array(reason.utf8))
    }

    /// The row of a queue; nil where it was never opened. `store_corrupt` where it is not what was written.
    func lookUp(_ queue: QueueID) throws(StoreError) -> (owner: PrincipalID, queue: Queue)? {
        try database.first(
            "SELECT ix, stored_through, envoy, checksum FROM queue WHERE incarnation = ?1", .blob(queue.bytes)
        ) { row throws(StoreError) in
            let (index, through) = (row.integer(0), row.count(1))
            guard let owner = PrincipalID(bytes: row.blob(2)),
                row.integer(3) == ResultStore.queueChecksum(index, through, queue, owner)
            else { throw database.damage("queue \(queue) is not what was written") }
            return (owner, Queue(index: index, storedThrough: through))
        }
    }

    func stored(_ index: Int64, _ sequence: UInt64) throws(StoreError) -> [UInt8]? {
        try database.first(
            "SELECT body, hash FROM result WHERE queue_ix = ?1 AND sequence = ?2", .integer(index), .count(sequence)
        ) { row throws(StoreError) in
            let body = row.blob(0)
            guard row.integer(1) == Checksum.row(index, sequence, body) else {
                throw database.damage("result \(sequence) of queue row \(index) is not what was written")
            }
            return body
        }
    }

    // MARK: Reading

    /// How far a queue is stored; 0 where it is not known.
    public func storedThrough(_ queue: QueueID) throws(StoreError) -> UInt64 {
        try lookUp(queue)?.queue.storedThrough ?? 0
    }

    /// An envoy's results, oldest queue first and in order of sequence, after a result already read; from the start
    /// where `after` is nil. At most `limit`, and at most `StoreLimits.pageMax`. Throws `store_unknown` for a place in
    /// a queue that is not this envoy's.
    public func results(
        of envoy: PrincipalID, after: (queue: QueueID, sequence: UInt64)? = nil, limit: Int
    ) throws(StoreError) -> [StoredResult] {
        var start: (index: Int64, sequence: UInt64) = (0, 0)
        if let after {
            guard let (owner, queue) = try lookUp(after.queue), owner == envoy else {
                throw StoreError(
                    .unknown, what: "listing results of envoy \(envoy)",
                    why: "queue \(after.queue) is not one of its queues", next: "list from the start")
            }
            start = (queue.index, min(after.sequence, SequenceLimits.sequenceMax))
        }
        return try database.rows(
            """
            SELECT queue.ix, queue.incarnation, result.sequence, result.received_ms, result.body, result.hash
            FROM queue JOIN result ON result.queue_ix = queue.ix
            WHERE queue.envoy = ?1 AND queue.ix >= ?2 AND (queue.ix > ?2 OR result.sequence > ?3)
            ORDER BY queue.ix, result.sequence LIMIT ?4
            """, .blob(envoy.bytes), .integer(start.index), .count(start.sequence),
            .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in
            let body = row.blob(4)
            guard let queue = QueueID(bytes: row.blob(1)),
                row.integer(5) == Checksum.row(row.integer(0), row.count(2), body)
            else { throw database.damage("result \(row.count(2)) of envoy \(envoy) is not what was written") }
            return StoredResult(
                queue: queue, sequence: row.count(2), received: WallTime(milliseconds: row.count(3)), body: body)
        }
    }

    /// How many results are stored, of all envoys. Reads an index of the whole table.
    public func count() throws(StoreError) -> UInt64 {
        try database.first("SELECT count(*) FROM result") { row throws(StoreError) in row.count(0) } ?? 0
    }
}

/// Bounds of result sequences.
public enum SequenceLimits {
    /// Highest sequence taken: 2^48 − 1.
    public static let sequenceMax: UInt64 = (1 << 48) - 1
}
