import BoltAPI

/// A table with what else there is to say of a row in lines of its own below it, so that neither is cut nor too wide.
enum DetailedTable {
    /// The table's lines; after the header one detail for each row, in order, empty where there is nothing more to say.
    static func text(_ table: TextTable, _ details: [String], columns: Int = Screen.columns) -> String {
        let lines = table.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var parts = Array(lines.prefix(1))
        for (line, detail) in zip(lines.dropFirst(), details) {
            parts.append(line)
            parts += wrapped(detail, columns: columns)
        }
        return parts.joined(separator: "\n")
    }

    /// A text in lines that are indented and as long as they may be; a word that is longer stays whole.
    static func wrapped(_ text: String, columns: Int, indent: String = "    ") -> [String] {
        var (lines, line) = ([String](), "")
        for word in text.split(whereSeparator: { $0.isWhitespace }).map({ TerminalText.line(String($0)) }) {
            if !line.isEmpty, indent.count + line.count + 1 + word.count > columns {
                lines.append(indent + line)
                line = ""
            }
            line += line.isEmpty ? word : " \(word)"
        }
        return line.isEmpty ? lines : lines + [indent + line]
    }
}
