/// Secret bytes on their way: base64 in JSON, and never shown by whatever prints or dumps a request.
///
/// They are in ordinary memory for as long as the request is; whoever takes them moves them to guarded memory.
public struct SecretText: Hashable, Sendable, Codable, CustomStringConvertible, CustomReflectable {
    /// The bytes.
    public var bytes: [UInt8]

    /// Wraps bytes.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Reads base64; fails with `DecodingError.dataCorrupted`.
    public init(from decoder: any Decoder) throws { bytes = try Base64Bytes(from: decoder).bytes }

    /// Writes base64.
    public func encode(to encoder: any Encoder) throws { try Base64Bytes(bytes).encode(to: encoder) }

    /// Never the bytes.
    public var description: String { "<\(bytes.count) secret bytes>" }

    /// Empty, so that dumps show nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension SecretText: SchemaLeaf {
    /// Padded base64.
    public static var schema: [String: JSONValue] { Base64Bytes.schema }
    /// Three bytes.
    public static var example: SecretText? { SecretText([1, 2, 255]) }
}
