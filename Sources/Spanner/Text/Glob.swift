/// A pattern over text in which `*` stands for any run of characters and everything else for itself.
public struct Glob: Hashable, Sendable, CustomStringConvertible {
    /// The pattern as written.
    public let pattern: String

    /// A pattern.
    public init(_ pattern: String) { self.pattern = pattern }

    /// The pattern.
    public var description: String { pattern }

    /// Whether the whole of `text` fits. Linear in the product of both lengths at worst, without recursion.
    public func matches(_ text: String) -> Bool {
        let (pattern, text) = (Array(pattern.utf8), Array(text.utf8))
        let star = UInt8(ascii: "*")
        var (p, t) = (0, 0)
        var retry: (pattern: Int, text: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == star {
                retry = (p + 1, t)
                p += 1
            } else if p < pattern.count, pattern[p] == text[t] {
                (p, t) = (p + 1, t + 1)
            } else if let back = retry {
                (p, t) = (back.pattern, back.text + 1)
                retry = (back.pattern, t)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == star }
    }

    /// Whether every text that fits `other` fits this too. Never wrongly true; may miss rare cases.
    public func covers(_ other: Glob) -> Bool { matches(other.pattern) }
}
