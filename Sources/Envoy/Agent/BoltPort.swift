public import BoltAPI
public import BoltClient
public import CRDT
public import Identity
public import Spanner
internal import Synchronization

/// The agent's port over mutual TLS: one client for each address, each keeping its connection.
///
/// The identity that it shows can be exchanged while it is in use: requests under way end with the one that they began
/// with.
public final class BoltPort: EnvoyPort {
    private struct State {
        var certificate: ClientCertificate
        var trust: ClientTrust
        /// How often the identity was exchanged.
        var generation = 0
        var clients: [String: BoltClient] = [:]
        /// Those that wait for news: such a request takes long, and keeps no other from its connection.
        var waiting: [String: BoltClient] = [:]
    }

    private let limits: ClientLimits
    private let state: Mutex<State>
    /// Who answered last, by address.
    private let partitions = Mutex<[String: PartitionName]>([:])

    /// Addresses whose clients are kept; beyond that all are dropped and made anew.
    private static let clientsMax = 256
    /// Time beyond the server's own bound that a request which waits is given.
    private static let waitSlack: Duration = .seconds(10)

    /// A port that shows this identity. Fails where its key cannot be written as PEM.
    public init(_ credential: TLSCredential, limits: ClientLimits = ClientLimits()) throws(IdentityError) {
        state = Mutex(
            State(certificate: try ClientCertificate(credential), trust: .mesh(try credential.verifier())))
        self.limits = limits
    }

    /// Shows another identity from the next request on. Fails as `init`, and goes on with the one before.
    public func exchange(for credential: TLSCredential) throws(IdentityError) {
        let certificate = try ClientCertificate(credential)
        let trust = ClientTrust.mesh(try credential.verifier())
        let old = state.withLock { state in
            defer { state = State(certificate: certificate, trust: trust, generation: state.generation + 1) }
            return Array(state.clients.values) + Array(state.waiting.values)
        }
        for client in old { client.close() }
    }

    /// Reports over a kept connection, or a new one.
    public func checkIn(_ request: CheckInRequest, at address: String) async throws(EnvoyPortFailure) -> CheckInResponse
    {
        do {
            let (answer, partition) = try await client(for: address).ask(
                .checkIn, body: request, as: CheckInResponse.self)
            partitions.withLock { all in
                if all.count >= Self.clientsMax { all.removeAll() }
                all[address] = partition
            }
            return answer
        } catch {
            throw EnvoyPortFailure(error)
        }
    }

    /// The partition of the bolt that answered there last.
    public func partition(at address: String) -> PartitionName? { partitions.withLock { $0[address] } }

    /// Fetches a policy's body.
    public func policyBody(_ digest: Bytes32, at address: String) async throws(EnvoyPortFailure) -> [UInt8] {
        do {
            return Array(try await client(for: address).send(.policyBody, [digest.hex]).body)
        } catch {
            throw EnvoyPortFailure(error)
        }
    }

    /// Waits for news of policy, over a connection of its own.
    public func policyWait(
        held: Bytes32?, order: UInt64, at address: String
    ) async throws(EnvoyPortFailure) -> Bool {
        do {
            let answer = try await client(for: address, isWaiting: true).send(
                .policyWait, query: [("held", held?.hex), ("order", "\(order)")])
            return answer.status == 200
        } catch {
            throw EnvoyPortFailure(error)
        }
    }

    /// Asks for a certificate for a new key, with the present one.
    public func rekey(_ request: RekeyRequest, at address: String) async throws(ClientError) -> EnrolResponse {
        try await client(for: address).call(.rekey, body: request)
    }

    private func client(for address: String, isWaiting: Bool = false) throws(ClientError) -> BoltClient {
        let (known, certificate, trust, generation) = state.withLock { state in
            let known = isWaiting ? state.waiting[address] : state.clients[address]
            return (known, state.certificate, state.trust, state.generation)
        }
        if let known { return known }
        var limits = limits
        if isWaiting {
            limits.requestTimeout = .seconds(Int64(APILimits.policyWaitSecondsMax)) + Self.waitSlack
        }
        let made = try BoltClient(addresses: [address], trust: trust, certificate: certificate, limits: limits)
        state.withLock { state in
            // One of an identity that was exchanged meanwhile serves this request and no other.
            guard state.generation == generation else { return }
            if isWaiting {
                if state.waiting.count >= Self.clientsMax { state.waiting.removeAll() }
                state.waiting[address] = made
            } else {
                if state.clients.count >= Self.clientsMax { state.clients.removeAll() }
                state.clients[address] = made
            }
        }
        return made
    }
}

extension EnvoyPortFailure {
    /// What a client's error means for the agent.
    init(_ error: ClientError) {
        // One bolt is asked, and whoever reads this knows which: its address is not said twice.
        let reason = error.attempts.count == 1 ? error.attempts.first?.reason : nil
        self.init(
            Kind(error), code: error.code, reason: reason ?? error.description, next: error.next,
            retryAfter: error.retryAfter)
    }
}

extension EnvoyPortFailure.Kind {
    fileprivate init(_ error: ClientError) {
        guard let problem = error.problem else {
            self = error.kind == .identityRefused ? .refused : .unavailable
            return
        }
        switch problem.status {
        case 401, 403: self = .refused
        case 409 where problem.code == .conflict: self = .contradicted
        case 400, 404, 409, 413, 415, 422: self = .rejected
        case _: self = .unavailable
        }
    }
}
