/// Rows of text in aligned columns, for terminals and pipes alike: no colour, no lines, no trailing spaces.
public struct TextTable: Sendable {
    private let headers: [String]
    private var rows: [[String]] = []

    /// A table with these columns.
    public init(_ headers: String...) { self.headers = headers }

    /// Adds a row; missing cells stand as `-`, and so do empty ones.
    public mutating func row(_ cells: String?...) {
        rows.append(
            headers.indices.map { index in
                let cell = index < cells.count ? cells[index] ?? "" : ""
                // One cell is one line, whatever a name or reason holds.
                let line = String(cell.map { $0.isNewline || $0 == "\t" ? " " : $0 })
                return line.isEmpty ? "-" : line
            })
    }

    /// How many rows there are.
    public var count: Int { rows.count }

    /// The lines, headers first, two spaces between columns.
    public var text: String {
        let widths = headers.indices.map { column in
            ([headers] + rows).map { $0[column].count }.max() ?? 0
        }
        return ([headers] + rows).map { row in
            let line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(
                separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}
