import CRDT
import Foundation
import Spanner
import Testing

@testable import Identity

/// The operator's mesh directory: made at once or not at all, encrypted unless `dev` was said.
@Suite struct MeshAuthorityTests {
    @Test func aProtectedMeshOpensWithItsPassphraseOnly() throws {
        let directory = try Scratch.directory() + "/mesh"
        let passphrase = try Passphrase("correct horse battery")
        let made = try MeshAuthority.create(
            directory: directory, name: "prod.example.net", passphrase: passphrase, dev: false,
            operatorName: Names.alice)
        #expect(code { _ = try MeshAuthority.open(directory: directory, passphrase: nil) } == .passphraseRequired)
        #expect(
            code { _ = try MeshAuthority.open(directory: directory, passphrase: Passphrase("wrong horse")) }
                == .wrongPassphrase)
        let opened = try MeshAuthority.open(directory: directory, passphrase: passphrase)
        #expect(opened.mesh == made.mesh)
        #expect(opened.trustDomain.text == "prod.example.net")
        #expect(try opened.rootSigningKey().key == opened.root.signingKey)
        #expect(try opened.operatorIdentity(Names.alice).name == Names.alice)
        let keys =
            ["root.key", "root.sign.key", "ca/bolts.key", "ca/operators.key"]
            + ["operators/alice.key", "operators/alice.sign.key"]
        for key in keys {
            let text = String(decoding: try SecureFile.read("\(directory)/\(key)", access: .ownerOnly), as: UTF8.self)
            #expect(text.hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "\(key)")
        }
        let document = String(
            decoding: try SecureFile.read("\(directory)/mesh.json", access: .everybody), as: UTF8.self)
        #expect(document.contains("\"mesh\" : \"prod.example.net\""))
        #expect(document.contains(made.mesh.description))
    }

    @Test func protectionIsAnExplicitChoice() throws {
        let directory = try Scratch.directory()
        func make(_ passphrase: Passphrase?, dev: Bool, name: String = "acme") -> IdentityError.Code? {
            code {
                _ = try MeshAuthority.create(
                    directory: "\(directory)/mesh", name: name, passphrase: passphrase, dev: dev,
                    operatorName: Names.alice)
            }
        }
        #expect(make(nil, dev: false) == .passphraseRequired)
        #expect(make(try Passphrase("short"), dev: false) == .badArgument)
        #expect(make(try Passphrase("long enough"), dev: true) == .badArgument)
        #expect(code { _ = try Passphrase("") } == .badArgument)
        for name in ["", "Acme", "a/b", "-a", "a..b", String(repeating: "a", count: 64), "a b", "é"] {
            #expect(make(nil, dev: true, name: name) == .badArgument, "\(name)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
        #expect(make(nil, dev: true) == nil)
        #expect(make(nil, dev: true) == .exists)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["mesh"])
    }

    @Test func aPlaceThatIsTakenStaysAsItIs() throws {
        let directory = try Scratch.directory()
        try SecureFile.write([1], to: "\(directory)/x", access: .everybody)
        func make(_ place: String) -> IdentityError.Code? {
            code {
                _ = try MeshAuthority.create(
                    directory: place, name: "acme", passphrase: nil, dev: true, operatorName: Names.alice)
            }
        }
        #expect(make(directory) == .exists)
        #expect(make("\(directory)/x") == .exists)
        #expect(make("\(directory)/no/such/place") == .fileFailure)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["x"])
        #expect(make(try Scratch.directory()) == nil)
    }

    @Test func directoriesThatDoNotBelongTogetherAreRefused() throws {
        let (one, two) = (try TestMesh(name: "acme"), try TestMesh(name: "acme"))
        let path = "\(one.directory)/mesh"
        #expect(code { _ = try MeshAuthority.open(directory: "/nonexistent", passphrase: nil) } == .missingFile)
        let root = try SecureFile.read("\(path)/root.crt", access: .everybody)
        try SecureFile.write(two.authority.root.pem, to: "\(path)/root.crt", access: .everybody)
        #expect(code { _ = try MeshAuthority.open(directory: path, passphrase: nil) } == .mismatch)
        try SecureFile.write(root, to: "\(path)/root.crt", access: .everybody)
        let key = try two.caKey(MeshAuthorityFiles.boltsName).pem()
        try SecureFile.write(key, to: "\(path)/ca/bolts.key", access: .ownerOnly)
        #expect(code { _ = try MeshAuthority.open(directory: path, passphrase: nil) } == .mismatch)
        try SecureFile.write(Array("{}".utf8), to: "\(path)/mesh.json", access: .everybody)
        #expect(code { _ = try MeshAuthority.open(directory: path, passphrase: nil) } == .malformed)
    }

    @Test func operatorsAreMadeOnce() throws {
        let mesh = try TestMesh(name: "acme")
        let bob = OperatorName(checked: "bob")
        let made = try mesh.authority.createOperator(bob)
        #expect(try mesh.authority.operatorIdentity(bob).signingKey.key == made.signingKey.key)
        #expect(code { _ = try mesh.authority.createOperator(bob) } == .exists)
        #expect(code { _ = try mesh.authority.operatorIdentity(OperatorName(checked: "eve")) } == .missingFile)
        // Or with keys that stay where they are.
        let (key, signing) = (try TLSKey.generate(), SigningKey.generate())
        let chain = try mesh.authority.issueOperator(
            IdentityRequest(key: key, signingKey: signing), name: OperatorName(checked: "carol"))
        let carol = try OperatorIdentity(
            chain: chain, key: key, signingKey: signing, root: mesh.authority.root)
        #expect(carol.name.text == "carol")
        #expect(mesh.reason(chain.map(\.der), roles: [.operator]) == nil)
    }

    @Test func addressesAreCheckedBeforeTheyAreCertified() throws {
        #expect(BoltAddress("b1.example:7440") == .host("b1.example"))
        #expect(BoltAddress("B1.Example") == .host("b1.example"))
        #expect(BoltAddress("192.0.2.1:7440") == .ip([192, 0, 2, 1]))
        #expect(BoltAddress("[2001:db8::1]:7440") == BoltAddress("2001:db8::1"))
        for bad in [
            "", ":7440", "a:0", "a:65536", "a:x", "a,DNS:b", "a b", "*.example", "1.2.3", "1.2.3.4.5", "[::1", "[::1]x",
            "[::1]:", "a_b", "a\0b", "1.2.3.4\0.evil", "http://a", "a:b:c", String(repeating: "a", count: 300),
        ] {
            #expect(BoltAddress(bad) == nil, "\(bad)")
        }
        let mesh = try TestMesh.shared.get()
        let request = try BoltIdentity.prepare(directory: Scratch.directory())
        func issue(_ addresses: [String]) -> IdentityError.Code? {
            code {
                _ = try mesh.authority.issueBolt(
                    request, partition: Names.east, name: Names.bolt("b4"), addresses: addresses)
            }
        }
        #expect(issue(["good:1", "bad,URI:x"]) == .badArgument)
        #expect(issue((0...IdentityLimits.addressesMax).map { "h\($0):1" }) == .badArgument)
    }

    @Test func validitiesAreBoundedAndWithinTheIssuers() throws {
        let mesh = try TestMesh.shared.get()
        let request = try CertificateRequest(key: TLSKey.generate())
        func issue(_ validity: Duration, at time: UnixTime = .now()) throws -> Certificate {
            try mesh.bolt.envoyIssuer.issueEnvoy(
                request, principal: Names.principal, sealingKey: SealingKey.generate().publicKey,
                validity: validity, at: time)[0]
        }
        let usual = try issue(.seconds(3_600))
        #expect(usual.validity.notBefore <= mesh.now)
        // It was backdated, but not before its issuer began.
        #expect(usual.validity.notBefore >= mesh.bolt.envoyIssuer.certificate.validity.notBefore)
        let long = try issue(.seconds(19 * 365 * 86_400))
        #expect(long.validity.notAfter == mesh.bolt.envoyIssuer.certificate.validity.notAfter)
        #expect(code { _ = try issue(.seconds(-1_000)) } == .badArgument)
        #expect(code { _ = try issue(.seconds(60), at: UnixTime(seconds: .max)) } == .badArgument)
        #expect(code { _ = try issue(.seconds(60), at: UnixTime(seconds: .min)) } == .badArgument)
        #expect(code { _ = try issue(.seconds(Int64.max)) } == nil)
        #expect(
            code {
                _ = try mesh.bolt.envoyIssuer.issueEnvoy(
                    request, principal: Names.principal, sealingKey: .zero)
            } == .badArgument)
    }

    @Test func serialsAreRandomAndPositive() throws {
        let mesh = try TestMesh.shared.get()
        let request = try CertificateRequest(key: TLSKey.generate())
        var serials: Set<String> = []
        for _ in 0..<50 {
            let leaf = try mesh.bolt.envoyIssuer.issueEnvoy(
                request, principal: Names.principal, sealingKey: SealingKey.generate().publicKey)[0]
            serials.insert(leaf.serial)
            #expect(leaf.serial.utf8.count == 32)
        }
        #expect(serials.count == 50)
    }

    @Test func timesAreWrittenForPeople() {
        #expect(UnixTime(seconds: 0).description == "1970-01-01T00:00:00Z")
        #expect(UnixTime(seconds: 1_936_080_245).description == "2031-05-09T08:04:05Z")
        #expect(UnixTime(seconds: .max).adding(.seconds(1)).seconds == .max)
    }
}
