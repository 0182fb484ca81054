internal import Spanner
internal import Yams

extension LayerReader {
    /// Keys that every resource can have.
    static let commonKeys = ["requires", "notify", "effect", "when"]
    /// Keys of the types that the agent knows itself, beside their own and the common ones.
    static let keys: [(type: String, keys: [String])] = [
        ("file", ["content", "source", "template", "mode", "owner", "group"]),
        ("directory", ["mode", "owner", "group"]),
        ("link", ["target"]),
        ("absent", ["recursive"]),
        (
            "exec",
            ["command", "unless", "onlyif", "creates", "timeout", "refresh_only", "working_directory", "environment"]
        ),
    ]
    /// Keys of what a handler does.
    static let handlerKeys = ["properties", "timeout"]

    /// A resource; nil where it cannot be told which.
    mutating func readResource(_ node: Node) -> PolicyResource? {
        guard let object = yaml.mapping(node, "a resource"), let (type, entry) = type(of: object),
            let name = yaml.text(entry.value, type)
        else { return nil }
        guard let id = ResourceID(type: type, name: name) else {
            let rule =
                ResourceID.pathTypes.contains(type)
                ? "an absolute path without ., .., // and a slash at its end" : "one line of text"
            let shown = name.prefix(120).map { $0.isNewline ? "⏎" : String($0) }.joined()
            yaml.fault(.badValue, "the name of \(type) must be \(rule), not “\(shown)”", line: entry.line)
            return nil
        }
        if Template.isTemplate(name) {
            yaml.fault(.badValue, "the name of \(type) holds {{, but names are no templates", line: entry.line)
        }
        let own = Self.keys.first { $0.type == type }?.keys ?? Self.handlerKeys
        yaml.check(object, "\(type)", required: [type], optional: own + Self.commonKeys)
        yaml.beginValues()
        guard let kind = kind(of: id, object) else { return nil }
        let resource = PolicyResource(
            id: id, line: entry.line, requires: ids(object["requires"], "requires"), notifies: notified(object),
            effect: effect(object), condition: object["when"].map { readCondition($0, "when") } ?? TraitCondition(),
            kind: kind)
        return resource
    }

    /// Which of the keys is the type.
    private mutating func type(of object: StackYAML.Object) -> (String, StackYAML.Object.Entry)? {
        let types = Self.keys.map(\.type)
        let known = object.entries.filter { types.contains($0.key) }
        if known.count > 1 {
            let names = known.map(\.key).joined(separator: " and ")
            yaml.fault(.badValue, "a resource is of one type, not \(names)", line: known[1].line)
            return nil
        }
        if let entry = known.first { return (entry.key, entry) }
        let taken = Self.commonKeys + Self.handlerKeys
        let others = object.entries.filter { !taken.contains($0.key) }
        guard let entry = others.first else {
            yaml.fault(
                .missingKey,
                "a resource needs a key that is its type: \(types.joined(separator: ", ")), "
                    + "or a handler's name", line: object.line)
            return nil
        }
        if let near = types.first(where: { NearestName.distance($0, entry.key) < 2 }) {
            yaml.fault(.unknownKey, "there is no type “\(entry.key)”; did you mean “\(near)”?", line: entry.line)
            return nil
        }
        if others.count > 1 {
            let names = others.prefix(5).map { "“\($0.key.prefix(40))”" }.joined(separator: ", ")
            yaml.fault(
                .unknownKey, "a resource has one key that is its type, not \(names)", line: others[1].line,
                next: "what a handler is told stands under properties")
            return nil
        }
        guard ResourceID.isType(entry.key) else {
            let reason = "“\(entry.key.prefix(80))” is no type: lower-case letters, digits and hyphens, 32 at most"
            yaml.fault(.unknownKey, reason, line: entry.line)
            return nil
        }
        return (entry.key, entry)
    }

    private mutating func kind(of id: ResourceID, _ object: StackYAML.Object) -> PolicyResource.Kind? {
        switch id.type {
        case "file": return content(object, id).map { .file($0, ownership(object)) }
        case "directory": return .directory(ownership(object))
        case "link":
            guard let node = object["target"] else {
                yaml.fault(.missingKey, "link needs the key “target”", line: object.line)
                return nil
            }
            guard let target = yaml.text(node, "target") else { return nil }
            if target.utf8.count > PolicyStackLimits.machinePathBytesMax {
                yaml.fault(.badValue, "target is longer than a link can be", line: StackYAML.line(of: node))
            }
            checkWord(target, "target", node)
            checkText(target, node, takesSecrets: false)
            return .link(target: target)
        case "absent": return .absent(recursive: yaml.bool(object["recursive"], "recursive") ?? false)
        case "exec": return command(object).map { .exec($0) }
        default:
            var properties: [String: PolicyValue] = [:]
            if let node = object["properties"] {
                guard case .mapping = node else {
                    yaml.fault(
                        .badValue, "properties must be a mapping, not \(StackYAML.kind(node))",
                        line: StackYAML.line(of: node))
                    return nil
                }
                guard case .object(let entries)? = yaml.value(node, "properties") else { return nil }
                properties = entries
                checkTexts(in: node)
            }
            return .handler(
                properties: properties,
                timeoutSeconds: timeout(object) ?? PolicyStackLimits.handlerTimeoutSeconds)
        }
    }

    private mutating func timeout(_ object: StackYAML.Object) -> Int? {
        yaml.seconds(object["timeout"], "timeout", max: UInt64(PolicyStackLimits.timeoutSecondsMax)).map(Int.init)
    }

    private mutating func ownership(_ object: StackYAML.Object) -> PolicyResource.Ownership {
        PolicyResource.Ownership(
            mode: mode(object["mode"]), owner: account(object["owner"], "owner"),
            group: account(object["group"], "group"))
    }

    /// Permission bits as `chmod` takes them: three or four octal digits, with or without quotes or a leading 0.
    private mutating func mode(_ node: Node?) -> UInt16? {
        guard let node else { return nil }
        if case .scalar(let scalar) = node {
            let digits = scalar.string.hasPrefix("0o") ? scalar.string.dropFirst(2) : scalar.string[...]
            let isOctal = digits.utf8.allSatisfy { (0x30...0x37).contains($0) }
            if (3...5).contains(digits.count), isOctal, let mode = UInt16(digits, radix: 8), mode <= 0o7777 {
                return mode
            }
        }
        yaml.fault(
            .badValue, "mode must be octal digits such as 0644, not \(StackYAML.kind(node))",
            line: StackYAML.line(of: node))
        return nil
    }

    private mutating func account(_ node: Node?, _ what: String) -> String? {
        guard let node, let text = yaml.text(node, what) else { return nil }
        guard AccountName.isName(text) else {
            let reason = "\(what) must be the name or the number of an account, not “\(text.prefix(40))”"
            yaml.fault(.badValue, reason, line: StackYAML.line(of: node))
            return nil
        }
        return text
    }

    private mutating func content(_ object: StackYAML.Object, _ id: ResourceID) -> PolicyResource.Content? {
        let given = ["content", "source", "template"].filter { object[$0] != nil }
        guard let key = given.first, let node = object[key] else {
            yaml.fault(.missingKey, "file needs one of the keys “content”, “source”, “template”", line: object.line)
            return nil
        }
        guard given.count == 1 else {
            yaml.fault(
                .badValue, "file has one of content, source, template, not \(given.joined(separator: " and "))",
                line: object.line(of: given[1]))
            return nil
        }
        if key == "content" {
            guard let text = yaml.text(node, key, canBeEmpty: true) else { return nil }
            checkText(text, node, takesSecrets: true)
            return .text(text)
        }
        guard let path = yaml.text(node, key), let bytes = source(path, node, key) else { return nil }
        if key == "source" { return .bytes(bytes) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            yaml.note([
                StackFault(.template, file: "files/\(path)", line: nil, reason: "a template must be text in UTF-8")
            ])
            return nil
        }
        checkTemplate(text, file: "files/\(path)", takesSecrets: true) { $0 }
        return .template(text, path: path)
    }

    private mutating func source(_ path: String, _ node: Node, _ key: String) -> [UInt8]? {
        if let bytes = sources[ByteText(path)] { return bytes }
        let line = StackYAML.line(of: node)
        if path.hasPrefix("files/"), sources[ByteText(path.dropFirst(6))] != nil {
            yaml.fault(
                .missingFile, "there is no file files/\(path.prefix(200))", line: line,
                next: "paths are from files/: write \(path.dropFirst(6))")
            return nil
        }
        let known = sources.keys.map { String(decoding: $0.bytes, as: UTF8.self) }.sorted {
            $0.utf8.lexicographicallyPrecedes($1.utf8)
        }
        let near = NearestName.suggest(path, among: known.prefix(PolicyStackLimits.suggestionsMax)).map {
            "; did you mean “\($0)”?"
        }
        yaml.fault(
            .missingFile, "there is no file files/\(path.prefix(200)), which \(key) names\(near ?? "")", line: line)
        return nil
    }

    private mutating func command(_ object: StackYAML.Object) -> PolicyResource.Command? {
        guard let node = object["command"] else {
            yaml.fault(.missingKey, "exec needs the key “command”", line: object.line)
            return nil
        }
        guard let command = words(node, "command") else { return nil }
        var environment: [String: String] = [:]
        if let node = object["environment"], let variables = yaml.mapping(node, "environment") {
            for entry in variables.entries {
                guard VariableName.isName(entry.key) else {
                    yaml.fault(.badValue, "“\(entry.key.prefix(80))” is no name of a variable", line: entry.line)
                    continue
                }
                guard let text = yaml.text(entry.value, entry.key, canBeEmpty: true) else { continue }
                checkWord(text, "the variable \(entry.key)", entry.value)
                checkText(text, entry.value, takesSecrets: true)
                environment[entry.key] = text
            }
        }
        return PolicyResource.Command(
            command: command, unless: object["unless"].flatMap { words($0, "unless") },
            onlyIf: object["onlyif"].flatMap { words($0, "onlyif") },
            creates: machinePath(object["creates"], "creates"),
            timeoutSeconds: timeout(object) ?? PolicyStackLimits.execTimeoutSeconds,
            refreshOnly: yaml.bool(object["refresh_only"], "refresh_only") ?? false,
            workingDirectory: machinePath(object["working_directory"], "working_directory"), environment: environment)
    }

    /// A command: a text is for the shell, a list is a program with its arguments.
    private mutating func words(_ node: Node, _ what: String) -> [String]? {
        if case .scalar = node {
            guard let text = yaml.text(node, what) else { return nil }
            checkWord(text, what, node)
            checkText(text, node, takesSecrets: false)
            return ["/bin/sh", "-c", text]
        }
        var words: [String] = []
        for part in yaml.list(node, what) {
            guard let text = yaml.text(part, "an entry of \(what)", canBeEmpty: true) else { return nil }
            checkWord(text, "an entry of \(what)", part)
            checkText(text, part, takesSecrets: false)
            words.append(text)
        }
        guard words.first?.isEmpty == false else {
            yaml.fault(.badValue, "\(what) names no program", line: StackYAML.line(of: node))
            return nil
        }
        return words
    }

    private mutating func machinePath(_ node: Node?, _ what: String) -> String? {
        guard let node, let text = yaml.text(node, what) else { return nil }
        guard MachinePath.isNormal(text) else {
            let reason =
                "\(what) must be an absolute path without ., .., // and a slash at its end, not “\(text.prefix(120))”"
            yaml.fault(.badValue, reason, line: StackYAML.line(of: node))
            return nil
        }
        return text
    }

    private mutating func effect(_ object: StackYAML.Object) -> ResourceEffect {
        guard let text = yaml.text(object["effect"], "effect") else { return .safe }
        if let effect = ResourceEffect(rawValue: text) { return effect }
        yaml.fault(
            .badValue, "effect must be safe or disruptive, not “\(text.prefix(40))”", line: object.line(of: "effect"))
        return .safe
    }

    private mutating func notified(_ object: StackYAML.Object) -> [ResourceID] {
        let found = ids(object["notify"], "notify")
        for id in found where ResourceID.pathTypes.contains(id.type) {
            yaml.fault(
                .badValue, "\(id) cannot be notified: only an exec or what a handler does can",
                line: object.line(of: "notify"))
        }
        return found
    }

    /// References, ascending, each once.
    private mutating func ids(_ node: Node?, _ what: String) -> [ResourceID] {
        var found: Set<ResourceID> = []
        for (text, line) in yaml.texts(node, what) {
            guard let id = ResourceID(text) else {
                yaml.fault(
                    .badValue, "\(what) must name resources such as file:/etc/motd, not “\(text.prefix(120))”",
                    line: line)
                continue
            }
            found.insert(id)
        }
        return found.sorted()
    }
}
