import CSodium

/// Keys from passwords by Argon2id (RFC 9106).
public enum PasswordKey {
    /// Bytes of a salt.
    public static let saltBytes = 16
    /// Bytes of a derived key.
    public static let keyBytes = 32

    /// How much work one guess costs.
    public enum Strength: Sendable {
        /// 64 MiB, 2 passes: about a tenth of a second.
        case interactive
        /// 256 MiB, 3 passes: about a second.
        case moderate
    }

    /// The 32-byte key of a password and a 16-byte salt; equal inputs give equal keys.
    ///
    /// Fails with `badArgument` on another salt length, an empty password or one over
    /// `IdentityLimits.passphraseBytesMax`, with `cryptoFailure` when the memory it needs is not there.
    public static func derive(
        password: [UInt8], salt: [UInt8], strength: Strength
    ) throws(IdentityError) -> SecretBytes {
        guard salt.count == saltBytes, !password.isEmpty, password.count <= IdentityLimits.passphraseBytesMax else {
            throw IdentityError(
                .badArgument, what: "derive a key from a password",
                why: "salt of \(salt.count) bytes (16 are taken) and password of \(password.count) bytes "
                    + "(1 to \(IdentityLimits.passphraseBytesMax) are taken)",
                next: "give a 16-byte salt and a password of another length")
        }
        Sodium.initialize()
        let (passes, memory) =
            switch strength {
            case .interactive: (crypto_pwhash_opslimit_interactive(), crypto_pwhash_memlimit_interactive())
            case .moderate: (crypto_pwhash_opslimit_moderate(), crypto_pwhash_memlimit_moderate())
            }
        var status: Int32 = -1
        let key = SecretBytes(count: keyBytes) { out in
            password.withUnsafeBytes { text in
                guard let base = text.baseAddress else { return }
                status = crypto_pwhash(
                    out, UInt64(keyBytes), base.assumingMemoryBound(to: CChar.self), UInt64(text.count), salt,
                    UInt64(passes), Int(memory), crypto_pwhash_alg_argon2id13())
            }
        }
        guard status == 0 else {
            throw IdentityError(
                .cryptoFailure, what: "derive a key from a password",
                why: "Argon2id could not get \(memory) bytes of memory", next: "free memory and try again")
        }
        return key
    }
}
