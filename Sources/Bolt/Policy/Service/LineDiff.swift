/// How two texts differ, line by line: a unified diff, within bounds.
struct LineDiff {
    /// Lines of one text that are compared; of longer ones it is only told that they differ.
    static let linesMax = 4000
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
        let change = new.difference(from: old)
        (added, removed) = (change.insertions.count, change.removals.count)
        text = LineDiff.unified(old, new, change)
    }

    private static func lines(_ bytes: [UInt8]?) -> [Substring]? {
        guard let bytes else { return [] }
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.count <= linesMax ? lines : nil
    }

    /// One line of both texts on their way together.
    private enum Line {
        case same(Substring)
        case gone(Substring)
        case new(Substring)
    }

    private static func unified(
        _ old: [Substring], _ new: [Substring], _ change: CollectionDifference<Substring>
    ) -> String {
        var (gone, come): (Set<Int>, Set<Int>) = ([], [])
        for case .remove(let offset, _, _) in change { gone.insert(offset) }
        for case .insert(let offset, _, _) in change { come.insert(offset) }
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
        var (out, old, new) = ("", 1, 1)
        for (index, line) in lines.enumerated() {
            if shown[index], index == 0 || !shown[index - 1] { out += "@@ -\(old) +\(new) @@\n" }
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
}
