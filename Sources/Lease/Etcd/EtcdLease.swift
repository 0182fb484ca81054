public import CRDT
import Foundation
import Identity
import NIOSSL
public import Spanner

/// A lease as a key in an etcd that others run: the key hangs on an etcd lease and is written only where there is none.
///
/// Speaks v3 over its JSON gateway. Campaigns are refused at versions with known errors in their leases.
public final class EtcdLease: LeaseEngine {
    /// `etcd`.
    public var name: String { "etcd" }
    /// It grants.
    public var isAutomatic: Bool { true }

    private let settings: EtcdSettings
    private let gateway: EtcdGateway
    private let me: ReplicaID
    private let key: Data

    /// The lease of a partition, for the disk `me`. Nothing is connected yet.
    ///
    /// Fails with `badSettings`, or with `credentials` where a file can't be used: keys and passwords that others can
    /// read are refused.
    public init(
        _ settings: EtcdSettings, mesh: MeshID, partition: PartitionName, me: ReplicaID
    ) throws(LeaseError) {
        let violations = settings.violations
        guard violations.isEmpty else {
            throw LeaseError(
                .badSettings, what: "configure etcd", why: violations.joined(separator: "; "),
                next: "correct the settings of etcd")
        }
        self.settings = settings
        self.me = me
        key = Data("\(settings.keyPrefix)/\(mesh)/\(partition)/lease".utf8)
        gateway = EtcdGateway(
            settings: settings, context: try Self.context(settings), password: try Self.password(settings))
    }

    /// That the version in use was accepted although it has known errors.
    public func warning() async -> String? {
        guard let version = await gateway.oldestVersion, !version.hasRepairedLeases else { return nil }
        return version.complaint + (settings.acceptOldEtcd ? "; accepted by accept_old_etcd" : "")
    }

    /// Ends its connections.
    public func close() async { await gateway.close() }

    /// Asks etcd. Ends within `within`.
    public func perform(_ request: LeaseRequest, within: Duration) async throws(LeaseFailure) -> LeaseAnswer {
        let deadline = ContinuousClock.now + within
        do throws(EtcdGateway.Failure) {
            switch request {
            case .observe: return .observed(try await look(deadline))
            case .campaign(let ttl): return try await campaign(ttl, deadline)
            case .renew(let token): return try await renew(token, deadline)
            case .release(let token):
                try await revoke(Etcd.Number(Int64(bitPattern: token.lease)), deadline)
                return .released(try await look(deadline).mark)
            }
        } catch {
            switch error {
            case .unreachable(let why): throw .unreachable(why)
            case .refused(let why): throw .refused(why)
            // It ended between two steps of ours.
            case .notFound: throw .unreachable("the lease ended while it was being asked about")
            }
        }
    }

    // MARK: Steps

    private func look(_ deadline: ContinuousClock.Instant) async throws(EtcdGateway.Failure) -> LeaseView {
        try view(
            await gateway.call(
                "/v3/kv/range", Etcd.RangeRequest(key: key), by: deadline, as: Etcd.RangeAnswer.self))
    }

    private func campaign(
        _ ttl: Duration, _ deadline: ContinuousClock.Instant
    ) async throws(EtcdGateway.Failure) -> LeaseAnswer {
        let before = try await look(deadline)
        if let version = await gateway.oldestVersion, !version.hasRepairedLeases, !settings.acceptOldEtcd {
            throw .refused(version.complaint + "; upgrade it, or set accept_old_etcd")
        }
        guard before.holder == nil else { return .occupied(before) }
        let granted = try await gateway.call(
            "/v3/lease/grant", Etcd.GrantRequest(TTL: Etcd.Number(Self.seconds(ttl))), by: deadline,
            as: Etcd.LeaseAnswer.self)
        guard let id = granted.ID, let time = granted.TTL, time.value > 0 else {
            throw .refused("etcd granted a lease without an id or time")
        }
        let put = Etcd.PutRequest(key: key, value: Data(EtcdLeaseValue.text(me).utf8), lease: id)
        let transaction = Etcd.TxnRequest(
            compare: [Etcd.Compare(key: key)], success: [Etcd.Operation(request_put: put)],
            failure: [Etcd.Operation(request_range: Etcd.RangeRequest(key: key))])
        let answer = try await gateway.call("/v3/kv/txn", transaction, by: deadline, as: Etcd.TxnAnswer.self)
        let mark = try mark(answer.header)
        if answer.succeeded == true {
            let token = LeaseToken(lease: UInt64(bitPattern: id.value), created: mark.revision)
            return .granted(token, ttl: .seconds(time.value), mark)
        }
        var seen = answer.responses?.first?.response_range ?? Etcd.RangeAnswer()
        seen.header = seen.header ?? answer.header
        seen.header?.cluster_id = answer.header?.cluster_id
        let after = try view(seen)
        if let holder = after.holder, holder.who == me, holder.token.lease == UInt64(bitPattern: id.value) {
            // The first answer was lost on its way and the call repeated.
            return .granted(holder.token, ttl: .seconds(time.value), after.mark)
        }
        try await revoke(id, deadline)
        return .occupied(after)
    }

    private func renew(
        _ token: LeaseToken, _ deadline: ContinuousClock.Instant
    ) async throws(EtcdGateway.Failure) -> LeaseAnswer {
        let request = Etcd.LeaseRequest(ID: Etcd.Number(Int64(bitPattern: token.lease)))
        let answer = try await gateway.call(
            "/v3/lease/keepalive", request, by: deadline, as: Etcd.Streamed<Etcd.LeaseAnswer>.self)
        if let problem = answer.error, problem.kind != .notFound { throw .unreachable(problem.text) }
        // The lease may live while the key was deleted, or is another's by now.
        let view = try await look(deadline)
        let left = answer.result?.TTL?.value ?? 0
        guard left > 0, view.holder == LeaseHolder(who: me, token: token) else { return .gone(view) }
        return .renewed(ttl: .seconds(left), view)
    }

    /// Ends an etcd lease; one that has ended is no error.
    private func revoke(_ id: Etcd.Number, _ deadline: ContinuousClock.Instant) async throws(EtcdGateway.Failure) {
        do throws(EtcdGateway.Failure) {
            _ = try await gateway.call(
                "/v3/lease/revoke", Etcd.LeaseRequest(ID: id), by: deadline, as: Etcd.LeaseAnswer.self)
        } catch {
            guard case .notFound = error else { throw error }
        }
    }

    // MARK: What it says

    private func view(_ answer: Etcd.RangeAnswer) throws(EtcdGateway.Failure) -> LeaseView {
        let mark = try mark(answer.header)
        guard let pair = answer.kvs?.first else { return LeaseView(mark: mark, holder: nil) }
        guard let value = pair.value, let who = EtcdLeaseValue.holder(Array(value)),
            let created = pair.create_revision?.value, created > 0
        else { throw .refused("the key of the lease holds what no bolt has written: see what uses it, and delete it") }
        let token = LeaseToken(
            lease: UInt64(bitPattern: pair.lease?.value ?? 0), created: UInt64(bitPattern: created))
        return LeaseView(mark: mark, holder: LeaseHolder(who: who, token: token))
    }

    private func mark(_ header: Etcd.Header?) throws(EtcdGateway.Failure) -> LeaseMark {
        guard let header, let cluster = header.cluster_id?.value else {
            throw .refused("an answer of etcd without its header")
        }
        return LeaseMark(
            cluster: UInt64(bitPattern: cluster), revision: UInt64(bitPattern: header.revision?.value ?? 0))
    }

    /// etcd counts whole seconds: rounded up, so that it never counts less than was asked for.
    private static func seconds(_ ttl: Duration) -> Int64 {
        let (seconds, rest) = ttl.components
        return max(1, seconds + (rest > 0 ? 1 : 0))
    }

    // MARK: Credentials

    private static func context(_ settings: EtcdSettings) throws(LeaseError) -> NIOSSLContext? {
        guard let caFile = settings.caFile, settings.endpoints.contains(where: { $0.hasPrefix("https://") }) else {
            return nil
        }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = .fullVerification
        do {
            let roots = try SecureFile.read(caFile, access: .everybody)
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(roots))
            if let certificateFile = settings.certificateFile, let keyFile = settings.keyFile {
                let chain = try SecureFile.read(certificateFile, access: .everybody)
                configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(chain).map { .certificate($0) }
                var key = try SecureFile.read(keyFile, access: .ownerOnly)
                defer { SecretBytes.wipe(&key) }
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
            }
            return try NIOSSLContext(configuration: configuration)
        } catch let error as IdentityError {
            throw LeaseError(error)
        } catch {
            throw LeaseError(
                .credentials, what: "use the certificates for etcd", why: "\(error)",
                next: "name PEM files: the CA, and a client certificate with its own key")
        }
    }

    private static func password(_ settings: EtcdSettings) throws(LeaseError) -> SecretBytes? {
        guard let file = settings.passwordFile else { return nil }
        var text: [UInt8]
        do throws(IdentityError) {
            text = try SecureFile.read(file, access: .ownerOnly)
        } catch { throw LeaseError(error) }
        defer { SecretBytes.wipe(&text) }
        let count = text.last == UInt8(ascii: "\n") ? text.count - 1 : text.count
        guard (1...EtcdSettings.passwordBytesMax).contains(count) else {
            throw LeaseError(
                .credentials, what: "read etcd's password from \(file)",
                why: "\(count) bytes; 1 to \(EtcdSettings.passwordBytesMax) are taken",
                next: "put the password into the file, in one line")
        }
        return SecretBytes(count: count) { out in
            for place in 0..<count { out[place] = text[place] }
        }
    }
}
