import BoltClient
import Foundation
import Identity
import NIOCore
import NIOHTTP1
import NIOSSL
import Spanner

/// Calls etcd's JSON gateway at whichever endpoint answers. Every call ends by its deadline.
actor EtcdGateway {
    /// How a call ended without an answer.
    enum Failure: Error, Sendable {
        /// No endpoint answered; whether one did what was asked is not known.
        case unreachable(String)
        /// It will not do it.
        case refused(String)
        /// What was named does not exist.
        case notFound
    }

    private let settings: EtcdSettings
    private let endpoints: [EtcdEndpoint]
    private let context: NIOSSLContext?
    private let password: SecretBytes?
    private var connections: [EtcdEndpoint: EtcdConnection] = [:]
    private var versions: [EtcdEndpoint: EtcdVersion] = [:]
    private var preferred = 0
    private var token: String?

    init(settings: EtcdSettings, context: NIOSSLContext?, password: SecretBytes?) {
        (self.settings, self.context, self.password) = (settings, context, password)
        endpoints = settings.endpoints.compactMap { EtcdEndpoint($0) }
    }

    /// The oldest version that answered at any endpoint; each is asked anew with each connection.
    var oldestVersion: EtcdVersion? { versions.values.min() }

    func close() {
        for connection in connections.values { connection.close() }
        connections = [:]
    }

    /// Posts `request` and decodes the answer.
    func call<Answer: Decodable & Sendable>(
        _ path: String, _ request: some Encodable & Sendable, by deadline: ContinuousClock.Instant,
        as type: Answer.Type = Answer.self
    ) async throws(Failure) -> Answer {
        let body: Data
        do { body = try JSONEncoder().encode(request) } catch { throw .refused("a request that is no JSON") }
        let answer = try await send(path, body, by: deadline)
        do {
            return try JSONDecoder().decode(type, from: answer)
        } catch { throw .refused("\(endpoints[preferred]) does not answer \(path) as etcd's v3 gateway does") }
    }

    /// Tries each endpoint with its share of what time is left.
    private func send(_ path: String, _ body: Data, by deadline: ContinuousClock.Instant) async throws(Failure) -> Data
    {
        var reasons: [String] = []
        for turn in endpoints.indices {
            let index = (preferred + turn) % endpoints.count
            let left = deadline - .now
            guard left > .zero, !Task.isCancelled else { break }
            let share = ContinuousClock.now + left / (endpoints.count - turn)
            do throws(Failure) {
                let answer = try await send(path, body, to: endpoints[index], by: share)
                preferred = index
                return answer
            } catch {
                guard case .unreachable(let reason) = error else { throw error }
                reasons.append("\(endpoints[index]): \(reason)")
            }
        }
        if !endpoints.isEmpty { preferred = (preferred + 1) % endpoints.count }
        throw .unreachable(reasons.isEmpty ? "no time left" : reasons.joined(separator: "; "))
    }

    private func send(
        _ path: String, _ body: Data, to endpoint: EtcdEndpoint, by deadline: ContinuousClock.Instant
    ) async throws(Failure) -> Data {
        for isLastTry in [false, true] {
            if settings.user != nil, token == nil { token = try await authenticate(endpoint, deadline) }
            let (status, answer) = try await exchange(.POST, path, body, at: endpoint, by: deadline)
            guard status != 200 else { return answer }
            let problem = try? JSONDecoder().decode(Etcd.Problem.self, from: answer)
            switch problem?.kind {
            case .unauthenticated where settings.user != nil && !isLastTry: token = nil
            case .notFound where problem?.text.contains("lease") == true: throw .notFound
            case .passing: throw .unreachable(problem?.text ?? "status \(status)")
            case .notFound, .unauthenticated, .lasting, nil:
                throw .refused("\(endpoint) refused \(path): \(problem?.text ?? "status \(status)")")
            }
        }
        throw .unreachable("its word for us ended at once, twice")
    }

    private func authenticate(
        _ endpoint: EtcdEndpoint, _ deadline: ContinuousClock.Instant
    ) async throws(Failure) -> String {
        var secret = password?.withBytes { Array($0) } ?? []
        defer { SecretBytes.wipe(&secret) }
        let request = Etcd.AuthenticateRequest(
            name: settings.user ?? "", password: String(decoding: secret, as: UTF8.self))
        guard let body = try? JSONEncoder().encode(request) else { throw .refused("a password that is no text") }
        let (status, answer) = try await exchange(.POST, "/v3/auth/authenticate", body, at: endpoint, by: deadline)
        if status == 200, let token = try? JSONDecoder().decode(Etcd.AuthenticateAnswer.self, from: answer).token {
            return token
        }
        let problem = try? JSONDecoder().decode(Etcd.Problem.self, from: answer)
        if problem?.kind == .passing { throw .unreachable(problem?.text ?? "status \(status)") }
        throw .refused("\(endpoint) does not take user \(settings.user ?? ""): \(problem?.text ?? "status \(status)")")
    }

    /// One request over a kept connection, or over a new one where there is none or the kept one has ended.
    private func exchange(
        _ method: HTTPMethod, _ path: String, _ body: Data?, at endpoint: EtcdEndpoint,
        by deadline: ContinuousClock.Instant
    ) async throws(Failure) -> (status: Int, body: Data) {
        if let kept = connections.removeValue(forKey: endpoint), kept.channel.isActive {
            do throws(Failure) {
                return try await exchange(method, path, body, at: endpoint, over: kept, by: deadline)
            } catch {
                // It may have ended unnoticed. All that is asked may be asked twice.
                guard deadline - .now > .zero else { throw error }
            }
        }
        let connection = try await connect(endpoint, by: deadline)
        return try await exchange(method, path, body, at: endpoint, over: connection, by: deadline)
    }

    private func connect(
        _ endpoint: EtcdEndpoint, by deadline: ContinuousClock.Instant
    ) async throws(Failure) -> EtcdConnection {
        let timeout = min(settings.connectTimeout, deadline - .now)
        guard timeout > .zero else { throw .unreachable("no time left") }
        let channel: any Channel
        do {
            channel = try await EtcdConnection.open(endpoint, context: context, timeout: timeout)
        } catch { throw .unreachable(TransportReason.describe(error)) }
        let bare = EtcdConnection(channel: channel, version: nil)
        let (status, answer) = try await exchange(
            .GET, "/version", nil, at: endpoint, over: bare, by: deadline, isKept: false)
        let text = try? JSONDecoder().decode(Etcd.VersionAnswer.self, from: answer).etcdserver
        guard status == 200, let text, let version = EtcdVersion(text) else {
            bare.close()
            throw .refused("\(endpoint) does not say its version as etcd does")
        }
        versions[endpoint] = version
        return EtcdConnection(channel: channel, version: version)
    }

    private func exchange(
        _ method: HTTPMethod, _ path: String, _ body: Data?, at endpoint: EtcdEndpoint,
        over connection: EtcdConnection, by deadline: ContinuousClock.Instant, isKept: Bool = true
    ) async throws(Failure) -> (status: Int, body: Data) {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
        head.headers.add(name: "host", value: endpoint.address.description)
        if let body {
            head.headers.add(name: "content-type", value: "application/json")
            head.headers.add(name: "content-length", value: "\(body.count)")
            if let token { head.headers.add(name: "authorization", value: token) }
        }
        do {
            let full = try await EtcdConnection.exchange(
                head, body: body.map { ByteBuffer(bytes: $0) }, over: connection.channel, within: deadline - .now)
            if isKept, full.head.isKeepAlive { connections[endpoint] = connection }
            return (Int(full.head.status.code), Data(full.body?.readableBytesView ?? ByteBufferView()))
        } catch {
            connection.close()
            throw .unreachable(TransportReason.describe(error))
        }
    }
}
