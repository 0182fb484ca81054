import Identity
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One verified TLS 1.3 connection to a bolt. Used by one request at a time.
///
/// No byte of a request leaves before the server's chain was judged: NIOSSL holds writes back until the handshake is
/// done, and the handshake is done only when `ClientTrust` accepts.
struct BoltConnection: Sendable {
    let channel: any Channel
    let verdict: VerdictBox
    let address: HostPort

    /// Connects; the handshake goes on while the first request is written.
    static func connect(
        to address: HostPort, context: NIOSSLContext, trust: ClientTrust, limits: ClientLimits
    ) async throws -> BoltConnection {
        let verdict = VerdictBox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(TimeAmount(limits.connectTimeout))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(
                        NIOSSLClientHandler(
                            context: context, serverHostname: nil,
                            customVerificationCallback: { certificates, promise in
                                let chain = certificates.compactMap { try? $0.toDERBytes() }
                                switch trust.judge(chain) {
                                case .success(let partition):
                                    verdict.partition = partition
                                    promise.succeed(.certificateVerified)
                                case .failure(let rejection):
                                    verdict.rejection = rejection
                                    promise.succeed(.failed)
                                }
                            }))
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(
                        NIOHTTPClientResponseAggregator(maxContentLength: limits.answerBytesMax))
                    try pipeline.addHandler(ExchangeHandler(verdict))
                }
            }
            .connect(host: address.host, port: address.port).get()
        return BoltConnection(channel: channel, verdict: verdict, address: address)
    }

    /// Sends one request and waits for its whole answer, until `deadline`.
    func exchange(
        _ head: HTTPRequestHead, body: ByteBuffer?, deadline: NIODeadline
    ) async throws -> NIOHTTPClientResponseFull {
        let promise = channel.eventLoop.makePromise(of: NIOHTTPClientResponseFull.self)
        let exchange = Exchange(head: head, body: body, deadline: deadline, promise: promise)
        channel.writeAndFlush(exchange).whenFailure { promise.fail($0) }
        do {
            return try await withTaskCancellationHandler {
                try await promise.futureResult.get()
            } onCancel: {
                channel.close(promise: nil)
            }
        } catch let error as ChannelError where [.ioOnClosedChannel, .alreadyClosed].contains(error) {
            // It ended before the request could be written; why is more than that.
            throw verdict.failure ?? error
        }
    }

    /// Ends it.
    func close() { channel.close(promise: nil) }
}
