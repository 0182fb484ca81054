public import BoltAPI
public import BoltClient
public import Identity
public import Spanner
internal import Synchronization

/// The agent's port over mutual TLS: one client for each address, each keeping its connection.
public final class BoltPort: EnvoyPort {
    private let certificate: ClientCertificate
    private let trust: ClientTrust
    private let limits: ClientLimits
    private let clients = Mutex<[String: BoltClient]>([:])
    /// Who answered last, by address.
    private let partitions = Mutex<[String: PartitionName]>([:])

    /// Addresses whose clients are kept; beyond that all are dropped and made anew.
    private static let clientsMax = 256

    /// A port that shows this identity. Fails where its key cannot be written as PEM.
    public init(_ credential: TLSCredential, limits: ClientLimits = ClientLimits()) throws(IdentityError) {
        certificate = ClientCertificate(
            chain: credential.chain.map(\.der), privateKeyPEM: try credential.key.pem())
        trust = .mesh(try credential.verifier())
        self.limits = limits
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

    /// Asks for a certificate for a new key, with the present one.
    public func rekey(_ request: RekeyRequest, at address: String) async throws(ClientError) -> EnrolResponse {
        try await client(for: address).call(.rekey, body: request)
    }

    private func client(for address: String) throws(ClientError) -> BoltClient {
        if let known = clients.withLock({ $0[address] }) { return known }
        let made = try BoltClient(addresses: [address], trust: trust, certificate: certificate, limits: limits)
        clients.withLock { all in
            if all.count >= Self.clientsMax { all.removeAll() }
            all[address] = made
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
