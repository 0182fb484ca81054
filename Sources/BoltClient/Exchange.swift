import NIOCore
import NIOHTTP1

/// One request on its way through a connection, with the promise of its answer.
struct Exchange: Sendable {
    let head: HTTPRequestHead
    let body: ByteBuffer?
    let deadline: NIODeadline
    let promise: EventLoopPromise<NIOHTTPClientResponseFull>
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
final class ExchangeHandler: ChannelDuplexHandler {
    typealias InboundIn = NIOHTTPClientResponseFull
    typealias OutboundIn = Exchange
    typealias OutboundOut = HTTPClientRequestPart

    private var current: Exchange?
    private var timer: Scheduled<Void>?

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
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

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let answer = unwrapInboundIn(data)
        let keepAlive = answer.head.isKeepAlive
        if !keepAlive { context.close(promise: nil) }
        finish(.success(answer))
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.failure(ExchangeFailure.closed))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
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
