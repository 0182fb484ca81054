internal import Spanner

/// Looks whether results, queues and bases are what was written, and whether each row is found where it is looked for:
/// rot may strike what leads to a row as well as the row.
extension ResultStore {
    /// Reads everything: each row against its checksum, each queue dense up to what it counts but for its bases. Throws
    /// `store_corrupt` with the first finding.
    func verify() throws(StoreError) {
        var queue: Int64? = 0
        while let place = queue { queue = try verifyQueues(after: place, limit: StoreLimits.pageMax) }
        var result: (queue: Int64, sequence: UInt64)? = (0, 0)
        while let place = result { result = try verify(after: place, limit: StoreLimits.pageMax) }
    }

    /// Checks up to `limit` queues after a row: its own bytes, both ways to it, its bases, and that its last result is
    /// where it counts to. Returns the last; nil at the end.
    func verifyQueues(after index: Int64, limit: Int) throws(StoreError) -> Int64? {
        let rows = try database.rows(
            "SELECT ix, incarnation, envoy FROM queue WHERE ix > ?1 ORDER BY ix LIMIT ?2", .integer(index),
            .integer(Int64(limit))
        ) { row throws(StoreError) in (index: row.integer(0), queue: row.blob(1), envoy: row.blob(2)) }
        for row in rows {
            guard let queue = QueueID(bytes: row.queue), let (owner, found) = try lookUp(queue),
                found.index == row.index, owner.bytes == row.envoy, try isListed(row.index, row.envoy)
            else { throw database.damage("queue row \(row.index) is not found where it is looked for") }
            try verifyBases(of: row.index)
            let last = try database.first(
                "SELECT max(sequence) FROM result WHERE queue_ix = ?1", .integer(row.index)
            ) { row throws(StoreError) in row.isNull(0) ? 0 : row.count(0) }
            guard try isCovered(row.index, after: last ?? 0, before: found.storedThrough + 1) else {
                throw database.damage(
                    "queue row \(row.index) ends at \(last ?? 0), it counts to \(found.storedThrough)")
            }
        }
        return rows.last?.index
    }

    /// Whether a queue is found by its envoy.
    private func isListed(_ index: Int64, _ envoy: [UInt8]) throws(StoreError) -> Bool {
        try database.first(
            "SELECT 1 FROM queue INDEXED BY queue_of_envoy WHERE envoy = ?1 AND ix = ?2", .blob(envoy), .integer(index)
        ) { row throws(StoreError) in row.integer(0) } != nil
    }

    private func verifyBases(of index: Int64) throws(StoreError) {
        try database.each(
            "SELECT first, through, reason, checksum FROM base WHERE queue_ix = ?1 ORDER BY through", .integer(index)
        ) { row throws(StoreError) in
            let (first, through) = (row.count(0), row.count(1))
            guard first <= through, row.integer(3) == ResultStore.baseChecksum(index, first...through, row.text(2))
            else { throw database.damage("a base of queue row \(index) is not what was written") }
            return true
        }
    }

    /// Checks up to `limit` results after a place, by row of queue and sequence: checksums, that each follows the one
    /// before but for bases, and that each is found by its place. Returns the last; nil at the end.
    func verify(
        after place: (queue: Int64, sequence: UInt64), limit: Int
    ) throws(StoreError) -> (queue: Int64, sequence: UInt64)? {
        let rows = try database.rows(
            """
            SELECT queue_ix, sequence FROM result WHERE (queue_ix, sequence) > (?1, ?2)
            ORDER BY queue_ix, sequence LIMIT ?3
            """, .integer(place.queue), .count(place.sequence), .integer(Int64(limit))
        ) { row throws(StoreError) in (queue: row.integer(0), sequence: row.count(1)) }
        var last = place
        for row in rows {
            let before = row.queue == last.queue ? last.sequence : 0
            guard row.queue > last.queue || row.sequence > before,
                try isCovered(row.queue, after: before, before: row.sequence)
            else { throw database.damage("queue row \(row.queue) has a gap after \(before)") }
            guard try stored(row.queue, row.sequence) != nil else {
                throw database.damage("result \(row.sequence) of queue row \(row.queue) is not found by its place")
            }
            last = row
        }
        return rows.isEmpty ? nil : last
    }

    /// Whether everything after one place and before another is covered by bases; false where they are out of order.
    private func isCovered(_ index: Int64, after place: UInt64, before next: UInt64) throws(StoreError) -> Bool {
        var place = place
        while place + 1 < next {
            let end = try database.first(
                """
                SELECT through FROM base WHERE queue_ix = ?1 AND through > ?2 AND first <= ?2 + 1
                ORDER BY through DESC LIMIT 1
                """, .integer(index), .count(place)
            ) { row throws(StoreError) in row.count(0) }
            guard let end else { return false }
            place = min(end, next - 1)
        }
        return place + 1 == next
    }
}
