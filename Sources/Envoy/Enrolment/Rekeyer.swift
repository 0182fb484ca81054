public import BoltAPI
internal import BoltClient
internal import CRDT
internal import Spanner
internal import Identity

/// Gives an envoy a new TLS key, signed on by the old one, without a new admission.
///
/// The old key stays in force until the new certificate is on disk; a crash at any point leaves one of them whole.
public struct Rekeyer: Sendable {
    private let directory: EnvoyDirectory

    /// A change of key of the envoy in `directory`.
    public init(directory: EnvoyDirectory) { self.directory = directory }

    /// Separates the proof from all other signatures of the key.
    public static let proofDomain = Array("bolt envoy rekey v1".utf8)

    /// Asks the bolts in turn; the first that admits the new key ends it. Throws `ClientError` or `IdentityError`; the
    /// old key is then still in force.
    public func rekey(bolts: [BoltAddress]) async throws -> EnrolResponse {
        let identity = try EnvoyIdentity.load(directory: directory.identityPath)
        let next = try TLSKey.generate()
        let proof = try identity.credential.key.sign(Self.proofDomain + next.publicKey.fingerprint.bytes.bytes)
        let request = RekeyRequest(
            csrPEM: String(decoding: try CertificateRequest(key: next).pem, as: UTF8.self),
            sealingKey: identity.sealingKey.publicKey, proof: Base64Bytes(proof))
        let port = try BoltPort(identity.credential)
        var failure: (any Error)?
        for bolt in bolts {
            do {
                let response = try await port.rekey(request, at: bolt.address)
                let chain = try Certificate.list(
                    pem: Array(response.certificateChainPEM.utf8), what: "the answer to a change of key")
                _ = try identity.renewed(chain: chain, key: next, directory: directory.identityPath)
                return response
            } catch {
                failure = error
            }
        }
        throw failure
            ?? IdentityError(
                .badArgument, what: "change the envoy's key", why: "it knows no bolt to ask", next: "enrol it again")
    }
}
