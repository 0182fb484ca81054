/// Any JSON, for what the mesh carries without interpreting it: traits and labels.
///
/// Depth is bounded by `APILimits.jsonDepthMax` and size by the body's limit.
public enum JSONValue: Hashable, Sendable, Codable {
    /// Null.
    case null
    /// True or false.
    case bool(Bool)
    /// A number without a fraction that fits 64 bits.
    case integer(Int64)
    /// Any other number.
    case number(Double)
    /// A text.
    case string(String)
    /// A list.
    case array([JSONValue])
    /// An object.
    case object([String: JSONValue])

    /// Reads any JSON. Fails with `DecodingError` where it is nested deeper than `APILimits.jsonDepthMax`.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard decoder.codingPath.count <= APILimits.jsonDepthMax else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "nested deeper than \(APILimits.jsonDepthMax)")
        }
        // Texts first: they are the most, and each try that fails costs as much as many that do not.
        if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// Writes it back as the JSON that it stands for.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let values): try container.encode(values)
        case .object(let values): try container.encode(values)
        }
    }

    /// The text, where it is one.
    public var text: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }
}
