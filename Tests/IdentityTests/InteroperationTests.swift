import CRDT
import Foundation
import Spanner
import Testing

@testable import Identity

/// Our files under the `openssl` program, and its files under ours.
@Suite struct InteroperationTests {
    let mesh: TestMesh

    init() throws { mesh = try TestMesh.shared.get() }

    @Test func opensslVerifiesOurChains() throws {
        let root = try Scratch.write(mesh.authority.root.pem, "root.pem")
        let cases: [(TLSCredential, String)] = [
            (mesh.bolt.credential, "sslserver"), (mesh.bolt.credential, "sslclient"),
            (mesh.operatorIdentity.credential, "sslclient"), (mesh.envoy.credential, "sslclient"),
        ]
        for (credential, purpose) in cases {
            let leaf = try Scratch.write(credential.chain[0].pem, "leaf.pem")
            let ca = try Scratch.write(credential.chain[1].pem, "ca.pem")
            let output = try OpenSSLProgram.succeed([
                "verify", "-x509_strict", "-purpose", purpose, "-CAfile", root, "-untrusted", ca, leaf,
            ])
            #expect(output.contains(": OK"))
        }
        let envoy = try Scratch.write(mesh.envoy.credential.chain[0].pem, "leaf.pem")
        let envoyCA = try Scratch.write(mesh.envoy.credential.chain[1].pem, "ca.pem")
        let refused = try OpenSSLProgram.run([
            "verify", "-purpose", "sslserver", "-CAfile", root, "-untrusted", envoyCA, envoy,
        ])
        #expect(refused.status != 0)
    }

    @Test func opensslReadsOurNamesAndUsages() throws {
        func text(_ certificate: Certificate) throws -> String {
            try OpenSSLProgram.succeed([
                "x509", "-noout", "-text", "-in", Scratch.write(certificate.pem, "c.pem"),
            ])
        }
        let bolt = try text(mesh.bolt.credential.chain[0])
        for part in [
            "Version: 3", "URI:spiffe://acme/bolt/east/b1", "DNS:localhost", "IP Address:127.0.0.1",
            "IP Address:0:0:0:0:0:0:0:1", "TLS Web Server Authentication, TLS Web Client Authentication",
            "X509v3 Basic Constraints: critical", "CA:FALSE", "X509v3 Key Usage: critical", "Digital Signature",
            "ecdsa-with-SHA256", "NIST CURVE: P-256", CertificateExtensions.signingKeyOID,
        ] {
            #expect(bolt.contains(part), "\(part) is missing in \(bolt)")
        }
        let envoy = try text(mesh.envoy.credential.chain[0])
        #expect(envoy.contains("URI:spiffe://acme/envoy/east/0123456789abcdeffedcba9876543210"))
        #expect(!envoy.contains("TLS Web Server"))
        let root = try text(mesh.authority.root)
        #expect(root.contains("CA:TRUE, pathlen:1"))
        #expect(root.contains("Certificate Sign, CRL Sign"))
        #expect(root.contains("URI:spiffe://acme\n"))
        #expect(try text(mesh.authority.boltsCA).contains("CA:TRUE, pathlen:0"))
        #expect(try text(mesh.bolt.envoyIssuer.certificate).contains("URI:spiffe://acme/ca/envoys/east"))
    }

    @Test func opensslVerifiesOurRequests() throws {
        let request = try CertificateRequest(key: TLSKey.generate())
        let path = try Scratch.write(request.pem, "r.csr")
        #expect(try OpenSSLProgram.succeed(["req", "-verify", "-noout", "-in", path]).contains("OK"))
    }

    @Test func requestsMadeByOpensslAreTakenWithoutTheirNames() throws {
        let place = try Scratch.directory()
        try OpenSSLProgram.succeed(["genpkey"] + OpenSSLProgram.p256 + ["-out", "\(place)/k.pem"])
        try OpenSSLProgram.succeed([
            "req", "-new", "-key", "\(place)/k.pem", "-subj", "/CN=root", "-addext",
            "subjectAltName=URI:spiffe://acme/operator/mallory", "-addext", "basicConstraints=critical,CA:TRUE",
            "-out", "\(place)/r.csr",
        ])
        let pem = try SecureFile.read("\(place)/r.csr", access: .everybody)
        let key = try TLSKey(pem: SecureFile.read("\(place)/k.pem", access: .ownerOnly))
        let request = try CertificateRequest(pem: pem)
        #expect(request.publicKey == key.publicKey)
        let chain = try mesh.bolt.envoyIssuer.issueEnvoy(
            request, principal: Names.principal, sealingKey: SealingKey.generate().publicKey)
        #expect(chain[0].uris == ["spiffe://acme/envoy/east/\(Names.principal)"])
        #expect(!chain[0].isCA)
        #expect(chain[0].publicKey == key.publicKey)
    }

    @Test func otherRequestsAreRefused() throws {
        let place = try Scratch.directory()
        for (kind, expected) in [
            (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], IdentityError.Code.notAllowed),
            (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], .notAllowed),
            (["-algorithm", "ED25519"], .notAllowed),
        ] {
            try OpenSSLProgram.succeed(["genpkey"] + kind + ["-out", "\(place)/k.pem"])
            try OpenSSLProgram.succeed([
                "req", "-new", "-key", "\(place)/k.pem", "-subj", "/CN=x", "-out", "\(place)/r.csr",
            ])
            let pem = try SecureFile.read("\(place)/r.csr", access: .everybody)
            #expect(code { _ = try CertificateRequest(pem: pem) } == expected)
        }
    }

    @Test func opensslOpensOurEncryptedKeysAndWeItsOwn() throws {
        let passphrase = try Passphrase("a passphrase")
        let key = try TLSKey.generate()
        let path = try Scratch.write(key.pem(passphrase: passphrase), "k.pem")
        try OpenSSLProgram.succeed(["pkey", "-in", path, "-passin", "pass:a passphrase", "-noout", "-check"])
        #expect(try OpenSSLProgram.run(["pkey", "-in", path, "-passin", "pass:another", "-noout"]).status != 0)
        let parameters = try OpenSSLProgram.succeed(["asn1parse", "-in", path])
        for part in ["PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", ":0927C0"] {
            #expect(parameters.contains(part), "\(part) in \(parameters)")
        }
        let place = try Scratch.directory()
        try OpenSSLProgram.succeed([
            "pkcs8", "-topk8", "-in", Scratch.write(key.pem(), "k.pem"), "-scrypt", "-passout", "pass:a passphrase",
            "-out", "\(place)/s.pem",
        ])
        let read = try TLSKey(pem: SecureFile.read("\(place)/s.pem", access: .ownerOnly), passphrase: passphrase)
        #expect(read.publicKey == key.publicKey)
        let signing = SigningKey.generate()
        let text = try OpenSSLProgram.succeed(["pkey", "-in", Scratch.write(signing.pem(), "e.pem"), "-noout", "-text"])
        #expect(text.contains("ED25519 Private-Key"))
        let sealing = SealingKey.generate()
        let sealText = try OpenSSLProgram.succeed([
            "pkey", "-in", Scratch.write(sealing.pem(), "x.pem"), "-noout", "-text",
        ])
        #expect(sealText.contains("X25519 Private-Key"))
        let digits = sealText.filter { $0.isHexDigit }.lowercased()
        #expect(digits.contains(sealing.publicKey.hex))
    }

    @Test func fingerprintsAreThoseThatOpensslComputes() throws {
        let path = try Scratch.write(mesh.authority.root.pem, "root.pem")
        let place = try Scratch.directory()
        try OpenSSLProgram.succeed(["x509", "-in", path, "-noout", "-pubkey", "-out", "\(place)/p.pem"])
        try OpenSSLProgram.succeed([
            "pkey", "-pubin", "-in", "\(place)/p.pem", "-outform", "DER", "-out", "\(place)/p.der",
        ])
        let digest = try OpenSSLProgram.succeed(["dgst", "-sha256", "-r", "\(place)/p.der"])
        #expect(digest.hasPrefix(mesh.authority.mesh.description))
    }
}
