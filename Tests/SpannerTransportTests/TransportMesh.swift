import CRDT
import Foundation
import LoopbackKit
import NIOCore
import NIOSSL
import Spanner

@testable import Identity
@testable import SpannerTransport

/// One end's certificate chain with its key, good or bad.
struct Presented: Sendable {
    var chain: [[UInt8]]
    var keyPEM: [UInt8]
    /// Signs handshakes in place of the certificate's own key.
    var signer: TLSKey?

    func contexts() throws -> TLSContexts {
        guard let signer else { return try TLSContexts(chain: chain, privateKeyPEM: keyPEM) }
        return try TLSContexts(chain: chain, key: NIOSSLPrivateKey(customPrivateKey: StrangeKey(key: signer)))
    }
}

/// A key that is not that of the certificate which it is used with: somebody stole the certificate alone.
struct StrangeKey: NIOSSLCustomPrivateKey, Hashable {
    let key: TLSKey

    var signatureAlgorithms: [SignatureAlgorithm] { [.ecdsaSecp256R1Sha256] }

    func sign(channel: any Channel, algorithm: SignatureAlgorithm, data: ByteBuffer) -> EventLoopFuture<ByteBuffer> {
        channel.eventLoop.makeCompletedFuture {
            ByteBuffer(bytes: try key.sign(Array(data.readableBytesView)))
        }
    }

    func decrypt(channel: any Channel, data: ByteBuffer) -> EventLoopFuture<ByteBuffer> {
        channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    static func == (left: StrangeKey, right: StrangeKey) -> Bool {
        left.key.publicKey.fingerprint == right.key.publicKey.fingerprint
    }

    func hash(into hasher: inout Hasher) { hasher.combine(key.publicKey.fingerprint) }
}

/// A mesh with its authorities in a temporary directory, and every kind of certificate that must be refused.
struct TransportMesh: Sendable {
    let authority: MeshAuthority
    let verifier: PeerVerifier
    let directory: String
    let now = UnixTime.now()

    static let shared = Result { try TransportMesh(name: "acme") }

    init(name: String) throws {
        directory = try ProcessFolder.make("bolt-transport-")
        authority = try MeshAuthority.create(
            directory: directory + "/mesh", name: name, passphrase: nil, dev: true,
            operatorName: OperatorName(checked: "alice"))
        verifier = try PeerVerifier(roots: [authority.root])
    }

    var judge: ChainJudge { ChainJudge(verifier: verifier) }

    /// A leaf by one of the mesh's authorities, changed as a test wants it.
    func leaf(
        _ subject: SPIFFEID.Subject, by ca: (Certificate, String)? = nil, usages: ExtendedUsages, signs: Bool = true,
        validity: Validity? = nil
    ) throws -> Presented {
        let key = try TLSKey.generate()
        let (issuer, name) = ca ?? (authority.boltsCA, MeshAuthorityFiles.boltsName)
        let template = CertificateTemplate(
            commonName: "test", id: SPIFFEID(authority.trustDomain, subject), key: key.publicKey,
            validity: validity ?? Validity(from: now, lasting: .seconds(86_400)), usages: usages,
            signingKey: signs ? SigningKey.generate().key : nil)
        let issued = try template.issued(by: issuer, key: authority.files.key(name, passphrase: nil))
        return Presented(chain: [issued.der, issuer.der], keyPEM: try key.pem())
    }

    func bolt(_ name: String = "b1", usages: ExtendedUsages = [.server, .client], validity: Validity? = nil) throws
        -> Presented
    {
        try leaf(
            .bolt(PartitionName(checked: "east"), BoltName(checked: name)), usages: usages, validity: validity)
    }

    func operatorLeaf(usages: ExtendedUsages) throws -> Presented {
        try leaf(
            .operator(OperatorName(checked: "alice")), by: (authority.operatorsCA, MeshAuthorityFiles.operatorsName),
            usages: usages)
    }

    /// A leaf that only another program would make: its names are given as lines of an `openssl` extension file.
    func foreignForm(subject: String, names: String) throws -> Presented {
        let place = directory + "/" + Sodium.randomBytes(8).hexDigits
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        func path(_ name: String) -> String { place + "/" + name }
        let caKey = try authority.files.key(MeshAuthorityFiles.boltsName, passphrase: nil)
        try Data(authority.boltsCA.pem).write(to: URL(fileURLWithPath: path("ca.crt")))
        try Data(caKey.pem()).write(to: URL(fileURLWithPath: path("ca.key")))
        let extensions =
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nauthorityKeyIdentifier=keyid\n"
            + "subjectKeyIdentifier=hash\nextendedKeyUsage=serverAuth,clientAuth\n" + names
        try Data(extensions.utf8).write(to: URL(fileURLWithPath: path("ext.cnf")))
        try openssl([
            "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path("leaf.key"),
        ])
        try openssl(["req", "-new", "-key", path("leaf.key"), "-subj", subject, "-out", path("leaf.csr")])
        try openssl([
            "x509", "-req", "-in", path("leaf.csr"), "-CA", path("ca.crt"), "-CAkey", path("ca.key"), "-set_serial",
            "0x4242", "-days", "30", "-extfile", path("ext.cnf"), "-outform", "DER", "-out", path("leaf.der"),
        ])
        let der = Array(try Data(contentsOf: URL(fileURLWithPath: path("leaf.der"))))
        let key = Array(try Data(contentsOf: URL(fileURLWithPath: path("leaf.key"))))
        return Presented(chain: [der, authority.boltsCA.der], keyPEM: key)
    }

    private func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        _ = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        struct Failed: Error { var arguments: [String] }
        guard process.terminationStatus == 0 else { throw Failed(arguments: arguments) }
    }
}

/// Every certificate that neither end may take, with the reason that its log must show.
enum BadCertificate: String, CaseIterable, Sendable {
    case foreignCA, wrongRole, wrongEKU, missingURISAN, extraURISAN, cnOnly, expired, notYetValid

    /// The reason, where that end presents it. Nobody but a bolt may be a server: an operator's authority does not
    /// vouch for servers, so there the usage tells before the role.
    func code(presentedBy side: PeerPurpose) -> PeerRejection.Code {
        switch self {
        case .foreignCA: .foreignCA
        case .wrongRole: side == .client ? .wrongRole : .wrongEKU
        case .wrongEKU: .wrongEKU
        case .missingURISAN: .missingURISAN
        case .extraURISAN: .extraURISAN
        case .cnOnly: .cnOnly
        case .expired: .expired
        case .notYetValid: .notYetValid
        }
    }

    func make(_ mesh: TransportMesh, presentedBy side: PeerPurpose) throws -> Presented {
        let second = "URI:spiffe://acme/bolt/east/b1"
        switch self {
        case .foreignCA: return try TransportMesh(name: "acme").bolt()
        // A bolt's name vouched for by the operators' authority would be a wrong role as well; an honest operator's
        // certificate is the case that happens. As a server it has to have the usage to get that far.
        case .wrongRole: return try mesh.operatorLeaf(usages: side == .client ? .client : [.server, .client])
        case .wrongEKU: return try mesh.bolt(usages: side == .client ? .server : .client)
        case .missingURISAN: return try mesh.foreignForm(subject: "/O=acme", names: "subjectAltName=DNS:b1.east\n")
        case .extraURISAN:
            return try mesh.foreignForm(
                subject: "/CN=b1", names: "subjectAltName=URI:spiffe://acme/bolt/east/b2,\(second)\n")
        case .cnOnly: return try mesh.foreignForm(subject: "/CN=b1", names: "")
        case .expired:
            let past = Validity(notBefore: mesh.now.adding(.seconds(-9_000)), notAfter: mesh.now.adding(.seconds(-60)))
            return try mesh.bolt(validity: past)
        case .notYetValid:
            let future = Validity(notBefore: mesh.now.adding(.seconds(600)), notAfter: mesh.now.adding(.seconds(9_000)))
            return try mesh.bolt(validity: future)
        }
    }
}
