/// Reads a template strictly: whatever it does not know is a fault, with its line.
struct TemplateReader {
    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private var tags = 0
    private var mustache = ""
    private var secrets: [String] = []
    private var texts: [String] = []

    /// Sections that are open, outermost first, with what was read before them.
    private var open: [(name: TemplateName, isInverted: Bool, line: Int, before: [Template.Part])] = []
    private var parts: [Template.Part] = []
    private var text: [UInt8] = []

    private init(_ text: String) { bytes = Array(text.utf8) }

    /// The template of a text. Fails at the first fault. Cost: linear in the text.
    static func read(_ text: String) throws(TemplateFault) -> Template {
        var reader = TemplateReader(text)
        try reader.run()
        return Template(parts: reader.parts, mustache: reader.mustache, secrets: reader.secrets, texts: reader.texts)
    }

    private mutating func run() throws(TemplateFault) {
        while position < bytes.count {
            guard starts(with: "{{") else {
                if bytes[position] == 0x0A { line += 1 }
                text.append(bytes[position])
                position += 1
                continue
            }
            // `\{{` is two braces, `\\{{` a backslash and a tag.
            guard text.last == UInt8(ascii: "\\") else {
                try tag()
                continue
            }
            text.removeLast()
            guard text.last != UInt8(ascii: "\\") else {
                try tag()
                continue
            }
            text += Array("{{".utf8)
            position += 2
        }
        flush()
        if let section = open.last {
            throw fault("the section {{#\(section.name.text)}} of line \(section.line) is not closed", at: section.line)
        }
    }

    private func starts(with word: String) -> Bool { bytes[position...].starts(with: word.utf8) }

    private func fault(_ reason: String, at place: Int? = nil) -> TemplateFault {
        TemplateFault(line: place ?? line, reason: reason)
    }

    private mutating func flush() {
        guard !text.isEmpty else { return }
        // Whole characters: a tag begins and ends with ASCII.
        parts.append(.text(String(decoding: text, as: UTF8.self)))
        // The library sees where lines begin and end around tags, so that a section's tag on a line of its own leaves
        // no line behind, and nothing else of the text: whatever it is, it cannot be taken for a tag, and the library's
        // cost follows the tags.
        let newline = UInt8(ascii: "\n")
        let lead = text.firstIndex(of: newline).map { text[...$0] }.flatMap { Self.isBlank($0) ? $0.count : nil } ?? 0
        let rest = text[lead...]
        var tail = rest.lastIndex(of: newline) ?? rest.endIndex
        if tail > lead, tail < rest.endIndex, rest[tail - 1] == UInt8(ascii: "\r") { tail -= 1 }
        if !Self.isBlank(rest[tail...]) { tail = rest.endIndex }
        // What stands behind a tag and in front of one with only blanks between belongs to the line as it is; what
        // stands at the end is in front of none, and the library would lose its blanks.
        if Self.isBlank(rest) { tail = lead }
        if position >= bytes.count { tail = rest.endIndex }
        mustache += String(decoding: text[..<lead], as: UTF8.self)
        if tail > lead {
            mustache += "{{&\(TemplateScope.text(texts.count))}}"
            texts.append(String(decoding: rest[..<tail], as: UTF8.self))
        }
        mustache += String(decoding: rest[tail...], as: UTF8.self)
        text = []
    }

    /// Whether there is nothing but blanks and ends of lines.
    private static func isBlank(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    }

    /// Reads one tag; the position is at its braces.
    private mutating func tag() throws(TemplateFault) {
        tags += 1
        guard tags <= PolicyStackLimits.templateTagsMax else {
            throw fault("more than \(PolicyStackLimits.templateTagsMax) tags")
        }
        flush()
        let begun = line
        position += 2
        var end: [UInt8] = Array("}}".utf8)
        if starts(with: "{") { end = Array("}}}".utf8) }
        var content: [UInt8] = []
        while position < bytes.count, !bytes[position...].starts(with: end) {
            if bytes[position] == 0x0A { line += 1 }
            content.append(bytes[position])
            position += 1
        }
        guard position < bytes.count else { throw fault("a tag is not closed with }}", at: begun) }
        position += end.count
        let inside = Self.trimmed(String(decoding: content, as: UTF8.self))
        try take(inside, at: begun)
    }

    private mutating func take(_ inside: String, at begun: Int) throws(TemplateFault) {
        let rest = Self.trimmed(String(inside.dropFirst()))
        switch inside.first {
        case "!": mustache += "{{!}}"
        case "#": try begin(try name(rest, at: begun), isInverted: false, at: begun)
        case "^": try begin(try name(rest, at: begun), isInverted: true, at: begun)
        case "/": try close(try name(rest, at: begun), at: begun)
        case "{", "&": try variable(rest, at: begun)
        case ">", "<", "$", "=", "%":
            throw fault("{{\(inside.prefix(20))}} is not taken: only variables, sections and comments are", at: begun)
        default: try variable(inside, at: begun)
        }
    }

    private func name(_ text: String, at begun: Int) throws(TemplateFault) -> TemplateName {
        guard let name = TemplateName(text) else {
            throw fault("“\(text.prefix(80))” is no name: letters, digits, _ and - joined by dots", at: begun)
        }
        return name
    }

    private mutating func variable(_ text: String, at begun: Int) throws(TemplateFault) {
        if let secret = SecretReference.name(inWhole: text) {
            let secret = Self.trimmed(secret)
            guard SecretReference.isName(secret) else {
                throw TemplateFault(line: begun, reason: "the name in {{secret:…}} is none", isSecret: true)
            }
            let place = secrets.firstIndex(of: secret) ?? secrets.count
            if place == secrets.count { secrets.append(secret) }
            parts.append(.secret(secret, line: begun))
            mustache += "{{&\(TemplateScope.secret(place))}}"
            return
        }
        let name = try name(text, at: begun)
        parts.append(.variable(name, line: begun))
        mustache += "{{&\(name.text)}}"
    }

    private mutating func begin(_ name: TemplateName, isInverted: Bool, at begun: Int) throws(TemplateFault) {
        guard open.count < PolicyStackLimits.templateDepthMax else {
            throw fault("more than \(PolicyStackLimits.templateDepthMax) sections within each other", at: begun)
        }
        open.append((name, isInverted, begun, parts))
        parts = []
        mustache += "{{\(isInverted ? "^" : "#")\(name.text)}}"
    }

    private mutating func close(_ name: TemplateName, at begun: Int) throws(TemplateFault) {
        guard let section = open.popLast() else {
            throw fault("{{/\(name.text)}} closes a section that was not opened", at: begun)
        }
        guard section.name == name else {
            throw fault(
                "{{/\(name.text)}} stands where {{/\(section.name.text)}} of line \(section.line) belongs", at: begun)
        }
        let inside = parts
        parts = section.before
        parts.append(
            section.isInverted
                ? .inverted(name, inside, line: section.line) : .section(name, inside, line: section.line))
        mustache += "{{/\(name.text)}}"
    }

    private static func trimmed(_ text: String) -> String {
        let blank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r\n" || $0 == "\r" }
        let start = text.drop(while: blank)
        guard let last = start.lastIndex(where: { !blank($0) }) else { return "" }
        return String(start[...last])
    }
}
