/// Finds what somebody probably meant.
enum NearWord {
    /// Most candidates that are compared: what is asked for is a hint, not a search.
    static let candidatesMax = 2_000

    /// The candidate nearest to `text`, where it is near enough to be a slip: at most a third of the length, and
    /// always for one or two edits. Of equally near ones the first.
    static func suggest(_ text: String, among candidates: some Sequence<String>) -> String? {
        let limit = max(2, text.count / 3)
        var best: (distance: Int, name: String)?
        for name in candidates.prefix(candidatesMax) {
            let distance = distance(text.lowercased(), name.lowercased())
            guard distance <= limit, distance < max(text.count, name.count), distance < best?.distance ?? .max else {
                continue
            }
            best = (distance, name)
        }
        return best?.name
    }

    /// Insertions, deletions, replacements and swaps of neighbours that make one text the other; of the first 128
    /// characters.
    static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.prefix(128)), Array(right.prefix(128)))
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for i in left.indices {
            var row = [i + 1]
            for j in right.indices {
                var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (left[i] == right[j] ? 0 : 1))
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    best = min(best, beforeLast[j - 1] + 1)
                }
                row.append(best)
            }
            (beforeLast, last) = (last, row)
        }
        return last[right.count]
    }
}
