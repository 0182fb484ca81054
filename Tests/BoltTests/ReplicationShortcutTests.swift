import Spanner
import Testing

@testable import Bolt

/// Replication goes past the node's queue without changing a link's order.
@Suite struct ReplicationShortcutTests {
    @Test("P4: nothing overtakes a message of the same link that waits for the node")
    func order() {
        let shortcuts = ReplicationShortcuts()
        let (link, other) = (LinkID(1), LinkID(2))
        #expect(!shortcuts.take(link), "the partition does not know the link yet")
        #expect(!shortcuts.take(link))
        shortcuts.open(link)
        #expect(!shortcuts.take(link), "three wait for the node")
        for _ in 1...2 { shortcuts.caughtUp(link) }
        #expect(!shortcuts.take(link), "one of them still does")
        for _ in 1...2 { shortcuts.caughtUp(link) }
        #expect(shortcuts.take(link) && shortcuts.take(link))
        #expect(!shortcuts.take(other), "another link is another link")
        shortcuts.forget(link)
        #expect(!shortcuts.take(link))
    }
}
