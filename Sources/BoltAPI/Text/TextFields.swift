/// Names and values in two aligned columns, one a line, for one thing that is shown whole.
public struct TextFields: Sendable {
    private var fields: [(name: String, value: String)] = []

    /// No field yet.
    public init() {}

    /// Fields in order; a value that is missing stands as `-`.
    public init(_ fields: [(String, String?)]) {
        for (name, value) in fields { add(name, value) }
    }

    /// Adds a field; a missing value stands as `-`, and so does an empty one.
    public mutating func add(_ name: String, _ value: String?) {
        // One field is one line, whatever a name or reason holds.
        let line = TerminalText.cell(value ?? "")
        fields.append((TerminalText.line(name), line.isEmpty ? "-" : line))
    }

    /// The lines, two spaces after the longest name.
    public var text: String {
        let width = fields.map(\.name.count).max() ?? 0
        return fields.map { $0.name + String(repeating: " ", count: width - $0.name.count + 2) + $0.value }
            .joined(separator: "\n")
    }
}
