import Yams

/// YAML as values and values as YAML, for files that people write and for `-o yaml`.
public enum YAMLText {
    /// What is wrong with a text that is no YAML, and where.
    public struct Malformed: Error, Hashable, Sendable {
        /// Where, if the parser could tell.
        public let position: SourcePosition?
        /// What.
        public let reason: String
    }

    /// The value that a YAML document stands for. Mappings need scalar keys.
    public static func value(of text: String) throws(Malformed) -> JSONValue {
        guard let node = try node(of: text) else { return .null }
        return value(of: node)
    }

    /// YAML of a value, keys in order.
    public static func text(of value: JSONValue) -> String {
        (try? Yams.serialize(node: node(of: value), sortKeys: true)) ?? "null\n"
    }

    static func node(of text: String) throws(Malformed) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw malformed(error)
        } catch {
            throw Malformed(position: nil, reason: "\(error)")
        }
    }

    private static func malformed(_ error: YamlError) -> Malformed {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return Malformed(position: SourcePosition(mark), reason: problem)
        case .duplicatedKeysInMapping(let keys, let context):
            return Malformed(position: SourcePosition(context.mark), reason: "the key “\(keys.joined())” stands twice")
        case .reader(let problem, _, _, _): return Malformed(position: nil, reason: problem)
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            return Malformed(position: nil, reason: "\(error)")
        }
    }

    private static func value(of node: Node) -> JSONValue {
        switch node {
        case .scalar(let scalar): return value(of: scalar, node)
        case .sequence(let parts): return .array(parts.map { value(of: $0) })
        case .mapping(let entries):
            var object: [String: JSONValue] = [:]
            for (key, entry) in entries { object[key.string ?? ""] = value(of: entry) }
            return .object(object)
        case .alias: return .null
        }
    }

    private static func value(of scalar: Node.Scalar, _ node: Node) -> JSONValue {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        if let value = node.bool { return .bool(value) }
        if let value = node.int { return .integer(Int64(value)) }
        if let value = node.float { return .number(value) }
        return nulls.contains(scalar.string) ? .null : .string(scalar.string)
    }

    private static func node(of value: JSONValue) -> Node {
        switch value {
        case .null: Node("null", Tag(.null))
        case .bool(let value): Node(value ? "true" : "false", Tag(.bool))
        case .integer(let value): Node("\(value)", Tag(.int))
        case .number(let value): Node("\(value)", Tag(.float))
        case .string(let text): string(text)
        case .array(let values): Node(values.map { node(of: $0) })
        case .object(let values):
            Node(values.sorted { $0.key < $1.key }.map { (string($0.key), node(of: $0.value)) })
        }
    }

    /// What YAML's core schema reads as null.
    private static let nulls: Set<String> = ["", "~", "null", "Null", "NULL"]

    /// Text that would read as something else is quoted.
    private static func string(_ text: String) -> Node {
        let plain = Node(text, Tag(.implicit))
        let ambiguous = plain.bool != nil || plain.float != nil || plain.int != nil || nulls.contains(text)
        return Node(text, Tag(.str), ambiguous ? .doubleQuoted : .any)
    }
}
