/// Why bytes were not the canonical encoding of a value. The decoder's position is then without meaning.
public enum DecodingFailure: Error, Equatable, Sendable {
    /// The input ended inside a value.
    case truncated
    /// Bytes were left behind a whole value.
    case trailingBytes(Int)
    /// A length or count is over the limit named.
    case overLimit(what: String, value: UInt64, limit: Int)
    /// A value written in a form that the encoder never writes.
    case notCanonical(what: String)
    /// A value outside its range or enumeration.
    case invalid(what: String)
}

/// Reads what `CanonicalEncoder` wrote and refuses everything else, without trapping and without allocating more than
/// the input's own size: every count is checked against what is left.
public struct CanonicalDecoder: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    /// A decoder over `bytes`, without copying them.
    public init(_ bytes: [UInt8]) { self.init(slice: bytes[...]) }

    /// A decoder over `bytes`, which it keeps.
    public init(_ bytes: some Sequence<UInt8>) { self.init(slice: ArraySlice(bytes)) }

    /// A decoder over a slice, without copying it.
    public init(slice: ArraySlice<UInt8>) {
        self.bytes = slice
        self.position = slice.startIndex
    }

    /// How many bytes are left.
    public var remaining: Int { bytes.endIndex - position }

    /// Where the decoder stands, from the start of its input.
    public var offset: Int { position - bytes.startIndex }

    /// Throws unless all input was read.
    public func finish() throws(DecodingFailure) {
        guard remaining == 0 else { throw .trailingBytes(remaining) }
    }

    /// One byte.
    public mutating func byte() throws(DecodingFailure) -> UInt8 {
        guard position < bytes.endIndex else { throw .truncated }
        defer { position += 1 }
        return bytes[position]
    }

    /// An unsigned LEB128 integer in its shortest form.
    public mutating func integer() throws(DecodingFailure) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            let payload = UInt64(next & 0x7F)
            if shift == 63, payload > 1 { throw .invalid(what: "integer over 64 bits") }
            value |= payload << shift
            if next & 0x80 == 0 {
                if next == 0, shift > 0 { throw .notCanonical(what: "integer") }
                return value
            }
            shift += 7
            if shift > 63 { throw .invalid(what: "integer over 64 bits") }
        }
    }

    /// A count of things of at least one byte each: at most `limit`, and at most what is left.
    public mutating func count(_ what: String, limit: Int) throws(DecodingFailure) -> Int {
        let value = try integer()
        guard value <= UInt64(limit) else { throw .overLimit(what: what, value: value, limit: limit) }
        guard value <= UInt64(remaining) else { throw .truncated }
        return Int(value)
    }

    /// A truth value; only 0 and 1 are canonical.
    public mutating func flag() throws(DecodingFailure) -> Bool {
        switch try byte() {
        case 0: return false
        case 1: return true
        default: throw .notCanonical(what: "flag")
        }
    }

    /// A byte string of at most `limit` bytes.
    public mutating func string(_ what: String, limit: Int) throws(DecodingFailure) -> [UInt8] {
        try raw(count(what, limit: limit))
    }

    /// A text of at most `limit` UTF-8 bytes; invalid UTF-8 is refused, never repaired.
    public mutating func text(_ what: String, limit: Int) throws(DecodingFailure) -> String {
        let content = try string(what, limit: limit)
        guard let text = String(validating: content, as: UTF8.self) else { throw .invalid(what: what) }
        return text
    }

    /// Exactly `length` bytes.
    public mutating func raw(_ length: Int) throws(DecodingFailure) -> [UInt8] {
        guard length >= 0, length <= remaining else { throw .truncated }
        defer { position += length }
        return Array(bytes[position..<position + length])
    }

    /// 32 bytes.
    public mutating func fixed() throws(DecodingFailure) -> Bytes32 {
        guard let value = Bytes32(bytes: try raw(Bytes32.count)) else { throw .truncated }
        return value
    }

    /// An optional value behind its presence byte.
    public mutating func optional<Value>(
        _ read: (inout CanonicalDecoder) throws(DecodingFailure) -> Value
    ) throws(DecodingFailure) -> Value? {
        try flag() ? try read(&self) : nil
    }

    /// A counted sequence of at most `limit` values.
    public mutating func list<Value>(
        _ what: String, limit: Int, _ read: (inout CanonicalDecoder) throws(DecodingFailure) -> Value
    ) throws(DecodingFailure) -> [Value] {
        let total = try count(what, limit: limit)
        var values: [Value] = []
        values.reserveCapacity(total)
        for _ in 0..<total { values.append(try read(&self)) }
        return values
    }
}
