import CRDT

/// 128 random bits that name one life of an envoy's queue of results: with the sequence, the key of exactly-once.
public struct QueueIncarnation: Hashable, Comparable, Sendable, TextCodable, CustomStringConvertible {
    /// The 16 bytes.
    public let bytes: [UInt8]
    /// Length of the encoded form.
    public static let count = 16

    /// An incarnation from exactly 16 bytes; nil for any other length.
    public init?(bytes: [UInt8]) {
        guard bytes.count == Self.count else { return nil }
        self.bytes = bytes
    }

    /// From 32 hexadecimal digits.
    public init?(apiText: String) {
        guard let bytes = [UInt8](hexDigits: apiText) else { return nil }
        self.init(bytes: bytes)
    }

    /// 32 hexadecimal digits.
    public var apiText: String { bytes.hexDigits }
    /// For errors.
    public static var apiKind: String { "a queue incarnation of 32 hexadecimal digits" }
    /// 32 hexadecimal digits.
    public var description: String { apiText }

    /// By the bytes.
    public static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }

    /// Sixteen hexadecimal digits of a 64-bit value, big-endian.
    static func hexDigits(_ value: UInt64) -> String { withUnsafeBytes(of: value.bigEndian) { Array($0).hexDigits } }
}
