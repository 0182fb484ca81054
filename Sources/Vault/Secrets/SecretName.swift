/// Name of a secret: words joined by `/`, as in `db/replica-1/password`.
///
/// 1...`VaultLimits.secretNameBytesMax` bytes; each word has 1 or more lower-case letters, digits, hyphens, underscores
/// and dots, and does not begin with a dot.
public struct SecretName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The checked text.
    public let text: String

    /// A name from text; fails with `badName`. The text is not repeated in the error: people paste secrets by mistake.
    public init(_ text: some StringProtocol) throws(VaultError) {
        guard Self.isName(text) else {
            throw VaultError(
                .badName, what: "take the name of a secret",
                why: "it is not words of lower-case letters, digits, hyphens, underscores and dots joined by /, "
                    + "\(VaultLimits.secretNameBytesMax) bytes at most",
                next: "choose a name such as db/password")
        }
        self.text = String(text)
    }

    /// By the text's bytes.
    public static func < (left: SecretName, right: SecretName) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    /// The text.
    public var description: String { text }

    private static func isName(_ text: some StringProtocol) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...VaultLimits.secretNameBytesMax).contains(bytes.count) else { return false }
        return bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .allSatisfy { word in
                word.first.map { $0 != UInt8(ascii: ".") } ?? false
                    && word.allSatisfy { byte in
                        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
                            || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains(byte)
                    }
            }
    }
}
