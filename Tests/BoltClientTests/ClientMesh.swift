import Foundation
import LoopbackKit
import Spanner

@testable import BoltClient
@testable import Identity

/// One end's certificate chain with its key.
struct Presented: Sendable {
    var chain: [[UInt8]]
    var keyPEM: [UInt8]
}

/// A mesh's authorities in a temporary directory, and what its members present.
struct ClientMesh: Sendable {
    let authority: MeshAuthority
    let verifier: PeerVerifier

    static let shared = Result { try ClientMesh(name: "example") }
    static let other = Result { try ClientMesh(name: "other") }

    init(name: String) throws {
        authority = try MeshAuthority.create(
            directory: ProcessFolder.make("bolt-client-") + "/mesh", name: name, passphrase: nil, dev: true,
            operatorName: OperatorName(checked: "alice"))
        verifier = try PeerVerifier(roots: [authority.root])
    }

    /// A bolt, with the chain up to the root as bolts present it.
    func bolt(withRoot: Bool = true) throws -> Presented {
        var bolt = try leaf(
            .bolt(PartitionName(checked: "north"), BoltName(checked: "a")), authority.boltsCA,
            MeshAuthorityFiles.boltsName, [.server, .client])
        if withRoot { bolt.chain.append(authority.root.der) }
        return bolt
    }

    /// An operator who plays a bolt, with a usage that only the bolts' authority may give.
    func operatorAsServer() throws -> Presented {
        try leaf(
            .operator(OperatorName(checked: "alice")), authority.operatorsCA, MeshAuthorityFiles.operatorsName,
            [.server, .client])
    }

    /// What an operator's client presents.
    func operatorCertificate() throws -> ClientCertificate {
        try ClientCertificate(authority.operatorIdentity(OperatorName(checked: "alice")).credential)
    }

    private func leaf(
        _ subject: SPIFFEID.Subject, _ issuer: Certificate, _ name: String, _ usages: ExtendedUsages
    ) throws -> Presented {
        let key = try TLSKey.generate()
        let template = CertificateTemplate(
            commonName: "test", id: SPIFFEID(authority.trustDomain, subject), key: key.publicKey,
            validity: Validity(from: .now(), lasting: .seconds(86_400)), usages: usages,
            signingKey: SigningKey.generate().key)
        let issued = try template.issued(by: issuer, key: authority.files.key(name, passphrase: nil))
        return Presented(chain: [issued.der, issuer.der], keyPEM: try key.pem())
    }

    /// A client of these servers that knows the mesh and presents nothing.
    func client(
        of servers: [TestServer], trust: ClientTrust? = nil, certificate: ClientCertificate? = nil,
        _ change: (inout ClientLimits) -> Void = { _ in }
    ) throws -> BoltClient {
        var limits = ClientLimits()
        change(&limits)
        return try BoltClient(
            addresses: servers.map(\.address), trust: trust ?? .mesh(verifier), certificate: certificate,
            limits: limits)
    }
}
