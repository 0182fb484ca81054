import COpenSSL
import COpenSSLShim

/// A P-256 key pair for TLS, and for signing certificates when it belongs to a CA.
public struct TLSKey: Sendable {
    /// The public half.
    public let publicKey: TLSPublicKey
    let handle: KeyHandle

    /// A new random pair. Fails with `cryptoFailure` only.
    public static func generate() throws(IdentityError) -> TLSKey {
        guard let key = boltssl_p256_generate() else { throw OpenSSL.failure("make a P-256 key") }
        return try TLSKey(handle: KeyHandle(owning: key))
    }

    /// Fails with `malformed` when the handle holds a key of another kind.
    init(handle: KeyHandle) throws(IdentityError) {
        guard let spki = OpenSSL.encode({ i2d_PUBKEY(handle.pointer, $0) }),
            let publicKey = TLSPublicKey(spki: spki)
        else {
            ERR_clear_error()
            throw IdentityError(
                .malformed, what: "read a TLS key", why: "it is not an EC key on the named curve P-256",
                next: "make a new key with the program that reads it")
        }
        self.handle = handle
        self.publicKey = publicKey
    }

    /// ECDSA with SHA-256 over `message`, in DER: 70 to 72 bytes, different each time.
    public func sign(_ message: [UInt8]) throws(IdentityError) -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else { throw OpenSSL.failure("sign with a TLS key") }
        defer { EVP_MD_CTX_free(context) }
        var count = 0
        guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, handle.pointer) == 1,
            EVP_DigestSign(context, nil, &count, message, message.count) == 1
        else { throw OpenSSL.failure("sign with a TLS key") }
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(context, &signature, &count, message, message.count) == 1 else {
            throw OpenSSL.failure("sign with a TLS key")
        }
        return Array(signature.prefix(count))
    }
}
