import Identity
import Logging
public import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Spanner

/// What an accepted connection turned out to be.
public enum AcceptedConnection<Requests: Sendable>: Sendable {
    /// A client that sends requests; without a certificate, `peer` of the setup was nil.
    case requests(Requests)
    /// A bolt's peer link. It serves itself.
    case link
    /// Nothing: refused, logged and counted.
    case refused
}

/// The one TLS port: accepts, bounds and judges connections, and hands each to what its application protocol names.
public struct SharedListener<Requests: Sendable>: Sendable {
    /// Makes the pipeline for requests. Runs on the connection's event loop, at once after the handshake.
    public typealias RequestSetup = @Sendable (any Channel, CertifiedPeer?) -> EventLoopFuture<Requests>
    /// Makes the pipeline of a peer link. Runs on the connection's event loop, at once after the handshake.
    public typealias LinkSetup = @Sendable (any Channel, CertifiedPeer) throws -> Void

    private let contexts: TLSContexts
    private let judge: ChainJudge
    private let table: ConnectionTable
    private let report: RefusalReport
    private let handshakeTimeout: TimeAmount
    private let requests: RequestSetup
    private let link: LinkSetup

    /// A listener that is not bound yet.
    public init(
        contexts: TLSContexts, judge: ChainJudge, table: ConnectionTable, report: RefusalReport,
        handshakeTimeout: TimeAmount = TransportLimits.handshakeTimeout,
        requests: @escaping RequestSetup, link: @escaping LinkSetup
    ) {
        (self.contexts, self.judge, self.table, self.report) = (contexts, judge, table, report)
        (self.handshakeTimeout, self.requests, self.link) = (handshakeTimeout, requests, link)
    }

    /// Serves a port that was claimed. Throws `IOError` where another process listens on it after all.
    ///
    /// Each accepted connection comes at once; what it is shows when its handshake has ended, which never fails.
    public func serve(
        _ port: ClaimedPort, group: any EventLoopGroup
    ) async throws -> NIOAsyncChannel<EventLoopFuture<AcceptedConnection<Requests>>, Never> {
        try await port.serve(backlog: TransportLimits.backlog) { socket in
            try await ServerBootstrap(group: group)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .bind(socket) { channel in
                    // A channel reads only once its initializer is done: the handshake must be a future within the
                    // future.
                    channel.eventLoop.makeSucceededFuture(accept(channel))
                }
        }
    }

    private func accept(_ channel: any Channel) -> EventLoopFuture<AcceptedConnection<Requests>> {
        if let refusal = table.accept(channel) {
            report.refused(refusal, remote: channel.remoteAddress, dialed: false)
            // The refusal of one connection must not end the listener: it yields nothing and closes.
            return channel.close().map { .refused }.recover { _ in .refused }
        }
        let identity = ConnectionIdentity()
        let promise = channel.eventLoop.makePromise(of: AcceptedConnection<Requests>.self)
        do {
            try channel.pipeline.syncOperations.addHandlers(
                contexts.serverHandler(identity, judge: judge),
                TLSGate(timeoutAfter: handshakeTimeout) { context, outcome in
                    settle(context, outcome, identity, promise)
                })
        } catch { promise.fail(error) }
        return promise.futureResult.recover { _ in .refused }
    }

    private func settle(
        _ context: ChannelHandlerContext, _ outcome: TLSGate.Outcome, _ identity: ConnectionIdentity,
        _ promise: EventLoopPromise<AcceptedConnection<Requests>>
    ) {
        do {
            let (peer, name) = try established(context, outcome, identity)
            if name == ApplicationProtocol.peer {
                guard let peer else { throw ConnectionRefusal.noCertificate }
                guard peer.role == .bolt, peer.bolt != nil else {
                    throw ConnectionRefusal(PeerRejection(.wrongRole, "\(peer.verified.id) is no bolt"))
                }
                if let refusal = table.identify(context.channel, as: peer, use: .accepted) { throw refusal }
                try link(context.channel, peer)
                promise.succeed(.link)
            } else {
                if let refusal = table.identify(context.channel, as: peer, use: .http) { throw refusal }
                requests(context.channel, peer).map { .requests($0) }.cascade(to: promise)
            }
        } catch {
            let refusal = error as? ConnectionRefusal ?? TLSFailure.refusal(error)
            report.refused(refusal, remote: context.channel.remoteAddress, dialed: false)
            context.close(promise: nil)
            promise.succeed(.refused)
        }
    }

    private func established(
        _ context: ChannelHandlerContext, _ outcome: TLSGate.Outcome, _ identity: ConnectionIdentity
    ) throws -> (CertifiedPeer?, String?) {
        guard case .negotiated(let name) = outcome else { throw TLSGate.refusal(outcome, identity) }
        switch identity.verdict {
        case .certified(let peer): return (peer, name)
        case .rejected(let reason): throw reason
        case .none: break
        }
        let handler = try context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
        guard let leaf = handler.peerCertificate else { return (nil, name) }
        switch contexts.judgeResumed(leaf, identity: identity, judge: judge) {
        case .certified(let peer): return (peer, name)
        case .rejected(let reason): throw reason
        case .none: throw ConnectionRefusal.unknownSession
        }
    }
}

extension TLSGate {
    /// Why a handshake that did not end well came to nothing: the judge's reason before TLS's own.
    static func refusal(_ outcome: Outcome, _ identity: ConnectionIdentity) -> ConnectionRefusal {
        if case .rejected(let reason) = identity.verdict { return reason }
        switch outcome {
        case .negotiated: return .unknownProtocol
        case .failed(let error): return TLSFailure.refusal(error)
        case .timedOut: return .handshakeTimeout
        case .aborted: return .handshakeAborted
        case .quiesced: return .draining
        }
    }
}
