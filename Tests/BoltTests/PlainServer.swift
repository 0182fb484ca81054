import BoltAPI
import Foundation
import Logging
import NIOCore
import NIOPosix
import Spanner
import SpannerTransport
import Synchronization

@testable import Bolt

/// The server's HTTP on a plain port, with endpoints that say yes to everything.
final class PlainServer: Sendable {
    /// What came back on one connection.
    struct Talk: Sendable {
        var text: String
        /// Whether the server closed it.
        var ended: Bool
    }

    private let port: Int
    private let serving: Task<Void, Never>
    private let channel: any Channel

    init(_ listener: Endpoint.Listener) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let responder = HTTPResponder(
            listener: listener, standing: { _ in .unknown },
            handle: { _ in HTTPAnswer(status: 200, contentType: "text/plain", body: Data("yes".utf8)) },
            isDraining: { false }, logger: logger, metrics: MetricsRegistry())
        let claim = try ClaimedPort(host: "127.0.0.1", port: 0)
        let plain = PlainListener(responder: responder, logger: logger)
        let bound = try await plain.bind(claim, group: MultiThreadedEventLoopGroup.singleton)
        (port, channel) = (claim.port, bound.channel)
        serving = Task { await plain.serve(bound) }
    }

    deinit {
        channel.close(promise: nil)
        serving.cancel()
    }

    /// Sends a text on a connection of its own, and reads until the server ends it, until so many answers came, or
    /// until nothing more did for some seconds. `finish` ends the sending side at once.
    func talk(_ text: String, until answers: Int = .max, finish: Bool = false) async throws -> Talk {
        let heard = Heard()
        let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Listening(heard: heard, answers: answers))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        // A server that refuses may close before all of it is sent.
        try? await client.writeAndFlush(ByteBuffer(string: text))
        if finish { try? await client.close(mode: .output) }
        // Longer than a server may linger (`HTTPLimits.lingerMax`), else a busy machine ends the talk first.
        let deadline = client.eventLoop.scheduleTask(in: .seconds(20)) { client.close(promise: nil) }
        try? await client.closeFuture.get()
        deadline.cancel()
        return Talk(text: heard.text, ended: heard.ended)
    }

    /// What was heard, on the loop and off it.
    private final class Heard: Sendable {
        private let value = Mutex((text: "", ended: false))

        var text: String { value.withLock { $0.text } }
        var ended: Bool { value.withLock { $0.ended } }

        /// Gives all that was heard so far.
        func add(_ more: String) -> String {
            value.withLock { state in
                state.text += more
                return state.text
            }
        }

        func end() { value.withLock { $0.ended = true } }
    }

    private final class Listening: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let heard: Heard
        private let answers: Int

        init(heard: Heard, answers: Int) { (self.heard, self.answers) = (heard, answers) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let all = heard.add(String(buffer: unwrapInboundIn(data)))
            if all.components(separatedBy: "\r\n\r\nyes").count > answers { context.close(promise: nil) }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard case ChannelEvent.inputClosed = event else { return }
            heard.end()
            context.close(promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            // A reset is an end as well.
            heard.end()
            context.close(promise: nil)
        }
    }
}
