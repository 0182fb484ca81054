/// A 256-bit value: a hash, a fingerprint, a public key. Ordered as its big-endian bytes.
///
/// Held as four words, so that comparing, hashing and copying never allocate.
public struct Bytes32: Hashable, Comparable, Sendable {
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64
    private let fourth: UInt64

    /// The value as four big-endian words, most significant first.
    public var words: (UInt64, UInt64, UInt64, UInt64) { (first, second, third, fourth) }

    /// Length of the encoded form.
    public static let count = 32

    /// All bits zero: the neutral value, never a valid key or hash of one.
    public static let zero = Bytes32(words: (0, 0, 0, 0))

    /// A value from four words, most significant first.
    public init(words: (UInt64, UInt64, UInt64, UInt64)) {
        (first, second, third, fourth) = words
    }

    /// A value from exactly 32 bytes; nil for any other length.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Bytes32.count else { return nil }
        var iterator = bytes.makeIterator()
        func word() -> UInt64 {
            var value: UInt64 = 0
            for _ in 0..<8 { value = value << 8 | UInt64(iterator.next() ?? 0) }
            return value
        }
        self.init(words: (word(), word(), word(), word()))
    }

    /// A value from 64 hexadecimal digits, either case; nil for anything else.
    public init?(hex: some StringProtocol) {
        guard let bytes = [UInt8](hexDigits: hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// The 32 bytes, most significant first.
    public var bytes: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(Bytes32.count)
        append(to: &result)
        return result
    }

    /// 64 lower-case hexadecimal digits.
    public var hex: String { bytes.hexDigits }

    /// The first eight hexadecimal digits, for people; never compared.
    public var shortHex: String { String(hex.prefix(8)) }

    /// Appends the 32 bytes to `output` without an intermediate array.
    public func append(to output: inout [UInt8]) {
        for word in [words.0, words.1, words.2, words.3] {
            withUnsafeBytes(of: word.bigEndian) { output.append(contentsOf: $0) }
        }
    }

    /// Order of the big-endian bytes.
    public static func < (left: Bytes32, right: Bytes32) -> Bool {
        left.words < right.words
    }
}

extension Bytes32: CustomStringConvertible {
    /// The short form, for logs and test output.
    public var description: String { shortHex }
}
