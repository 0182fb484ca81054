internal import Spanner

/// How much of each queue may be released: what is stored by records that are safe. Kept by a primary for what is not
/// safe yet, and for nothing else.
///
/// A queue that is not in it was last stored before the horizon: all of it counts once that is safe.
struct ReleaseLedger {
    private struct Entry {
        let position: UInt64
        let queue: QueueID
        let through: UInt64
    }

    private struct Queue {
        /// Stored up to here by what is safe, as far as is known.
        var known: UInt64
        /// Places of it that are not safe yet.
        var open: Int
    }

    private var entries: [Entry] = []
    private var settled = 0
    private var queues: [QueueID: Queue] = [:]
    private var horizon: UInt64 = 0
    /// Of the reign that it is kept for; nil where none is.
    private var epoch: PartitionEpoch?
    private let countMax: Int

    /// An empty ledger that holds at most so many places.
    init(countMax: Int = PartitionServiceLimits.releasesMax) { self.countMax = max(1, countMax) }

    /// Places that are not safe yet.
    var count: Int { entries.count - settled }

    /// A reign begins: everything up to its first record may be anybody's. One that goes on after a hand-over that was
    /// not taken began before: what it said may be released stays said.
    mutating func begin(_ epoch: PartitionEpoch, at tip: UInt64) {
        guard self.epoch != epoch else { return }
        self.epoch = epoch
        forget(upTo: tip)
    }

    /// The reign is over.
    mutating func end() { epoch = nil }

    private mutating func forget(upTo tip: UInt64) {
        (entries, settled, queues) = ([], 0, [:])
        horizon = tip
    }

    /// The record at `position` stored results of a queue up to `through`; `before` of them were stored already.
    mutating func note(_ queue: QueueID, at position: UInt64, through: UInt64, before: UInt64, safe: UInt64) {
        guard position > safe else { return }
        guard count < countMax else { return forget(upTo: position) }
        entries.append(Entry(position: position, queue: queue, through: through))
        queues[queue, default: Queue(known: safe >= horizon ? before : 0, open: 0)].open += 1
    }

    /// All up to here is safe.
    mutating func settle(_ safe: UInt64) {
        while settled < entries.count, entries[settled].position <= safe {
            let entry = entries[settled]
            settled += 1
            guard var queue = queues[entry.queue] else { continue }
            queue.known = max(queue.known, entry.through)
            queue.open -= 1
            queues[entry.queue] = queue.open > 0 ? queue : nil
        }
        if settled > 1024, settled * 2 > entries.count {
            entries.removeFirst(settled)
            settled = 0
        }
    }

    /// How much of a queue that is stored up to `stored` may be released.
    func released(_ queue: QueueID, stored: UInt64, safe: UInt64) -> UInt64 {
        if let open = queues[queue] { return min(open.known, stored) }
        return safe >= horizon ? stored : 0
    }
}
