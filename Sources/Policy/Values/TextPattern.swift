/// Patterns over text in which `*` stands for any run of characters and everything else for itself.
enum TextPattern {
    /// Whether the whole of `text` fits. Linear in the product of both lengths at worst, without recursion.
    static func matches(_ pattern: String, _ text: String) -> Bool {
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

    /// Whether some text may fit both. Never wrongly false; two patterns with stars are always taken to meet.
    static func mayMeet(_ left: String, _ right: String) -> Bool {
        switch (left.utf8.contains(UInt8(ascii: "*")), right.utf8.contains(UInt8(ascii: "*"))) {
        case (true, true): true
        case (true, false): matches(left, right)
        case (false, true): matches(right, left)
        case (false, false): left.utf8.elementsEqual(right.utf8)
        }
    }

    /// Whether some text may fit one of each list.
    static func mayMeet(_ left: [String], _ right: [String]) -> Bool {
        left.contains { first in right.contains { mayMeet(first, $0) } }
    }
}
