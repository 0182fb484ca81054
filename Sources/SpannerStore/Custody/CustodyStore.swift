public import Spanner

/// Results of other partitions' envoys while these are away: durable, each once by envoy, queue and place, within a
/// budget of which each envoy has a share. A second copy: the envoys keep theirs until the owner says that it may go
/// (P6).
///
/// Not `Sendable`: one owner at a time. Every call blocks for the disk; what changes something is durable when it
/// returns.
public final class CustodyStore {
    let database: Database
    private let bytesMax: UInt64
    private let envoyBytesMax: UInt64
    private let checkpointPages: Int32

    /// A queue of an envoy of which something is kept.
    private struct Line {
        let index: Int64
        var firstHeld: UInt64
        /// From `firstHeld` up to here all is kept, or was until the owner said that it may go.
        var through: UInt64
        var at: UInt64
        var bytes: UInt64
        var proof: [UInt8]
    }

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

    /// Whole check-ins are not kept any more, but each result once. Their envoys have the originals.
    static let resultSchema = """
        DROP TABLE entry;
        UPDATE held SET entries = 0, bytes = 0 WHERE one = 1;
        CREATE TABLE line(
            ix INTEGER PRIMARY KEY,
            envoy BLOB NOT NULL CHECK (length(envoy) = 16),
            queue BLOB NOT NULL CHECK (length(queue) = 16),
            first_held INTEGER NOT NULL CHECK (first_held >= 1),
            through INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            proof BLOB NOT NULL,
            hash INTEGER NOT NULL,
            UNIQUE (envoy, queue)
        ) STRICT;
        CREATE TABLE result(
            line INTEGER NOT NULL,
            sequence INTEGER NOT NULL CHECK (sequence >= 1),
            at_ms INTEGER NOT NULL,
            body BLOB NOT NULL,
            hash INTEGER NOT NULL,
            PRIMARY KEY (line, sequence)
        ) WITHOUT ROWID, STRICT;
        """

    static let kind = Database.Kind(
        name: "what is kept for others", applicationID: 0x4243_5553,
        migrations: [
            Migration(name: "entries", sql: CustodyStore.schema),
            Migration(name: "results", sql: CustodyStore.resultSchema),
        ])
    static let fileName = "custody.db"
    /// Bytes that a result, and a queue, are taken to cost beside what they hold.
    static let (resultBytes, lineBytes): (UInt64, UInt64) = (64, 256)

    /// Opens or makes the store in a directory that is locked already. Errors as those of `BoltStore.init`.
    public init(
        in directory: StateDirectory, bytesMax: UInt64 = StoreLimits.custodyBytesMax,
        envoyBytesMax: UInt64 = StoreLimits.custodyEnvoyBytesMax,
        checkpointPages: Int32 = StoreLimits.checkpointPages, environment: StoreEnvironment = .system
    ) throws(StoreError) {
        (self.bytesMax, self.envoyBytesMax, self.checkpointPages) = (bytesMax, envoyBytesMax, checkpointPages)
        database = try Database.open(
            CustodyStore.kind, in: directory, file: CustodyStore.fileName, vfs: environment.vfs)
    }

    /// Results and bytes that are held.
    public func held() throws(StoreError) -> (entries: UInt64, bytes: UInt64) {
        try database.first("SELECT entries, bytes FROM held WHERE one = 1") { row throws(StoreError) in
            (row.count(0), row.count(1))
        } ?? (0, 0)
    }

    // MARK: - In

    /// Keeps what check-ins bring, with one flush; for each of them the last result up to which all that its envoy
    /// holds of the queue is kept here, or why nothing of it was taken: `store_full` where the budget or the envoy's
    /// share is used up, `store_conflict` where other bytes are kept at a place (detail: which), `store_too_large`.
    /// What brings no result takes no room. Throws where nothing of any is durable.
    public func keep(_ deposits: [CustodyDeposit]) throws(StoreError) -> [Result<UInt64, StoreError>] {
        try database.transaction { () throws(StoreError) -> [Result<UInt64, StoreError>] in
            var answers: [Result<UInt64, StoreError>] = []
            for deposit in deposits {
                do throws(StoreError) {
                    // One too many takes none of the others with it.
                    let through = try database.transaction { () throws(StoreError) -> UInt64 in try keep(deposit) }
                    answers.append(.success(through))
                } catch {
                    guard !error.endsTheHandle else { throw error }
                    answers.append(.failure(error))
                }
            }
            return answers
        }
    }

    private func keep(_ deposit: CustodyDeposit) throws(StoreError) -> UInt64 {
        let first = max(1, min(deposit.firstHeld, SequenceLimits.sequenceMax))
        let known = try self.line(of: deposit.envoy, deposit.queue)
        // What lies before the first held was released by an owner.
        guard known != nil || !deposit.results.isEmpty else { return first - 1 }
        let at = min(deposit.at.milliseconds, UInt64(Int64.max))
        guard var line = known else { return try open(deposit, first: first, at: at) }
        guard !deposit.results.isEmpty || line.proof != deposit.proof else { return try end(of: line, from: first) }
        let before = line.bytes
        line.bytes = line.bytes - min(line.bytes, UInt64(line.proof.count)) + UInt64(deposit.proof.count)
        (line.proof, line.at) = (deposit.proof, at)
        let added = try insert(deposit.results, into: &line, at: at, queue: deposit.queue)
        line.through = try end(of: line, from: first)
        line.firstHeld = first
        try grow(line.bytes, from: before, results: added, of: deposit.envoy, besides: line.index)
        try database.run(
            """
            UPDATE line SET first_held = ?2, through = ?3, at_ms = ?4, bytes = ?5, proof = ?6, hash = ?7 WHERE ix = ?1
            """, .integer(line.index), .count(line.firstHeld), .count(line.through), .count(line.at),
            .count(line.bytes), .blob(line.proof),
            .integer(Checksum.row(line.index, line.firstHeld, line.proof)))
        return line.through
    }

    /// The first results of a queue.
    private func open(_ deposit: CustodyDeposit, first: UInt64, at: UInt64) throws(StoreError) -> UInt64 {
        let last = try database.first("SELECT max(ix) FROM line") { row throws(StoreError) in row.integer(0) }
        var line = Line(
            index: (last ?? 0) + 1, firstHeld: first, through: first - 1, at: at,
            bytes: CustodyStore.lineBytes + UInt64(deposit.proof.count), proof: deposit.proof)
        let added = try insert(deposit.results, into: &line, at: at, queue: deposit.queue)
        line.through = try end(of: line, from: first)
        try grow(line.bytes, from: 0, results: added, of: deposit.envoy, besides: line.index)
        try database.run(
            """
            INSERT INTO line(ix, envoy, queue, first_held, through, at_ms, bytes, proof, hash)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            """, .integer(line.index), .blob(deposit.envoy.bytes), .blob(deposit.queue.bytes), .count(first),
            .count(line.through), .count(at), .count(line.bytes), .blob(line.proof),
            .integer(Checksum.row(line.index, first, line.proof)))
        return line.through
    }

    private func insert(
        _ results: [SequencedResult], into line: inout Line, at: UInt64, queue: QueueID
    ) throws(StoreError) -> UInt64 {
        var added: UInt64 = 0
        for result in results {
            let (sequence, body) = (result.sequence, result.body)
            guard body.count <= StoreLimits.resultBytesMax, (1...SequenceLimits.sequenceMax).contains(sequence) else {
                throw StoreError(
                    .tooLarge, what: "keeping result \(sequence) of \(body.count) bytes for another partition",
                    why: "a result has at most \(StoreLimits.resultBytesMax) bytes", next: "report smaller results")
            }
            let kept = try database.first(
                "SELECT body FROM result WHERE line = ?1 AND sequence = ?2", .integer(line.index), .count(sequence)
            ) { row throws(StoreError) in row.blob(0) }
            if let kept {
                guard kept == body else {
                    throw StoreError(
                        .conflict, what: "keeping result \(sequence) of queue \(queue) for another partition",
                        why: "other bytes are kept there: two queues share one incarnation",
                        next: "give the envoy's queue a new incarnation", detail: .differs(at: sequence))
                }
                continue
            }
            try database.run(
                "INSERT INTO result(line, sequence, at_ms, body, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
                .integer(line.index), .count(sequence), .count(at), .blob(body),
                .integer(Checksum.row(line.index, sequence, body)))
            (line.bytes, added) = (line.bytes + CustodyStore.resultBytes + UInt64(body.count), added + 1)
        }
        return added
    }

    /// The last result that is kept without a gap from `first` on.
    private func end(of line: Line, from first: UInt64) throws(StoreError) -> UInt64 {
        // What had no gap before needs no second look.
        var through = line.firstHeld <= first && line.through + 1 >= first ? line.through : first - 1
        try database.each(
            "SELECT sequence FROM result WHERE line = ?1 AND sequence > ?2 ORDER BY sequence", .integer(line.index),
            .count(through)
        ) { row throws(StoreError) in
            guard row.count(0) == through + 1 else { return false }
            through += 1
            return true
        }
        return through
    }

    /// Counts what a queue costs now; throws where that is more than the budget, or the envoy's share of it.
    private func grow(
        _ bytes: UInt64, from before: UInt64, results: UInt64, of envoy: PrincipalID, besides index: Int64
    ) throws(StoreError) {
        let others = try database.first(
            "SELECT sum(bytes) FROM line WHERE envoy = ?1 AND ix <> ?2", .blob(envoy.bytes), .integer(index)
        ) { row throws(StoreError) in row.count(0) }
        let held = try self.held()
        let total = held.bytes - min(held.bytes, before) + bytes
        // What only brings another proof is let in.
        guard results == 0 || (others ?? 0) + bytes <= envoyBytesMax else {
            throw full("the share of envoy \(envoy), \(envoyBytesMax) bytes, is used up")
        }
        guard results == 0 || total <= bytesMax else { throw full("the budget of \(bytesMax) bytes is used up") }
        try count(held.entries + results, total)
    }

    private func full(_ why: String) -> StoreError {
        StoreError(
            .full, what: "keeping results for another partition", why: why,
            next: "the envoy keeps them until its owner is there")
    }

    private func count(_ entries: UInt64, _ bytes: UInt64) throws(StoreError) {
        try database.run("UPDATE held SET entries = ?1, bytes = ?2 WHERE one = 1", .count(entries), .count(bytes))
    }

    private func line(of envoy: PrincipalID, _ queue: QueueID) throws(StoreError) -> Line? {
        try database.first(
            """
            SELECT ix, first_held, through, at_ms, bytes, proof, hash FROM line WHERE envoy = ?1 AND queue = ?2
            """, .blob(envoy.bytes), .blob(queue.bytes)
        ) { row throws(StoreError) in
            let (index, first, proof) = (row.integer(0), row.count(1), row.blob(5))
            guard row.integer(6) == Checksum.row(index, first, proof) else {
                throw database.damage("queue \(queue) kept for another partition is not what was written")
            }
            return Line(
                index: index, firstHeld: first, through: row.count(2), at: row.count(3), bytes: row.count(4),
                proof: proof)
        }
    }

    // MARK: - Out

    /// Envoys after one that something is kept for, in order of their ids; at most `limit`.
    public func envoys(after envoy: PrincipalID?, limit: Int) throws(StoreError) -> [PrincipalID] {
        try database.rows(
            "SELECT DISTINCT envoy FROM line WHERE envoy > ?1 ORDER BY envoy LIMIT ?2", .blob(envoy?.bytes ?? []),
            .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in
            guard let envoy = PrincipalID(bytes: row.blob(0)) else {
                throw database.damage("a queue kept for another partition has no envoy")
            }
            return envoy
        }
    }

    /// Queues of an envoy of which something is kept, the one that came first before the others.
    public func queues(of envoy: PrincipalID) throws(StoreError) -> [QueueID] {
        try database.rows(
            "SELECT queue FROM line WHERE envoy = ?1 ORDER BY ix LIMIT ?2", .blob(envoy.bytes),
            .integer(Int64(StoreLimits.pageMax))
        ) { row throws(StoreError) in
            guard let queue = QueueID(bytes: row.blob(0)) else {
                throw database.damage("a queue kept for another partition has no id")
            }
            return queue
        }
    }

    /// What is kept of a queue after a place, up to the next gap; nil where nothing of it is kept. At most
    /// `StoreLimits.custodyBatchMax` results and `StoreLimits.custodyBatchBytesMax` bytes, but one result at least.
    public func batch(of envoy: PrincipalID, _ queue: QueueID, after place: UInt64) throws(StoreError) -> CustodyBatch?
    {
        guard let line = try self.line(of: envoy, queue) else { return nil }
        var (results, bytes): ([SequencedResult], Int) = ([], 0)
        try database.each(
            "SELECT sequence, body, hash FROM result WHERE line = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
            .integer(line.index), .count(min(place, SequenceLimits.sequenceMax)),
            .integer(Int64(StoreLimits.custodyBatchMax))
        ) { row throws(StoreError) in
            let (sequence, body) = (row.count(0), row.blob(1))
            guard row.integer(2) == Checksum.row(line.index, sequence, body) else {
                throw database.damage("result \(sequence) of queue \(queue) kept for another partition has rotted")
            }
            bytes += body.count
            if let last = results.last {
                guard sequence == last.sequence + 1, bytes <= StoreLimits.custodyBatchBytesMax else { return false }
            }
            results.append(SequencedResult(sequence: sequence, body: body))
            return true
        }
        let last = try database.first("SELECT max(sequence) FROM result WHERE line = ?1", .integer(line.index)) {
            row throws(StoreError) in row.count(0)
        }
        return CustodyBatch(
            envoy: envoy, queue: queue, firstHeld: line.firstHeld, results: results, last: last ?? 0,
            proof: line.proof, at: WallTime(milliseconds: line.at))
    }

    /// Removes what the owner of an envoy says may go, up to a place of each queue, and what came before an instant: in
    /// one transaction. Returns how many results that were too old went.
    @discardableResult
    public func remove(
        of envoy: PrincipalID, through places: [QueueID: UInt64], before instant: WallTime
    ) throws(StoreError) -> UInt64 {
        try database.transaction { () throws(StoreError) -> UInt64 in
            var old: UInt64 = 0
            for queue in try queues(of: envoy) {
                guard let line = try self.line(of: envoy, queue) else { continue }
                var bytes = line.bytes
                if let place = places[queue] {
                    let place = SQLValue.count(min(place, SequenceLimits.sequenceMax))
                    _ = try remove(of: line, where: "sequence <= ?2", place, &bytes)
                }
                let limit = SQLValue.count(min(instant.milliseconds, UInt64(Int64.max)))
                let count = try remove(of: line, where: "at_ms < ?2", limit, &bytes)
                old += count
                try settle(line, bytes: bytes, hasHole: count > 0)
            }
            return old
        }
    }

    /// Removes all that is kept of an envoy, which nobody will take any more.
    public func remove(_ envoy: PrincipalID) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            for queue in try queues(of: envoy) {
                guard let line = try self.line(of: envoy, queue) else { continue }
                var bytes = line.bytes
                _ = try remove(of: line, where: "sequence >= ?2", .integer(0), &bytes)
                try settle(line, bytes: bytes, hasHole: true)
            }
        }
    }

    /// Removes results of a queue; `bytes` is what it costs then. Returns how many there were.
    private func remove(
        of line: Line, where condition: String, _ value: SQLValue, _ bytes: inout UInt64
    ) throws(StoreError) -> UInt64 {
        let found = try database.first(
            "SELECT count(*), sum(length(body)) FROM result WHERE line = ?1 AND \(condition)", .integer(line.index),
            value
        ) { row throws(StoreError) in (row.count(0), row.count(1)) }
        guard let (results, size) = found, results > 0 else { return 0 }
        try database.run("DELETE FROM result WHERE line = ?1 AND \(condition)", .integer(line.index), value)
        let cost = results * CustodyStore.resultBytes + size
        bytes -= min(bytes, cost)
        let held = try self.held()
        try count(held.entries - min(held.entries, results), held.bytes - min(held.bytes, cost))
        return results
    }

    /// Writes what a queue costs after results of it went; with the last of them it goes itself.
    private func settle(_ line: Line, bytes: UInt64, hasHole: Bool) throws(StoreError) {
        let rest = try database.first("SELECT 1 FROM result WHERE line = ?1 LIMIT 1", .integer(line.index)) {
            row throws(StoreError) in row.integer(0)
        }
        guard rest == nil else {
            guard bytes != line.bytes else { return }
            let through = hasHole ? line.firstHeld - 1 : line.through
            try database.run(
                "UPDATE line SET bytes = ?2, through = ?3 WHERE ix = ?1", .integer(line.index), .count(bytes),
                .count(through))
            return
        }
        try database.run("DELETE FROM line WHERE ix = ?1", .integer(line.index))
        let held = try self.held()
        try count(held.entries, held.bytes - min(held.bytes, bytes))
    }

    /// Copies the write-ahead log back where it has grown.
    @discardableResult
    public func checkpointIfNeeded() throws(StoreError) -> Bool {
        guard database.walPageCount >= checkpointPages else { return false }
        return try database.checkpoint(truncating: false)
    }

    /// Copies the log back for the end. The store is not to be used after it.
    public func close() throws(StoreError) { try database.checkpoint(truncating: true) }
}
