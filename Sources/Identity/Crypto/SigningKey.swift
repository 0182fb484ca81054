import CRDT
import CSodium
public import Spanner

/// An Ed25519 key pair (RFC 8032) that signs roster events and operators' acts.
public struct SigningKey: RunSigner {
    /// Bytes of the seed from which a pair is made.
    public static let seedBytes = 32

    /// The public half.
    public let key: VerificationKey
    // libsodium's form: seed followed by public key.
    private let secret: SecretBytes

    /// A new random pair.
    public static func generate() -> SigningKey {
        Sodium.initialize()
        return SigningKey { publicHalf, secret in _ = crypto_sign_keypair(publicHalf, secret) }
    }

    /// The pair of a 32-byte seed; nil for another length. Equal seeds give equal pairs.
    public init?(seed: [UInt8]) {
        guard seed.count == Self.seedBytes else { return nil }
        Sodium.initialize()
        self.init { publicHalf, secret in _ = crypto_sign_seed_keypair(publicHalf, secret, seed) }
    }

    private init(make: (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Void) {
        var secret: SecretBytes?
        let publicHalf = Bytes32 { publicBytes in
            secret = SecretBytes(count: Int(crypto_sign_SECRETKEYBYTES)) { make(publicBytes, $0) }
        }
        guard let secret else { preconditionFailure("the key maker was not called") }
        self.secret = secret
        key = VerificationKey(publicHalf)
    }

    /// The 64-byte signature of `message`; the same every time for one key and message.
    public func sign(_ message: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: VerificationKey.signatureBytes)
        secret.withBytes { secret in
            guard let base = secret.baseAddress else { return }
            _ = crypto_sign_detached(&signature, nil, message, UInt64(message.count), base)
        }
        return signature
    }

    /// Lends the seed, for writing it to a key file. Wiped afterwards.
    func withSeed<Result>(_ body: ([UInt8]) throws(IdentityError) -> Result) throws(IdentityError) -> Result {
        var seed = secret.withBytes { Array($0.prefix(Self.seedBytes)) }
        defer { SecretBytes.wipe(&seed) }
        return try body(seed)
    }
}

extension VerificationKey {
    /// Bytes of an Ed25519 signature.
    public static let signatureBytes = 64

    /// Whether `signature` is this key's signature of `message`. False for every malformed input; never traps.
    public func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        guard signature.count == Self.signatureBytes else { return false }
        Sodium.initialize()
        return crypto_sign_verify_detached(signature, message, UInt64(message.count), bytes.bytes) == 0
    }
}
