import NIOCore
import NIOPosix
import NIOSSL

/// One writer over one TLS connection: sends the next write when the one before is stored, or at its pace; sends the
/// same again, elsewhere, where it is not known to be stored. Lives on its event loop.
final class LoadWriter {
    /// One write: when it was due and when it was known to be stored, in nanoseconds of one clock.
    struct Sample: Sendable {
        let begun: UInt64
        let ended: UInt64
        let isPaired: Bool
    }

    /// What became of a stretch of work.
    struct Told: Sendable {
        var samples: [Sample] = []
        /// Answers that said: not now.
        var put = 0
        /// Connections that ended, and answers nobody can work with.
        var failures = 0
        var words: String?
    }

    /// Where it writes to, and by what it is known there.
    struct Target: Sendable {
        let ports: [Int]
        let context: NIOSSLContext
        /// Whether each write has a connection of its own.
        var reconnects = false
    }

    private static let pause: TimeAmount = .milliseconds(10)
    private static let connectTimeout: TimeAmount = .milliseconds(500)
    private static let answerTimeout: TimeAmount = .seconds(5)
    /// How long the last write is waited for.
    private static let endTimeLimit: TimeAmount = .seconds(60)

    private let target: Target
    private let eventLoop: any EventLoop
    private var exchange: any LoadExchange
    private var place = 0
    private var channel: (any Channel)?
    private var isConnecting = false
    private var isRunning = false
    /// When the write on its way was due; nil where none is.
    private var begun: UInt64?
    private var interval: TimeAmount?
    private var due = NIODeadline.now()
    private var told = Told()
    private var ending: EventLoopPromise<Told>?
    private var endTimeout: Scheduled<Void>?
    private var timeout: Scheduled<Void>?
    private var incoming = ByteBuffer()

    init(_ exchange: any LoadExchange, to target: Target, on eventLoop: any EventLoop) {
        (self.exchange, self.target, self.eventLoop) = (exchange, target, eventLoop)
    }

    /// Writes on: without a pause, or one write every `interval`, the first after `delay`.
    func start(every interval: TimeAmount?, after delay: TimeAmount) {
        (self.interval, told, isRunning) = (interval, Told(), true)
        due = .now() + delay
        next()
    }

    /// Ends once what is on its way is answered, or was not for a minute.
    func stop() -> EventLoopFuture<Told> {
        isRunning = false
        let promise = eventLoop.makePromise(of: Told.self)
        ending = promise
        endTimeout = eventLoop.assumeIsolated().scheduleTask(in: LoadWriter.endTimeLimit) { self.giveUp() }
        endIfIdle()
        return promise.futureResult
    }

    private func endIfIdle() {
        guard begun == nil, let ending else { return }
        self.ending = nil
        endTimeout?.cancel()
        ending.succeed(told)
    }

    private func giveUp() {
        note("a write was not answered within a minute")
        begun = nil
        timeout?.cancel()
        channel?.close(promise: nil)
        endIfIdle()
    }

    // MARK: Writes

    private func next() {
        guard isRunning, begun == nil else { return endIfIdle() }
        guard let interval else {
            begun = NIODeadline.now().uptimeNanoseconds
            return send()
        }
        let now = NIODeadline.now()
        guard due <= now else {
            _ = eventLoop.assumeIsolated().scheduleTask(deadline: due) { self.next() }
            return
        }
        begun = due.uptimeNanoseconds
        // Who is behind catches up, but not with a whole outage.
        due = max(due + interval, now - interval)
        send()
    }

    private func send() {
        guard begun != nil else { return }
        guard let channel else { return connect() }
        var buffer = channel.allocator.buffer(capacity: 1024)
        exchange.ask(&buffer)
        timeout = eventLoop.assumeIsolated().scheduleTask(in: LoadWriter.answerTimeout) {
            self.channel?.close(promise: nil)
        }
        channel.writeAndFlush(buffer, promise: nil)
    }

    /// What a connection brought.
    func take(_ part: inout ByteBuffer) {
        if incoming.readableBytes == 0 { incoming = part } else { incoming.writeBuffer(&part) }
        var replies = ByteBuffer()
        let verdict = exchange.take(&incoming, replies: &replies)
        if incoming.readableBytes == 0 { incoming.clear() }
        if replies.readableBytes > 0 { channel?.writeAndFlush(replies, promise: nil) }
        guard let verdict, let begun else { return }
        timeout?.cancel()
        switch verdict {
        case .stored(let isPaired):
            let now = NIODeadline.now().uptimeNanoseconds
            told.samples.append(Sample(begun: begun, ended: now, isPaired: isPaired))
            self.begun = nil
            if target.reconnects { leave() }
            next()
        case .later:
            told.put += 1
            again()
        case .failed(let words):
            note(words)
            again()
        }
    }

    private func again() {
        _ = eventLoop.assumeIsolated().scheduleTask(in: LoadWriter.pause) { self.send() }
    }

    private func note(_ words: String) {
        told.failures += 1
        told.words = told.words ?? words
    }

    // MARK: Connections

    private func leave() {
        let left = channel
        channel = nil
        left?.close(promise: nil)
    }

    private func connect() {
        guard !isConnecting else { return }
        isConnecting = true
        let (context, port) = (target.context, target.ports[place])
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        ClientBootstrap(group: eventLoop)
            .connectTimeout(LoadWriter.connectTimeout)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
                    try pipeline.addHandler(LoadHandler(bound.value))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .whenFailure { error in
                bound.value.isConnecting = false
                bound.value.lost(nil, "\(error)")
            }
    }

    /// A connection stands. What is written before the handshake's end waits for it.
    func connected(_ channel: any Channel) {
        (self.channel, isConnecting) = (channel, false)
        incoming.clear()
        var buffer = channel.allocator.buffer(capacity: 64)
        exchange.open(&buffer)
        if buffer.readableBytes > 0 { channel.write(buffer, promise: nil) }
        if begun != nil { send() }
    }

    /// A connection is gone, or never came.
    func lost(_ gone: (any Channel)?, _ why: String) {
        guard gone == nil || gone === channel else { return }
        (channel, isConnecting) = (nil, false)
        timeout?.cancel()
        guard begun != nil else { return }
        note(why)
        place = (place + 1) % target.ports.count
        again()
    }
}

/// Ties a connection to its writer.
private final class LoadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let writer: LoadWriter
    private var why = "the connection ended"

    init(_ writer: LoadWriter) { self.writer = writer }

    func channelActive(context: ChannelHandlerContext) { writer.connected(context.channel) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        writer.take(&buffer)
    }

    func channelInactive(context: ChannelHandlerContext) { writer.lost(context.channel, why) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        why = "\(error)"
        context.close(promise: nil)
    }
}
