import Foundation

/// Things that happened, in order, and a way to wait for one of them until a deadline.
final class Journal<Item: Sendable>: @unchecked Sendable {
    // Guarded by the condition's lock.
    private let condition = NSCondition()
    private var items: [Item] = []

    func append(_ item: Item) {
        condition.withLock {
            items.append(item)
            condition.broadcast()
        }
    }

    var all: [Item] { condition.withLock { items } }

    var count: Int { condition.withLock { items.count } }

    /// The first item from a place on that fits; nil when the deadline passed first.
    func first(
        from start: Int = 0, within time: Duration = .seconds(30), where fits: @escaping @Sendable (Item) -> Bool
    ) async -> Item? {
        let deadline = Date(timeIntervalSinceNow: time / .seconds(1))
        return await withCheckedContinuation { continuation in
            // A thread of its own: it blocks.
            Thread.detachNewThread { [self] in
                condition.lock()
                defer { condition.unlock() }
                var found: Item?
                repeat {
                    found = items.dropFirst(start).first(where: fits)
                } while found == nil && condition.wait(until: deadline)
                continuation.resume(returning: found ?? items.dropFirst(start).first(where: fits))
            }
        }
    }
}
