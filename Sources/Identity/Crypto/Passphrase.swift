/// Text that protects private keys at rest. Held in guarded memory, never printed.
public struct Passphrase: Sendable {
    let secret: SecretBytes

    /// A passphrase to open keys with, or to protect new ones: see `isStrongEnough`.
    ///
    /// Fails with `badArgument` when empty or over `IdentityLimits.passphraseBytesMax`.
    public init(_ text: String) throws(IdentityError) {
        let bytes = Array(text.utf8)
        guard (1...IdentityLimits.passphraseBytesMax).contains(bytes.count) else {
            throw IdentityError(
                .badArgument, what: "take a passphrase",
                why: bytes.isEmpty ? "it is empty" : "it has \(bytes.count) bytes",
                next: "give 1 to \(IdentityLimits.passphraseBytesMax) bytes")
        }
        secret = SecretBytes(bytes)
    }

    /// Whether it is long enough to protect a new key: `IdentityLimits.passphraseBytesMin` bytes.
    public var isStrongEnough: Bool { secret.count >= IdentityLimits.passphraseBytesMin }
}
