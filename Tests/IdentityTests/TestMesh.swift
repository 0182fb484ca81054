import CRDT
import Foundation
import Spanner
import Testing

@testable import Identity

/// A mesh in a temporary directory, keys in clear, shared by tests that do not change it.
struct TestMesh: Sendable {
    let directory: String
    let authority: MeshAuthority
    let bolt: BoltIdentity
    let operatorIdentity: OperatorIdentity
    let envoy: EnvoyIdentity
    let verifier: PeerVerifier
    let now: UnixTime

    static let shared = Result { try TestMesh(name: "acme") }

    init(name: String) throws {
        now = UnixTime.now()
        directory = try Scratch.directory()
        authority = try MeshAuthority.create(
            directory: "\(directory)/mesh", name: name, passphrase: nil, dev: true, operatorName: Names.alice)
        bolt = try Self.bolt("b1", authority, "\(directory)/bolt")
        operatorIdentity = try authority.operatorIdentity(Names.alice)
        let request = try EnvoyIdentity.prepare(directory: "\(directory)/envoy")
        let chain = try bolt.envoyIssuer.issueEnvoy(
            request.certificateRequest, principal: Names.principal, sealingKey: request.sealingKey)
        envoy = try EnvoyIdentity.install(chain: chain, root: authority.root, directory: "\(directory)/envoy")
        verifier = try PeerVerifier(roots: [authority.root])
    }

    static func bolt(_ name: String, _ authority: MeshAuthority, _ directory: String) throws -> BoltIdentity {
        let request = try BoltIdentity.prepare(directory: directory)
        let grant = try authority.issueBolt(
            IdentityRequest(pem: request.pem), partition: Names.east, name: Names.bolt(name),
            addresses: ["127.0.0.1:7440", "localhost:7440", "[::1]:7440", "127.0.0.1:7441"])
        return try BoltIdentity.install(BoltGrant(pem: grant.pem), directory: directory)
    }

    func caKey(_ name: String) throws -> TLSKey { try authority.files.key(name, passphrase: nil) }

    func leaf(
        _ subject: SPIFFEID.Subject, usages: ExtendedUsages, mesh: String? = nil, validity: Validity? = nil,
        pathLength: UInt8? = nil, hosts: [String] = [], signs: Bool = false, seals: Bool = false
    ) throws -> CertificateTemplate {
        let domain = try #require(TrustDomain(mesh ?? authority.trustDomain.text))
        return CertificateTemplate(
            commonName: "test", id: SPIFFEID(domain, subject), key: try TLSKey.generate().publicKey,
            validity: validity ?? Validity(from: now, lasting: .seconds(86_400)), pathLength: pathLength,
            usages: usages, hosts: hosts, signingKey: signs ? SigningKey.generate().key : nil,
            sealingKey: seals ? SealingKey.generate().publicKey : nil)
    }

    func boltLeaf(_ change: (inout CertificateTemplate) -> Void = { _ in }) throws -> [[UInt8]] {
        var template = try leaf(.bolt(Names.east, Names.bolt("b9")), usages: [.server, .client], signs: true)
        change(&template)
        let issued = try template.issued(by: authority.boltsCA, key: caKey(MeshAuthorityFiles.boltsName))
        return [issued.der, authority.boltsCA.der]
    }

    func reason(
        _ chain: [[UInt8]], _ purpose: PeerPurpose = .client,
        roles: Set<PrincipalRole> = [.bolt, .envoy, .operator], at time: UnixTime? = nil
    ) -> PeerRejection.Code? {
        switch verifier.verify(chain, at: time ?? .now(), purpose: purpose, roles: roles) {
        case .success: nil
        case .failure(let rejection): rejection.code
        }
    }
}

enum Names {
    static let alice = OperatorName(checked: "alice")
    static let east = PartitionName(checked: "east")
    static let west = PartitionName(checked: "west")
    static let principal = PrincipalID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
    static func bolt(_ text: String) -> BoltName { BoltName(checked: text) }
}

enum Scratch {
    private static let base: String = {
        let memory = "/dev/shm/"
        // Every key and certificate is flushed: in memory that costs nothing, however busy the disk is.
        let place = FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
        let path = place + "bolt-identity-" + Sodium.randomBytes(8).hexDigits
        atexit { try? FileManager.default.removeItem(atPath: Scratch.base) }
        return path
    }()

    /// A new empty directory, removed with all others when the process ends.
    static func directory() throws -> String {
        let path = "\(base)/\(Sodium.randomBytes(8).hexDigits)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    static func write(_ bytes: [UInt8], _ name: String) throws -> String {
        let path = try directory() + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }
}

/// The `openssl` program: an independent reader and writer of the same formats.
enum OpenSSLProgram {
    struct Outcome {
        let status: Int32
        let output: String
    }

    static func run(_ arguments: [String]) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(status: process.terminationStatus, output: String(decoding: data, as: UTF8.self))
    }

    @discardableResult
    static func succeed(_ arguments: [String]) throws -> String {
        let outcome = try run(arguments)
        try #require(outcome.status == 0, "openssl \(arguments.joined(separator: " ")): \(outcome.output)")
        return outcome.output
    }

    /// A leaf issued by this program under one of our CAs, with exactly these extension lines.
    static func leaf(
        by ca: Certificate, key: TLSKey, subject: String, extensions: String, keyArguments: [String] = p256
    ) throws -> [UInt8] {
        let place = try Scratch.directory()
        try Data(ca.pem).write(to: URL(fileURLWithPath: "\(place)/ca.crt"))
        try Data(key.pem()).write(to: URL(fileURLWithPath: "\(place)/ca.key"))
        try Data(extensions.utf8).write(to: URL(fileURLWithPath: "\(place)/ext.cnf"))
        try succeed(["genpkey"] + keyArguments + ["-out", "\(place)/leaf.key"])
        try succeed(["req", "-new", "-key", "\(place)/leaf.key", "-subj", subject, "-out", "\(place)/leaf.csr"])
        try succeed([
            "x509", "-req", "-in", "\(place)/leaf.csr", "-CA", "\(place)/ca.crt", "-CAkey", "\(place)/ca.key",
            "-set_serial", "0x4242", "-days", "30", "-extfile", "\(place)/ext.cnf", "-outform", "DER",
            "-out", "\(place)/leaf.der",
        ])
        return Array(try Data(contentsOf: URL(fileURLWithPath: "\(place)/leaf.der")))
    }

    static let p256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    static let leafBase =
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        + "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
}

/// The code of the identity error that `body` throws; nil when it throws none.
func code(of body: () throws -> Void) -> IdentityError.Code? {
    do {
        try body()
        return nil
    } catch { return (error as? IdentityError)?.code }
}
