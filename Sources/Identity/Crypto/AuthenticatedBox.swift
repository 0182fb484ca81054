import CSodium

/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random nonce of 192 bits in front: so many that two boxes
/// under one key never share one, however many are made.
///
/// A box opens only under its key and with the very context that it was made with.
public enum AuthenticatedBox {
    /// Bytes of a key.
    public static let keyBytes = 32
    /// Bytes of the nonce, which come first in a box.
    public static let nonceBytes = 24
    /// Bytes by which a box is longer than what it holds: nonce and tag.
    public static let overheadBytes = 40

    /// A box with `plain` in it: nonce, ciphertext, tag. `context` is bound to it but not stored.
    ///
    /// A key of another length than `keyBytes` is our own bug and stops the process.
    public static func seal(_ plain: SecretBytes, under key: SecretBytes, context: [UInt8]) -> [UInt8] {
        precondition(key.count == keyBytes, "a key of \(key.count) bytes")
        let nonce = Sodium.randomBytes(nonceBytes)
        return [UInt8](unsafeUninitializedCapacity: plain.count + overheadBytes) { box, filled in
            guard let start = box.baseAddress else { return }
            start.initialize(from: nonce, count: nonceBytes)
            let status = plain.withBytes { plain in
                key.withBytes { key in
                    guard let key = key.baseAddress else { return Int32(-1) }
                    return crypto_aead_xchacha20poly1305_ietf_encrypt(
                        start + nonceBytes, nil, plain.baseAddress, UInt64(plain.count), context,
                        UInt64(context.count), nil, nonce, key)
                }
            }
            precondition(status == 0, "libsodium would not seal \(plain.count) bytes")
            filled = plain.count + overheadBytes
        }
    }

    /// What is in a box, in guarded memory; nil where the box, the key or the context is not the one it was made with.
    public static func open(_ box: [UInt8], under key: SecretBytes, context: [UInt8]) -> SecretBytes? {
        precondition(key.count == keyBytes, "a key of \(key.count) bytes")
        guard box.count >= overheadBytes else { return nil }
        let sealedCount = UInt64(box.count - nonceBytes)
        var status: Int32 = -1
        let plain = SecretBytes(count: box.count - overheadBytes) { plain in
            key.withBytes { key in
                box.withUnsafeBufferPointer { box in
                    guard let key = key.baseAddress, let box = box.baseAddress else { return }
                    status = crypto_aead_xchacha20poly1305_ietf_decrypt(
                        plain, nil, nil, box + nonceBytes, sealedCount, context,
                        UInt64(context.count), box, key)
                }
            }
        }
        return status == 0 ? plain : nil
    }
}
