/// One queue of an envoy and what it still holds: `first...last`, or nothing.
public struct HeldQueue: Hashable, Sendable {
    /// Which queue.
    public var id: QueueID
    /// Lowest sequence still held; `last + 1` where none is.
    public var first: UInt64
    /// Highest sequence ever given out; 0 where none was.
    public var last: UInt64

    /// A queue that holds `first...last`.
    public init(_ id: QueueID, first: UInt64, last: UInt64) {
        (self.id, self.first, self.last) = (id, first, last)
    }

    /// Whether nothing is held.
    public var isEmpty: Bool { first > last }
}

/// All queues of an envoy that its owner has to hear of, oldest first.
///
/// There is more than one where the machine's disk was copied or restored: what the copy held is told under the old
/// queue's name, before anything of the present one.
public struct HeldQueues: Hashable, Sendable {
    /// Queues of earlier lives that still hold something, oldest first.
    public var earlier: [HeldQueue]
    /// The queue that new results get into.
    public var present: HeldQueue

    /// What an envoy holds.
    public init(earlier: [HeldQueue] = [], present: HeldQueue) { (self.earlier, self.present) = (earlier, present) }

    /// All of them in the order in which they are told: the present one last.
    public var all: [HeldQueue] { earlier + [present] }

    /// That queue; nil where it holds nothing any more and is not the present one.
    public func queue(_ id: QueueID) -> HeldQueue? {
        present.id == id ? present : earlier.first { $0.id == id }
    }
}
