import BoltClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One connection to an etcd, used by one request at a time.
struct EtcdConnection: Sendable {
    let channel: any Channel
    /// What answers there.
    let version: EtcdVersion?

    static func open(
        _ endpoint: EtcdEndpoint, context: NIOSSLContext?, timeout: Duration
    ) async throws -> any Channel {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(TimeAmount(timeout))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if endpoint.isSecure, let context {
                        // Without a name the certificate is judged by the address that was dialled.
                        let name = endpoint.isNumeric ? nil : endpoint.address.host
                        try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: name))
                    }
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(
                        NIOHTTPClientResponseAggregator(maxContentLength: EtcdSettings.answerBytesMax))
                    try pipeline.addHandler(ExchangeHandler())
                }
            }
            .connect(host: endpoint.address.host, port: endpoint.address.port).get()
    }

    /// Sends one request and waits for its whole answer for at most that long.
    static func exchange(
        _ head: HTTPRequestHead, body: ByteBuffer?, over channel: any Channel, within: Duration
    ) async throws -> NIOHTTPClientResponseFull {
        let promise = channel.eventLoop.makePromise(of: NIOHTTPClientResponseFull.self)
        let exchange = Exchange(head: head, body: body, deadline: .now() + TimeAmount(within), promise: promise)
        channel.writeAndFlush(exchange).whenFailure { promise.fail($0) }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    func close() { channel.close(promise: nil) }
}
