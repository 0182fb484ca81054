import CRDT
import Identity
import Spanner

/// A partition's keys as they are journaled and replicated: data keys by generation, wrapped under the root key, which
/// is wrapped under the unseal key. Whoever has it and no unseal key can open nothing (S2).
public struct Keyring: Hashable, Sendable {
    /// Whose.
    public let owner: VaultOwner
    /// Which keyring, and which state of it.
    public let stamp: KeyringStamp
    /// How the unseal key comes to the vault.
    public let method: UnsealMethod
    /// Generations of the data keys that it holds, ascending; the last is the one to seal with.
    public var generations: [UInt64] { dataKeys.map(\.generation) }

    /// A key of one generation, wrapped.
    struct WrappedKey: Hashable, Sendable {
        let generation: UInt64
        let box: [UInt8]
    }

    /// Tells a wrong unseal key from a damaged keyring.
    let keyCheck: Bytes32
    /// The root key under the unseal key.
    let rootBox: [UInt8]
    /// 1...`VaultLimits.dataKeysMax`, ascending.
    let dataKeys: [WrappedKey]
    /// An empty box under the root key, bound to all the rest: nobody without the root key can add, drop or exchange
    /// anything.
    let seal: [UInt8]

    /// Bytes of a wrapped key.
    static let wrappedBytes = AuthenticatedBox.keyBytes + AuthenticatedBox.overheadBytes

    init(
        owner: VaultOwner, stamp: KeyringStamp, method: UnsealMethod, keyCheck: Bytes32, rootBox: [UInt8],
        dataKeys: [WrappedKey], seal: [UInt8]
    ) {
        (self.owner, self.method, self.keyCheck) = (owner, method, keyCheck)
        // The seal binds all the rest and holds random bits: no two keyrings have the same.
        self.stamp = KeyringStamp(
            id: stamp.id, lock: stamp.lock, revision: stamp.revision, digest: BLAKE2b.hash(seal))
        (self.rootBox, self.dataKeys, self.seal) = (rootBox, dataKeys, seal)
    }

    /// A new keyring with one data key, and the only key that opens it.
    ///
    /// Nothing is durable yet: write the unseal key to its file first, then journal the keyring. A crash between the
    /// two leaves a key that opens nothing, never a keyring that nothing opens.
    public static func initialise(
        _ owner: VaultOwner, method: UnsealMethod = .keyfile
    ) -> (keyring: Keyring, key: UnsealKey) {
        let stamp = KeyringStamp(id: KeyringID.random(), lock: 1, revision: 1)
        let key = UnsealKey(owner: owner, stamp: stamp, secret: .random(AuthenticatedBox.keyBytes))
        let root = SecretBytes.random(AuthenticatedBox.keyBytes)
        let rootBox = AuthenticatedBox.seal(
            root, under: key.secret, context: rootContext(owner, stamp.id, lock: stamp.lock))
        let first = wrap(.random(AuthenticatedBox.keyBytes), generation: 1, under: root, owner, stamp.id)
        return (
            sealed(
                owner, stamp, method, keyCheck: key.check(), rootBox: rootBox, dataKeys: [first], under: root),
            key
        )
    }

    /// The keyring with all its parts bound together under the root key.
    static func sealed(
        _ owner: VaultOwner, _ stamp: KeyringStamp, _ method: UnsealMethod, keyCheck: Bytes32, rootBox: [UInt8],
        dataKeys: [WrappedKey], under root: SecretBytes
    ) -> Keyring {
        let open = Keyring(
            owner: owner, stamp: stamp, method: method, keyCheck: keyCheck, rootBox: rootBox, dataKeys: dataKeys,
            seal: [])
        let seal = AuthenticatedBox.seal(SecretBytes([]), under: root, context: open.sealContext)
        return Keyring(
            owner: owner, stamp: stamp, method: method, keyCheck: keyCheck, rootBox: rootBox, dataKeys: dataKeys,
            seal: seal)
    }

    static func wrap(
        _ key: SecretBytes, generation: UInt64, under root: SecretBytes, _ owner: VaultOwner, _ id: KeyringID
    ) -> WrappedKey {
        let context = dataKeyContext(owner, id, generation: generation)
        return WrappedKey(
            generation: generation, box: AuthenticatedBox.seal(key, under: root, context: context))
    }

    static func rootContext(_ owner: VaultOwner, _ id: KeyringID, lock: UInt64) -> [UInt8] {
        boxContext("bolt root key 1") { encoder in
            owner.encode(to: &encoder)
            encoder.raw(id.id.bytes)
            encoder.integer(lock)
        }
    }

    static func dataKeyContext(_ owner: VaultOwner, _ id: KeyringID, generation: UInt64) -> [UInt8] {
        boxContext("bolt data key 1") { encoder in
            owner.encode(to: &encoder)
            encoder.raw(id.id.bytes)
            encoder.integer(generation)
        }
    }

    /// All but the seal.
    var sealContext: [UInt8] {
        boxContext("bolt keyring 1") { encodeContent(to: &$0) }
    }
}
