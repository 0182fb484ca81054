internal import Spanner
import Yams

/// Reads YAML strictly and goes on after each mistake, so that one run shows them all.
struct StrictYAML {
    let file: String
    private(set) var findings: [TopologyFinding] = []

    init(file: String) { self.file = file }

    /// A mapping's entries with where each stands.
    struct Object {
        let position: SourcePosition
        let entries: [(key: String, position: SourcePosition, value: Node)]
        subscript(_ key: String) -> Node? { entries.first { $0.key == key }?.value }
    }

    static func position(of node: Node?, else fallback: SourcePosition = .init(line: 1, column: 1)) -> SourcePosition {
        node?.mark.map { SourcePosition($0) } ?? fallback
    }

    mutating func error(_ code: String, _ message: String, at position: SourcePosition) {
        findings.append(.init(.error, code, message, file: file, position: position))
    }

    mutating func warning(_ code: String, _ message: String, at position: SourcePosition) {
        findings.append(.init(.warning, code, message, file: file, position: position))
    }

    /// A mapping whose keys are all known and whose required ones are there.
    mutating func object(_ node: Node, _ what: String, required: [String], optional: [String] = []) -> Object? {
        let position = Self.position(of: node)
        guard case .mapping(let mapping) = node else {
            error("wrong_type", "\(what) must be a mapping, not \(Self.kind(node))", at: position)
            return nil
        }
        let known = required + optional
        var entries: [(key: String, position: SourcePosition, value: Node)] = []
        for (key, value) in mapping {
            let place = Self.position(of: key, else: position)
            let name = key.string ?? ""
            guard known.contains(name) else {
                let hint = NearestName.suggest(name, among: known).map { "did you mean “\($0)”?" }
                let list = "known are \(known.joined(separator: ", "))"
                error("unknown_key", "\(what) has no key “\(name)”; \(hint ?? list)", at: place)
                continue
            }
            entries.append((name, place, value))
        }
        for name in required where !entries.contains(where: { $0.key == name }) {
            error("missing_key", "\(what) needs the key “\(name)”", at: position)
        }
        return Object(position: position, entries: entries)
    }

    /// The elements of a sequence, at most `limit`.
    mutating func list(_ node: Node?, _ what: String, limit: Int) -> [Node] {
        guard let node else { return [] }
        guard case .sequence(let parts) = node else {
            error("wrong_type", "\(what) must be a list, not \(Self.kind(node))", at: Self.position(of: node))
            return []
        }
        if parts.count > limit {
            error(
                "too_many", "\(what) has \(parts.count) entries; at most \(limit) are taken",
                at: Self.position(of: node))
        }
        return Array(parts.prefix(limit))
    }

    /// A scalar's text.
    mutating func text(_ node: Node?, _ what: String) -> String? {
        guard let node else { return nil }
        guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
            error("wrong_type", "\(what) must be a text, not \(Self.kind(node))", at: Self.position(of: node))
            return nil
        }
        return scalar.string
    }

    /// A whole number within bounds.
    mutating func integer(_ node: Node?, _ what: String, _ range: ClosedRange<Int>) -> Int? {
        guard let node else { return nil }
        guard case .scalar(let scalar) = node, let value = Int(scalar.string), range.contains(value) else {
            error(
                "bad_number", "\(what) must be a whole number from \(range.lowerBound) to \(range.upperBound)",
                at: Self.position(of: node))
            return nil
        }
        return value
    }

    /// A name of one of the mesh's kinds.
    mutating func name<Name: TextCodable>(_ node: Node?, _ what: String, as type: Name.Type) -> Name? {
        guard let text = text(node, what) else { return nil }
        guard let name = Name(apiText: text) else {
            error("bad_name", "\(what) “\(text)” is not \(Name.apiKind)", at: Self.position(of: node))
            return nil
        }
        return name
    }

    private static func kind(_ node: Node) -> String {
        switch node {
        case .scalar(let scalar): scalar.string.isEmpty ? "nothing" : "the value “\(scalar.string.prefix(40))”"
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }
}
