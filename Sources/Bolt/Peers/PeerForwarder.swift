internal import BoltAPI
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import SpannerTransport

/// Sends requests on to other bolts over mutual TLS, with a few kept connections for each.
final class PeerForwarder: Sendable {
    /// Requests that may be on their way at one time, and those of them to one bolt: one that does not answer takes
    /// nothing from the others.
    static let (inFlightMax, inFlightPerBoltMax) = (4096, 1024)
    /// Bytes of an answer that is read: pages, bodies and comparisons of stacks are the largest.
    static let answerBytesMax = 4 * 1024 * 1024
    /// From sending a request to the end of its answer.
    static let timeout: TimeAmount = .seconds(10)

    /// What a bolt answered.
    struct Answer: Sendable {
        var status: Int
        var body: Data
    }

    private let dialer: TLSDialer
    private let group: any EventLoopGroup
    private let table: ConnectionTable
    private let pool = ForwardingPool()
    private let inFlight = ForwardingShares(
        countMax: PeerForwarder.inFlightMax, perBoltMax: PeerForwarder.inFlightPerBoltMax)

    init(dialer: TLSDialer, group: any EventLoopGroup, table: ConnectionTable) {
        (self.dialer, self.group, self.table) = (dialer, group, table)
    }

    /// Posts JSON to a path of the bolt at `address`. Throws `Problem` with `owner_unreachable` where it cannot be
    /// reached or does not answer in time; whether it acted on the request is then not known. What must not be done
    /// twice is sent once, on a new connection; where that was sent and not answered, the problem says `changed`.
    func post(_ body: Data, to path: String, at address: String, once: Bool = false) async throws -> Answer {
        try await exchange(.POST, body, path, at: address, once: once)
    }

    /// Reads a path, query included, of the bolt at `address`. Throws `Problem` as `post` does.
    func get(_ path: String, at address: String) async throws -> Answer {
        try await exchange(.GET, Data(), path, at: address, once: false)
    }

    private func exchange(
        _ method: HTTPMethod, _ body: Data, _ path: String, at address: String, once: Bool
    ) async throws -> Answer {
        guard inFlight.enter(address) else {
            throw Problem(.tooManyRequests, "too many requests wait for the bolt at \(address)", status: 503)
        }
        defer { inFlight.leave(address) }
        let turn = try await pool.turn(at: address, within: PeerForwarder.timeout, on: group.any())
        var used: (any Channel)?
        defer { pool.give(back: used, at: address) }
        // A kept connection may have been closed by the other side meanwhile: then once more on a new one. What is
        // forwarded may be repeated without harm, unless it says otherwise.
        if case .use(let channel) = turn {
            if once {
                channel.close(promise: nil)
            } else if let answer = try? await send(method, body, path, address, on: channel) {
                used = channel
                return answer
            }
        }
        var isSent = false
        do {
            let channel = try await connect(address)
            isSent = true
            let answer = try await send(method, body, path, address, on: channel)
            used = channel
            return answer
        } catch {
            throw Problem(
                .ownerUnreachable, "the bolt at \(address) does not answer: \(error)", changed: once && isSent)
        }
    }

    private func connect(_ address: String) async throws -> any Channel {
        guard let (host, port) = PeerDialer.split(address) else {
            throw Problem(.ownerUnreachable, "\(address) is no address")
        }
        let table = table
        return try await dialer.dial(host: host, port: port, peerLink: false, on: group.next()) { channel, peer in
            if let refusal = table.add(channel, to: peer, use: .forwarding) { throw refusal }
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(ForwardedExchange())
        }.get().channel
    }

    private func send(
        _ method: HTTPMethod, _ body: Data, _ path: String, _ address: String, on channel: any Channel
    ) async throws -> Answer {
        let promise = channel.eventLoop.makePromise(of: Answer.self)
        let deadline = channel.eventLoop.scheduleTask(in: PeerForwarder.timeout) {
            promise.fail(ChannelError.connectTimeout(PeerForwarder.timeout))
            channel.close(promise: nil)
        }
        defer { deadline.cancel() }
        let request = ForwardedExchange.Outgoing(
            method: method, path: path, host: address, body: body, answer: promise)
        channel.writeAndFlush(request).whenFailure { promise.fail($0) }
        do { return try await promise.futureResult.get() } catch {
            channel.close(promise: nil)
            throw error
        }
    }
}

/// One request and its answer at a time, at the end of a forwarding connection.
final class ForwardedExchange: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Outgoing
    typealias OutboundOut = HTTPClientRequestPart

    /// A request with the promise of its answer.
    struct Outgoing: Sendable {
        var method = HTTPMethod.POST
        var path: String
        var host: String
        var body: Data
        var answer: EventLoopPromise<PeerForwarder.Answer>
    }

    private var waiting: EventLoopPromise<PeerForwarder.Answer>?
    private var status = 0
    private var body = Data()
    private var closes = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let request = unwrapOutboundIn(data)
        waiting = request.answer
        (status, body) = (0, Data())
        var head = HTTPRequestHead(version: .http1_1, method: request.method, uri: request.path)
        head.headers = ["host": request.host]
        if request.method == .POST {
            head.headers.add(name: "content-type", value: "application/json")
            head.headers.add(name: "content-length", value: "\(request.body.count)")
        }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !request.body.isEmpty {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: request.body)))), promise: nil)
        }
        context.write(wrapOutboundOut(.end(nil)), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            status = Int(head.status.code)
            closes = !head.isKeepAlive
        case .body(let part):
            guard body.count + part.readableBytes <= PeerForwarder.answerBytesMax else {
                end(.failure(Problem(.tooLarge, "the other bolt's answer is too large")))
                return context.close(promise: nil)
            }
            body.append(contentsOf: part.readableBytesView)
        case .end:
            // Closed before the answer is given: its connection must not be kept for another.
            if closes { context.close(promise: nil) }
            end(.success(PeerForwarder.Answer(status: status, body: body)))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(.failure(error))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.failure(ChannelError.eof))
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed: context.close(promise: nil)
        case is ChannelShouldQuiesceEvent where waiting == nil: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    private func end(_ result: Result<PeerForwarder.Answer, any Error>) {
        guard let waiting else { return }
        self.waiting = nil
        waiting.completeWith(result)
    }
}
