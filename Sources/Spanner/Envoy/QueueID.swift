internal import CRDT

/// The incarnation of an envoy's queue: 128 random bits for one life of it. Sequences are counted within it.
public struct QueueID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Upper half.
    public let high: UInt64
    /// Lower half.
    public let low: UInt64

    /// An incarnation from its halves.
    public init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

    /// From exactly 16 bytes; nil for any other length.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        let both = Array(bytes)
        high = both[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = both[8...].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// From 32 hexadecimal digits; nil for anything else.
    public init?(hex: some StringProtocol) {
        guard let bytes = [UInt8](hexDigits: hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// The 16 bytes, big-endian.
    public var bytes: [UInt8] {
        withUnsafeBytes(of: high.bigEndian) { Array($0) } + withUnsafeBytes(of: low.bigEndian) { Array($0) }
    }

    /// By the bytes.
    public static func < (left: QueueID, right: QueueID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// 32 hexadecimal digits.
    public var description: String { bytes.hexDigits }
}
