/// The incarnation of an envoy's queue: 128 random bits for one life of it. Sequences are counted within it.
public struct QueueID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The bits, as a principal's are.
    public let id: PrincipalID

    /// The queue with these bits.
    public init(_ id: PrincipalID) { self.id = id }

    /// An incarnation from its halves.
    public init(high: UInt64, low: UInt64) { self.init(PrincipalID(high: high, low: low)) }

    /// From exactly 16 bytes; nil for any other length.
    public init?(bytes: some Collection<UInt8>) {
        guard let id = PrincipalID(bytes: bytes) else { return nil }
        self.init(id)
    }

    /// From 32 hexadecimal digits; nil for anything else.
    public init?(hex: some StringProtocol) {
        guard let id = PrincipalID(hex: hex) else { return nil }
        self.init(id)
    }

    /// Upper half.
    public var high: UInt64 { id.high }
    /// Lower half.
    public var low: UInt64 { id.low }
    /// The 16 bytes, big-endian.
    public var bytes: [UInt8] { id.bytes }
    /// By the bytes.
    public static func < (left: QueueID, right: QueueID) -> Bool { left.id < right.id }
    /// 32 hexadecimal digits.
    public var description: String { id.description }
}
