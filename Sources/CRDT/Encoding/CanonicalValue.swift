/// A value with one encoding: equal values give equal bytes, and bytes that no encoder writes are refused.
public protocol CanonicalValue: Sendable {
    /// Appends the one encoding. At least one byte.
    func encode(to encoder: inout CanonicalEncoder)

    /// Reads what `encode(to:)` wrote; anything else throws.
    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure)
}

extension CanonicalValue {
    /// The encoding as bytes.
    public var canonicalBytes: [UInt8] {
        var encoder = CanonicalEncoder()
        encode(to: &encoder)
        return encoder.bytes
    }
}

/// A value that can be an element or a key of the sets here.
///
/// `==`, `<` and the encoding must agree: two values are equal exactly if their bytes are. `String` is not among the
/// conforming types for that reason: it compares by canonical equivalence, so that one text has many encodings. Use
/// `ByteString`.
public protocol LatticeElement: CanonicalValue, Comparable, Hashable {
    /// A 64-bit keyed hash, the same in each process. Used for look-ups only: it is never sent and orders nothing.
    func siphash(_ key: SipKey) -> UInt64
}

extension LatticeElement {
    /// SipHash-2-4 of the encoding.
    public func siphash(_ key: SipKey) -> UInt64 { SipHash.hash64(canonicalBytes, key: key) }
}

extension ReplicaID: LatticeElement {}
extension Dot: LatticeElement {}

extension Bytes32: LatticeElement {
    /// The 32 bytes.
    public func encode(to encoder: inout CanonicalEncoder) { encoder.fixed(self) }

    /// Reads 32 bytes.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) { self = try decoder.fixed() }

    /// SipHash-2-4 of the four words.
    public func siphash(_ key: SipKey) -> UInt64 {
        let words = self.words
        var state = SipHash(key: key)
        state.absorb(words.0)
        state.absorb(words.1)
        state.absorb(words.2)
        state.absorb(words.3)
        state.absorb(UInt64(Bytes32.count) << 56)
        return state.finish64()
    }
}

extension UInt64: LatticeElement {
    /// LEB128.
    public func encode(to encoder: inout CanonicalEncoder) { encoder.integer(self) }

    /// Reads LEB128.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) { self = try decoder.integer() }
}
