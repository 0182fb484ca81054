/// Makes words that came from elsewhere harmless to a terminal: of envoys, bolts, files, programs. What would move the
/// cursor, set a title, ring, turn the direction of writing or hide what stands beside it is shown as `\u{1B}`.
public enum TerminalText {
    /// A text of any number of lines. Line feeds and tabs stay; all else that a terminal obeys is shown.
    public static func block(_ text: String) -> String {
        escaped(text, keeping: { $0 == "\n" || $0 == "\t" }, as: shown)
    }

    /// A text within one line: line feeds and tabs are shown too, so that nothing in it can stand as a line of ours.
    public static func line(_ text: String) -> String {
        escaped(text, keeping: { _ in false }, as: shown)
    }

    /// What stands in one cell or field: a text within one line, with blanks for its line feeds and tabs.
    public static func cell(_ text: String) -> String {
        line(String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 }))
    }

    /// The lines of a text, each within one line; tabs stay. Only a line feed ends a line.
    public static func lines(_ text: String) -> [String] {
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { block(String($0)) }
    }

    /// JSON text as the same JSON: what a terminal obeys can only be within its strings, and is written as JSON's own
    /// escapes there. Whoever parses it reads what stood in it before.
    public static func json(_ text: String) -> String {
        escaped(text, keeping: { $0 == "\n" || $0 == "\t" }) { scalar in
            String(scalar).utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
        }
    }

    /// Whether a terminal may obey it, or shows nothing for it: controls, directions and what joins or hides, and the
    /// two separators that some take for the end of a line.
    public static func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        case _: false
        }
    }

    private static func shown(_ scalar: Unicode.Scalar) -> String {
        "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    }

    private static func escaped(
        _ text: String, keeping isKept: (Unicode.Scalar) -> Bool, as escape: (Unicode.Scalar) -> String
    ) -> String {
        // Nearly all text is printable ASCII, of which nothing is looked up.
        guard text.utf8.contains(where: { $0 < 0x20 || $0 >= 0x7F }) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isPlain = (0x20..<0x7F).contains(scalar.value) || isKept(scalar) || !isObeyed(scalar)
            if isPlain { result.append(scalar) } else { result.append(contentsOf: escape(scalar).unicodeScalars) }
        }
        return String(result)
    }
}
