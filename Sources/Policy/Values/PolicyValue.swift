/// Data without a schema: what vars, traits and properties of handlers are made of. Integers stay integers.
///
/// Objects have no order. Depth and size are bounded where values are read: `PolicyStackLimits`.
public indirect enum PolicyValue: Hashable, Sendable {
    /// Null.
    case null
    /// True or false.
    case bool(Bool)
    /// A number without a fraction that fits 64 bits.
    case integer(Int64)
    /// Any other finite number.
    case number(Double)
    /// A text.
    case text(String)
    /// A list.
    case list([PolicyValue])
    /// Values by name.
    case object([String: PolicyValue])
}

extension PolicyValue: Codable {
    /// Reads any JSON. Fails with `DecodingError` where it is nested deeper than `PolicyStackLimits.valueDepthMax`.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard decoder.codingPath.count <= PolicyStackLimits.valueDepthMax else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "nested deeper than \(PolicyStackLimits.valueDepthMax)")
        }
        // Texts first: they are the most, and each try that fails costs as much as many that do not.
        if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode([PolicyValue].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: PolicyValue].self))
        }
    }

    /// Writes the JSON that it stands for.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let values): try container.encode(values)
        case .object(let values): try container.encode(values)
        }
    }
}
