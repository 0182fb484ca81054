public import Spanner

/// Records of one queue on their way to the owner.
public struct QueuedBatch: Hashable, Sendable {
    /// The queue that the records are of.
    public var incarnation: QueueID
    /// The first sequence that is still held here; results before it cannot be had from here any more.
    public var firstHeld: UInt64
    /// Records in order, without a gap.
    public var records: [SequencedResult]
}

/// What a queue holds, as it is shown.
public struct QueueDepth: Hashable, Sendable {
    /// Records held.
    public var items: Int
    /// Bytes of their bodies.
    public var bytes: Int
    /// Records that a full queue dropped and that no marker tells of yet.
    public var dropped: UInt64
}

extension QueueStore {
    /// All queues that hold something, and the present one. `store_unknown` where the incarnation has to be renewed
    /// first.
    public func queues() throws(StoreError) -> HeldQueues {
        let present = try present()
        let earlier = try places().filter { $0.index != present.index && $0.firstHeld < $0.next }
        return HeldQueues(earlier: earlier.map(\.held), present: present.held)
    }

    /// The next records to send of one queue, after `after`: in order, at least one where there is one, then as many
    /// more as stay within `bytesMax` and `itemsMax`. Without a queue, of the oldest that holds any, else of the
    /// present one. `store_unknown` where the incarnation has to be renewed first, or for a queue that is none of ours.
    public func batch(
        of queue: QueueID? = nil, after: UInt64 = 0, itemsMax: Int, bytesMax: Int
    ) throws(StoreError) -> QueuedBatch {
        let place = try place(queue)
        let start = max(place.firstHeld, min(after, SequenceLimits.sequenceMax) + 1)
        var (records, bytes, isFull) = ([SequencedResult](), 0, false)
        let limit = Int64(max(1, min(itemsMax, StoreLimits.pageMax)))
        try database.each(
            "SELECT sequence, body, hash FROM item WHERE queue_ix = ?1 AND sequence >= ?2 ORDER BY sequence LIMIT ?3",
            .integer(place.index), .count(start), .integer(limit)
        ) { row throws(StoreError) in
            let body = try verified(row, place, expecting: start + UInt64(records.count))
            isFull = !records.isEmpty && bytes + body.count > bytesMax
            if isFull { return false }
            bytes += body.count
            records.append(SequencedResult(sequence: row.count(0), body: body))
            return true
        }
        guard !records.isEmpty || start >= place.next else {
            throw database.damage("record \(start) of queue \(place.incarnation) is missing")
        }
        return QueuedBatch(incarnation: place.incarnation, firstHeld: place.firstHeld, records: records)
    }

    /// The body of a row `sequence, body, hash`, which has to be the one that was written there.
    func verified(_ row: SQLRow, _ place: Place, expecting sequence: UInt64) throws(StoreError) -> [UInt8] {
        let body = row.blob(1)
        guard row.count(0) == sequence, row.integer(2) == Checksum.row(place.index, sequence, body) else {
            throw database.damage("record \(sequence) of queue \(place.incarnation) is not what was written")
        }
        return body
    }

    /// How much is held, of all queues together.
    public func held() throws(StoreError) -> QueueDepth {
        let held = try database.first("SELECT items, bytes, (SELECT coalesce(sum(dropped), 0) FROM queue) FROM held") {
            row throws(StoreError) in
            QueueDepth(items: Int(row.integer(0)), bytes: Int(row.integer(1)), dropped: row.count(2))
        }
        guard let held else { throw database.damage("the count of held records is gone") }
        return held
    }

    /// When the oldest record that is held was queued; nil where none is, or nobody said when.
    public func oldest() throws(StoreError) -> WallTime? {
        let found = try database.first("SELECT queued_at_ms FROM item ORDER BY queue_ix, sequence LIMIT 1") {
            row throws(StoreError) in row.count(0)
        }
        return found.flatMap { $0 > 0 ? WallTime(milliseconds: $0) : nil }
    }

    /// The queue that new records get into.
    func present() throws(StoreError) -> Place {
        guard case .current(let value) = incarnation else {
            throw unknown("using the queue", "its incarnation has to be renewed first")
        }
        guard let place = try places().first(where: { $0.incarnation == value }) else {
            throw database.damage("queue \(value) is gone")
        }
        return place
    }

    private func place(_ queue: QueueID?) throws(StoreError) -> Place {
        let present = try present()
        guard let queue else { return try places().first { $0.firstHeld < $0.next } ?? present }
        guard let place = try places().first(where: { $0.incarnation == queue }) else {
            throw unknown("reading queue \(queue)", "it is none of this envoy's")
        }
        return place
    }

    /// All queues, oldest first.
    func places() throws(StoreError) -> [Place] {
        try database.rows("SELECT ix, incarnation, next, first_held, dropped FROM queue ORDER BY ix") {
            row throws(StoreError) in
            guard let value = QueueID(bytes: row.blob(1)) else { throw database.damage("a queue has no name") }
            return Place(
                index: row.integer(0), incarnation: value, next: row.count(2), firstHeld: row.count(3),
                dropped: row.count(4))
        }
    }

    func unknown(_ what: String, _ why: String) -> StoreError {
        StoreError(.unknown, what: what, why: why, next: "draw a random incarnation and renew it")
    }
}
