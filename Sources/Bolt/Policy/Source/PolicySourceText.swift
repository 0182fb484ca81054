/// What a source says of paths and complaints: bounded, in one line, nothing that a terminal would obey.
enum PolicySourceText {
    /// Characters of one complaint.
    static let charactersMax = 300

    /// The last lines of a program's complaints, as one line.
    static func line(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }
        let told = lines.filter { $0.hasPrefix("fatal:") || $0.hasPrefix("error:") }
        let line = (told.isEmpty ? lines.suffix(2) : told.suffix(2)).joined(separator: "; ")
        return cut(line.isEmpty ? "it said nothing" : line)
    }

    /// A text within its limit, without control characters.
    static func cut(_ text: String) -> String {
        let clean = String(
            text.unicodeScalars.map { scalar in
                scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
                    ? Character(" ") : Character(scalar)
            })
        return clean.count <= charactersMax ? clean : clean.prefix(charactersMax) + "…"
    }
}
