import CRDT
import Spanner
import Testing

@testable import Identity

/// The roster's cryptography: authorship depends on chain and root alone (R5), dates apart.
@Suite struct RosterWitnessTests {
    let mesh: TestMesh
    let witness: any Witness

    init() throws {
        mesh = try TestMesh.shared.get()
        witness = RosterWitness(verifier: mesh.verifier)
    }

    @Test func authorsAreBoltsOperatorsAndTheRoot() throws {
        let bolt = try #require(witness.author(certifiedBy: mesh.bolt.credential.chain.map(\.der)))
        #expect(bolt.standing == .bolt(Names.east, Names.bolt("b1")))
        #expect(bolt.signingKey == mesh.bolt.signingKey.key)
        #expect(bolt.tlsKey == mesh.bolt.credential.key.publicKey.fingerprint)
        let alice = try #require(witness.author(certifiedBy: mesh.operatorIdentity.credential.chain.map(\.der)))
        #expect(alice.standing == .operator(Names.alice))
        let root = try #require(witness.author(certifiedBy: [mesh.authority.root.der]))
        #expect(root.standing == .root)
        #expect(root.signingKey == (try mesh.authority.rootSigningKey().key))
        #expect(root.tlsKey.bytes == mesh.authority.mesh.bytes)
    }

    @Test func envoysAndStrangersAreNoAuthors() throws {
        #expect(witness.author(certifiedBy: mesh.envoy.credential.chain.map(\.der)) == nil)
        let other = try TestMesh(name: "acme")
        #expect(witness.author(certifiedBy: other.bolt.credential.chain.map(\.der)) == nil)
        #expect(witness.author(certifiedBy: [other.authority.root.der]) == nil)
        #expect(witness.author(certifiedBy: []) == nil)
        #expect(witness.author(certifiedBy: [[1, 2, 3]]) == nil)
        #expect(witness.author(certifiedBy: [mesh.authority.boltsCA.der]) == nil)
    }

    @Test func authorshipOutlivesTheCertificate() throws {
        let past = Validity(notBefore: mesh.now.adding(.seconds(-200)), notAfter: mesh.now.adding(.seconds(-100)))
        let expired = try mesh.boltLeaf { $0.validity = past }
        #expect(mesh.reason(expired) == .expired)
        #expect(witness.author(certifiedBy: expired)?.standing == .bolt(Names.east, Names.bolt("b9")))
        #expect(mesh.reason(expired) == .expired)
    }

    @Test func signaturesAndHashesAreThoseOfTheKeys() {
        let message = Array("an event".utf8)
        let key: any RunSigner = mesh.bolt.signingKey
        #expect(witness.verify(signature: key.sign(message), over: message, by: key.key))
        #expect(!witness.verify(signature: key.sign([0]), over: message, by: key.key))
        #expect(!witness.verify(signature: [], over: message, by: key.key))
        #expect(witness.hash(message) == BLAKE2b.hash(message))
    }
}
