import CRDT
import Foundation
import Spanner
import Testing

@testable import Identity

/// Identity files: private ones stay private, replacements survive crashes, wrong input is told apart.
@Suite struct FilesTests {
    let mesh: TestMesh

    init() throws { mesh = try TestMesh.shared.get() }

    private func copy(_ directory: String) throws -> String {
        let target = try Scratch.directory() + "/copy"
        try FileManager.default.copyItem(atPath: directory, toPath: target)
        return target
    }

    private func setMode(_ mode: Int, _ path: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    @Test func writesAreWholeAndPrivate() throws {
        let path = try Scratch.directory() + "/secret"
        try SecureFile.write([1, 2, 3], to: path, access: .ownerOnly)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try SecureFile.read(path, access: .ownerOnly) == [1, 2, 3])
        try SecureFile.write([], to: path, access: .ownerOnly)
        #expect(try SecureFile.read(path, access: .ownerOnly).isEmpty)
        #expect(code { try SecureFile.write([9], to: path, access: .ownerOnly, replacing: false) } == .exists)
        let names = try FileManager.default.contentsOfDirectory(atPath: SecureFile.parent(of: path))
        #expect(names == ["secret"])
        #expect(code { try SecureFile.write([9], to: "/nonexistent/x", access: .ownerOnly) } == .fileFailure)
    }

    @Test func readableKeysAreRefused() throws {
        let directory = try copy("\(mesh.directory)/bolt")
        for file in ["tls.key", "sign.key", "envoy-ca.key"] {
            for mode in [0o640, 0o604, 0o660, 0o601] {
                try setMode(mode, "\(directory)/\(file)")
                #expect(code { _ = try BoltIdentity.load(directory: directory) } == .insecureFile, "\(file) \(mode)")
            }
            try setMode(0o400, "\(directory)/\(file)")
        }
        _ = try BoltIdentity.load(directory: directory)
    }

    @Test func missingHugeAndStrangeFilesAreTold() throws {
        let directory = try copy("\(mesh.directory)/envoy")
        let path = "\(directory)/tls.key"
        let key = try SecureFile.read(path, access: .ownerOnly)
        try FileManager.default.removeItem(atPath: path)
        #expect(code { _ = try EnvoyIdentity.load(directory: directory) } == .missingFile)
        let huge = [UInt8](repeating: 65, count: IdentityLimits.fileBytesMax + 1)
        try SecureFile.write(huge, to: path, access: .ownerOnly)
        #expect(code { _ = try EnvoyIdentity.load(directory: directory) } == .tooLarge)
        try SecureFile.write(Array(key.dropLast(30)), to: path, access: .ownerOnly)
        #expect(code { _ = try EnvoyIdentity.load(directory: directory) } == .malformed)
        try SecureFile.write(TLSKey.generate().pem(), to: path, access: .ownerOnly)
        #expect(code { _ = try EnvoyIdentity.load(directory: directory) } == .mismatch)
        try SecureFile.write(SealingKey.generate().pem(), to: path, access: .ownerOnly)
        #expect(code { _ = try EnvoyIdentity.load(directory: directory) } == .malformed)
        #expect(code { _ = try SecureFile.read(directory, access: .everybody) } == .fileFailure)
        try SecureFile.write(key, to: path, access: .ownerOnly)
        _ = try EnvoyIdentity.load(directory: directory)
    }

    @Test func identitiesOfOtherRolesOrMeshesAreRefused() throws {
        #expect(code { _ = try EnvoyIdentity.load(directory: "\(mesh.directory)/bolt") } == .mismatch)
        let directory = try copy("\(mesh.directory)/bolt")
        let other = try TestMesh(name: "acme")
        try SecureFile.write(other.authority.root.pem, to: "\(directory)/root.crt", access: .everybody)
        #expect(code { _ = try BoltIdentity.load(directory: directory) } == .mismatch)
    }

    @Test func preparingAgainKeepsTheKeys() throws {
        let directory = try Scratch.directory() + "/bolt"
        let first = try BoltIdentity.prepare(directory: directory)
        let second = try BoltIdentity.prepare(directory: directory)
        #expect(first.signingKey == second.signingKey)
        #expect(first.certificateRequest.publicKey == second.certificateRequest.publicKey)
        #expect(first.envoyIssuerRequest?.publicKey == second.envoyIssuerRequest?.publicKey)
        let elsewhere = try BoltIdentity.prepare(directory: Scratch.directory())
        let grant = try mesh.authority.issueBolt(
            elsewhere, partition: Names.east, name: Names.bolt("b2"), addresses: [])
        #expect(code { _ = try BoltIdentity.install(grant, directory: directory) } == .mismatch)
        #expect(!IdentityDirectory(directory).isComplete)
    }

    @Test func aRenewalSurvivesACrashAtEachStep() throws {
        let newKey = try TLSKey.generate()
        let chain = try mesh.bolt.envoyIssuer.issueEnvoy(
            CertificateRequest(key: newKey), principal: Names.principal,
            sealingKey: mesh.envoy.sealingKey.publicKey)
        for step in 0...3 {
            let directory = try copy("\(mesh.directory)/envoy")
            let place = IdentityDirectory(directory)
            // The steps of a replacement, stopped after each one.
            let both = try newKey.pem() + chain.flatMap(\.pem)
            if step == 3 {
                _ = try EnvoyIdentity.load(directory: directory).renewed(
                    chain: chain, key: newKey, directory: directory)
            } else {
                try place.write(both, to: IdentityDirectory.pendingFile, access: .ownerOnly)
                if step >= 1 { try place.write(newKey.pem(), to: IdentityDirectory.keyFile, access: .ownerOnly) }
                if step >= 2 {
                    try place.write(chain.flatMap(\.pem), to: IdentityDirectory.chainFile, access: .everybody)
                }
            }
            let loaded = try EnvoyIdentity.load(directory: directory)
            #expect(loaded.credential.key.publicKey == newKey.publicKey)
            #expect(!SecureFile.exists("\(directory)/tls.next"))
        }
        let stranger = try mesh.bolt.envoyIssuer.issueEnvoy(
            CertificateRequest(key: newKey), principal: PrincipalID(high: 1, low: 1),
            sealingKey: mesh.envoy.sealingKey.publicKey)
        let directory = try copy("\(mesh.directory)/envoy")
        #expect(
            code { _ = try mesh.envoy.renewed(chain: stranger, key: newKey, directory: directory) } == .mismatch)
        #expect(try EnvoyIdentity.load(directory: directory).credential.key.publicKey != newKey.publicKey)
    }

    @Test func requestsAndGrantsSurviveOnlyUnchanged() throws {
        let request = try BoltIdentity.prepare(directory: Scratch.directory())
        #expect(try IdentityRequest(pem: request.pem) == request)
        // The signing key of another one under a valid request.
        let other = try BoltIdentity.prepare(directory: Scratch.directory())
        let blocks = try PEM.decode(request.pem, what: "test")
        let otherBlocks = try PEM.decode(other.pem, what: "test")
        func text(_ blocks: [PEM.Block]) -> [UInt8] { blocks.flatMap { PEM.encode(label: $0.label, $0.der) } }
        #expect(
            code { _ = try IdentityRequest(pem: text([blocks[0], blocks[1], otherBlocks[2]])) } == .badProof)
        #expect(code { _ = try IdentityRequest(pem: text([blocks[0], blocks[2]])) } == .badProof)
        #expect(code { _ = try IdentityRequest(pem: text([blocks[0], blocks[1]])) } == .malformed)
        #expect(code { _ = try IdentityRequest(pem: text([blocks[2]])) } == .malformed)
        #expect(code { _ = try IdentityRequest(pem: []) } == .malformed)
        let grant = try mesh.authority.issueBolt(
            request, partition: Names.east, name: Names.bolt("b3"), addresses: ["b3.example:7440"])
        #expect(try BoltGrant(pem: grant.pem) == grant)
        #expect(grant.chain[0].hosts == ["b3.example"])
        #expect(code { _ = try BoltGrant(pem: grant.chain.flatMap(\.pem)) } == .malformed)
        #expect(code { _ = try BoltGrant(pem: mesh.envoy.credential.chainPEM) } == .malformed)
    }

    @Test func operatorsMoveToADirectoryOfTheirOwn() throws {
        let directory = try Scratch.directory() + "/alice"
        try mesh.operatorIdentity.save(to: directory)
        let loaded = try OperatorIdentity.load(directory: directory)
        #expect(loaded.name == Names.alice)
        #expect(loaded.signingKey.key == mesh.operatorIdentity.signingKey.key)
        let passphrase = try Passphrase("alice's own")
        try loaded.save(to: directory, passphrase: passphrase)
        #expect(code { _ = try OperatorIdentity.load(directory: directory) } == .passphraseRequired)
        #expect(
            code { _ = try OperatorIdentity.load(directory: directory, passphrase: Passphrase("wrong")) }
                == .wrongPassphrase)
        _ = try OperatorIdentity.load(directory: directory, passphrase: passphrase)
    }

    @Test func pemIsReadStrictly() throws {
        let pem = String(decoding: mesh.authority.root.pem, as: UTF8.self)
        func list(_ text: String) throws -> [Certificate] { try Certificate.list(pem: Array(text.utf8), what: "test") }
        #expect(try list("comment\n" + pem.replacing("\n", with: "\r\n")) == [mesh.authority.root])
        #expect(try list(pem + pem).count == 2)
        #expect(code { _ = try list("") } == .malformed)
        #expect(code { _ = try list(String(pem.dropLast(20))) } == .malformed)
        #expect(code { _ = try list(pem.replacing("END CERTIFICATE", with: "END X")) } == .malformed)
        #expect(code { _ = try list(pem.replacing("A", with: "*")) } == .malformed)
        #expect(code { _ = try list(String(repeating: pem, count: 9)) } == .tooLarge)
    }
}
