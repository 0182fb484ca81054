internal import Spanner
internal import Yams

extension LayerReader {
    /// Looks at every text of a handler's properties.
    mutating func checkTexts(in node: Node) {
        switch node {
        case .scalar(let scalar):
            if case .text(let text)? = try? PolicyScalar.value(scalar) { checkText(text, node, takesSecrets: true) }
        case .sequence(let parts): for part in parts { checkTexts(in: part) }
        case .mapping(let entries): for (_, value) in entries { checkTexts(in: value) }
        case .alias: return
        }
    }

    /// Looks at a text that becomes an argument, a variable or a link's target: Linux ends those at a zero byte.
    mutating func checkWord(_ text: String, _ what: String, _ node: Node) {
        guard text.utf8.contains(0) else { return }
        yaml.fault(
            .badValue, "\(what) holds a zero byte, at which Linux would end it", line: StackYAML.line(of: node),
            next: Self.zeroBytes)
    }

    static let zeroBytes = "take \\0 out; what needs zero bytes is a file below files/"

    /// Looks at a text that may be a template or a secret's name.
    mutating func checkText(_ text: String, _ node: Node, takesSecrets: Bool) {
        let line = StackYAML.line(of: node)
        if let name = SecretReference.name(inWhole: text) {
            if !SecretReference.isName(name) {
                yaml.fault(.badSecret, "the name behind secret: is none", line: line, next: Self.secretNames)
            } else if !takesSecrets {
                yaml.fault(.badSecret, Self.noSecrets, line: line, next: Self.secretPlaces)
            }
            return
        }
        guard Template.isTemplate(text) else { return }
        // The text of a block begins on the line behind its mark; of any other only the first line is known.
        var isBlock = false
        if case .scalar(let scalar) = node { isBlock = scalar.style == .literal }
        checkTemplate(text, file: path, takesSecrets: takesSecrets) { isBlock ? line + $0 : line }
    }

    /// Looks at a template.
    mutating func checkTemplate(_ text: String, file: String, takesSecrets: Bool, line: (Int) -> Int) {
        let template: Template
        do throws(TemplateFault) {
            template = try TemplateReader.read(text)
        } catch {
            let code: StackFaultCode = error.isSecret ? .badSecret : .template
            let next = error.isSecret ? Self.secretNames : nil
            yaml.note([StackFault(code, file: file, line: line(error.line), reason: error.reason, next: next)])
            return
        }
        if !takesSecrets, let place = template.firstSecretLine {
            yaml.note([
                StackFault(.badSecret, file: file, line: line(place), reason: Self.noSecrets, next: Self.secretPlaces)
            ])
        }
        for (name, place) in template.namesOutside {
            guard let reason = Self.unknown(name) else { continue }
            yaml.note([StackFault(.unknownVariable, file: file, line: line(place), reason: reason)])
        }
    }

    private static let secretNames = "names are words of lower-case letters, digits, -, _ and . joined by /"
    private static let secretPlaces = "put it into the environment, or into a file that only its owner reads"
    private static let noSecrets =
        "a secret cannot stand in a command or a link's target: everybody on the machine could read it"

    /// Why a name outside of all sections can never be there; nil where it can.
    private static func unknown(_ name: TemplateName) -> String? {
        let roots = ["labels", "machine", "traits", "vars"]
        guard let first = name.parts.first else { return "“.” means something within a section only" }
        guard roots.contains(first) else {
            let hint = NearestName.suggest(first, among: roots).map {
                "did you mean “\($0)”?"
            }
            return "there is no “\(name.text)”; \(hint ?? "names begin with labels., machine., traits. or vars.")"
        }
        guard first == "machine" else { return nil }
        let fields = ["group", "id", "name"]
        guard name.parts.count != 2 || !fields.contains(name.parts[1]) else { return nil }
        return "there is no “\(name.text)”; a machine has machine.name, machine.id and machine.group"
    }
}

extension Template {
    /// Names that stand outside of all sections, where they mean the same on each machine, with their lines.
    var namesOutside: [(name: TemplateName, line: Int)] { Self.names(in: parts, onlyVariables: false) }

    /// Of these, those whose values are shown.
    var variablesOutside: [(name: TemplateName, line: Int)] { Self.names(in: parts, onlyVariables: true) }

    /// Line of the first secret.
    var firstSecretLine: Int? { Self.secretLine(in: parts) }

    private static func names(in parts: [Part], onlyVariables: Bool) -> [(name: TemplateName, line: Int)] {
        parts.flatMap { part -> [(name: TemplateName, line: Int)] in
            switch part {
            case .text, .secret: []
            case .variable(let name, let line): [(name, line)]
            case .section(let name, _, let line): onlyVariables ? [] : [(name, line)]
            case .inverted(let name, let inside, let line):
                (onlyVariables ? [] : [(name, line)]) + names(in: inside, onlyVariables: onlyVariables)
            }
        }
    }

    private static func secretLine(in parts: [Part]) -> Int? {
        for part in parts {
            switch part {
            case .text, .variable: continue
            case .secret(_, let line): return line
            case .section(_, let inside, _), .inverted(_, let inside, _):
                if let line = secretLine(in: inside) { return line }
            }
        }
        return nil
    }
}
