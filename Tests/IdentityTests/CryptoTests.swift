import CRDT
import Spanner
import Testing

@testable import Identity

/// Primitives against the published vectors: the daemon's witness must be the same on every machine (R5).
@Suite struct CryptoTests {
    @Test func ed25519MatchesRFC8032() throws {
        let seed = try #require(
            [UInt8](hexDigits: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
        let key = try #require(SigningKey(seed: seed))
        #expect(key.key.description == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        #expect(
            key.sign([]).hexDigits
                == "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd"
                + "25bf5f0595bbe24655141438e7a100b")
    }

    @Test func ed25519RefusesEveryChange() throws {
        let key = SigningKey.generate()
        let message = Sodium.randomBytes(100)
        let signature = key.sign(message)
        #expect(key.key.isValid(signature, for: message))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!key.key.isValid(changed, for: message))
        }
        #expect(!key.key.isValid(signature, for: message + [0]))
        #expect(!key.key.isValid(Array(signature.dropLast()), for: message))
        #expect(!key.key.isValid([], for: message))
        #expect(!VerificationKey(.zero).isValid(signature, for: message))
        #expect(SigningKey(seed: [1, 2]) == nil)
    }

    @Test func x25519MatchesTheLadderOfRFC7748() throws {
        // Computed by the ladder of section 5 from the private bytes 0, 1, ... 31.
        let key = try #require(SealingKey(privateBytes: Array(0..<32)))
        #expect(key.publicKey.hex == "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f")
        #expect(SealingKey(privateBytes: []) == nil)
        #expect(!SealingKey.isUsable(publicKey: .zero))
        #expect(SealingKey.isUsable(publicKey: SealingKey.generate().publicKey))
    }

    @Test func hashesMatchOtherImplementations() {
        let abc = Array("abc".utf8)
        #expect(BLAKE2b.hash(abc).hex == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")
        #expect(
            BLAKE2b.hash(abc, key: Array(0..<32)).hex
                == "d63a32d3e44738d7907f964316c241adaba0abfeabc32349677578a15a203f7f")
        #expect(SHA256.hash(abc).hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(BLAKE2b.hash([]).hex == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8")
    }

    @Test func constantTimeCompareIsCompare() {
        #expect(Sodium.equal([1, 2, 3], [1, 2, 3]))
        #expect(!Sodium.equal([1, 2, 3], [1, 2, 4]))
        #expect(!Sodium.equal([1, 2, 3], [1, 2]))
        #expect(Sodium.equal([], []))
        #expect(Sodium.randomBytes(32) != Sodium.randomBytes(32))
        #expect(Sodium.randomBytes(0).isEmpty)
    }

    @Test func argon2idGivesOneKeyPerPasswordAndSalt() throws {
        let salt = [UInt8](repeating: 7, count: PasswordKey.saltBytes)
        func key(_ password: String, _ salt: [UInt8]) throws -> [UInt8] {
            try PasswordKey.derive(password: Array(password.utf8), salt: salt, strength: .interactive).withBytes {
                Array($0)
            }
        }
        let first = try key("correct horse", salt)
        #expect(try key("correct horse", salt) == first)
        #expect(try key("correct horsf", salt) != first)
        #expect(try key("correct horse", salt.map { $0 + 1 }) != first)
        #expect(code { _ = try key("x", [1]) } == .badArgument)
        #expect(code { _ = try key("", salt) } == .badArgument)
    }

    @Test func secretsAreNotPrinted() {
        let secret = SecretBytes(Array("hunter2-hunter2".utf8))
        var text = "\(secret)"
        dump(secret, to: &text)
        #expect(!text.contains("hunter2"))
        #expect(!text.contains("104"))
        #expect(secret.withBytes { $0.count } == 15)
    }

    @Test func ecdsaSignsAndRefusesEveryChange() throws {
        let key = try TLSKey.generate()
        let message = Sodium.randomBytes(64)
        let signature = try key.sign(message)
        #expect(key.publicKey.isValid(signature, for: message))
        #expect(!key.publicKey.isValid(signature, for: message + [1]))
        #expect(!(try TLSKey.generate().publicKey.isValid(signature, for: message)))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 0x10
            #expect(!key.publicKey.isValid(changed, for: message))
        }
        #expect(!key.publicKey.isValid([], for: message))
    }

    @Test func publicKeysAreP256OnTheCurveOnly() throws {
        let spki = try TLSKey.generate().publicKey.spki
        #expect(spki.count == 91)
        #expect(TLSPublicKey(spki: spki) != nil)
        #expect(TLSPublicKey(spki: spki.dropLast() + [spki[90] ^ 1]) == nil)
        #expect(TLSPublicKey(spki: spki + [0]) == nil)
        #expect(TLSPublicKey(spki: []) == nil)
    }

    @Test func base64RoundTripsAndIsUnique() {
        var random = SeededGenerator(seed: 42)
        for count in 0..<70 {
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            let text = Base64.encodeURL(bytes)
            #expect(Base64.decodeURL(text.utf8) == bytes)
            #expect(Base64.decodeStandard(Base64.encodeStandard(bytes)) == bytes)
        }
        for bad in ["A", "AB", "A=", "AA==", "AA+A", "AA A", "é"] where bad != "AA" {
            #expect(Base64.decodeURL(bad.utf8) == nil, "\(bad)")
        }
        #expect(Base64.encodeURL([0xFB, 0xFF]) == "-_8")
    }

    @Test("R5: a hand-on is signed by both keys, for one mesh, one envoy and one sealing key")
    func rekeyProofBindsBothKeys() throws {
        let (old, new, other) = (try TLSKey.generate(), try TLSKey.generate(), try TLSKey.generate())
        let sealing = SealingKey.generate().publicKey
        let (mesh, envoy) = (MeshID(BLAKE2b.hash([1])), PrincipalID(high: 1, low: 2))
        let proof = try RekeyProof.make(of: envoy, in: mesh, from: old, to: new, sealingKey: sealing)
        #expect(proof.count <= RosterLimits.proofBytesMax)
        func isValid(
            _ proof: [UInt8], _ from: TLSKey, _ to: TLSKey, _ sealingKey: Bytes32?, of whose: PrincipalID? = nil,
            in place: MeshID? = nil
        ) -> Bool {
            RekeyProof.isValid(
                proof, of: whose ?? envoy, in: place ?? mesh, from: from.publicKey.fingerprint,
                to: to.publicKey.fingerprint, sealingKey: sealingKey)
        }
        #expect(isValid(proof, old, new, sealing))
        #expect(!isValid(proof, new, old, sealing))
        #expect(!isValid(proof, old, old, sealing))
        #expect(!isValid(proof, old, other, sealing))
        #expect(!isValid(proof, old, new, nil))
        #expect(!isValid(proof, old, new, sealing, of: PrincipalID(high: 1, low: 3)))
        #expect(!isValid(proof, old, new, sealing, in: MeshID(BLAKE2b.hash([2]))))
        #expect(!isValid([], old, new, sealing))
        #expect(!isValid(proof + [0], old, new, sealing))
        // Half of one proof and half of another: the new key never agreed.
        let stranger = try RekeyProof.make(of: envoy, in: mesh, from: other, to: new, sealingKey: sealing)
        #expect(!isValid(Array(proof.prefix(proof.count / 2) + stranger.suffix(stranger.count / 2)), old, new, sealing))
        for index in proof.indices {
            var altered = proof
            altered[index] ^= 0x20
            #expect(!isValid(altered, old, new, sealing), "byte \(index)")
        }
    }
}
