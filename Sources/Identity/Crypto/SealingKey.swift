public import CRDT
import CSodium

/// An X25519 key pair (RFC 7748) to which secrets for one envoy are sealed.
public struct SealingKey: Sendable {
    /// Bytes of the private half.
    public static let privateBytesCount = 32

    /// The public half.
    public let publicKey: Bytes32
    private let secret: SecretBytes

    /// A new random pair.
    public static func generate() -> SealingKey {
        SealingKey(secret: SecretBytes(count: privateBytesCount) { randombytes_buf($0, privateBytesCount) })
    }

    /// The pair of a 32-byte private half; nil for another length.
    public init?(privateBytes: [UInt8]) {
        guard privateBytes.count == Self.privateBytesCount else { return nil }
        self.init(secret: SecretBytes(privateBytes))
    }

    private init(secret: SecretBytes) {
        self.secret = secret
        publicKey = Bytes32 { out in
            secret.withBytes { secret in
                guard let base = secret.baseAddress else { return }
                _ = crypto_scalarmult_base(out, base)
            }
        }
    }

    /// Lends the private half, for opening what was sealed and for writing a key file. Wiped afterwards.
    func withPrivateBytes<Result>(
        _ body: ([UInt8]) throws(IdentityError) -> Result
    ) throws(IdentityError) -> Result {
        var bytes = secret.withBytes { Array($0) }
        defer { SecretBytes.wipe(&bytes) }
        return try body(bytes)
    }

    /// A digest of bytes that only the holder of the private half can make: it says whether two are the same, and lets
    /// nobody else try out what they are.
    public func fingerprint(of bytes: [UInt8]) -> Bytes32 {
        var material = secret.withBytes { Self.fingerprintDomain + Array($0) }
        var key = BLAKE2b.hash(material).bytes
        defer {
            SecretBytes.wipe(&material)
            SecretBytes.wipe(&key)
        }
        return BLAKE2b.hash(bytes, key: key)
    }

    private static let fingerprintDomain = Array("bolt fingerprint under a sealing key v1".utf8)

    /// Opens a sealed box of at least `PublicKeyBox.overheadBytes` into memory for what it holds; 0 where it is for
    /// this key and whole.
    func openBox(_ box: [UInt8], into plain: UnsafeMutablePointer<UInt8>) -> Int32 {
        secret.withBytes { secret in
            guard let secret = secret.baseAddress else { return -1 }
            return crypto_box_seal_open(plain, box, UInt64(box.count), publicKey.bytes, secret)
        }
    }
}

extension SealingKey {
    /// Whether sealing to a public key keeps anything secret: false for the few points of low order, with which the
    /// shared secret is known to everybody.
    static func isUsable(publicKey: Bytes32) -> Bool {
        var shared = [UInt8](repeating: 0, count: 32)
        return crypto_scalarmult(&shared, [UInt8](repeating: 0x55, count: 32), publicKey.bytes) == 0
    }
}
