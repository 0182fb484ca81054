internal import NIOCore
internal import NIOHTTP1

/// Ends connections as HTTP has it: after the answer to a request that asked for it, and after any HTTP/1.0 request
/// that did not ask to go on.
///
/// Stands between HTTP's decoder and the server, which does not see versions. What a client sends behind its last
/// request is not looked at.
final class HTTPPersistence: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request whose answer has not ended.
    private struct Awaited {
        /// Whether the connection goes on after it.
        var goesOn: Bool
        /// Whether it is of HTTP/1.0, whose clients must be told that the connection goes on.
        var isOld: Bool
        /// Whether its last byte was read.
        var isComplete = false
    }

    private var awaited = CircularBuffer<Awaited>()
    /// Whether the request that is read, or was read last, is the connection's last.
    private var lastWasRead = false
    private var lastIsComplete = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch part {
        case .head(let head):
            guard !lastWasRead else { return }
            lastWasRead = !head.isKeepAlive
            awaited.append(Awaited(goesOn: head.isKeepAlive, isOld: (head.version.major, head.version.minor) < (1, 1)))
        case .body:
            guard !lastIsComplete else { return }
        case .end:
            guard !lastIsComplete else { return }
            lastIsComplete = lastWasRead
            if !awaited.isEmpty { awaited[awaited.index(before: awaited.endIndex)].isComplete = true }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // Without a request: what was read was none, and the server says so.
        let request = awaited.first ?? Awaited(goesOn: false, isOld: false, isComplete: true)
        switch unwrapOutboundIn(data) {
        case .head(var head):
            if !request.goesOn {
                head.headers.replaceOrAdd(name: "connection", value: "close")
            } else if request.isOld, !head.headers.contains(name: "connection") {
                head.headers.add(name: "connection", value: "keep-alive")
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            _ = awaited.popFirst()
            // A body that is still being sent is read on by the server, which then closes: closing now could destroy
            // the answer on its way.
            guard !request.goesOn, request.isComplete else { return context.write(data, promise: promise) }
            let written = promise ?? context.eventLoop.makePromise()
            let channel = context.channel
            written.futureResult.whenComplete { _ in channel.closeWithTheClient() }
            context.writeAndFlush(data, promise: written)
        }
    }
}

extension Channel {
    /// Closes a connection on which nothing more is to be said: at once when the client has closed its side too, or
    /// after `TransportLimits.closeTimeout` where it does not.
    ///
    /// While a client may close its side alone, TLS does not take its end for the answer to ours, and would wait out
    /// that time: connections that are over would count against their client's limit for so long.
    func closeWithTheClient() {
        setOption(.allowRemoteHalfClosure, value: false).whenComplete { _ in self.close(promise: nil) }
    }
}
