/// Makes safe to show what a pass found: without secrets, bounded, and without what a terminal would obey.
struct Shown: Sendable {
    let redactor: Redactor
    let limits: ConvergenceLimits

    /// Words of ours.
    func text(_ text: String) -> String {
        Shown.cut(Shown.printable(redactor.redact(text)), to: FixedLimits.shownReasonMax)
    }

    /// How something differs.
    func difference(_ difference: Difference) -> String {
        switch difference {
        case .note(let words): return text(words)
        case .told(let words):
            return bounded(textLines(redactor.redact(words)).map(String.init))
        case .contents(let old, let new):
            guard let oldText = Shown.plainText(old ?? []), let newText = Shown.plainText(new) else {
                return "binary: \(old.map { "\($0.count) bytes" } ?? "nothing") → \(new.count) bytes"
            }
            let lines = LineDifference(from: redactor.redact(oldText), to: redactor.redact(newText)).unified()
            return lines.isEmpty ? "the difference is in what is not shown" : bounded(lines)
        }
    }

    /// The end of what a program printed; nil where it printed nothing.
    func output(_ output: ShownOutput, isEndCut: Bool) -> String? {
        guard !output.bytes.isEmpty else { return nil }
        guard let bytes = redactor.redact(output.bytes, isBeginningCut: output.isCut, isEndCut: isEndCut) else {
            return Redactor.withheld
        }
        let text = Shown.printable(String(decoding: bytes, as: UTF8.self))
        let trimmed = text.reversed().drop(while: \.isWhitespace).reversed()
        let limit = limits.outputShownBytesMax
        var kept = Substring(String(trimmed))
        let isCut = output.isCut || kept.utf8.count > limit
        while kept.utf8.count > limit { kept = kept.dropFirst(max(1, (kept.utf8.count - limit) / 4)) }
        return (isCut ? "… " : "") + kept
    }

    private func bounded(_ lines: [String]) -> String {
        var result: [String] = []
        var bytes = 0
        for line in lines {
            let shown = Shown.cut(Shown.printable(line), to: FixedLimits.shownLineMax)
            bytes += shown.utf8.count + 1
            guard result.count < limits.diffLinesMax, bytes <= limits.diffBytesMax else {
                result.append("… \(lines.count - result.count) more lines")
                break
            }
            result.append(shown)
        }
        return result.joined(separator: "\n")
    }

    /// The text that bytes are; nil where they are none.
    private static func plainText(_ bytes: [UInt8]) -> String? {
        bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
    }

    /// Without characters that move a cursor, ring, or hide what stands beside them.
    static func printable(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
            if isControl || scalar.properties.generalCategory == .format {
                result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }

    private static func cut(_ text: String, to limit: Int) -> String {
        text.count <= limit ? text : text.prefix(limit) + "…"
    }
}
