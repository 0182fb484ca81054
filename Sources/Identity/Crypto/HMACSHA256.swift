import CSodium

/// HMAC-SHA256 (RFC 2104, FIPS 180-4): what forges sign their webhooks with.
public enum HMACSHA256 {
    /// Bytes of a code.
    public static let codeBytes = 32

    /// The code of a message under a key of any length.
    public static func code(of message: [UInt8], key: SecretBytes) -> [UInt8] {
        Sodium.initialize()
        var state = crypto_auth_hmacsha256_state()
        var code = [UInt8](repeating: 0, count: codeBytes)
        key.withBytes { key in
            // Guarded memory has an address, also where it is empty.
            guard let start = key.baseAddress else { return }
            _ = crypto_auth_hmacsha256_init(&state, start, key.count)
        }
        crypto_auth_hmacsha256_update(&state, message, UInt64(message.count))
        crypto_auth_hmacsha256_final(&state, &code)
        return code
    }

    /// Whether `code` is that of the message under the key, in time that does not depend on where it differs.
    public static func isCode(_ code: [UInt8], of message: [UInt8], key: SecretBytes) -> Bool {
        Sodium.equal(code, HMACSHA256.code(of: message, key: key))
    }
}
