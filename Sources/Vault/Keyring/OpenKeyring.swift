import CRDT
import Identity
import Spanner

/// A keyring with its keys in guarded memory: exists only while the vault is unsealed. Released, it is overwritten.
struct OpenKeyring: Sendable {
    let keyring: Keyring
    private let root: SecretBytes
    private let dataKeys: [UInt64: SecretBytes]

    /// Opens a keyring with its unseal key. Fails with `wrongKey` or `keyringDamaged`.
    init(_ keyring: Keyring, with key: UnsealKey) throws(VaultError) {
        try Self.check(key, opens: keyring)
        let context = Keyring.rootContext(keyring.owner, keyring.stamp.id, lock: keyring.stamp.lock)
        guard let root = AuthenticatedBox.open(keyring.rootBox, under: key.secret, context: context) else {
            throw Keyring.damaged("the unseal key is the right one, but the root key does not open under it")
        }
        try self.init(keyring, root: root)
    }

    /// Opens a later or earlier state of a keyring whose root key is known. Fails with `keyringDamaged`.
    func reopening(_ keyring: Keyring) throws(VaultError) -> OpenKeyring { try OpenKeyring(keyring, root: root) }

    private init(_ keyring: Keyring, root: SecretBytes) throws(VaultError) {
        guard root.count == AuthenticatedBox.keyBytes,
            AuthenticatedBox.open(keyring.seal, under: root, context: keyring.sealContext) != nil
        else { throw Keyring.damaged("its parts were not put together by a holder of the root key") }
        var keys: [UInt64: SecretBytes] = [:]
        for wrapped in keyring.dataKeys {
            let context = Keyring.dataKeyContext(keyring.owner, keyring.stamp.id, generation: wrapped.generation)
            guard let key = AuthenticatedBox.open(wrapped.box, under: root, context: context) else {
                throw Keyring.damaged("data key \(wrapped.generation) does not open")
            }
            keys[wrapped.generation] = key
        }
        (self.keyring, self.root, dataKeys) = (keyring, root, keys)
    }

    /// Whether all keys are kept out of swap.
    var isLocked: Bool { root.isLocked && dataKeys.values.allSatisfy(\.isLocked) }

    /// The keyring with one more data key, which seals from then on. Fails with `tooManyKeys`.
    func rotated() throws(VaultError) -> Keyring {
        guard keyring.dataKeys.count < VaultLimits.dataKeysMax, let last = keyring.dataKeys.last?.generation,
            last < .max
        else {
            throw VaultError(
                .tooManyKeys, what: "add a data key", why: "\(keyring.dataKeys.count) are in the keyring",
                next: "seal the rows under old keys anew, retire those keys, then try again")
        }
        let key = SecretBytes.random(AuthenticatedBox.keyBytes)
        let next = Keyring.wrap(key, generation: last + 1, under: root, keyring.owner, keyring.stamp.id)
        return changed(dataKeys: keyring.dataKeys + [next])
    }

    /// The keyring without the data keys below `generation`; the last one always stays. Rows that are still sealed
    /// under a key that goes can't be opened any more.
    func retiring(below generation: UInt64) -> Keyring {
        let kept = keyring.dataKeys.dropLast().filter { $0.generation >= generation } + keyring.dataKeys.suffix(1)
        return changed(dataKeys: kept)
    }

    func seal(_ plain: SecretBytes, as row: SealedRow) -> SealedBox {
        guard let generation = keyring.generations.last, let key = dataKeys[generation] else {
            preconditionFailure("an open keyring without a data key")
        }
        return SealedBox(
            generation: generation,
            box: AuthenticatedBox.seal(plain, under: key, context: row.context(keyring.owner, generation)))
    }

    /// Fails with `keyMissing` or `rowDamaged`.
    func open(_ sealed: SealedBox, as row: SealedRow) throws(VaultError) -> SecretBytes {
        guard let key = dataKeys[sealed.generation] else {
            throw VaultError(
                .keyMissing, what: "open \(row)", why: "data key \(sealed.generation) is not in the keyring",
                next: "restore a backup that holds the key, or put the secret again")
        }
        let context = row.context(keyring.owner, sealed.generation)
        guard let plain = AuthenticatedBox.open(sealed.box, under: key, context: context) else {
            throw VaultError(
                .rowDamaged, what: "open \(row)",
                why: "it was altered, or was sealed for another row, partition or generation",
                next: "run a scrub on this bolt; put the secret again if no standby holds it whole")
        }
        return plain
    }

    private func changed(dataKeys: [Keyring.WrappedKey]) -> Keyring {
        let stamp = KeyringStamp(
            id: keyring.stamp.id, lock: keyring.stamp.lock, revision: keyring.stamp.revision &+ 1)
        return Keyring.sealed(
            keyring.owner, stamp, keyring.method, keyCheck: keyring.keyCheck, rootBox: keyring.rootBox,
            dataKeys: dataKeys, under: root)
    }

    private static func check(_ key: UnsealKey, opens keyring: Keyring) throws(VaultError) {
        func wrong(_ why: String) -> VaultError {
            VaultError(
                .wrongKey, what: "unseal the vault", why: why,
                next: "give the key file that was written for keyring \(keyring.stamp.id) of \(keyring.owner)")
        }
        guard key.owner == keyring.owner else { throw wrong("this key is of \(key.owner)") }
        guard key.stamp.id == keyring.stamp.id else { throw wrong("this key is of keyring \(key.stamp.id)") }
        guard key.stamp.lock == keyring.stamp.lock else {
            throw wrong("this is unseal key \(key.stamp.lock), the keyring takes number \(keyring.stamp.lock)")
        }
        guard Sodium.equal(key.check().bytes, keyring.keyCheck.bytes) else {
            throw wrong("the key is not the one that closed the keyring")
        }
    }
}
