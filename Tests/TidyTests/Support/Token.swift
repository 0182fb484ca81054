/// A word or a mark of Swift code, with its line (from 1).
struct Token: Equatable {
    let text: String
    let line: Int

    /// Splits blanked code into words (letters, digits, `_`, backticks, anything beyond ASCII) and single marks.
    static func split(_ code: String) -> [Token] {
        var tokens: [Token] = []
        var word: [UInt8] = []
        var line = 1
        func isWord(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "`"), 0x80...:
                true
            default: false
            }
        }
        for byte in code.utf8 {
            if isWord(byte) {
                word.append(byte)
                continue
            }
            if !word.isEmpty { tokens.append(Token(text: String(decoding: word, as: UTF8.self), line: line)) }
            word.removeAll(keepingCapacity: true)
            if byte == UInt8(ascii: "\n") { line += 1 }
            if byte != UInt8(ascii: "\n"), byte != UInt8(ascii: " "), byte != UInt8(ascii: "\t") {
                tokens.append(Token(text: String(UnicodeScalar(byte)), line: line))
            }
        }
        if !word.isEmpty { tokens.append(Token(text: String(decoding: word, as: UTF8.self), line: line)) }
        return tokens
    }
}

/// Where the block opened by the `{` at `opening` ends: the index of its `}`, or nil if it is never closed.
func closingBrace(of opening: Int, in tokens: [Token]) -> Int? {
    var depth = 0
    for index in opening..<tokens.count {
        if tokens[index].text == "{" { depth += 1 }
        if tokens[index].text == "}" {
            depth -= 1
            if depth == 0 { return index }
        }
    }
    return nil
}
