/// A function, initialiser, subscript or computed property with its size.
struct FunctionBody: Equatable {
    /// What introduced it: `func name`, `init`, `var name` …
    let name: String
    /// Line of the word that introduced it.
    let line: Int
    /// Lines between its braces.
    let lineCount: Int

    /// All bodies in the blanked code, nested ones too.
    static func all(in code: String) -> [FunctionBody] {
        let tokens = Token.split(code)
        return tokens.indices.compactMap { index in
            guard let start = signatureStart(at: index, in: tokens),
                let opening = bodyOpening(from: start, kind: tokens[index].text, in: tokens),
                let closing = closingBrace(of: opening, in: tokens)
            else { return nil }
            let lines = tokens[closing].line - tokens[opening].line - 1
            let named = ["func", "var"].contains(tokens[index].text) && index + 1 < tokens.count
            let name = named ? "\(tokens[index].text) \(tokens[index + 1].text)" : tokens[index].text
            return FunctionBody(name: name, line: tokens[index].line, lineCount: max(0, lines))
        }
    }

    /// Index at which the signature of the declaration at `index` goes on, or nil if none begins there.
    private static func signatureStart(at index: Int, in tokens: [Token]) -> Int? {
        guard index == 0 || tokens[index - 1].text != ".", index + 1 < tokens.count else { return nil }
        let next = tokens[index + 1].text
        switch tokens[index].text {
        case "func", "var": return index + 2
        case "init": return ["(", "?", "!", "<"].contains(next) ? index + 1 : nil
        case "subscript": return ["(", "<"].contains(next) ? index + 1 : nil
        case "deinit": return next == "{" ? index + 1 : nil
        default: return nil
        }
    }

    /// Words that can only begin something else: a declaration without a body ended before them.
    private static let enders: Set<String> = [
        "func", "var", "let", "init", "deinit", "subscript", "case", "struct", "class", "enum", "protocol", "extension",
        "typealias", "associatedtype", "import", "public", "private", "internal", "fileprivate", "package", "static",
        "mutating", "override", "nonisolated", "if", "guard", "for", "while", "switch", "return", "do", "try", "await",
        "throw", "defer", "repeat", "}", "@", "#",
    ]

    private static func bodyOpening(from start: Int, kind: String, in tokens: [Token]) -> Int? {
        var depth = 0
        for index in start..<max(start, tokens.count) {
            let text = tokens[index].text
            if text == "(" || text == "[" { depth += 1 }
            if text == ")" || text == "]" { depth -= 1 }
            if depth < 0 { return nil }
            guard depth == 0 else { continue }
            if text == "{" { return index }
            if enders.contains(text) || (kind == "var" && text == "=") { return nil }
        }
        return nil
    }
}
