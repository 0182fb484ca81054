import CRDT
import Spanner
import Testing

@testable import Identity

/// Who a certificate chain is, and each reason to refuse one: S5, S7 and the refusals that the transport must show.
@Suite struct PeerVerifierTests {
    let mesh: TestMesh

    init() throws { mesh = try TestMesh.shared.get() }

    private func verified(
        _ credential: TLSCredential, _ purpose: PeerPurpose = .client, roles: Set<PrincipalRole>
    ) throws -> VerifiedPeer {
        try mesh.verifier.verify(
            credential.chain.map(\.der), at: mesh.now, purpose: purpose, roles: roles
        ).get()
    }

    @Test(arguments: PeerPurpose.allCases)
    func boltsAreAcceptedAtBothEnds(purpose: PeerPurpose) throws {
        let peer = try verified(mesh.bolt.credential, purpose, roles: [.bolt])
        #expect(peer.role == .bolt(Names.east, Names.bolt("b1")))
        #expect(peer.signingKey == mesh.bolt.signingKey.key)
        #expect(peer.sealingKey == nil)
        #expect(peer.fingerprint == mesh.bolt.credential.key.publicKey.fingerprint)
        #expect(peer.leaf == mesh.bolt.credential.chain[0].der)
        #expect(mesh.verifier.mesh == mesh.authority.mesh)
    }

    @Test func operatorsAndEnvoysAreAcceptedAsClients() throws {
        let operatorPeer = try verified(mesh.operatorIdentity.credential, roles: [.operator])
        #expect(operatorPeer.role == .operator(Names.alice))
        let envoy = try verified(mesh.envoy.credential, roles: [.envoy])
        #expect(envoy.role == .envoy(Names.east, Names.principal))
        #expect(envoy.sealingKey == mesh.envoy.sealingKey.publicKey)
        #expect(envoy.signingKey == nil)
    }

    @Test func operatorsAndEnvoysAreNoServers() throws {
        for credential in [mesh.operatorIdentity.credential, mesh.envoy.credential] {
            #expect(mesh.reason(credential.chain.map(\.der), .server) == .wrongEKU)
        }
    }

    @Test(arguments: PeerPurpose.allCases)
    func aRoleThatIsNotExpectedIsRefused(purpose: PeerPurpose) throws {
        let chain = mesh.bolt.credential.chain.map(\.der)
        #expect(mesh.reason(chain, purpose, roles: [.operator, .envoy]) == .wrongRole)
        #expect(mesh.reason(chain, purpose, roles: []) == .wrongRole)
    }

    @Test(arguments: PeerPurpose.allCases)
    func anotherMeshIsForeignEvenUnderTheSameName(purpose: PeerPurpose) throws {
        let other = try TestMesh(name: "acme")
        #expect(mesh.reason(other.bolt.credential.chain.map(\.der), purpose) == .foreignCA)
        #expect(mesh.reason([other.bolt.credential.chain[0].der], purpose) == .foreignCA)
        // Nor when our own root is offered along with it.
        let mixed = [other.bolt.credential.chain[0].der, other.authority.boltsCA.der, mesh.authority.root.der]
        #expect(mesh.reason(mixed, purpose) == .foreignCA)
        let swapped = [other.bolt.credential.chain[0].der, mesh.authority.boltsCA.der, mesh.authority.root.der]
        #expect(mesh.reason(swapped, purpose) == .foreignCA)
    }

    @Test(arguments: PeerPurpose.allCases)
    func selfSignedAndIncompleteChainsAreForeign(purpose: PeerPurpose) throws {
        let key = try TLSKey.generate()
        var template = try mesh.leaf(.bolt(Names.east, Names.bolt("b1")), usages: [.server, .client], signs: true)
        template.key = key.publicKey
        #expect(mesh.reason([try template.issued(by: nil, key: key).der], purpose) == .foreignCA)
        #expect(mesh.reason([mesh.bolt.credential.chain[0].der], purpose) == .foreignCA)
        #expect(mesh.reason([], purpose) == .noCertificate)
    }

    @Test(arguments: PeerPurpose.allCases)
    func datesAreKept(purpose: PeerPurpose) throws {
        let past = Validity(notBefore: mesh.now.adding(.seconds(-200)), notAfter: mesh.now.adding(.seconds(-100)))
        #expect(mesh.reason(try mesh.boltLeaf { $0.validity = past }, purpose) == .expired)
        let future = Validity(notBefore: mesh.now.adding(.seconds(100)), notAfter: mesh.now.adding(.seconds(200)))
        #expect(mesh.reason(try mesh.boltLeaf { $0.validity = future }, purpose) == .notYetValid)
        // What was accepted once is judged again at each use: the memory of verified chains has no clock.
        let chain = try mesh.boltLeaf()
        #expect(mesh.reason(chain, purpose) == nil)
        #expect(mesh.reason(chain, purpose, at: mesh.now.adding(.seconds(90_000))) == .expired)
        #expect(mesh.reason(chain, purpose, at: mesh.now.adding(.seconds(-90_000))) == .notYetValid)
        #expect(mesh.reason(chain, purpose) == nil)
    }

    @Test(arguments: PeerPurpose.allCases)
    func otherUsagesAreRefused(purpose: PeerPurpose) throws {
        let only: ExtendedUsages = purpose == .client ? .client : .server
        let wrong: ExtendedUsages = purpose == .client ? .server : .client
        #expect(mesh.reason(try mesh.boltLeaf { $0.usages = wrong }, purpose) == .wrongEKU)
        #expect(mesh.reason(try mesh.boltLeaf { $0.usages = only }, purpose) == .wrongEKU)
        #expect(mesh.reason(try mesh.boltLeaf { $0.usages = [] }, purpose) == .wrongEKU)
    }

    @Test(arguments: PeerPurpose.allCases)
    func namesAreExactlyOneURI(purpose: PeerPurpose) throws {
        let usages = "extendedKeyUsage=serverAuth,clientAuth\n"
        func chain(_ subject: String, _ names: String?) throws -> [[UInt8]] {
            let line = names.map { "subjectAltName=\($0)\n" } ?? ""
            let leaf = try OpenSSLProgram.leaf(
                by: mesh.authority.boltsCA, key: mesh.caKey(MeshAuthorityFiles.boltsName), subject: subject,
                extensions: OpenSSLProgram.leafBase + usages + line)
            return [leaf, mesh.authority.boltsCA.der]
        }
        let own = "URI:spiffe://acme/bolt/east/b1"
        #expect(mesh.reason(try chain("/CN=b1.east", nil), purpose) == .cnOnly)
        #expect(mesh.reason(try chain("/O=acme", nil), purpose) == .missingURISAN)
        #expect(mesh.reason(try chain("/CN=b1", "DNS:b1.east"), purpose) == .cnOnly)
        #expect(mesh.reason(try chain("/O=acme", "DNS:b1.east"), purpose) == .missingURISAN)
        #expect(mesh.reason(try chain("/O=acme", "\(own),URI:spiffe://acme/bolt/east/b2"), purpose) == .extraURISAN)
        #expect(mesh.reason(try chain("/O=acme", "\(own),URI:https://example.net/"), purpose) == .extraURISAN)
        #expect(mesh.reason(try chain("/O=acme", "\(own),email:a@b.c"), purpose) == .extraURISAN)
        #expect(mesh.reason(try chain("/O=acme", "URI:https://acme/bolt/east/b1"), purpose) == .badSPIFFEID)
        #expect(mesh.reason(try chain("/O=acme", "URI:spiffe://acme/bolt/EAST/b1"), purpose) == .badSPIFFEID)
        #expect(mesh.reason(try chain("/O=acme", "URI:spiffe://other/bolt/east/b1"), purpose) == .foreignTrustDomain)
        // Complete but for the signing key that a bolt's certificate must carry.
        #expect(mesh.reason(try chain("/O=acme", own), purpose) == .wrongKeys)
    }

    @Test(arguments: PeerPurpose.allCases)
    func weakKeysAreRefused(purpose: PeerPurpose) throws {
        let extensions =
            OpenSSLProgram.leafBase
            + "extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=URI:spiffe://acme/bolt/east/b1\n"
        let kinds = [
            ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
            ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            OpenSSLProgram.p256 + ["-pkeyopt", "ec_param_enc:explicit"],
            ["-algorithm", "ED25519"],
        ]
        for kind in kinds {
            let leaf = try OpenSSLProgram.leaf(
                by: mesh.authority.boltsCA, key: mesh.caKey(MeshAuthorityFiles.boltsName), subject: "/O=acme",
                extensions: extensions, keyArguments: kind)
            #expect(mesh.reason([leaf, mesh.authority.boltsCA.der], purpose) == .weakKey, "\(kind)")
        }
    }

    @Test func anIssuingCAVouchesForItsOwnKindOnly() throws {
        let bolt = SPIFFEID.Subject.bolt(Names.east, Names.bolt("b9"))
        let envoy = SPIFFEID.Subject.envoy(Names.east, Names.principal)
        let cas = [
            (mesh.authority.boltsCA, try mesh.caKey(MeshAuthorityFiles.boltsName)),
            (mesh.authority.operatorsCA, try mesh.caKey(MeshAuthorityFiles.operatorsName)),
            (mesh.authority.root, try mesh.caKey(MeshAuthorityFiles.rootName)),
        ]
        for (ca, key) in cas {
            for subject in [bolt, envoy, .operator(Names.alice), .boltsCA, .root] {
                let isOwn =
                    (ca.spiffeID?.subject == .boltsCA && subject == bolt)
                    || (ca.spiffeID?.subject == .operatorsCA && subject == .operator(Names.alice))
                if isOwn { continue }
                let leaf = try mesh.leaf(subject, usages: .client, signs: true).issued(by: ca, key: key)
                #expect(mesh.reason([leaf.der, ca.der]) == .wrongRole, "\(ca) vouched for \(subject)")
            }
        }
    }

    @Test func anEnvoyCAVouchesForEnvoysOfItsPartitionOnly() throws {
        let key = try TLSKey.generate()
        let ca = try mesh.authority.issueEnvoyIntermediate(CertificateRequest(key: key), partition: Names.west)
        func reason(_ subject: SPIFFEID.Subject, signs: Bool = false) throws -> PeerRejection.Code? {
            let leaf = try mesh.leaf(subject, usages: .client, signs: signs, seals: !signs).issued(by: ca, key: key)
            return mesh.reason([leaf.der, ca.der])
        }
        #expect(try reason(.envoy(Names.west, Names.principal)) == nil)
        #expect(try reason(.envoy(Names.east, Names.principal)) == .wrongRole)
        #expect(try reason(.bolt(Names.west, Names.bolt("b1")), signs: true) == .wrongRole)
        #expect(try reason(.operator(Names.alice), signs: true) == .wrongRole)
        // The issuer itself refuses to begin with.
        #expect(
            code { _ = try EnvoyIssuer(certificate: mesh.authority.boltsCA, key: key, root: mesh.authority.root) }
                == .notAllowed)
        #expect(
            code { _ = try EnvoyIssuer(certificate: ca, key: TLSKey.generate(), root: mesh.authority.root) }
                == .mismatch)
        let other = try TestMesh(name: "other")
        #expect(
            code { _ = try EnvoyIssuer(certificate: ca, key: key, root: other.authority.root) } == .mismatch)
    }

    @Test func anEnvoyCANeverMakesServersNorCAs() throws {
        let key = try TLSKey.generate()
        let ca = try mesh.authority.issueEnvoyIntermediate(CertificateRequest(key: key), partition: Names.east)
        let server = try mesh.leaf(
            .bolt(Names.east, Names.bolt("b1")), usages: [.server, .client], signs: true
        ).issued(by: ca, key: key)
        #expect(mesh.reason([server.der, ca.der], .server) == .wrongEKU)
        let subKey = try TLSKey.generate()
        var template = try mesh.leaf(.envoysCA(Names.east), usages: .client, pathLength: 0)
        template.key = subKey.publicKey
        let sub = try template.issued(by: ca, key: key)
        let leaf = try mesh.leaf(.envoy(Names.east, Names.principal), usages: .client, seals: true)
            .issued(by: sub, key: subKey)
        #expect(mesh.reason([leaf.der, sub.der, ca.der]) == .chainTooLong)
    }

    @Test func rolesHaveTheirOwnKeysAndNames() throws {
        let envoyCA = mesh.bolt.envoyIssuer.certificate
        let key = try TLSKey(
            pem: SecureFile.read("\(mesh.directory)/bolt/envoy-ca.key", access: .ownerOnly))
        let envoy = SPIFFEID.Subject.envoy(Names.east, Names.principal)
        let withHost = try mesh.leaf(envoy, usages: .client, hosts: ["bolt.example"], seals: true)
        #expect(mesh.reason([try withHost.issued(by: envoyCA, key: key).der, envoyCA.der]) == .extraURISAN)
        let both = try mesh.leaf(envoy, usages: .client, signs: true, seals: true)
        #expect(mesh.reason([try both.issued(by: envoyCA, key: key).der, envoyCA.der]) == .wrongKeys)
        let neither = try mesh.leaf(envoy, usages: .client)
        #expect(mesh.reason([try neither.issued(by: envoyCA, key: key).der, envoyCA.der]) == .wrongKeys)
    }

    @Test func sizesAreBounded() throws {
        let chain = mesh.bolt.credential.chain.map(\.der)
        #expect(mesh.reason(chain + chain) == .chainTooLong)
        let huge = [UInt8](repeating: 0x30, count: IdentityLimits.certificateBytesMax + 1)
        #expect(mesh.reason([huge]) == .chainTooLong)
        #expect(mesh.reason([[]]) == .malformed)
        #expect(mesh.reason([chain[0] + [0]]) == .malformed)
        #expect(mesh.reason([Array(chain[0].dropLast()), chain[1]]) == .malformed)
        #expect(mesh.reason([chain[0], [1, 2, 3]]) == .malformed)
    }

    @Test func caCertificatesAreNoPeers() throws {
        #expect(mesh.reason([mesh.authority.boltsCA.der, mesh.authority.root.der]) != nil)
        #expect(mesh.reason([mesh.authority.root.der]) != nil)
        #expect(mesh.reason([mesh.bolt.envoyIssuer.certificate.der]) != nil)
    }

    @Test func theRootIsPinnedByItsFingerprint() throws {
        let chain = mesh.bolt.credential.chain.map(\.der)
        let verifier = try PeerVerifier(pinned: mesh.authority.mesh, presented: chain)
        _ = try verifier.verify(chain, at: mesh.now, purpose: .server, roles: [.bolt]).get()
        let other = try TestMesh(name: "acme")
        #expect(code { _ = try PeerVerifier(pinned: other.authority.mesh, presented: chain) } == .mismatch)
        // A leaf or an issuing CA is no root, whatever is pinned.
        for certificate in mesh.bolt.credential.chain.prefix(2) {
            #expect(code { _ = try PeerVerifier(pinned: certificate.meshID, presented: chain) } == .malformed)
        }
        #expect(code { _ = try PeerVerifier(roots: []) } == .mismatch)
    }

    @Test func rememberedChainsAreBoundedAndPerPurpose() throws {
        let cache = VerifiedCache<Int>(countMax: 10)
        for number in 0..<1_000 {
            cache.insert(number, for: SHA256.hash([UInt8(number & 255), UInt8(number >> 8)]))
            #expect(cache.count <= 10)
        }
        #expect(cache.value(for: SHA256.hash([231, 3]), where: { _ in true }) == 999)
        let verifier = try PeerVerifier(roots: [mesh.authority.root])
        let chain = mesh.operatorIdentity.credential.chain.map(\.der)
        _ = try verifier.verify(chain, at: mesh.now, purpose: .client, roles: [.operator]).get()
        _ = try verifier.verify(chain, at: mesh.now, purpose: .client, roles: [.operator]).get()
        #expect(verifier.rememberedCount == 1)
        // A client's certificate that is remembered is still no server's.
        #expect(throws: PeerRejection(.wrongEKU, "")) {
            try verifier.verify(chain, at: mesh.now, purpose: .server, roles: [.operator]).get()
        }
        #expect(verifier.rememberedCount == 1)
    }

    @Test func rejectionCodesAreDistinctAndStable() {
        #expect(Set(PeerRejection.Code.all).count == PeerRejection.Code.all.count)
        #expect(PeerRejection.Code.all.allSatisfy { $0.rawValue.hasPrefix("tls_") })
        #expect(Set(IdentityError.Code.all).count == IdentityError.Code.all.count)
        #expect(IdentityError.Code.all.allSatisfy { $0.rawValue.hasPrefix("identity_") })
    }
}
