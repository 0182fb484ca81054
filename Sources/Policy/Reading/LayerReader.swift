internal import Spanner
internal import Yams

/// Reads one layer.
struct LayerReader {
    let path: String
    /// What is below `files/`, by path from there.
    let sources: [ByteText: [UInt8]]
    var yaml: StackYAML
    private(set) var nameLine: Int?

    init(path: String, sources: [ByteText: [UInt8]]) {
        (self.path, self.sources, yaml) = (path, sources, StackYAML(file: path))
    }

    /// The layer, without what is wrong; nil where it cannot be read at all. Faults are in `yaml`.
    mutating func read(_ file: StackFile) -> StackLayer? {
        let document: YAMLFile
        do throws(StackFault) {
            document = try YAMLFile.read(file)
        } catch {
            yaml.note([error])
            return nil
        }
        guard
            let object = yaml.object(
                document.root, "the layer", required: ["layer"], optional: ["match", "vars", "resources"])
        else { return nil }
        nameLine = object.line(of: "layer")
        let name = yaml.name(object["layer"], "layer") ?? path
        var layer = PolicyLayer(name: name, path: path, condition: TraitCondition(), vars: [:], resources: [])
        var standing = StandingMatch()
        if let node = object["match"] { (standing, layer.condition) = readMatch(node) }
        if let node = object["vars"] { layer.vars = readVars(node) }
        layer.resources = yaml.list(object["resources"], "resources", limit: PolicyStackLimits.layerResourcesMax)
            .compactMap { readResource($0) }
        return StackLayer(standing: standing, layer: layer)
    }

    private mutating func readMatch(_ node: Node) -> (StandingMatch, TraitCondition) {
        var match = StandingMatch()
        guard let object = yaml.object(node, "match", optional: ["groups", "labels", "names", "traits"]) else {
            return (match, TraitCondition())
        }
        if let node = object["groups"] { match.groups = patterns(node, "groups") }
        if let node = object["names"] { match.names = patterns(node, "names") }
        if let node = object["labels"], let labels = yaml.mapping(node, "labels") {
            for entry in labels.entries { match.labels[entry.key] = patterns(entry.value, "the label \(entry.key)") }
        }
        return (match, object["traits"].map { readCondition($0, "traits") } ?? TraitCondition())
    }

    /// Patterns, of which at least one is there.
    private mutating func patterns(_ node: Node, _ what: String) -> [String] {
        let texts = yaml.texts(node, what).map(\.text)
        if texts.isEmpty, case .sequence(let parts) = node, parts.isEmpty {
            yaml.fault(.badValue, "\(what) is empty: nothing could fit it", line: StackYAML.line(of: node))
        }
        return texts
    }

    private mutating func readVars(_ node: Node) -> [String: PolicyValue] {
        guard let object = yaml.mapping(node, "vars") else { return [:] }
        yaml.beginValues()
        var vars: [String: PolicyValue] = [:]
        for entry in object.entries {
            guard TemplateName.isPart(entry.key) else {
                let reason = "“\(entry.key.prefix(80))” is no name of a variable: letters, digits, _ and -"
                yaml.fault(.badValue, reason, line: entry.line)
                continue
            }
            guard let value = yaml.value(entry.value, "the variable \(entry.key)") else { continue }
            for text in value.texts {
                if SecretReference.name(inWhole: text) != nil {
                    yaml.fault(
                        .badSecret, "the variable \(entry.key) names a secret; secrets stand in resources only",
                        line: entry.line)
                } else if Template.isTemplate(text) {
                    yaml.fault(
                        .badValue, "the variable \(entry.key) holds {{, but variables are no templates",
                        line: entry.line,
                        next: "take the template into the resource")
                } else if text.utf8.contains(0) {
                    // In whatever word or target it stood, the machine could not have it.
                    yaml.fault(
                        .badValue, "the variable \(entry.key) holds a zero byte, at which Linux would end a word",
                        line: entry.line, next: Self.zeroBytes)
                }
            }
            vars[entry.key] = value
        }
        return vars
    }

    /// Tests of traits, by path and kind.
    mutating func readCondition(_ node: Node, _ what: String) -> TraitCondition {
        guard let object = yaml.mapping(node, what) else { return TraitCondition() }
        var tests: [TraitTest] = []
        for entry in object.entries {
            guard TemplateName(entry.key) != nil, entry.key != ".",
                entry.key.utf8.count <= PolicyStackLimits.pathBytesMax
            else {
                let reason = "“\(entry.key.prefix(80))” is no trait: names of letters, digits, _ and - joined by dots"
                yaml.fault(.badValue, reason, line: entry.line)
                continue
            }
            tests += checks(entry.value, entry.key).map { TraitTest(path: entry.key, check: $0) }
        }
        return TraitCondition(tests: tests.sorted { $0.order < $1.order })
    }

    private mutating func checks(_ node: Node, _ trait: String) -> [TraitTest.Check] {
        guard case .mapping = node else { return [.anyOf(patterns(node, trait))] }
        let keys = ["is", "not", "exists", "at_least", "at_most"]
        guard let object = yaml.object(node, trait, optional: keys) else { return [] }
        if object.entries.isEmpty {
            yaml.fault(
                .badValue, "\(trait) tests nothing; known are \(keys.joined(separator: ", "))", line: object.line)
        }
        var checks: [TraitTest.Check] = []
        if let node = object["is"] { checks.append(.anyOf(patterns(node, "is"))) }
        if let node = object["not"] { checks.append(.noneOf(patterns(node, "not"))) }
        if let wanted = yaml.bool(object["exists"], "exists") { checks.append(.exists(wanted)) }
        if let bound = number(object["at_least"], "at_least") { checks.append(.atLeast(bound)) }
        if let bound = number(object["at_most"], "at_most") { checks.append(.atMost(bound)) }
        return checks
    }

    private mutating func number(_ node: Node?, _ what: String) -> Double? {
        guard let node else { return nil }
        if case .scalar(let scalar) = node, PolicyScalar.isPlain(scalar) {
            switch try? PolicyScalar.plain(scalar.string) {
            case .integer(let value)?: return Double(value)
            case .number(let value)?: return value
            default: break
            }
        }
        yaml.fault(.badValue, "\(what) must be a number, not \(StackYAML.kind(node))", line: StackYAML.line(of: node))
        return nil
    }
}

extension TraitTest {
    /// By path, then kind.
    fileprivate var order: (String, Int) {
        let kind =
            switch check {
            case .anyOf: 0
            case .noneOf: 1
            case .exists: 2
            case .atLeast: 3
            case .atMost: 4
            }
        return (path, kind)
    }
}

extension StackYAML {
    /// A node, for those who do not read YAML themselves.
    typealias YAMLNode = Node

    /// A name of the stack or of a layer.
    mutating func name(_ node: Node?, _ what: String) -> String? {
        guard let node, let text = text(node, what) else { return nil }
        guard MeshNames.isLabel(text) else {
            let reason = "\(what) must be lower-case letters, digits and hyphens, 63 at most, not “\(text.prefix(80))”"
            fault(.badValue, reason, line: Self.line(of: node))
            return nil
        }
        return text
    }
}
