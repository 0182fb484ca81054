/// A Swift source with its comments and its strings told apart from its code.
///
/// Not a parser: it knows comments (nested), string literals (multi-line, raw, interpolated) and extended regular
/// expressions, which is what text rules need so that they neither miss nor invent a finding.
struct SwiftText {
    /// A string literal's text, without its interpolations, and the line on which it begins (from 1).
    struct Literal: Equatable {
        let line: Int
        let text: String
        /// The code right before it, without blanks: the last bytes only.
        var before = ""
    }

    /// Path from the repository's root.
    let path: String
    /// The source as it stands.
    let source: String
    /// The same lines with comments and the insides of strings blanked out.
    let code: String
    /// Every string literal, in order of its end.
    let literals: [Literal]

    init(path: String, source: String) {
        self.path = path
        self.source = source
        var scanner = Scanner(source: Array(source.utf8))
        scanner.scanCode(insideInterpolation: false)
        code = String(decoding: scanner.code, as: UTF8.self)
        literals = scanner.literals
    }

    /// The lines of `code`; the first one is line 1.
    var codeLines: [Substring] { code.split(separator: "\n", omittingEmptySubsequences: false) }
}

/// Walks the bytes once; `code` ends up as long as the source, with blanks for what is no code.
private struct Scanner {
    let source: [UInt8]
    private(set) var code: [UInt8] = []
    private(set) var literals: [SwiftText.Literal] = []
    private var index = 0
    private var line = 1

    init(source: [UInt8]) {
        self.source = source
        code.reserveCapacity(source.count)
    }

    private func peek(_ distance: Int = 0) -> UInt8? {
        index + distance < source.count ? source[index + distance] : nil
    }

    private mutating func advance(keeping: Bool) {
        let byte = source[index]
        if byte == UInt8(ascii: "\n") { line += 1 }
        code.append(keeping || byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
        index += 1
    }

    mutating func scanCode(insideInterpolation: Bool) {
        var depth = 0
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"):
                while let next = peek(), next != UInt8(ascii: "\n") { advance(keeping: false) }
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"): skipBlockComment()
            case UInt8(ascii: "\""): scanString(hashes: 0)
            case UInt8(ascii: "#"): scanHashes()
            case UInt8(ascii: "("):
                depth += 1
                advance(keeping: true)
            case UInt8(ascii: ")"):
                advance(keeping: true)
                if insideInterpolation && depth == 0 { return }
                depth -= 1
            default: advance(keeping: true)
            }
        }
    }

    private mutating func skipBlockComment() {
        var depth = 0
        while let byte = peek() {
            if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                depth += 1
                advance(keeping: false)
            } else if byte == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
                depth -= 1
                advance(keeping: false)
            }
            advance(keeping: false)
            if depth == 0 { return }
        }
    }

    /// `#"raw"#`, `#/regular expression/#`, or a directive such as `#if`.
    private mutating func scanHashes() {
        var hashes = 0
        while peek(hashes) == UInt8(ascii: "#") { hashes += 1 }
        let opener = peek(hashes)
        for _ in 0..<hashes { advance(keeping: true) }
        if opener == UInt8(ascii: "\"") { scanString(hashes: hashes) }
        if opener == UInt8(ascii: "/") {
            advance(keeping: false)
            while peek() != nil, !(peek() == UInt8(ascii: "/") && isHashes(hashes, at: 1)) { advance(keeping: false) }
        }
    }

    private func isHashes(_ count: Int, at distance: Int) -> Bool {
        (0..<count).allSatisfy { peek(distance + $0) == UInt8(ascii: "#") }
    }

    private func isQuotes(_ count: Int) -> Bool {
        (0..<count).allSatisfy { peek($0) == UInt8(ascii: "\"") }
    }

    private mutating func scanString(hashes: Int) {
        let quotes = isQuotes(3) ? 3 : 1
        let firstLine = line
        let blanks: [UInt8] = [UInt8(ascii: " "), UInt8(ascii: "\n")]
        let before = code.suffix(64).filter { !blanks.contains($0) }.suffix(24)
        var text: [UInt8] = []
        for _ in 0..<quotes { advance(keeping: true) }
        while let byte = peek() {
            if byte == UInt8(ascii: "\\"), isHashes(hashes, at: 1) {
                if peek(1 + hashes) == UInt8(ascii: "(") {
                    for _ in 0..<(1 + hashes) { advance(keeping: false) }
                    advance(keeping: true)
                    scanCode(insideInterpolation: true)
                } else {
                    for _ in 0..<min(2 + hashes, source.count - index) { advance(keeping: false) }
                }
            } else if byte == UInt8(ascii: "\""), isQuotes(quotes), isHashes(hashes, at: quotes) {
                for _ in 0..<quotes { advance(keeping: true) }
                break
            } else if byte == UInt8(ascii: "\n"), quotes == 1 {
                break
            } else {
                text.append(byte)
                advance(keeping: false)
            }
        }
        literals.append(
            SwiftText.Literal(
                line: firstLine, text: String(decoding: text, as: UTF8.self),
                before: String(decoding: before, as: UTF8.self)))
    }
}
