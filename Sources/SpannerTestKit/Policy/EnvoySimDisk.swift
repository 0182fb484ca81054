import CRDT
import Spanner

/// One result: what it is told by, and, where it is a marker, how many were dropped.
struct EnvoySimItem: Hashable {
    let id: UInt64
    var dropped: UInt64 = 0

    /// What stands for the bytes of it.
    var digest: UInt64 { id &* 31 &+ dropped }
}

/// One queue as a disk has it.
struct EnvoySimQueue {
    let id: QueueID
    var first: UInt64 = 1
    var items: [EnvoySimItem] = []

    var next: UInt64 { first + UInt64(items.count) }
    var held: HeldQueue { HeldQueue(id, first: first, last: next - 1) }
}

/// What the disk of an envoy holds: the whole of it is one transaction, as in the agent.
struct EnvoySimDisk {
    /// Oldest first; the last is the present one.
    var queues: [EnvoySimQueue]
    /// Dropped, and not yet told by a marker.
    var dropped: UInt64 = 0
    var sight = OwnerSight()
    var policy = PolicySight()
    /// What it is told by when it checks in: the leaf that it enforces.
    var heldLeaf: Bytes32?
    /// What a checker knows of this disk, and no mutant touches.
    var truth = EnvoySimTruth()

    init(queue: QueueID) { queues = [EnvoySimQueue(id: queue)] }

    var heldCount: Int { queues.map(\.items.count).reduce(0, +) }

    var held: HeldQueues {
        HeldQueues(
            earlier: queues.dropLast().map(\.held).filter { !$0.isEmpty }, present: queues[queues.count - 1].held)
    }

    /// As the agent's queue does: a full one drops and counts, and tells how many as soon as there is room.
    mutating func append(_ item: EnvoySimItem, max: Int, silent: Bool, marker: () -> UInt64) {
        settle(max: max, marker: marker)
        if dropped == 0, heldCount < max {
            queues[queues.count - 1].items.append(item)
            truth.owed.insert(item.id)
        } else {
            if !silent { dropped += 1 }
            truth.dropped += 1
        }
    }

    mutating func settle(max: Int, marker: () -> UInt64) {
        guard dropped > 0, heldCount < max else { return }
        let item = EnvoySimItem(id: marker(), dropped: dropped)
        queues[queues.count - 1].items.append(item)
        truth.owed.insert(item.id)
        truth.marked += dropped
        dropped = 0
    }

    mutating func release(_ queue: QueueID, through: UInt64, max: Int, marker: () -> UInt64) {
        guard let place = queues.firstIndex(where: { $0.id == queue }), through >= queues[place].first else { return }
        let count = Int(min(through, queues[place].next - 1) + 1 - queues[place].first)
        queues[place].items.removeFirst(count)
        queues[place].first += UInt64(count)
        settle(max: max, marker: marker)
    }

    /// Goes on under another name; what older queues hold is told first, under theirs.
    mutating func renew(to id: QueueID) { queues.append(EnvoySimQueue(id: id)) }

    /// Goes on under another name with all that is held, numbered anew.
    mutating func startOver(as id: QueueID) {
        var queue = EnvoySimQueue(id: id)
        queue.items = queues.flatMap(\.items)
        queues = [queue]
    }
}

/// What the checkers know of one disk. It goes back with the disk, for what a disk forgot nobody can hold against it.
struct EnvoySimTruth {
    /// Results that were queued, durably where the disk is: each is to be stored.
    var owed: Set<UInt64> = []
    /// Results that found the queue full, and those that markers tell of.
    var dropped: UInt64 = 0
    var marked: UInt64 = 0
    /// Whether a copy of this disk, older than it, is or was about.
    var wasRestored = false
    /// The highest version that was acted on, by partition; with its root.
    var versions: [PartitionName: (epoch: PartitionEpoch, sequence: UInt64, root: Bytes32)] = [:]
    /// Whose version was acted on last.
    var lastOwner: PartitionName?
    /// The last order that was carried out, by partition.
    var orders: [PartitionName: (epoch: PartitionEpoch, sequence: UInt64)] = [:]
    /// The highest register and epoch that was proved to it.
    var authority: (position: UInt64, epoch: PartitionEpoch) = (0, .none)
}
