package import NIOCore
package import NIOHTTP1

/// One request on its way through a connection, with the promise of its answer.
package struct Exchange: Sendable {
    let head: HTTPRequestHead
    let body: ByteBuffer?
    let deadline: NIODeadline
    let promise: EventLoopPromise<NIOHTTPClientResponseFull>

    /// A request; `promise` is kept at the latest at `deadline`.
    package init(
        head: HTTPRequestHead, body: ByteBuffer?, deadline: NIODeadline,
        promise: EventLoopPromise<NIOHTTPClientResponseFull>
    ) {
        (self.head, self.body, self.deadline, self.promise) = (head, body, deadline, promise)
    }
}

/// Why an exchange ended without an answer.
enum ExchangeFailure: Error {
    /// The connection ended first.
    case closed
    /// The deadline passed.
    case deadline
    /// Another exchange is on its way: our own bug, told as an error.
    case busy
}

/// Carries one exchange at a time over an HTTP/1.1 connection and fails it when the connection fails.
package final class ExchangeHandler: ChannelDuplexHandler {
    package typealias InboundIn = NIOHTTPClientResponseFull
    package typealias OutboundIn = Exchange
    package typealias OutboundOut = HTTPClientRequestPart

    private let verdict: VerdictBox
    private var current: Exchange?
    private var timer: Scheduled<Void>?

    /// A handler whose errors come with the exchanges alone.
    package convenience init() { self.init(VerdictBox()) }

    /// A handler that leaves the connection's first error in `verdict`.
    init(_ verdict: VerdictBox) { self.verdict = verdict }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let exchange = unwrapOutboundIn(data)
        guard current == nil else {
            exchange.promise.fail(ExchangeFailure.busy)
            promise?.fail(ExchangeFailure.busy)
            return
        }
        current = exchange
        let channel = context.channel
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(deadline: exchange.deadline) {
            bound.value.finish(.failure(ExchangeFailure.deadline))
            channel.close(promise: nil)
        }
        context.write(wrapOutboundOut(.head(exchange.head)), promise: nil)
        if let body = exchange.body { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.write(wrapOutboundOut(.end(nil)), promise: promise)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let answer = unwrapInboundIn(data)
        let keepAlive = answer.head.isKeepAlive
        if !keepAlive { context.close(promise: nil) }
        finish(.success(answer))
    }

    package func channelInactive(context: ChannelHandlerContext) {
        finish(.failure(ExchangeFailure.closed))
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        verdict.note(error)
        finish(.failure(error))
        context.close(promise: nil)
    }

    private func finish(_ result: Result<NIOHTTPClientResponseFull, any Error>) {
        timer?.cancel()
        timer = nil
        guard let exchange = current else { return }
        current = nil
        exchange.promise.completeWith(result)
    }
}
