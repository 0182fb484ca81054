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
                // One cell is one line, whatever a name or reason holds; what it shows is what its width is counted of.
                let line = TerminalText.cell(cell)
                return line.isEmpty ? "-" : line
            })
    }

    /// How many rows there are.
    public var count: Int { rows.count }

    /// The lines, headers first, two spaces between columns.
    public var text: String { text(widths: widths) }

    /// The same in lines of so many characters at most, as far as that goes: what is too long in the last column is
    /// cut, and ends with `…`. The other columns stay whole; where `columns` is nil, all do.
    public func text(columns: Int?) -> String {
        guard let columns, let last = widths.last else { return text }
        let rest = widths.dropLast().reduce(0) { $0 + $1 + 2 }
        let room = max(headers.last?.count ?? 0, 8, columns - rest)
        return text(widths: widths.dropLast() + [min(last, room)])
    }

    private var widths: [Int] {
        headers.indices.map { column in ([headers] + rows).map { $0[column].count }.max() ?? 0 }
    }

    private func text(widths: [Int]) -> String {
        ([headers] + rows).map { row in
            let line = zip(row, widths).map { cell, width in
                guard cell.count > width else { return cell + String(repeating: " ", count: width - cell.count) }
                return String(cell.prefix(max(0, width - 1)).reversed().drop { $0 == " " }.reversed()) + "…"
            }.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}
