/// How two texts differ, line by line: a unified diff, within bounds.
struct LineDiff {
    /// Lines of one text that are compared; of longer ones it is only told that they differ.
    static let linesMax = 4000
    /// Lines of both texts, without those at both ends that are the same, among which the least difference is looked
    /// for: that takes memory with its square.
    static let comparedMax = 2000
    /// Lines around a difference that are shown.
    static let context = 3

    /// Lines that only the later one has.
    private(set) var added = 0
    /// Lines that only the earlier one has.
    private(set) var removed = 0
    /// The unified diff; nil where one of them is no text, or too long.
    private(set) var text: String?

    /// Compares; nil stands for no file.
    init(_ before: [UInt8]?, _ after: [UInt8]?) {
        guard let old = LineDiff.lines(before), let new = LineDiff.lines(after) else { return }
        let (gone, come) = LineDiff.places(old, new)
        (added, removed) = (come.count, gone.count)
        text = LineDiff.unified(old, new, gone, come)
    }

    /// Lines that only one of them has. Of too many all count as exchanged.
    private static func places(_ old: [Substring], _ new: [Substring]) -> (gone: Set<Int>, come: Set<Int>) {
        let shorter = min(old.count, new.count)
        var (first, last) = (0, 0)
        while first < shorter, old[first] == new[first] { first += 1 }
        while last < shorter - first, old[old.count - 1 - last] == new[new.count - 1 - last] { last += 1 }
        let (left, right) = (first..<old.count - last, first..<new.count - last)
        guard left.count + right.count <= comparedMax else { return (Set(left), Set(right)) }
        var (gone, come): (Set<Int>, Set<Int>) = ([], [])
        for step in new[right].difference(from: old[left]) {
            switch step {
            case .remove(let offset, _, _): gone.insert(first + offset)
            case .insert(let offset, _, _): come.insert(first + offset)
            }
        }
        return (gone, come)
    }

    private static func lines(_ bytes: [UInt8]?) -> [Substring]? {
        guard let bytes else { return [] }
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else { return nil }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // After a newline at the end no other line begins. Without one the last line is another than with it: it is
        // marked, as `diff` and `git` do.
        if let last = lines.popLast(), !last.isEmpty {
            lines.append(Substring("\(last)\n\\ No newline at end of file"))
        }
        return lines.count <= linesMax ? lines : nil
    }

    /// One line of both texts on their way together.
    private enum Line {
        case same(Substring)
        case gone(Substring)
        case new(Substring)
    }

    private static func unified(
        _ old: [Substring], _ new: [Substring], _ gone: Set<Int>, _ come: Set<Int>
    ) -> String {
        var lines: [Line] = []
        var (left, right) = (0, 0)
        while left < old.count || right < new.count {
            if left < old.count, gone.contains(left) {
                lines.append(.gone(old[left]))
                left += 1
            } else if right < new.count, come.contains(right) {
                lines.append(.new(new[right]))
                right += 1
            } else {
                if left < old.count { lines.append(.same(old[left])) }
                (left, right) = (left + 1, right + 1)
            }
        }
        return hunks(lines)
    }

    private static func hunks(_ lines: [Line]) -> String {
        var shown = Array(repeating: false, count: lines.count)
        for (index, line) in lines.enumerated() {
            if case .same = line { continue }
            for near in max(0, index - context)...min(lines.count - 1, index + context) { shown[near] = true }
        }
        var (out, old, new) = ("", 0, 0)
        for (index, line) in lines.enumerated() {
            if shown[index], index == 0 || !shown[index - 1] {
                out += heading(lines[index..<(shown[index...].firstIndex(of: false) ?? lines.count)], old, new)
            }
            switch line {
            case .same(let text):
                if shown[index] { out += " \(text)\n" }
                (old, new) = (old + 1, new + 1)
            case .gone(let text):
                out += "-\(text)\n"
                old += 1
            case .new(let text):
                out += "+\(text)\n"
                new += 1
            }
        }
        return out
    }

    /// `@@ -2,7 +2,8 @@`: of a hunk with so many lines of both before it.
    private static func heading(_ hunk: ArraySlice<Line>, _ old: Int, _ new: Int) -> String {
        var (left, right) = (0, 0)
        for line in hunk {
            switch line {
            case .same: (left, right) = (left + 1, right + 1)
            case .gone: left += 1
            case .new: right += 1
            }
        }
        return "@@ -\(range(old, left)) +\(range(new, right)) @@\n"
    }

    /// The first line and how many, as unified diffs have them: one is not said, none stands after the line before.
    private static func range(_ before: Int, _ count: Int) -> String {
        count == 1 ? "\(before + 1)" : "\(count == 0 ? before : before + 1),\(count)"
    }
}
