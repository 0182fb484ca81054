internal import Foundation
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import Spanner
internal import SpannerTransport

/// One connection's requests, ready to be served.
struct HTTPConnection: Sendable {
    let channel: HTTP1Channel
    let value: HTTP1Channel.Value
    /// Where its requests are dealt with; nil for wherever there is a thread.
    let tasks: EventLoopTasks?

    /// Makes the HTTP/1.1 pipeline behind TLS, or of a plain connection.
    static func setup(
        _ channel: any Channel, peer: CertifiedPeer?, responder: HTTPResponder, logger: Logger
    ) -> EventLoopFuture<HTTPConnection> {
        let http = HTTP1Channel(
            responder: { request, writer, channel in
                try await responder.respond(request, writer, channel: channel, peer: peer)
            },
            configuration: .init(
                idleTimeout: HTTPLimits.idleTimeout,
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: HTTPLimits.headerFieldBytesMax, maxHeaderListSize: HTTPLimits.headerBytesMax,
                    maxHeaderFieldCount: HTTPLimits.headerFieldsMax)))
        return http.setup(channel: channel, logger: logger).flatMapThrowing { value in
            // At once, before the first byte is read.
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(HTTPPersistence(), position: .after(decoder))
            // Check-ins are short, and they are many. What others ask may take its time.
            let tasks = peer?.role == .envoy ? EventLoopTasks(channel.eventLoop) : nil
            return HTTPConnection(channel: http, value: value, tasks: tasks)
        }
    }

    /// Serves until the connection closes.
    func serve(_ logger: Logger) async {
        guard let tasks else { return await channel.handle(value: value, logger: logger) }
        await withTaskExecutorPreference(tasks) { await channel.handle(value: value, logger: logger) }
    }
}
