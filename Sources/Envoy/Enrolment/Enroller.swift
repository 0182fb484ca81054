public import BoltAPI
public import BoltClient
internal import CRDT
internal import Foundation
public import Identity
public import Spanner

/// Brings a machine into the mesh: keys made here, a request, a token that pins the mesh.
///
/// Asking again after any failure is safe: the keys are kept, and the same key gets the same admission.
public struct Enroller: Sendable {
    private let directory: EnvoyDirectory
    private let token: JoinToken
    private let addresses: [String]
    private let limits: ClientLimits

    /// An enrolment into `directory`. `addresses`, where given, are asked before those of the token.
    public init(
        directory: EnvoyDirectory, token: JoinToken, addresses: [String] = [], limits: ClientLimits = ClientLimits()
    ) {
        (self.directory, self.token, self.limits) = (directory, token, limits)
        self.addresses = addresses + token.addresses.filter { !addresses.contains($0) }
    }

    /// How an enrolment ended without an error.
    public enum Outcome: Sendable {
        /// Admitted; the identity is on disk.
        case admitted(EnrolResponse)
        /// An operator has to approve; ask again with the same directory.
        case pending(retryAfter: Duration)
    }

    /// Asks once, at each address until one answers.
    ///
    /// Throws `ClientError` where no bolt admits it, and `IdentityError` where what came back is not for these keys or
    /// not of the mesh that the token pins; the directory then holds the keys only.
    public func enroll(name: PrincipalName, labels: [String: String]) async throws -> Outcome {
        try directory.make()
        let request = try EnvoyIdentity.prepare(directory: directory.identityPath)
        let client = try BoltClient(
            addresses: addresses, trust: .pinned(token.mesh), certificate: nil, limits: limits)
        defer { client.close() }
        let answer = try await client.send(
            .enroll,
            body: EnrolRequest(
                token: token.text, csrPEM: String(decoding: request.certificateRequest.pem, as: UTF8.self),
                name: name, sealingKey: request.sealingKey, labels: labels))
        if answer.status == 202 {
            let pending = try APIJSON.decode(EnrolPending.self, from: answer.body)
            return .pending(retryAfter: .seconds(max(1, pending.retryAfterSeconds)))
        }
        let response = try APIJSON.decode(EnrolResponse.self, from: answer.body)
        try install(response, name: name)
        return .admitted(response)
    }

    private func install(_ response: EnrolResponse, name: PrincipalName) throws {
        let chain = try Certificate.list(pem: Array(response.certificateChainPEM.utf8), what: "the enrolment's answer")
        let roots = try Certificate.list(pem: Array(response.rootPEM.utf8), what: "the enrolment's answer")
        guard let root = roots.first, roots.count == 1, root.meshID == token.mesh else {
            throw IdentityError(
                .mismatch, what: "take the certificate of an enrolment",
                why: "its root is not that of the mesh that the token names",
                next: "check the address and the token with the operator")
        }
        let identity = try EnvoyIdentity.install(chain: chain, root: root, directory: directory.identityPath)
        guard identity.principal == response.envoyID else {
            throw IdentityError(
                .mismatch, what: "take the certificate of an enrolment",
                why: "it is for \(identity.principal), the answer says \(response.envoyID)", next: "enrol again")
        }
        if let claim = response.claim {
            let trust = try OwnerTrust(identity.credential)
            do throws(OwnerSight.Refusal) {
                _ = try trust.begin(OwnerSight(), with: claim.bytes)
            } catch {
                throw IdentityError(
                    .mismatch, what: "take the answer of an enrolment",
                    why: "whom it names as the machine's owner is not proved by it",
                    next: "check the address with the operator, then enrol again")
            }
        }
        try directory.save(
            EnvoyDirectory.Profile(
                id: response.envoyID, name: name, partition: response.partition, group: response.group,
                bolts: response.bolts, claim: response.claim))
    }
}
