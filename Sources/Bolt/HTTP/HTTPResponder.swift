internal import BoltAPI
internal import Dispatch
internal import Foundation
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import Identity
internal import Spanner
internal import SpannerTransport

/// Answers requests of one listener: a closed table of endpoints, each with its rule, asked before the body is read.
struct HTTPResponder: Sendable {
    /// Which table.
    let listener: Endpoint.Listener
    /// What a key is good for, now.
    let standing: @Sendable (CertifiedPeer) async -> Standing
    /// What the endpoints do.
    let handle: @Sendable (HTTPRequestContext) async throws -> HTTPAnswer
    /// Whether the listener is shutting down.
    let isDraining: @Sendable () -> Bool
    let logger: Logger
    let metrics: MetricsRegistry

    /// Answers one request. Throws only where the connection is of no further use.
    func respond(
        _ request: Request, _ writer: consuming ResponseWriter, channel: any Channel, peer: CertifiedPeer?
    ) async throws {
        let begun = DispatchTime.now()
        let requestID = HTTPResponder.requestID(request)
        let hasBody = request.headers[.contentLength] != nil || request.headers[.transferEncoding] != nil
        let body = BodyReader(
            request.body, declared: hasBody ? request.headers[.contentLength].flatMap { Int($0) } : 0)
        let (endpoint, answer) = await answer(request, body: body, channel: channel, peer: peer, requestID: requestID)
        let name = endpoint?.rawValue ?? "unlisted"
        metrics.add(.requests, [name, "\(answer.status)"])
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - begun.uptimeNanoseconds) / 1e9
        metrics.observe(.requestSeconds, [name], seconds)
        logger.debug(
            "request",
            metadata: [
                LogKeys.request: "\(requestID)", LogKeys.endpoint: "\(name)", LogKeys.status: "\(answer.status)",
            ])
        var response = Response(status: .init(code: answer.status))
        response.headers[.contentType] = answer.contentType
        response.headers[.cacheControl] = "no-store"
        if let seconds = answer.retryAfterSeconds { response.headers[.retryAfter] = String(seconds) }
        if let location = answer.location { response.headers[.location] = location }
        if answer.status == 401 { response.headers[.wwwAuthenticate] = "Bolt-Certificate" }
        response.headers.append(.init(name: .init("X-Request-Id") ?? .server, value: requestID))
        if answer.status != 204 { response.headers[.contentLength] = String(answer.body.count) }
        // A body that was not wanted is read to a bound and thrown away; then the connection goes.
        let bodyLeft = !body.isFinished
        if bodyLeft || isDraining() { response.headers[.connection] = "close" }
        if request.method == .head {
            try await writer.writeResponse(response.head)
        } else {
            try await writer.write(
                response: response.head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
        }
        guard bodyLeft || isDraining() else { return }
        if bodyLeft { await discard(body, channel: channel) }
        channel.closeWithTheClient()
    }

    private func discard(_ body: BodyReader, channel: any Channel) async {
        func closing(after time: TimeAmount) -> Scheduled<Void> {
            channel.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
        }
        let deadline = closing(after: HTTPLimits.lingerMax)
        var silence = closing(after: HTTPLimits.lingerTimeout)
        defer {
            deadline.cancel()
            silence.cancel()
        }
        do {
            try await body.discard(atMost: HTTPLimits.discardBytesMax) {
                silence.cancel()
                silence = closing(after: HTTPLimits.lingerTimeout)
            }
        } catch {
            logger.trace("a refused body did not end", metadata: [LogKeys.why: "\(error)"])
        }
    }

    private func answer(
        _ request: Request, body: BodyReader, channel: any Channel, peer: CertifiedPeer?, requestID: String
    ) async -> (Endpoint?, HTTPAnswer) {
        var found: Endpoint?
        do {
            let (endpoint, arguments) = try match(request)
            found = endpoint
            let caller = try await Authorisation.judge(endpoint.access, peer: peer, standing: standing)
                .mapError { Authorisation.said($0, of: endpoint.access) }.get()
            let data = try await read(request, body, endpoint: endpoint, channel: channel)
            var context = HTTPRequestContext(
                endpoint: endpoint, arguments: arguments, query: HTTPResponder.query(request), caller: caller,
                peer: peer, body: data, requestID: requestID)
            guard [nil, "true", "false"].contains(context.query["dry_run"]) else {
                throw Problem(.badRequest, "dry_run is true or false; nothing was changed")
            }
            context.refusesForwarding = HTTPResponder.header("x-bolt-no-forward", of: request) == "true"
            context.signature = HTTPResponder.header("x-hub-signature-256", of: request)
            context.target = request.head.path ?? endpoint.path
            return (endpoint, try await handle(context))
        } catch let problem as Problem {
            if problem.status == 401 || problem.status == 403 {
                logger.notice(
                    "request refused",
                    metadata: [
                        LogKeys.request: "\(requestID)", LogKeys.endpoint: "\(found?.rawValue ?? "unlisted")",
                        LogKeys.code: "\(problem.code.rawValue)", LogKeys.why: "\(problem.detail)",
                        LogKeys.principal: "\(peer.map { "\($0.verified.id)" } ?? "none")",
                        LogKeys.remote: "\(channel.remoteAddress?.ipAddress ?? "local")",
                    ])
            }
            return (found, .problem(problem))
        } catch is HTTPConnectionEnded {
            // Nobody is left to be told.
            return (found, .problem(Problem(.badRequest, "the request ended before its body")))
        } catch {
            logger.error(
                "request failed",
                metadata: [LogKeys.request: "\(requestID)", LogKeys.why: "\(String(reflecting: error))"])
            return (found, .problem(Problem(.internalError, "the request failed; see the log for \(requestID)")))
        }
    }

    private func match(_ request: Request) throws -> (Endpoint, [String]) {
        let target = request.head.path ?? "/"
        guard target.utf8.count <= HTTPLimits.targetBytesMax else {
            throw Problem(.tooLarge, "the target is over \(HTTPLimits.targetBytesMax) bytes", status: 414)
        }
        var segments: [String] = []
        for part in request.uri.path.split(separator: "/") {
            let part = String(part)
            guard let text = part.utf8.contains(0x25) ? part.removingPercentEncoding : part else {
                throw Problem(.badRequest, "the path is not percent-encoded UTF-8")
            }
            segments.append(text)
        }
        let method = Endpoint.Method(rawValue: request.method.rawValue)
        if let method, let found = Endpoint.match(method, segments: segments, on: listener) { return found }
        let others = Endpoint.Method.allCases.filter { Endpoint.match($0, segments: segments, on: listener) != nil }
        guard others.isEmpty else {
            throw Problem(
                .methodNotAllowed, "this path takes \(others.map(\.rawValue).joined(separator: ", "))")
        }
        throw Problem(.notFound, "no such path")
    }

    /// The body, within the endpoint's limit and in time.
    private func read(
        _ request: Request, _ body: BodyReader, endpoint: Endpoint, channel: any Channel
    ) async throws -> Data {
        guard endpoint.bodyBytesMax > 0 else { return Data() }
        let tooLarge = Problem(.tooLarge, "a body of this endpoint has at most \(endpoint.bodyBytesMax) bytes")
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > endpoint.bodyBytesMax {
            throw tooLarge
        }
        let deadline = channel.eventLoop.scheduleTask(in: HTTPLimits.bodyTimeout) { channel.close(promise: nil) }
        defer { deadline.cancel() }
        return try await body.read(atMost: endpoint.bodyBytesMax, tooLarge: tooLarge)
    }

    private static func query(_ request: Request) -> [String: String] {
        var items: [String: String] = [:]
        for (name, value) in request.uri.queryParameters.prefix(HTTPLimits.queryItemsMax)
        where items[String(name)] == nil {
            items[String(name)] = String(value)
        }
        return items
    }

    /// The caller's id where it is a plain short word, else a random one.
    private static func requestID(_ request: Request) -> String {
        if let given = header("x-request-id", of: request),
            (1...HTTPLimits.requestIDBytesMax).contains(given.utf8.count), given.utf8.allSatisfy(isPlain)
        {
            return given
        }
        return String(UInt64.random(in: 0...UInt64.max), radix: 16)
    }

    private static func header(_ name: String, of request: Request) -> String? {
        request.headers.first { $0.name.canonicalName == name }?.value
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D
    }
}
