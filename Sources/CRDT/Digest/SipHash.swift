/// The 128-bit key of a SipHash.
public struct SipKey: Hashable, Sendable {
    /// Bytes 0...7, little-endian.
    public let low: UInt64
    /// Bytes 8...15, little-endian.
    public let high: UInt64

    /// A key of two words.
    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// The key of all zero bits: right where no adversary chooses the input.
    public static let zero = SipKey(low: 0, high: 0)
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012), with its 64- and 128-bit results: a keyed function with published test
/// vectors, the same in every process and on every machine.
struct SipHash: Sendable {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64

    init(key: SipKey, wide: Bool = false) {
        v0 = key.low ^ 0x736f_6d65_7073_6575
        v1 = key.high ^ 0x646f_7261_6e64_6f6d ^ (wide ? 0xEE : 0)
        v2 = key.low ^ 0x6c79_6765_6e65_7261
        v3 = key.high ^ 0x7465_6462_7974_6573
    }

    private mutating func round() {
        v0 &+= v1
        v1 = v1 << 13 | v1 >> 51
        v1 ^= v0
        v0 = v0 << 32 | v0 >> 32
        v2 &+= v3
        v3 = v3 << 16 | v3 >> 48
        v3 ^= v2
        v0 &+= v3
        v3 = v3 << 21 | v3 >> 43
        v3 ^= v0
        v2 &+= v1
        v1 = v1 << 17 | v1 >> 47
        v1 ^= v2
        v2 = v2 << 32 | v2 >> 32
    }

    /// Takes in one little-endian word. The caller ends with the word of the last bytes and the length.
    mutating func absorb(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    /// Takes in all bytes and the closing word.
    mutating func absorb(all bytes: some Collection<UInt8>) {
        var word: UInt64 = 0
        var filled: UInt64 = 0
        for byte in bytes {
            word |= UInt64(byte) << (filled &* 8)
            filled += 1
            if filled == 8 {
                absorb(word)
                (word, filled) = (0, 0)
            }
        }
        absorb(word | UInt64(truncatingIfNeeded: bytes.count & 0xFF) << 56)
    }

    private mutating func fourRounds() -> UInt64 {
        for _ in 0..<4 { round() }
        return v0 ^ v1 ^ v2 ^ v3
    }

    /// The 64-bit result; the state is used up.
    mutating func finish64() -> UInt64 {
        v2 ^= 0xFF
        return fourRounds()
    }

    /// The 128-bit result; the state is used up and must have been made `wide`.
    mutating func finish128() -> (low: UInt64, high: UInt64) {
        v2 ^= 0xEE
        let low = fourRounds()
        v1 ^= 0xDD
        return (low, fourRounds())
    }

    static func hash64(_ bytes: some Collection<UInt8>, key: SipKey) -> UInt64 {
        var state = SipHash(key: key)
        state.absorb(all: bytes)
        return state.finish64()
    }

    static func hash128(_ bytes: some Collection<UInt8>, key: SipKey) -> (low: UInt64, high: UInt64) {
        var state = SipHash(key: key, wide: true)
        state.absorb(all: bytes)
        return state.finish128()
    }
}
