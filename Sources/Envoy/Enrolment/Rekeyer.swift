public import BoltAPI
internal import BoltClient
internal import CRDT
internal import Identity
internal import Spanner

/// Gives an envoy a new TLS key, signed on by the old one, without a new admission.
///
/// The old key stays in force until the new certificate is on disk; a crash at any point leaves one of them whole.
public struct Rekeyer: Sendable {
    private let directory: EnvoyDirectory

    /// A change of key of the envoy in `directory`.
    public init(directory: EnvoyDirectory) { self.directory = directory }

    /// Asks the bolts in turn; the first that admits the new key ends it. Throws `ClientError` or `IdentityError`; the
    /// old key is then still in force.
    public func rekey(bolts: [BoltAddress]) async throws -> EnrolResponse {
        try await rekey(at: bolts.map(\.address))
    }

    /// The same of bolts at these addresses, `host:port`.
    public func rekey(at addresses: [String]) async throws -> EnrolResponse {
        let identity = try EnvoyIdentity.load(directory: directory.identityPath)
        let next = try pendingKey()
        let sealing = identity.sealingKey.publicKey
        let proof = try RekeyProof.make(
            of: identity.principal, in: identity.credential.mesh, from: identity.credential.key, to: next,
            sealingKey: sealing)
        let request = RekeyRequest(
            csrPEM: String(decoding: try CertificateRequest(key: next).pem, as: UTF8.self),
            sealingKey: sealing, proof: Base64Bytes(proof))
        let port = try BoltPort(identity.credential)
        var failure: (any Error)?
        for address in addresses {
            do {
                let response = try await port.rekey(request, at: address)
                let chain = try Certificate.list(
                    pem: Array(response.certificateChainPEM.utf8), what: "the answer to a change of key")
                _ = try identity.renewed(chain: chain, key: next, directory: directory.identityPath)
                try SecureFile.remove(pendingPath)
                try keep(response.claim, identity.credential)
                return response
            } catch {
                failure = error
            }
        }
        throw failure
            ?? IdentityError(
                .badArgument, what: "change the envoy's key", why: "it knows no bolt to ask", next: "enrol it again")
    }

    /// Keeps whose envoy it is; one that does not verify is not kept, and the old one stays.
    private func keep(_ claim: Base64Bytes?, _ credential: TLSCredential) throws(IdentityError) {
        guard let claim, var profile = try? directory.profile(), profile.claim != claim,
            (try? OwnerTrust(credential).begin(OwnerSight(), with: claim.bytes)) != nil
        else { return }
        profile.claim = claim
        try directory.save(profile)
    }

    private var pendingPath: String { directory.identityPath + "/rekey.key" }

    /// The key that is being handed on to: durable before anybody hears of it, and the same until it is in force.
    ///
    /// A second key, made because the answer to the first was lost, would be a rival of the first.
    private func pendingKey() throws(IdentityError) -> TLSKey {
        if SecureFile.exists(pendingPath) {
            return try TLSKey(pem: SecureFile.read(pendingPath, access: .ownerOnly), what: pendingPath)
        }
        let key = try TLSKey.generate()
        var text = try key.pem()
        defer { SecretBytes.wipe(&text) }
        try SecureFile.write(text, to: pendingPath, access: .ownerOnly)
        return key
    }
}
