import CRDT
import Identity
import Spanner

/// The key that opens a keyring, in guarded memory, with whose it is. It is never part of what is replicated.
public struct UnsealKey: Sendable {
    /// Whose vault it opens.
    public let owner: VaultOwner
    /// Which keyring it opens, and since which revision.
    public let stamp: KeyringStamp
    /// The 32 bytes.
    let secret: SecretBytes

    init(owner: VaultOwner, stamp: KeyringStamp, secret: SecretBytes) {
        (self.owner, self.stamp, self.secret) = (owner, stamp, secret)
    }

    /// What stands in the keyring to know the right key by: a keyed hash, of which the key can't be found.
    func check() -> Bytes32 {
        let text = boxContext("bolt unseal key check 1") { encoder in
            owner.encode(to: &encoder)
            encoder.raw(stamp.id.id.bytes)
            encoder.integer(stamp.lock)
        }
        var key = secret.withBytes { Array($0) }
        defer { SecretBytes.wipe(&key) }
        return BLAKE2b.hash(text, key: key)
    }
}

/// What a box is bound to, in one canonical form: `domain` keeps kinds of boxes apart.
func boxContext(_ domain: String, _ write: (inout CanonicalEncoder) -> Void) -> [UInt8] {
    var encoder = CanonicalEncoder(capacity: 192)
    encoder.text(domain)
    write(&encoder)
    return encoder.bytes
}
