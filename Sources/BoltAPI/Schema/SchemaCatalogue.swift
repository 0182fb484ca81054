/// Schemas of the API's shapes, read off the shapes themselves: each decodes itself from a decoder that notes what it
/// is asked for. So a schema cannot say other than the program does.
public final class SchemaCatalogue {
    /// A shape that cannot be described: our own bug, told as an error.
    public struct Unknown: Error, Hashable, Sendable, CustomStringConvertible {
        /// What is the matter with which type.
        public let description: String
    }

    /// Schemas of the composite shapes met so far, by name.
    public private(set) var components: [String: JSONValue] = [:]
    private var depth = 0

    /// How deep shapes may nest; deeper means that one holds itself.
    private static let depthMax = 16

    /// An empty catalogue.
    public init() {}

    /// The schema of a shape, which may refer to `components`, and an example of it in which nothing optional is
    /// missing. Fails with `Unknown`, or with what the shape's own decoding throws.
    public func read<Shape: Decodable>(_ type: Shape.Type) throws -> (schema: JSONValue, example: Shape) {
        if let leaf = type as? any SchemaLeaf.Type {
            guard let example = leaf.example as? Shape else { throw Unknown(description: "\(type) has no example") }
            return (.object(leaf.schema), example)
        }
        guard depth < Self.depthMax else { throw Unknown(description: "\(type) nests too deep, or in itself") }
        depth += 1
        defer { depth -= 1 }
        let decoder = SchemaDecoder(of: "\(type)", in: self)
        let example = try type.init(from: decoder)
        switch decoder.record.kind {
        case .object:
            let name = Self.name(of: type)
            components[name] = decoder.record.object
            return (Self.reference(name), example)
        case .map(let values):
            return (.object(["type": .string("object"), "additionalProperties": values]), example)
        case .list(let items): return (.object(["type": .string("array"), "items": items]), example)
        }
    }

    /// `{"$ref": …}` of a component.
    public static func reference(_ name: String) -> JSONValue {
        .object(["$ref": .string("#/components/schemas/\(name)")])
    }

    /// A shape's name without its module: `ReceiptResponse.Line`.
    static func name(of type: Any.Type) -> String {
        String(reflecting: type).split(separator: ".").dropFirst().joined(separator: ".")
    }
}

/// What a shape asked for.
final class SchemaRecord {
    enum Kind {
        case object
        case map(JSONValue)
        case list(JSONValue)
    }

    var kind = Kind.object
    private var properties: [String: JSONValue] = [:]
    private var optional: Set<String> = []

    func property(_ name: String, _ schema: JSONValue) {
        if case .map = kind { kind = .map(schema) } else { properties[name] = schema }
    }

    func mayMiss(_ name: String) { optional.insert(name) }

    var object: JSONValue {
        let required = properties.keys.filter { !optional.contains($0) }.sorted()
        var schema: [String: JSONValue] = ["type": .string("object"), "properties": .object(properties)]
        if !required.isEmpty { schema["required"] = .array(required.map { .string($0) }) }
        return .object(schema)
    }
}
