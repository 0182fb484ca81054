import CRDT
public import Spanner

extension TestWitness: SliceWitness {
    private static let partitionMagic = Array("test partition certificate".utf8)

    /// The partition that a stand-in certificate of a partition's key names.
    public func partition(certifiedBy chain: [[UInt8]]) -> PartitionAuthor? {
        guard chain.count == 1, let certificate = chain.first else { return nil }
        let magic = TestWitness.partitionMagic
        guard certificate.count > magic.count + 64, Array(certificate.prefix(magic.count)) == magic,
            let key = Bytes32(bytes: certificate.dropFirst(magic.count).prefix(32)),
            Bytes32(bytes: certificate.suffix(32)) == TestWitness.digest(Array(certificate.dropLast(32))),
            let text = String(validating: certificate.dropFirst(magic.count + 32).dropLast(32), as: UTF8.self),
            let name = PartitionName(text)
        else { return nil }
        return PartitionAuthor(partition: name, signingKey: VerificationKey(key))
    }

    static func partitionCertificate(_ name: PartitionName, key: VerificationKey) -> [UInt8] {
        let body = partitionMagic + key.bytes.bytes + Array(name.text.utf8)
        return body + digest(body).bytes
    }
}

/// A partition of a test mesh with a key that only `TestWitness` believes.
public struct TestPartition: Hashable, Sendable {
    /// Its name.
    public let name: PartitionName
    /// Its key.
    public let key: VerificationKey

    /// A partition whose key is made from its name and a number.
    public init(_ name: PartitionName, seed: UInt64 = 0) {
        self.name = name
        key = VerificationKey(TestWitness.digest(Array("test partition \(name) \(seed)".utf8)))
    }

    /// The certificates of its key.
    public var warrant: SliceWarrant { SliceWarrant(chain: [TestWitness.partitionCertificate(name, key: key)]) }
    /// Signs as the partition.
    public var signer: TestSigner { TestSigner(key: key) }

    /// A transition signed by this partition, whether it may or not.
    public func sign(_ transition: SliceTransition, mesh: MeshID = TestIdentity.mesh) -> SignedTransition {
        SignedTransition(
            transition, warrant: warrant, signature: signer.sign(transition.signedBytes(in: mesh)))
    }
}

extension TestIdentity {
    /// A transition signed by this principal, whether it may or not.
    public func sign(_ transition: SliceTransition, mesh: MeshID = TestIdentity.mesh) -> SignedTransition {
        SignedTransition(
            transition, warrant: SliceWarrant(chain: chain),
            signature: signer.sign(transition.signedBytes(in: mesh)))
    }
}
