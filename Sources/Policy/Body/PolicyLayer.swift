/// A layer as a body holds it: what the machine decides by itself, and what it then has.
struct PolicyLayer: Hashable, Sendable {
    /// Its name.
    var name: String
    /// Its file in the stack.
    var path: String
    /// When it counts.
    var condition: TraitCondition
    /// Values for templates; a later layer's of the same name counts.
    var vars: [String: PolicyValue]
    /// In the order of the file.
    var resources: [PolicyResource]
}

/// A resource as the stack says it: texts may be templates and references to secrets.
struct PolicyResource: Hashable, Sendable {
    var id: ResourceID
    /// Line in the layer's file.
    var line: Int
    /// Ascending, each once.
    var requires: [ResourceID]
    /// Ascending, each once.
    var notifies: [ResourceID]
    var effect: ResourceEffect
    var condition: TraitCondition
    var kind: Kind

    /// What it is.
    enum Kind: Hashable, Sendable {
        case file(Content, Ownership)
        case directory(Ownership)
        case link(target: String)
        case absent(recursive: Bool)
        case exec(Command)
        case handler(properties: [String: PolicyValue], timeoutSeconds: Int)
    }

    /// What is in a file.
    enum Content: Hashable, Sendable {
        /// A text of the layer: a template, or a secret's name, as it says itself.
        case text(String)
        /// Bytes of a file of the stack, as they are.
        case bytes([UInt8])
        /// A file of the stack as a template.
        case template(String, path: String)
    }

    /// Whose a file is, and what may be done with it.
    struct Ownership: Hashable, Sendable {
        var mode: UInt16?
        var owner: String?
        var group: String?
    }

    /// What an exec says.
    struct Command: Hashable, Sendable {
        var command: [String]
        var unless: [String]?
        var onlyIf: [String]?
        var creates: String?
        var timeoutSeconds: Int
        var refreshOnly: Bool
        var workingDirectory: String?
        var environment: [String: String]
    }
}

extension PolicyResource {
    /// Every text that may be a template or a secret's name, with whether a secret may stand in it.
    var texts: [(text: String, takesSecrets: Bool)] {
        switch kind {
        case .file(.text(let text), _), .file(.template(let text, path: _), _): [(text, true)]
        case .file(.bytes, _), .directory, .absent: []
        case .link(let target): [(target, false)]
        case .exec(let exec):
            (exec.command + (exec.unless ?? []) + (exec.onlyIf ?? [])).map { ($0, false) }
                + exec.environment.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map {
                    ($0.value, true)
                }
        case .handler(let properties, timeoutSeconds: _): PolicyValue.object(properties).texts.map { ($0, true) }
        }
    }

    /// Whether a text of it is a file of the stack, in which `secret:` at the beginning means nothing.
    var isTemplateFile: Bool {
        if case .file(.template, _) = kind { true } else { false }
    }
}

extension PolicyValue {
    /// All texts in it, in the order of keys.
    var texts: [String] {
        switch self {
        case .null, .bool, .integer, .number: []
        case .text(let text): [text]
        case .list(let values): values.flatMap(\.texts)
        case .object(let entries):
            entries.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.flatMap(\.value.texts)
        }
    }
}
