internal import Spanner
internal import Yams

/// Reads the YAML of one file strictly and goes on after each mistake, so that one run shows them all.
struct StackYAML {
    let file: String
    private(set) var faults: [StackFault] = []
    /// Values that may still be read for what is read now.
    private var valuesLeft = PolicyStackLimits.valuesMax

    init(file: String) { self.file = file }

    /// A mapping's entries with their lines.
    struct Object {
        let line: Int
        let entries: [Entry]
        subscript(_ key: String) -> Node? { entries.first { $0.key == key }?.value }

        /// One of them.
        struct Entry {
            let key: String
            let line: Int
            let value: Node
        }

        /// Line of a key; that of the mapping where it is not there.
        func line(of key: String) -> Int { entries.first { $0.key == key }?.line ?? line }
    }

    static func line(of node: Node, else fallback: Int = 1) -> Int { node.mark?.line ?? fallback }

    mutating func fault(_ code: StackFaultCode, _ reason: String, line: Int?, next: String? = nil) {
        // What is over the limit is not listed anyway; what is kept is bounded.
        guard faults.count < 10 * PolicyStackLimits.faultsMax else { return }
        faults.append(StackFault(code, file: file, line: line, reason: reason, next: next))
    }

    mutating func note(_ more: [StackFault]) { faults += more }

    /// A mapping with its keys, of whatever names.
    mutating func mapping(_ node: Node, _ what: String, limit: Int = PolicyStackLimits.entriesMax) -> Object? {
        let line = Self.line(of: node)
        guard case .mapping(let mapping) = node else {
            fault(.badValue, "\(what) must be a mapping, not \(Self.kind(node))", line: line)
            return nil
        }
        guard mapping.count <= limit else {
            fault(.tooLarge, "\(what) has \(mapping.count) keys; at most \(limit) are taken", line: line)
            return nil
        }
        var entries: [Object.Entry] = []
        var seen: Set<String> = []
        for (key, value) in mapping {
            let place = Self.line(of: key, else: line)
            guard case .scalar(let scalar) = key, !scalar.string.isEmpty else {
                fault(.badValue, "a key of \(what) must be a text, not \(Self.kind(key))", line: place)
                continue
            }
            guard seen.insert(scalar.string).inserted else {
                fault(.duplicate, "the key “\(scalar.string.prefix(80))” stands twice in \(what)", line: place)
                continue
            }
            entries.append(.init(key: scalar.string, line: place, value: value))
        }
        return Object(line: line, entries: entries)
    }

    /// A mapping whose keys are all known and whose required ones are there.
    mutating func object(_ node: Node, _ what: String, required: [String] = [], optional: [String] = []) -> Object? {
        guard let object = mapping(node, what) else { return nil }
        check(object, what, required: required, optional: optional)
        return object
    }

    /// Tells keys that are not known and keys that are missing.
    mutating func check(_ object: Object, _ what: String, required: [String], optional: [String]) {
        let known = required + optional
        for entry in object.entries where !known.contains(entry.key) {
            let hint = NearestName.suggest(entry.key, among: known).map {
                "did you mean “\($0)”?"
            }
            let list = "known are \(known.joined(separator: ", "))"
            fault(.unknownKey, "\(what) has no key “\(entry.key.prefix(80))”; \(hint ?? list)", line: entry.line)
        }
        for name in required where object[name] == nil {
            fault(.missingKey, "\(what) needs the key “\(name)”", line: object.line)
        }
    }

    /// The elements of a list.
    mutating func list(_ node: Node?, _ what: String, limit: Int = PolicyStackLimits.entriesMax) -> [Node] {
        guard let node else { return [] }
        guard case .sequence(let parts) = node else {
            fault(.badValue, "\(what) must be a list, not \(Self.kind(node))", line: Self.line(of: node))
            return []
        }
        if parts.count > limit {
            fault(
                .tooLarge, "\(what) has \(parts.count) entries; at most \(limit) are taken", line: Self.line(of: node))
        }
        return Array(parts.prefix(limit))
    }

    /// A text: a scalar that is not empty. A plain number or truth value is taken as it is written.
    mutating func text(_ node: Node?, _ what: String, canBeEmpty: Bool = false) -> String? {
        guard let node else { return nil }
        guard case .scalar(let scalar) = node, canBeEmpty && !PolicyScalar.isPlain(scalar) || !scalar.string.isEmpty
        else {
            fault(.badValue, "\(what) must be a text, not \(Self.kind(node))", line: Self.line(of: node))
            return nil
        }
        guard !PolicyScalar.isPlain(scalar) || !["~", "null", "Null", "NULL"].contains(scalar.string) else {
            fault(.badValue, "\(what) must be a text, not nothing", line: Self.line(of: node))
            return nil
        }
        return scalar.string
    }

    /// One text, or a list of them.
    mutating func texts(_ node: Node?, _ what: String) -> [(text: String, line: Int)] {
        guard let node else { return [] }
        if case .scalar = node { return text(node, what).map { [($0, Self.line(of: node))] } ?? [] }
        return list(node, what).compactMap { part in text(part, "an entry of \(what)").map { ($0, Self.line(of: part)) }
        }
    }

    /// A whole number within bounds.
    mutating func integer(_ node: Node?, _ what: String, _ range: ClosedRange<Int64>) -> Int64? {
        guard let node else { return nil }
        guard case .scalar(let scalar) = node, PolicyScalar.isPlain(scalar),
            case .integer(let value)? = try? PolicyScalar.plain(scalar.string), range.contains(value)
        else {
            fault(
                .badValue,
                "\(what) must be a whole number from \(range.lowerBound) to \(range.upperBound), "
                    + "not \(Self.kind(node))",
                line: Self.line(of: node))
            return nil
        }
        return value
    }

    /// `true` or `false`; `yes` and its like are refused by name.
    mutating func bool(_ node: Node?, _ what: String) -> Bool? {
        guard let node else { return nil }
        guard case .scalar(let scalar) = node, PolicyScalar.isPlain(scalar),
            case .bool(let value)? = try? PolicyScalar.plain(scalar.string)
        else {
            fault(
                .badValue, "\(what) must be true or false, not \(Self.kind(node))", line: Self.line(of: node),
                next: "write true or false")
            return nil
        }
        return value
    }

    /// A time such as `90s`, `15m`, `12h`, `30d`, `2w`, or a number of seconds.
    mutating func seconds(_ node: Node?, _ what: String, max: UInt64) -> UInt64? {
        guard let node else { return nil }
        let units: [Character: UInt64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800]
        if case .scalar(let scalar) = node, scalar.string.utf8.allSatisfy({ $0 < 0x80 }) {
            let unit = scalar.string.last.flatMap { units[$0] }
            let digits = unit == nil ? scalar.string[...] : scalar.string.dropLast()
            if digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = UInt64(digits) {
                let (value, isOver) = count.multipliedReportingOverflow(by: unit ?? 1)
                if !isOver, (1...max).contains(value) { return value }
            }
        }
        fault(
            .badValue,
            "\(what) must be a time such as 90s, 15m, 12h or 30d, \(max) seconds at most, not \(Self.kind(node))",
            line: Self.line(of: node))
        return nil
    }

    /// Begins a thing of which at most `PolicyStackLimits.valuesMax` values are read.
    mutating func beginValues() { valuesLeft = PolicyStackLimits.valuesMax }

    /// Any value.
    mutating func value(_ node: Node, _ what: String, depth: Int = PolicyStackLimits.valueDepthMax - 1) -> PolicyValue?
    {
        valuesLeft -= 1
        guard depth > 0, valuesLeft >= 0 else {
            fault(
                .tooLarge,
                "\(what) has more than \(PolicyStackLimits.valuesMax) values, or is nested deeper than "
                    + "\(PolicyStackLimits.valueDepthMax) levels", line: Self.line(of: node))
            return nil
        }
        switch node {
        case .scalar(let scalar):
            do throws(PolicyScalar.Unclear) {
                return try PolicyScalar.value(scalar)
            } catch {
                fault(
                    .badValue, "in \(what): \(error.reason)", line: Self.line(of: node),
                    next: "quote it, or write it otherwise")
                return nil
            }
        case .sequence(let parts):
            var values: [PolicyValue] = []
            for part in parts {
                guard let value = value(part, what, depth: depth - 1) else { return nil }
                values.append(value)
            }
            return .list(values)
        case .mapping:
            guard let object = mapping(node, what, limit: PolicyStackLimits.valuesMax) else { return nil }
            var values: [String: PolicyValue] = [:]
            for entry in object.entries {
                guard let value = value(entry.value, what, depth: depth - 1) else { return nil }
                values[entry.key] = value
            }
            return .object(values)
        case .alias: return nil
        }
    }

    static func kind(_ node: Node) -> String {
        switch node {
        case .scalar(let scalar): scalar.string.isEmpty ? "nothing" : "“\(scalar.string.prefix(40))”"
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }
}
