internal import Spanner
internal import SpannerWire
internal import Synchronization

/// Which links' replication goes straight to the partition's service, past the node's queue: each message would
/// otherwise wait for a thread that has nothing to do with it.
///
/// A link's order is kept: as long as one of its messages is in the node's queue, the next ones go there too. A link
/// calls from one thread.
final class ReplicationShortcuts: Sendable {
    private struct Link {
        /// The partition's service knows it.
        var isOpen = false
        /// Its messages that wait for the node.
        var behind = 0
    }

    private let links = Mutex<[LinkID: Link]>([:])

    /// Whether the next message of a link goes past the node's queue. Where not, it is counted as waiting there.
    func take(_ id: LinkID) -> Bool {
        links.withLock { links in
            let link = links[id] ?? Link()
            if link.isOpen, link.behind == 0 { return true }
            links[id, default: link].behind += 1
            return false
        }
    }

    /// The partition's service was told of the link.
    func open(_ id: LinkID) { links.withLock { $0[id, default: Link()].isOpen = true } }

    /// One of the messages that waited for the node is where it belongs.
    func caughtUp(_ id: LinkID) { links.withLock { $0[id]?.behind -= 1 } }

    /// The link is gone.
    func forget(_ id: LinkID) { links.withLock { $0[id] = nil } }
}

extension PeerMessage {
    /// Whether it is the partition's service's alone.
    var isReplication: Bool {
        switch self {
        case .partition, .snapshotPiece, .replay, .replayed: true
        case .gossip, .standing, .disk, .expelled, .handoff, .handoffReply, .sliceOrder, .sliceReport, .sliceCensus,
            .sliceRemains, .sliceRemainsTaken:
            false
        }
    }
}
