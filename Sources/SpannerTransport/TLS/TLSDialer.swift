public import NIOCore
import NIOPosix
import NIOSSL
import Spanner

/// A connection that this side made, and who answered.
public struct DialedConnection: Sendable {
    /// The connection.
    public let channel: any Channel
    /// The bolt at its other end.
    public let peer: CertifiedPeer
}

/// Dials bolts over mutual TLS 1.3 and judges who answers.
public struct TLSDialer: Sendable {
    private let contexts: TLSContexts
    private let judge: ChainJudge

    /// A dialer with this bolt's identity.
    public init(contexts: TLSContexts, judge: ChainJudge) { (self.contexts, self.judge) = (contexts, judge) }

    /// Dials `host:port`; `setup` runs on the event loop once the other side is judged to be a bolt, before any byte is
    /// read. The future fails with `ConnectionRefusal` and then nothing stays open.
    ///
    /// A TLS 1.3 server judges this side's certificate after this side is done: its refusal shows as an early close.
    public func dial(
        host: String, port: Int, peerLink: Bool, on eventLoop: any EventLoop,
        setup: @escaping @Sendable (any Channel, CertifiedPeer) throws -> Void
    ) -> EventLoopFuture<DialedConnection> {
        let promise = eventLoop.makePromise(of: DialedConnection.self)
        let identity = ConnectionIdentity()
        ClientBootstrap(group: eventLoop)
            .connectTimeout(TransportLimits.connectTimeout)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        contexts.clientHandler(identity, judge: judge, peerLink: peerLink),
                        TLSGate(timeoutAfter: TransportLimits.connectTimeout + TransportLimits.handshakeTimeout) {
                            settle($0, $1, identity, peerLink, setup, promise)
                        })
                }
            }
            .connect(host: host, port: port)
            .whenFailure { error in
                promise.fail(ConnectionRefusal.unreachable(error))
            }
        return promise.futureResult
    }

    private func settle(
        _ context: ChannelHandlerContext, _ outcome: TLSGate.Outcome, _ identity: ConnectionIdentity,
        _ peerLink: Bool, _ setup: (any Channel, CertifiedPeer) throws -> Void,
        _ promise: EventLoopPromise<DialedConnection>
    ) {
        do {
            guard case .negotiated(let name) = outcome else { throw TLSGate.refusal(outcome, identity) }
            guard case .certified(let peer) = identity.verdict else { throw TLSGate.refusal(outcome, identity) }
            guard !peerLink || name == ApplicationProtocol.peer else { throw ConnectionRefusal.unknownProtocol }
            try setup(context.channel, peer)
            promise.succeed(DialedConnection(channel: context.channel, peer: peer))
        } catch {
            let refusal = error as? ConnectionRefusal ?? TLSFailure.refusal(error)
            context.close(promise: nil)
            promise.fail(refusal)
        }
    }
}
