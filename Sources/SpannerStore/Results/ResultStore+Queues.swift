public import Spanner

/// One life of an envoy's queue, as its owner has it.
public struct StoredQueue: Hashable, Sendable {
    /// Which.
    public var queue: QueueID
    /// Every place up to here holds a result, or is covered by a base.
    public var storedThrough: UInt64
    /// Places that hold nothing and are covered by a base.
    public var holes: UInt64
    /// The stretches that were counted as stored, in order; what arrived later is not taken out.
    public var bases: [StoredBase]
}

/// A stretch of a queue that was counted as stored without being there.
public struct StoredBase: Hashable, Sendable {
    /// The queue.
    public var queue: QueueID
    /// The places.
    public var range: ClosedRange<UInt64>
    /// Why they could not be had.
    public var reason: String
    /// When that was said, by the clock of the bolt that said it.
    public var at: WallTime
}

/// What there is to know of an envoy's queues beside their results.
extension ResultStore {
    /// An envoy's queues in the order in which they were opened, the present one last; at most
    /// `StoreLimits.queuesPerEnvoyMax`.
    public func queues(of envoy: PrincipalID) throws(StoreError) -> [StoredQueue] {
        let ids = try database.rows(
            "SELECT incarnation FROM queue WHERE envoy = ?1 ORDER BY ix LIMIT ?2", .blob(envoy.bytes),
            .integer(Int64(StoreLimits.queuesPerEnvoyMax))
        ) { row throws(StoreError) -> QueueID in
            guard let queue = QueueID(bytes: row.blob(0)) else {
                throw database.damage("a queue of envoy \(envoy) has no id")
            }
            return queue
        }
        let bases = Dictionary(grouping: try bases(of: envoy), by: \.queue)
        var queues: [StoredQueue] = []
        for id in ids {
            guard let (_, found) = try lookUp(id) else { throw database.damage("queue \(id) is not found by its id") }
            let own = bases[id] ?? []
            queues.append(
                StoredQueue(
                    queue: id, storedThrough: found.storedThrough,
                    holes: try holes(of: found.index, in: own.map(\.range)), bases: own))
        }
        return queues
    }

    /// The stretches of an envoy's queues that were counted as stored without being there, and why, in order. What
    /// arrived later is not taken out.
    public func bases(of envoy: PrincipalID) throws(StoreError) -> [StoredBase] {
        try database.rows(
            """
            SELECT queue.incarnation, base.first, base.through, base.reason, base.queue_ix, base.checksum, base.at_ms
            FROM queue JOIN base ON base.queue_ix = queue.ix WHERE queue.envoy = ?1 ORDER BY queue.ix, base.through
            """, .blob(envoy.bytes)
        ) { row throws(StoreError) in
            guard let queue = QueueID(bytes: row.blob(0)), row.count(1) <= row.count(2),
                row.integer(5)
                    == ResultStore.baseChecksum(row.integer(4), row.count(1)...row.count(2), row.text(3))
            else { throw database.damage("a base of envoy \(envoy) is not what was written") }
            return StoredBase(
                queue: queue, range: row.count(1)...row.count(2), reason: row.text(3),
                at: WallTime(milliseconds: row.count(6)))
        }
    }

    /// How many places of these stretches hold nothing; where stretches overlap each place counts once.
    private func holes(of index: Int64, in ranges: [ClosedRange<UInt64>]) throws(StoreError) -> UInt64 {
        var (sum, next): (UInt64, UInt64) = (0, 1)
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            let first = max(range.lowerBound, next)
            guard first <= range.upperBound else { continue }
            let held = try database.first(
                "SELECT count(*) FROM result WHERE queue_ix = ?1 AND sequence BETWEEN ?2 AND ?3", .integer(index),
                .count(first), .count(range.upperBound)
            ) { row throws(StoreError) in row.count(0) }
            let places = range.upperBound - first + 1
            sum += places - min(places, held ?? 0)
            next = range.upperBound + 1
        }
        return sum
    }
}
