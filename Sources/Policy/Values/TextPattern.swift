internal import Spanner

/// Patterns of a stack: globs, alone and in lists of which one has to fit.
enum TextPattern {
    /// Whether the whole of `text` fits the pattern.
    static func matches(_ pattern: String, _ text: String) -> Bool { Glob(pattern).matches(text) }

    /// Whether some text may fit one of each list. Never wrongly false; two patterns with stars are always taken to
    /// meet, and so is all that is left when the steps are over. Texts without stars are looked up: lists of names
    /// cost their length.
    static func mayMeet(_ left: [String], _ right: [String], _ steps: inout StepCount) -> Bool {
        steps.take(left.count + right.count)
        let star = UInt8(ascii: "*")
        let (first, second) = (left.filter { $0.utf8.contains(star) }, right.filter { $0.utf8.contains(star) })
        guard first.isEmpty || second.isEmpty else { return true }
        if first.isEmpty, second.isEmpty {
            let texts = Set(left.map { ByteText($0) })
            return right.contains { texts.contains(ByteText($0)) }
        }
        let (patterns, texts, others) = first.isEmpty ? (second, left, right) : (first, right, left)
        let plain = Set(others.map { ByteText($0) })
        return texts.contains { text in
            plain.contains(ByteText(text))
                || patterns.contains { pattern in
                    guard !steps.isOver else { return true }
                    steps.take(1 + pattern.utf8.count * text.utf8.count / 256)
                    return matches(pattern, text)
                }
        }
    }

    /// Whether each of the texts is among others, by bytes.
    static func areAll(_ texts: [String], among others: [String], _ steps: inout StepCount) -> Bool {
        steps.take(texts.count + others.count)
        let known = Set(others.map { ByteText($0) })
        return texts.allSatisfy { known.contains(ByteText($0)) }
    }
}
