import COpenSSL

/// Private keys as PKCS#8 PEM text: plain, or encrypted by PBES2 (PBKDF2-HMAC-SHA256, AES-256-CBC).
///
/// `openssl pkey` reads and writes the same files.
enum PrivateKeyText {
    private static let plainLabel = "PRIVATE KEY"
    private static let encryptedLabel = "ENCRYPTED PRIVATE KEY"
    private static let saltBytes: Int32 = 16

    /// Text of any key that libcrypto knows.
    static func encode(_ key: KeyHandle, passphrase: Passphrase?) throws(IdentityError) -> [UInt8] {
        guard let info = EVP_PKEY2PKCS8(key.pointer) else { throw OpenSSL.failure("encode a private key") }
        defer { PKCS8_PRIV_KEY_INFO_free(info) }
        guard let passphrase else {
            guard var der = OpenSSL.encode({ i2d_PKCS8_PRIV_KEY_INFO(info, $0) }) else {
                throw OpenSSL.failure("encode a private key")
            }
            defer { SecretBytes.wipe(&der) }
            return PEM.encode(label: plainLabel, der)
        }
        guard
            let algorithm = PKCS5_pbe2_set_iv(
                EVP_aes_256_cbc(), IdentityLimits.passphraseRounds, nil, saltBytes, nil, NID_hmacWithSHA256)
        else { throw OpenSSL.failure("encrypt a private key") }
        let box = passphrase.secret.withBytes { secret in
            secret.withMemoryRebound(to: CChar.self) { text in
                PKCS8_set0_pbe(text.baseAddress, Int32(text.count), info, algorithm)
            }
        }
        guard let box else {
            X509_ALGOR_free(algorithm)
            throw OpenSSL.failure("encrypt a private key")
        }
        defer { X509_SIG_free(box) }
        guard let der = OpenSSL.encode({ i2d_X509_SIG(box, $0) }) else {
            throw OpenSSL.failure("encrypt a private key")
        }
        return PEM.encode(label: encryptedLabel, der)
    }

    /// The key in a text. `what` names it in errors.
    ///
    /// Fails with `passphraseRequired`, `wrongPassphrase` or `malformed`. A passphrase for a plain key is ignored.
    static func decode(_ text: [UInt8], passphrase: Passphrase?, what: String) throws(IdentityError) -> KeyHandle {
        let blocks = try PEM.decode(text, what: what)
        guard blocks.count == 1, let block = blocks.first else {
            throw malformed(what, "it holds \(blocks.count) PEM blocks, one private key was expected")
        }
        switch block.label {
        case plainLabel:
            let info = OpenSSL.decode(
                block.der, { d2i_PKCS8_PRIV_KEY_INFO(nil, $0, $1) }, release: { PKCS8_PRIV_KEY_INFO_free($0) })
            guard let info else { throw malformed(what, "its content is not PKCS#8") }
            return try key(of: info, what: what)
        case encryptedLabel:
            guard let passphrase else {
                throw IdentityError(
                    .passphraseRequired, what: "read \(what)", why: "it is encrypted and no passphrase was given",
                    next: "give the passphrase that was chosen when it was made")
            }
            return try decrypt(block.der, passphrase, what: what)
        default:
            throw malformed(what, "a \(block.label) stands where a private key (PKCS#8) was expected")
        }
    }

    private static func decrypt(
        _ der: [UInt8], _ passphrase: Passphrase, what: String
    ) throws(IdentityError) -> KeyHandle {
        let box = OpenSSL.decode(der, { d2i_X509_SIG(nil, $0, $1) }, release: { X509_SIG_free($0) })
        guard let box else { throw malformed(what, "its content is not an encrypted PKCS#8 key") }
        defer { X509_SIG_free(box) }
        let info = passphrase.secret.withBytes { secret in
            secret.withMemoryRebound(to: CChar.self) { text in
                PKCS8_decrypt(box, text.baseAddress, Int32(text.count))
            }
        }
        guard let info else {
            ERR_clear_error()
            throw IdentityError(
                .wrongPassphrase, what: "open \(what)", why: "the passphrase does not decrypt it",
                next: "try again with the passphrase that was chosen when it was made")
        }
        return try key(of: info, what: what)
    }

    private static func key(of info: OpaquePointer, what: String) throws(IdentityError) -> KeyHandle {
        defer { PKCS8_PRIV_KEY_INFO_free(info) }
        guard let key = EVP_PKCS82PKEY(info) else {
            ERR_clear_error()
            throw malformed(what, "libcrypto does not know this kind of key")
        }
        return KeyHandle(owning: key)
    }

    private static func malformed(_ what: String, _ why: String) -> IdentityError {
        IdentityError(.malformed, what: "read \(what)", why: why, next: "restore the file from where it was made")
    }
}

extension TLSKey {
    /// The key as PKCS#8 PEM: encrypted when a passphrase is given, else plain.
    public func pem(passphrase: Passphrase? = nil) throws(IdentityError) -> [UInt8] {
        try PrivateKeyText.encode(handle, passphrase: passphrase)
    }

    /// A P-256 key from PKCS#8 PEM. `what` names the source in errors.
    ///
    /// Fails with `malformed`, `passphraseRequired` or `wrongPassphrase`.
    public init(pem: [UInt8], passphrase: Passphrase? = nil, what: String = "a TLS key") throws(IdentityError) {
        try self.init(handle: PrivateKeyText.decode(pem, passphrase: passphrase, what: what))
    }
}

extension SigningKey {
    /// The key as PKCS#8 PEM (RFC 8410): encrypted when a passphrase is given, else plain.
    public func pem(passphrase: Passphrase? = nil) throws(IdentityError) -> [UInt8] {
        try withSeed { seed throws(IdentityError) in
            try PrivateKeyText.encode(RawKey.handle(EVP_PKEY_ED25519, seed), passphrase: passphrase)
        }
    }

    /// An Ed25519 key from PKCS#8 PEM. `what` names the source in errors.
    ///
    /// Fails with `malformed`, `passphraseRequired` or `wrongPassphrase`.
    public init(pem: [UInt8], passphrase: Passphrase? = nil, what: String = "a signing key") throws(IdentityError) {
        let handle = try PrivateKeyText.decode(pem, passphrase: passphrase, what: what)
        var seed = try RawKey.bytes(of: handle, type: "ED25519", what: what)
        defer { SecretBytes.wipe(&seed) }
        guard let key = SigningKey(seed: seed) else { throw RawKey.wrongType("ED25519", what) }
        self = key
    }
}

extension SealingKey {
    /// The key as PKCS#8 PEM (RFC 8410): encrypted when a passphrase is given, else plain.
    public func pem(passphrase: Passphrase? = nil) throws(IdentityError) -> [UInt8] {
        try withPrivateBytes { bytes throws(IdentityError) in
            try PrivateKeyText.encode(RawKey.handle(EVP_PKEY_X25519, bytes), passphrase: passphrase)
        }
    }

    /// An X25519 key from PKCS#8 PEM. `what` names the source in errors.
    ///
    /// Fails with `malformed`, `passphraseRequired` or `wrongPassphrase`.
    public init(pem: [UInt8], passphrase: Passphrase? = nil, what: String = "a sealing key") throws(IdentityError) {
        let handle = try PrivateKeyText.decode(pem, passphrase: passphrase, what: what)
        var bytes = try RawKey.bytes(of: handle, type: "X25519", what: what)
        defer { SecretBytes.wipe(&bytes) }
        guard let key = SealingKey(privateBytes: bytes) else { throw RawKey.wrongType("X25519", what) }
        self = key
    }
}

/// Keys that are 32 raw bytes, in and out of libcrypto's containers.
private enum RawKey {
    static func handle(_ type: Int32, _ bytes: [UInt8]) throws(IdentityError) -> KeyHandle {
        guard let key = EVP_PKEY_new_raw_private_key(type, nil, bytes, bytes.count) else {
            throw OpenSSL.failure("wrap a private key")
        }
        return KeyHandle(owning: key)
    }

    static func bytes(of handle: KeyHandle, type: String, what: String) throws(IdentityError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32)
        var count = bytes.count
        guard EVP_PKEY_is_a(handle.pointer, type) == 1,
            EVP_PKEY_get_raw_private_key(handle.pointer, &bytes, &count) == 1, count == 32
        else {
            ERR_clear_error()
            throw wrongType(type, what)
        }
        return bytes
    }

    static func wrongType(_ type: String, _ what: String) -> IdentityError {
        IdentityError(
            .malformed, what: "read \(what)", why: "it is not an \(type) key",
            next: "restore the file from where it was made")
    }
}
