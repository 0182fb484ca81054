public import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Spanner
import Synchronization

/// Makes peer links of accepted and dialed connections, numbers them, and tells one owner what happens on them.
public final class PeerTransport: Sendable {
    private let contexts: TLSContexts
    private let judge: ChainJudge
    private let table: ConnectionTable
    private let deliver: @Sendable (PeerLinkEvent) -> Void
    private let lastLink = Atomic<UInt64>(0)

    /// A transport; `deliver` is called on event loops and must not block.
    public init(
        contexts: TLSContexts, judge: ChainJudge, table: ConnectionTable,
        deliver: @escaping @Sendable (PeerLinkEvent) -> Void
    ) {
        (self.contexts, self.judge, self.table, self.deliver) = (contexts, judge, table, deliver)
    }

    /// Makes a peer link of an accepted connection, whose table entry is there already.
    public func accept(_ channel: any Channel, _ peer: CertifiedPeer) throws {
        try channel.pipeline.syncOperations.addHandler(handler(channel, peer, dialed: false))
    }

    private func handler(_ channel: any Channel, _ peer: CertifiedPeer, dialed: Bool) -> PeerLinkHandler {
        let raw = lastLink.add(1, ordering: .relaxed).newValue
        let link = PeerLink(id: LinkID(raw), peer: peer, dialed: dialed, channel: channel)
        return PeerLinkHandler(link: link, deliver: deliver)
    }

    /// Dials a bolt. The future has a value once the link stands; it fails with `ConnectionRefusal`.
    func dial(host: String, port: Int, on eventLoop: any EventLoop) -> EventLoopFuture<DialedConnection> {
        TLSDialer(contexts: contexts, judge: judge).dial(
            host: host, port: port, peerLink: true, on: eventLoop
        ) { [self] channel, peer in
            guard peer.bolt != nil else { throw ConnectionRefusal.unknownProtocol }
            if let refusal = table.add(channel, to: peer, use: .dialed) { throw refusal }
            try channel.pipeline.syncOperations.addHandler(handler(channel, peer, dialed: true))
        }
    }
}
