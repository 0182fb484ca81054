internal import CRDT
internal import Identity
internal import Synchronization

/// Judges calls of a forge that tells of a change: whether they were signed with the shared secret, and whether there
/// are not too many. A call that is taken wakes the source and says nothing else: what is in it is not read.
final class PolicyWebhook: Sendable {
    /// What a call is.
    enum Verdict: Hashable, Sendable {
        /// Signed: the source is to be looked at.
        case taken
        /// Not signed with the secret.
        case forged
        /// Signed, and one too many: the source is looked at anyway before long.
        case tooMany
    }

    /// Bytes of a call's body.
    static let bodyBytesMax = 1024 * 1024
    /// Bytes of a secret at least.
    static let secretBytesMin = 16
    /// Calls that are taken at once.
    static let burst = 6
    /// Time after which one more is taken.
    static let refill: Duration = .seconds(5)

    private let secret: SecretBytes
    private let bucket = Mutex((calls: PolicyWebhook.burst, at: ContinuousClock.Instant?.none))

    /// A judge with this secret. Nil where it is shorter than `secretBytesMin`.
    init?(secret: [UInt8]) {
        guard secret.count >= PolicyWebhook.secretBytesMin else { return nil }
        self.secret = SecretBytes(secret)
    }

    /// The secret of a file of mode 0600, without the line's end. Throws what `SecureFile.read` does, and
    /// `fileFailure` for a secret that is too short.
    convenience init(secretFile path: String) throws(IdentityError) {
        var bytes = try SecureFile.read(path, access: .ownerOnly)
        defer { SecretBytes.wipe(&bytes) }
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        guard bytes.count >= PolicyWebhook.secretBytesMin else {
            throw IdentityError(
                .fileFailure, what: "read the webhook's secret from \(path)",
                why: "it has \(bytes.count) bytes, \(PolicyWebhook.secretBytesMin) are the least",
                next: "write a longer random secret there, and give it to the forge")
        }
        self.init(checked: bytes)
    }

    private init(checked secret: [UInt8]) { self.secret = SecretBytes(secret) }

    /// Judges a call by the value of its header `X-Hub-Signature-256`, `sha256=` and 64 hexadecimal digits, over the
    /// whole body.
    func judge(signature: String?, body: [UInt8], now: ContinuousClock.Instant) -> Verdict {
        guard let text = signature, text.hasPrefix("sha256="),
            let code = [UInt8](hexDigits: String(text.dropFirst("sha256=".count))),
            HMACSHA256.isCode(code, of: body, key: secret)
        else { return .forged }
        return bucket.withLock { bucket in
            let since = bucket.at ?? now
            let more = since <= now ? Int((now - since) / PolicyWebhook.refill) : 0
            let calls = min(PolicyWebhook.burst, bucket.calls + min(more, PolicyWebhook.burst))
            // Time that did not make up for a whole call counts on.
            bucket.at = calls == PolicyWebhook.burst ? now : since + PolicyWebhook.refill * more
            bucket.calls = max(0, calls - 1)
            return calls > 0 ? .taken : .tooMany
        }
    }
}
