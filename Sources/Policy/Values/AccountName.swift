/// Names of owners and groups of files: as `useradd` takes them, or numbers.
enum AccountName {
    /// Longest name.
    static let bytesMax = 32

    /// Whether the text is a name or a number of an account.
    static func isName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, bytes.count <= bytesMax else { return false }
        if (0x30...0x39).contains(first) {
            return UInt32(text).map { $0 < .max } ?? false && (first != 0x30 || text == "0")
        }
        let isLetter: (UInt8) -> Bool = { (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || $0 == 0x5F }
        return isLetter(first)
            && bytes.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x24 }
    }
}

/// Names of variables of an environment.
enum VariableName {
    /// Longest name.
    static let bytesMax = 128

    /// Whether the text is letters, digits and underscores that do not begin with a digit.
    static func isName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, bytes.count <= bytesMax, !(0x30...0x39).contains(first) else { return false }
        return bytes.allSatisfy {
            (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
        }
    }
}
