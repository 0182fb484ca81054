/// How two texts differ, by lines, in the unified form of `diff -u` without its header of files.
struct LineDifference {
    /// Lines around a change that are shown.
    static let contextLines = 3
    /// Products of lines up to which the shortest difference is looked for; above, the differing middle is replaced.
    static let cellsMax = 250_000

    private enum Step {
        case keep, remove, add
    }

    private let old: [Substring]
    private let new: [Substring]

    /// Of two texts; a last line without a line end counts as another line than one with.
    init(from old: String, to new: String) {
        (self.old, self.new) = (LineDifference.lines(old), LineDifference.lines(new))
    }

    /// All lines of the difference; empty where the texts are equal.
    func unified() -> [String] {
        let steps = steps()
        var shown = [Bool](repeating: false, count: steps.count)
        for (place, step) in steps.enumerated() where step != .keep {
            let around = max(0, place - Self.contextLines)...min(steps.count - 1, place + Self.contextLines)
            for index in around { shown[index] = true }
        }
        var result: [String] = []
        var (oldLine, newLine, place) = (0, 0, 0)
        while place < steps.count {
            guard shown[place] else {
                (oldLine, newLine, place) = (oldLine + 1, newLine + 1, place + 1)
                continue
            }
            let end = shown[place...].firstIndex(of: false) ?? steps.count
            let hunk = steps[place..<end]
            let (removed, added) = (hunk.count { $0 != .add }, hunk.count { $0 != .remove })
            result.append("@@ -\(Self.range(oldLine, removed)) +\(Self.range(newLine, added)) @@")
            for step in hunk {
                switch step {
                case .keep: result.append(" " + old[oldLine])
                case .remove: result.append("-" + old[oldLine])
                case .add: result.append("+" + new[newLine])
                }
                if step != .add { oldLine += 1 }
                if step != .remove { newLine += 1 }
            }
            place = end
        }
        return result
    }

    private func steps() -> [Step] {
        let shorter = min(old.count, new.count)
        let before = (0..<shorter).first { old[$0] != new[$0] } ?? shorter
        let after =
            (0..<(shorter - before)).first { old[old.count - 1 - $0] != new[new.count - 1 - $0] } ?? (shorter - before)
        let keep = [Step](repeating: .keep, count: before)
        let middle = middle(
            Array(old[before..<(old.count - after)]), Array(new[before..<(new.count - after)]))
        return keep + middle + [Step](repeating: .keep, count: after)
    }

    /// By the longest common subsequence, removals first.
    private func middle(_ old: [Substring], _ new: [Substring]) -> [Step] {
        guard !old.isEmpty, !new.isEmpty, old.count * new.count <= Self.cellsMax else {
            return [Step](repeating: .remove, count: old.count) + [Step](repeating: .add, count: new.count)
        }
        let width = new.count + 1
        var common = [Int32](repeating: 0, count: (old.count + 1) * width)
        for row in old.indices.reversed() {
            for column in new.indices.reversed() {
                common[row * width + column] =
                    old[row] == new[column]
                    ? common[(row + 1) * width + column + 1] + 1
                    : max(common[(row + 1) * width + column], common[row * width + column + 1])
            }
        }
        var steps: [Step] = []
        var (row, column) = (0, 0)
        while row < old.count || column < new.count {
            if row < old.count, column < new.count, old[row] == new[column] {
                steps.append(.keep)
                (row, column) = (row + 1, column + 1)
            } else if column == new.count
                || (row < old.count && common[(row + 1) * width + column] >= common[row * width + column + 1])
            {
                steps.append(.remove)
                row += 1
            } else {
                steps.append(.add)
                column += 1
            }
        }
        return steps
    }

    private static func range(_ start: Int, _ count: Int) -> String {
        let first = count == 0 ? start : start + 1
        return count == 1 ? "\(first)" : "\(first),\(count)"
    }

    private static func lines(_ text: String) -> [Substring] {
        guard !text.isEmpty else { return [] }
        var lines = textLines(text)
        if lines.last == "" {
            lines.removeLast()
        } else {
            lines[lines.count - 1] += "\n\\ No newline at end of file"
        }
        return lines
    }
}

/// The lines of a text, cut at each line feed, also at one that follows a carriage return.
func textLines(_ text: String) -> [Substring] {
    text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { Substring($0) }
}
