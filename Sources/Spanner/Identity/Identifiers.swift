public import CRDT

/// SHA-256 of a public TLS key's SubjectPublicKeyInfo: what a ban names and what a roster compares.
public struct KeyFingerprint: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The hash.
    public let bytes: Bytes32
    /// A fingerprint with this hash.
    public init(_ bytes: Bytes32) { self.bytes = bytes }
    /// By the hash's bytes.
    public static func < (left: KeyFingerprint, right: KeyFingerprint) -> Bool { left.bytes < right.bytes }
    /// 64 hexadecimal digits.
    public var description: String { bytes.hex }
}

/// Public Ed25519 key of a bolt, an operator or the root: it verifies what that principal signed.
public struct VerificationKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The 32 bytes of the key.
    public let bytes: Bytes32
    /// A key with these bytes; whether they are a point of the curve shows when it verifies.
    public init(_ bytes: Bytes32) { self.bytes = bytes }
    /// By the key's bytes.
    public static func < (left: VerificationKey, right: VerificationKey) -> Bool { left.bytes < right.bytes }
    /// 64 hexadecimal digits.
    public var description: String { bytes.hex }
}

/// Which mesh: the fingerprint of its root key. Two meshes of one name are still two.
public struct MeshID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Fingerprint of the root certificate's key.
    public let bytes: Bytes32
    /// The mesh whose root has this fingerprint.
    public init(_ bytes: Bytes32) { self.bytes = bytes }
    /// By the fingerprint's bytes.
    public static func < (left: MeshID, right: MeshID) -> Bool { left.bytes < right.bytes }
    /// 64 hexadecimal digits.
    public var description: String { bytes.hex }
}

/// 128 random bits that stand for one bolt, envoy or operator, fixed at its first admission and kept through re-keying.
public struct PrincipalID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Upper half.
    public let high: UInt64
    /// Lower half.
    public let low: UInt64
    /// Length of the encoded form.
    public static let count = 16

    /// An id from its halves.
    public init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

    /// An id from exactly 16 bytes; nil for any other length.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == PrincipalID.count else { return nil }
        let both = Array(bytes)
        high = both[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = both[8...].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// An id from 32 hexadecimal digits; nil for anything else.
    public init?(hex: some StringProtocol) {
        guard let bytes = [UInt8](hexDigits: hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// The 16 bytes, big-endian.
    public var bytes: [UInt8] {
        withUnsafeBytes(of: high.bigEndian) { Array($0) } + withUnsafeBytes(of: low.bigEndian) { Array($0) }
    }

    /// By the bytes.
    public static func < (left: PrincipalID, right: PrincipalID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// 32 hexadecimal digits.
    public var description: String { bytes.hexDigits }
}

/// 128 random bits that stand for one join token. The secret is never here: only its keyed hash is in the roster.
public struct TokenID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The 16 bytes, as a principal's are.
    public let id: PrincipalID
    /// The token with this id.
    public init(_ id: PrincipalID) { self.id = id }
    /// By the bytes.
    public static func < (left: TokenID, right: TokenID) -> Bool { left.id < right.id }
    /// 32 hexadecimal digits.
    public var description: String { id.description }
}

/// What a principal may be; the issuing CA of its certificate says the same.
public enum PrincipalRole: UInt8, Sendable, CaseIterable, Comparable {
    /// A server.
    case bolt = 1
    /// An agent on a managed machine.
    case envoy = 2
    /// A person, or a program that acts for one.
    case `operator` = 3

    /// By the wire number.
    public static func < (left: PrincipalRole, right: PrincipalRole) -> Bool { left.rawValue < right.rawValue }
}

/// Milliseconds since 1970 as some bolt's clock had them: for people and audit. No decision of safety reads it.
public struct WallTime: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00Z.
    public let milliseconds: UInt64
    /// The instant that many milliseconds after 1970 began.
    public init(milliseconds: UInt64) { self.milliseconds = milliseconds }
    /// Earlier before later.
    public static func < (left: WallTime, right: WallTime) -> Bool { left.milliseconds < right.milliseconds }
}
