import COpenSSL
import CRDT
public import Spanner

/// The public half of a P-256 TLS key.
public struct TLSPublicKey: Hashable, Sendable, CustomStringConvertible {
    /// SubjectPublicKeyInfo in DER: always 91 bytes, named curve, uncompressed point.
    public let spki: [UInt8]
    /// SHA-256 of `spki`: what a ban names and what the roster compares.
    public let fingerprint: KeyFingerprint

    /// A key from its SubjectPublicKeyInfo; nil for another algorithm, curve or form, or a point off the curve.
    public init?(spki: [UInt8]) {
        guard Self.hasForm(spki), let key = Self.parse(spki) else { return nil }
        EVP_PKEY_free(key)
        self.init(checked: spki)
    }

    /// Takes bytes that libcrypto has decoded already; nil when they are not in the one form taken here.
    init?(decoded spki: [UInt8]) {
        guard Self.hasForm(spki) else { return nil }
        self.init(checked: spki)
    }

    private init(checked spki: [UInt8]) {
        self.spki = spki
        fingerprint = KeyFingerprint(SHA256.hash(spki))
    }

    /// The uncompressed point without its leading 4: 64 bytes.
    var point: ArraySlice<UInt8> { spki[Self.form.count...] }

    /// Whether `signature` is ECDSA with SHA-256 by this key over `message`. False for malformed input; never traps.
    public func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        guard (8...80).contains(signature.count), let key = Self.parse(spki) else { return false }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    /// A fresh handle for libcrypto.
    func handle() throws(IdentityError) -> KeyHandle {
        guard let key = Self.parse(spki) else { throw OpenSSL.failure("decode a TLS public key") }
        return KeyHandle(owning: key)
    }

    /// The fingerprint.
    public var description: String { fingerprint.description }

    private static func parse(_ spki: [UInt8]) -> OpaquePointer? {
        OpenSSL.decode(spki, { d2i_PUBKEY(nil, $0, $1) }, release: { EVP_PKEY_free($0) })
    }

    private static func hasForm(_ spki: [UInt8]) -> Bool {
        spki.count == form.count + 64 && spki.starts(with: form)
    }

    // SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { 04 ‖ x ‖ y } } up to the coordinates.
    private static let form: [UInt8] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A,
        0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ]
}
