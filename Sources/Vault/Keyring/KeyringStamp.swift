public import CRDT
import Identity
public import Spanner

/// 128 random bits that stand for one keyring through all its changes.
public struct KeyringID: Hashable, Sendable, CustomStringConvertible {
    /// The bits.
    public let id: PrincipalID
    /// The keyring with these bits.
    public init(_ id: PrincipalID) { self.id = id }
    /// A new one.
    static func random() -> KeyringID {
        let bytes = Sodium.randomBytes(PrincipalID.count)
        func half(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        return KeyringID(PrincipalID(high: half(bytes.prefix(8)), low: half(bytes.suffix(8))))
    }
    /// 32 hexadecimal digits.
    public var description: String { id.description }
}

/// Which keyring, and which state of it: enough to decide what to do, with nothing secret in it.
public struct KeyringStamp: Hashable, Sendable {
    /// Which keyring.
    public let id: KeyringID
    /// Which unseal key opens it: 1 at first, one more each time that the key is exchanged.
    public let lock: UInt64
    /// How often it changed in any way; 1 at first.
    public let revision: UInt64
    /// Tells two keyrings of one revision apart: two primaries may have changed the same one, of which the journal
    /// keeps one. Nil where a key names the keyring that it was made for.
    public let digest: Bytes32?

    /// A stamp.
    public init(id: KeyringID, lock: UInt64, revision: UInt64, digest: Bytes32? = nil) {
        (self.id, self.lock, self.revision, self.digest) = (id, lock, revision, digest)
    }
}

/// Whose vault: nothing sealed for one owner opens for another.
public struct VaultOwner: Hashable, Sendable, CustomStringConvertible {
    /// The mesh.
    public let mesh: MeshID
    /// The partition.
    public let partition: PartitionName

    /// The vault of a partition.
    public init(mesh: MeshID, partition: PartitionName) { (self.mesh, self.partition) = (mesh, partition) }

    /// Words for people.
    public var description: String { "partition \(partition) of mesh \(mesh.bytes.shortHex)" }

    func encode(to encoder: inout CanonicalEncoder) {
        encoder.fixed(mesh.bytes)
        encoder.text(partition.text)
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        mesh = MeshID(try decoder.fixed())
        guard let name = PartitionName(try decoder.text("partition", limit: MeshNames.labelBytesMax)) else {
            throw .invalid(what: "partition")
        }
        partition = name
    }
}
