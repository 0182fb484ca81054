/// How a stack names a secret: `secret:db/password`.
enum SecretReference {
    static let prefix = "secret:"

    /// The name in a text that is nothing but a reference; nil where the text is none. The name may be bad.
    static func name(inWhole text: String) -> String? {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
    }

    /// Whether a name is one: words of lower-case letters, digits, `-`, `_` and `.`, joined by `/`, none of which
    /// begins with a dot.
    static func isName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...PolicyStackLimits.secretNameBytesMax).contains(bytes.count) else { return false }
        return bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .allSatisfy { word in
                word.first.map { $0 != UInt8(ascii: ".") } ?? false
                    && word.allSatisfy {
                        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x2E
                            || $0 == 0x5F
                    }
            }
    }
}
