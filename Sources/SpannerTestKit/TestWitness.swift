public import CRDT
public import Spanner

/// Cheap stand-in for the mesh's cryptography, with the same laws: the same answer for the same input, and no two
/// inputs of a test that share a hash. Not secure: whoever knows a public key can sign.
public struct TestWitness: Witness {
    /// A witness with no state.
    public init() {}

    /// A cheap 256-bit mixture with the laws of a hash, for honest runs only.
    public func hash(_ bytes: [UInt8]) -> Bytes32 { TestWitness.digest(bytes) }

    /// Whether the stand-in signature is the one that the key would make.
    public func verify(signature: [UInt8], over message: [UInt8], by key: VerificationKey) -> Bool {
        signature == TestWitness.sign(message, key: key)
    }

    /// The author that the stand-in certificate names.
    public func author(certifiedBy chain: [[UInt8]]) -> Author? {
        guard chain.count == 1, let certificate = chain.first else { return nil }
        return TestWitness.author(of: certificate)
    }

    /// Whether the proof is the one that `rekey` makes.
    public func handsOn(
        _ principal: PrincipalID, of mesh: MeshID, from: KeyFingerprint, to: KeyFingerprint, sealingKey: Bytes32?,
        proof: [UInt8]
    ) -> Bool {
        proof == TestWitness.rekey(principal, from: from, to: to, sealingKey: sealingKey, mesh: mesh).proof
    }

    /// A hand-on as the holder of both keys would sign it.
    public static func rekey(
        _ principal: PrincipalID, from: KeyFingerprint, to: KeyFingerprint, sealingKey: Bytes32? = nil,
        mesh: MeshID = TestIdentity.mesh
    ) -> Rekey {
        let parts = [mesh.bytes.bytes, principal.bytes, from.bytes.bytes, to.bytes.bytes, sealingKey?.bytes ?? []]
        let proof = digest(Array("test rekey".utf8) + parts.flatMap { $0 }).bytes
        return Rekey(principal: principal, from: from, to: to, sealingKey: sealingKey, proof: proof)
    }

    /// Four 64-bit lanes over the input, mixed at the end. About 1 ns a byte in release builds.
    public static func digest(_ bytes: [UInt8]) -> Bytes32 {
        var (a, b): (UInt64, UInt64) = (0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F)
        bytes.withUnsafeBufferPointer { buffer in
            var place = 0
            while place < buffer.count {
                var word: UInt64 = 0
                for offset in 0..<8 where place + offset < buffer.count {
                    word = word << 8 | UInt64(buffer[place + offset])
                }
                a = mix(a ^ word)
                b = mix(b &+ word &* 0x1656_67B1_9E37_79F9)
                place += 8
            }
        }
        a ^= UInt64(bytes.count)
        let (c, d) = (mix(a &+ b), mix(a ^ (b << 1)))
        return Bytes32(words: (mix(a &+ d), mix(b ^ c), c, d))
    }

    static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    static func sign(_ message: [UInt8], key: VerificationKey) -> [UInt8] {
        let first = digest(key.bytes.bytes + message)
        return first.bytes + digest(first.bytes + message).bytes
    }
}

/// A member of a test mesh: keys made from a number, and a certificate that only `TestWitness` believes.
public struct TestIdentity: Hashable, Sendable {
    /// What the certificate says.
    public let author: Author
    /// The chain for an `open` event or an act: one certificate.
    public let chain: [[UInt8]]

    /// A member whose keys are made from `seed`.
    public init(_ standing: Author.Standing, seed: UInt64) {
        let seeds = TestWitness.digest(Array("test identity \(standing) \(seed)".utf8))
        let signing = VerificationKey(TestWitness.digest(seeds.bytes + [1]))
        let tls = KeyFingerprint(TestWitness.digest(seeds.bytes + [2]))
        author = Author(standing: standing, signingKey: signing, tlsKey: tls)
        chain = [TestWitness.certificate(of: author)]
    }

    /// The root of test meshes.
    public static let root = TestIdentity(.root, seed: 0)
    /// The mesh of that root.
    public static let mesh = MeshID(root.author.tlsKey.bytes)

    /// Signs runs and acts of this member.
    public var signer: TestSigner { TestSigner(key: author.signingKey) }

    /// The replica of this member in one life. The root's incarnation is 0.
    public func replica(_ incarnation: UInt64) -> ReplicaID {
        ReplicaID(key: TestWitness.digest(author.signingKey.bytes.bytes), incarnation: incarnation)
    }

    /// An act signed by this member.
    public func sign(_ act: OperatorAct) -> SignedAct {
        let content = ActCodec.encode(act)
        return SignedAct(content: content, chain: chain, signature: signer.sign(ActCodec.message(for: content)))
    }

    /// An act of this member on the test mesh. `nonce` tells two equal decisions apart.
    public func act(_ operation: OperatorAct.Operation, nonce: UInt64, reason: String = "") -> SignedAct {
        sign(
            OperatorAct(
                mesh: TestIdentity.mesh, nonce: PrincipalID(high: 0, low: nonce), at: WallTime(milliseconds: nonce),
                reason: reason, operation: operation))
    }
}

/// Signs as `TestWitness` verifies.
public struct TestSigner: RunSigner {
    /// The key that verifies what is signed here.
    public let key: VerificationKey

    /// A signer with this key.
    public init(key: VerificationKey) { self.key = key }

    /// The stand-in signature over a message.
    public func sign(_ message: [UInt8]) -> [UInt8] { TestWitness.sign(message, key: key) }
}

extension TestWitness {
    private static let magic = Array("test certificate".utf8)

    /// What stands for a certificate: the author in plain bytes and a check sum, so that altered ones don't verify.
    static func certificate(of author: Author) -> [UInt8] {
        var encoder = CanonicalEncoder()
        encoder.raw(magic)
        switch author.standing {
        case .root: encoder.byte(0)
        case .bolt(let partition, let name):
            encoder.byte(1)
            encoder.text(partition.text)
            encoder.text(name.text)
        case .operator(let name):
            encoder.byte(2)
            encoder.text(name.text)
        }
        encoder.fixed(author.signingKey.bytes)
        encoder.fixed(author.tlsKey.bytes)
        encoder.fixed(digest(encoder.bytes))
        return encoder.bytes
    }

    static func author(of certificate: [UInt8]) -> Author? {
        guard certificate.count > magic.count + 32, Array(certificate.prefix(magic.count)) == magic,
            Bytes32(bytes: certificate.suffix(32)) == digest(Array(certificate.dropLast(32)))
        else { return nil }
        var decoder = CanonicalDecoder(certificate.dropFirst(magic.count).dropLast(32))
        do throws(DecodingFailure) {
            let standing: Author.Standing
            switch try decoder.byte() {
            case 0: standing = .root
            case 1:
                let partition = PartitionName(try decoder.text("partition", limit: 63))
                guard let partition, let name = BoltName(try decoder.text("name", limit: 63)) else { return nil }
                standing = .bolt(partition, name)
            case 2:
                guard let name = OperatorName(try decoder.text("name", limit: 63)) else { return nil }
                standing = .operator(name)
            default: return nil
            }
            let signing = VerificationKey(try decoder.fixed())
            let author = Author(standing: standing, signingKey: signing, tlsKey: KeyFingerprint(try decoder.fixed()))
            try decoder.finish()
            return author
        } catch {
            return nil
        }
    }
}
