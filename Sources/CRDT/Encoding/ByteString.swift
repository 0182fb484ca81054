/// Bytes that compare as bytes: the form in which a text can be an element of a set.
public struct ByteString: LatticeElement {
    /// The content.
    public let bytes: [UInt8]

    /// Longest content that is decoded.
    public static let countMax = 65_536

    /// A string of these bytes.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The UTF-8 of a text, as it is: not normalised.
    public init(_ text: String) { self.bytes = Array(text.utf8) }

    /// The content as a text; invalid UTF-8 is shown with replacement characters.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Order of the bytes; a prefix comes first.
    public static func < (left: ByteString, right: ByteString) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// Length, then the bytes.
    public func encode(to encoder: inout CanonicalEncoder) { encoder.string(bytes) }

    /// Reads at most `countMax` bytes.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        bytes = try decoder.string("byte string", limit: ByteString.countMax)
    }
}

extension ByteString: ExpressibleByStringLiteral {
    /// The UTF-8 of the literal.
    public init(stringLiteral value: String) { self.init(value) }
}

extension ByteString: CustomStringConvertible {
    /// The text.
    public var description: String { text }
}
