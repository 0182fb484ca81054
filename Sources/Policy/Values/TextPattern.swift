internal import Spanner

/// Patterns of a stack: globs, alone and in lists of which one has to fit.
enum TextPattern {
    /// Whether the whole of `text` fits the pattern.
    static func matches(_ pattern: String, _ text: String) -> Bool { Glob(pattern).matches(text) }

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
