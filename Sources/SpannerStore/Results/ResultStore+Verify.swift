extension ResultStore {
    /// Reads every result: each against its checksum, each queue dense up to `storedThrough` but for its bases. Throws
    /// `store_corrupt` with the first finding.
    func verify() throws(StoreError) {
        let queues = try database.rows("SELECT ix, stored_through FROM queue ORDER BY ix") { row throws(StoreError) in
            (index: row.integer(0), through: row.count(1))
        }
        for queue in queues { try verify(queue.index, through: queue.through) }
    }

    /// Checks the checksums of up to `limit` results after a place, by row of queue and sequence. Returns the last; nil
    /// at the end.
    func verify(
        after place: (queue: Int64, sequence: UInt64), limit: Int
    ) throws(StoreError) -> (queue: Int64, sequence: UInt64)? {
        var last: (queue: Int64, sequence: UInt64)?
        try database.each(
            """
            SELECT queue_ix, sequence, body, hash FROM result WHERE (queue_ix, sequence) > (?1, ?2)
            ORDER BY queue_ix, sequence LIMIT ?3
            """, .integer(place.queue), .count(place.sequence), .integer(Int64(limit))
        ) { row throws(StoreError) in
            let (index, sequence) = (row.integer(0), row.count(1))
            guard row.integer(3) == Checksum.row(index, sequence, row.blob(2)) else {
                throw database.damage("result \(sequence) of queue row \(index) is not what was written")
            }
            last = (queue: index, sequence: sequence)
            return true
        }
        return last
    }

    private func verify(_ index: Int64, through: UInt64) throws(StoreError) {
        var covered = try database.rows(
            "SELECT first, through FROM base WHERE queue_ix = ?1 ORDER BY through", .integer(index)
        ) { row throws(StoreError) in (first: row.count(0), through: row.count(1)) }[...]
        var place: UInt64 = 0
        /// Whether everything after `place` and before `next` is covered by bases.
        func bridge(to next: UInt64) -> Bool {
            while place + 1 < next, let base = covered.first {
                if base.through <= place {
                    covered.removeFirst()
                } else if base.first <= place + 1 {
                    place = min(base.through, next - 1)
                } else {
                    return false
                }
            }
            return place + 1 == next
        }
        try database.each(
            "SELECT sequence, body, hash FROM result WHERE queue_ix = ?1 ORDER BY sequence", .integer(index)
        ) { row throws(StoreError) in
            let sequence = row.count(0)
            guard bridge(to: sequence) else { throw database.damage("queue row \(index) has a gap at \(place + 1)") }
            guard row.integer(2) == Checksum.row(index, sequence, row.blob(1)) else {
                throw database.damage("result \(sequence) of queue row \(index) is not what was written")
            }
            place = sequence
            return true
        }
        guard bridge(to: through + 1) else { throw database.damage("queue row \(index) ends at \(place)") }
    }
}
