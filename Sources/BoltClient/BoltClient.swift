public import BoltAPI
public import Foundation
import Identity
import NIOCore
import NIOHTTP1
import NIOSSL
public import Spanner

/// Talks to the bolts of one mesh over mutual TLS: tries each address, keeps connections, decodes answers and problems.
///
/// Safe to share between tasks. Every call ends within the request timeout times the number of addresses.
public final class BoltClient: Sendable {
    /// Where bolts are expected, nearest first.
    public let addresses: [HostPort]
    private let trust: ClientTrust
    private let limits: ClientLimits
    private let context: NIOSSLContext
    private let pool = ConnectionPool()
    private let onWait: (@Sendable (String) -> Void)?

    /// A client of the bolts at `addresses` (`host:port`), known by `trust`.
    ///
    /// Without a certificate only the endpoints that take none answer. Fails with `badArgument` where an address or the
    /// certificate cannot be used; nothing is connected yet. `onWait` is called, from any thread, with the address of a
    /// bolt that has not answered for `limits.waitNotice`, once for each request to it.
    public init(
        addresses: [String], trust: ClientTrust, certificate: ClientCertificate?, limits: ClientLimits = .init(),
        onWait: (@Sendable (String) -> Void)? = nil
    ) throws(ClientError) {
        guard !addresses.isEmpty else { throw ClientError(.badArgument, "no address of a bolt is known") }
        var parsed: [HostPort] = []
        for text in addresses.prefix(limits.addressesMax) {
            guard let address = HostPort(text) else {
                throw ClientError(.badArgument, "“\(text)” is no address: host:port is expected")
            }
            if !parsed.contains(address) { parsed.append(address) }
        }
        (self.addresses, self.trust, self.limits, self.onWait) = (parsed, trust, limits, onWait)
        do {
            context = try Self.makeContext(certificate)
        } catch {
            throw ClientError(.badArgument, "the client certificate or its key cannot be used: \(error)")
        }
    }

    /// Calls an endpoint and decodes its answer. `arguments` fill the path, unencoded; `query` items without a value
    /// are left out.
    ///
    /// Goes on to the next address where a bolt cannot be reached, is not ready, or breaks off a request that may be
    /// repeated. Throws `ClientError`.
    public func call<Answer: Decodable & Sendable>(
        _ endpoint: Endpoint, _ arguments: [String] = [], query: [(String, String?)] = [],
        body: (any Encodable & Sendable)? = nil, as type: Answer.Type = Answer.self
    ) async throws(ClientError) -> Answer {
        let answer = try await send(endpoint, arguments, query: query, body: body)
        return try Self.decode(answer, of: endpoint, as: type)
    }

    /// The same, with the partition of the bolt that answered, as its certificate says.
    public func ask<Answer: Decodable & Sendable>(
        _ endpoint: Endpoint, body: (any Encodable & Sendable)?, as type: Answer.Type = Answer.self
    ) async throws(ClientError) -> (answer: Answer, partition: PartitionName?) {
        let raw = try await send(endpoint, body: body)
        let answer = try Self.decode(raw, of: endpoint, as: type)
        return (answer, raw.partition)
    }

    private static func decode<Answer: Decodable>(
        _ answer: RawAnswer, of endpoint: Endpoint, as type: Answer.Type
    ) throws(ClientError) -> Answer {
        do {
            return try APIJSON.decode(type, from: answer.body)
        } catch {
            throw ClientError(.badAnswer, "\(answer.address) answered \(endpoint.path): \(APIJSON.explain(error))")
        }
    }

    /// Calls an endpoint and gives the answer as it came, of any status below 300. Throws `ClientError`.
    public func send(
        _ endpoint: Endpoint, _ arguments: [String] = [], query: [(String, String?)] = [],
        body: (any Encodable & Sendable)? = nil
    ) async throws(ClientError) -> RawAnswer {
        let request = try Self.request(endpoint, arguments, query: query, body: body)
        var attempts: [ClientError.Attempt] = []
        var last: ClientError?
        for address in pool.order(addresses) {
            let failure: ClientError
            let notice = notice(of: address)
            defer { notice?.cancel() }
            do throws(ClientError) {
                let answer = try await exchange(request, repeatable: endpoint.isRepeatable, at: address)
                pool.prefer(address)
                guard answer.status >= 300 else { return answer }
                failure = Self.problem(of: answer, attempts: attempts)
            } catch { failure = error }
            guard failure.isWorthAnotherBolt, endpoint.isRepeatable || !failure.mayHaveChanged else { throw failure }
            attempts.append(.init(address: address.description, reason: failure.detail))
            // What a bolt said tells more than that another could not be reached.
            if last?.kind != .problem || failure.kind == .problem { last = failure }
        }
        throw Self.exhausted(attempts, last: last)
    }

    /// Ends every idle connection. The client may be used again.
    public func close() { pool.drain() }

    /// Tells whoever wants to know that a bolt is silent, once it is; to be cancelled when it has answered.
    private func notice(of address: HostPort) -> Task<Void, Never>? {
        guard let onWait else { return nil }
        let span = limits.waitNotice
        return Task {
            try? await Task.sleep(for: span)
            if !Task.isCancelled { onWait(address.description) }
        }
    }

    // MARK: One request

    private struct Request: Sendable {
        var head: HTTPRequestHead
        var body: ByteBuffer?
    }

    private static func request(
        _ endpoint: Endpoint, _ arguments: [String], query: [(String, String?)], body: (any Encodable & Sendable)?
    ) throws(ClientError) -> Request {
        func encoded(_ text: String) -> String { text.addingPercentEncoding(withAllowedCharacters: safe) ?? "" }
        var rest = arguments[...]
        var uri = endpoint.path.split(separator: "/").map { part in
            part.hasPrefix("{") ? "/" + encoded(rest.popFirst() ?? "") : "/" + part
        }.joined()
        let items = query.compactMap { name, value in value.map { "\(encoded(name))=\(encoded($0))" } }
        if !items.isEmpty { uri += "?" + items.joined(separator: "&") }
        var head = HTTPRequestHead(version: .http1_1, method: .init(rawValue: endpoint.method.rawValue), uri: uri)
        head.headers.add(name: "accept", value: "application/json, \(Problem.contentType)")
        guard let body else { return Request(head: head, body: nil) }
        let json: Data
        do {
            json = try APIJSON.encode(body)
        } catch { throw ClientError(.badArgument, "the request cannot be written as JSON: \(error)") }
        head.headers.add(name: "content-type", value: "application/json")
        head.headers.add(name: "content-length", value: "\(json.count)")
        return Request(head: head, body: ByteBuffer(bytes: json))
    }

    private func exchange(
        _ request: Request, repeatable: Bool, at address: HostPort
    ) async throws(ClientError) -> RawAnswer {
        if let idle = pool.take(address) {
            // A kept connection may have ended unnoticed: one that fails is worth another try only where repeating is.
            do throws(ClientError) {
                return try await exchange(request, over: idle)
            } catch {
                guard repeatable, error.kind == .unreachable else { throw error }
            }
        }
        let connection: BoltConnection
        do {
            connection = try await BoltConnection.connect(to: address, context: context, trust: trust, limits: limits)
        } catch { throw ClientError(.unreachable, TransportReason.describe(error)) }
        return try await exchange(request, over: connection)
    }

    private func exchange(_ request: Request, over connection: BoltConnection) async throws(ClientError) -> RawAnswer {
        var head = request.head
        head.headers.replaceOrAdd(name: "host", value: connection.address.description)
        do {
            let full = try await connection.exchange(
                head, body: request.body, deadline: .now() + TimeAmount(limits.requestTimeout))
            if full.head.isKeepAlive {
                pool.put(connection, limit: limits.idleConnectionsMax)
            } else {
                connection.close()
            }
            return RawAnswer(
                address: connection.address.description, partition: connection.verdict.partition,
                status: Int(full.head.status.code),
                headers: full.head.headers.map { ($0.name.lowercased(), $0.value) },
                body: Data(full.body?.readableBytesView ?? ByteBufferView()))
        } catch {
            connection.close()
            if let rejection = connection.verdict.rejection {
                throw ClientError(.notOurMesh, "\(rejection)")
            }
            throw TransportReason.error(
                error, at: connection.address, answerBytesMax: limits.answerBytesMax)
        }
    }

    // MARK: Answers that are errors

    private static func problem(of answer: RawAnswer, attempts: [ClientError.Attempt]) -> ClientError {
        let after = answer.header("retry-after").flatMap { Int64($0) }.map { Duration.seconds($0) }
        guard let problem = try? APIJSON.decode(Problem.self, from: answer.body) else {
            let status = Problem(.internalError, "status \(answer.status)", status: answer.status)
            return ClientError(
                .problem, "\(answer.address) answered with status \(answer.status) and no explanation",
                attempts: attempts, problem: status, retryAfter: after)
        }
        return ClientError(.problem, problem.detail, attempts: attempts, problem: problem, retryAfter: after)
    }

    private static func exhausted(_ attempts: [ClientError.Attempt], last: ClientError?) -> ClientError {
        let kind = last?.kind ?? .unreachable
        let what =
            switch kind {
            case .problem: last?.detail ?? "no bolt would answer"
            case .notOurMesh: "no bolt of this mesh answered"
            case .unreachable, .identityRefused, .badAnswer, .badArgument: "no bolt could be reached"
            }
        return ClientError(
            kind, what, attempts: attempts, problem: last?.problem, retryAfter: last?.retryAfter,
            mayHaveChanged: last?.mayHaveChanged ?? false)
    }

    private static let safe = CharacterSet(
        charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:")

    private static func makeContext(_ certificate: ClientCertificate?) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.maximumTLSVersion = .tlsv13
        // Trust is ours alone to give: the custom verification replaces BoringSSL's own.
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
        configuration.applicationProtocols = ["http/1.1"]
        configuration.renegotiationSupport = .none
        if let certificate {
            configuration.certificateChain = try certificate.chain.map {
                .certificate(try NIOSSLCertificate(bytes: $0, format: .der))
            }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: certificate.privateKeyPEM, format: .pem))
        }
        return try NIOSSLContext(configuration: configuration)
    }
}

/// An answer as it came.
public struct RawAnswer: Sendable {
    /// Who answered, `host:port`.
    public let address: String
    /// The partition that its certificate is for.
    public let partition: PartitionName?
    /// HTTP status.
    public let status: Int
    /// Names in lower case, in order.
    public let headers: [(String, String)]
    /// The body.
    public let body: Data

    /// The first value of a header, by its lower-case name.
    public func header(_ name: String) -> String? { headers.first { $0.0 == name }?.1 }
}

extension ClientError {
    /// Whether another bolt may do better: this one is starting, draining, cut off or has a sick disk.
    var isWorthAnotherBolt: Bool {
        guard let code = problem?.code else { return kind == .unreachable || kind == .notOurMesh }
        return [
            .notReady, .draining, .ownerUnreachable, .homeUnreachable, .noPrimary, .sealed, .storeFailure, .boltRemoved,
        ]
        .contains(code)
    }
}
