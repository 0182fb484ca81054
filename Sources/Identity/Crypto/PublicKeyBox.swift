public import CRDT
internal import CSodium

/// A box for one receiver: libsodium's `crypto_box_seal` (an ephemeral X25519 key, XSalsa20-Poly1305). Anybody makes
/// one, only the holder of the private half opens it, and who made it cannot open it again either.
public enum PublicKeyBox {
    /// Bytes by which a box is longer than what it holds.
    public static let overheadBytes = 48

    /// A box for the holder of a public key; nil for the few keys to which nothing can be sealed.
    public static func seal(_ plain: SecretBytes, to publicKey: Bytes32) -> [UInt8]? {
        Sodium.initialize()
        guard SealingKey.isUsable(publicKey: publicKey) else { return nil }
        var status: Int32 = -1
        let box = [UInt8](unsafeUninitializedCapacity: plain.count + overheadBytes) { box, filled in
            filled = plain.count + overheadBytes
            guard let start = box.baseAddress else { return }
            start.initialize(repeating: 0, count: filled)
            status = plain.withBytes { plain in
                guard let base = plain.baseAddress else { return -1 }
                return crypto_box_seal(start, base, UInt64(plain.count), publicKey.bytes)
            }
        }
        return status == 0 ? box : nil
    }
}

extension SealingKey {
    /// What is in a box that was sealed to this key, in guarded memory; nil where it is for another, cut or altered.
    public func open(_ box: [UInt8]) -> SecretBytes? {
        guard box.count >= PublicKeyBox.overheadBytes else { return nil }
        var status: Int32 = -1
        let plain = SecretBytes(count: box.count - PublicKeyBox.overheadBytes) { plain in
            status = openBox(box, into: plain)
        }
        return status == 0 ? plain : nil
    }
}
