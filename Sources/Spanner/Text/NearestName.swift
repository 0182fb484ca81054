/// Finds what somebody probably meant.
public enum NearestName {
    /// The candidate nearest to `text` by edits, where it is near enough to be a slip: at most a third of the length,
    /// and always for one or two edits. Equal distances are decided by order.
    public static func suggest(_ text: String, among candidates: some Sequence<String>) -> String? {
        let limit = max(2, text.count / 3)
        return candidates.map { (name: $0, distance: distance(text.lowercased(), $0.lowercased())) }
            .filter { $0.distance <= limit && $0.distance < max(text.count, $0.name.count) }
            .min { $0.distance < $1.distance }?.name
    }

    /// Insertions, deletions, replacements and swaps of neighbours that make one text the other; of the first 128
    /// characters.
    public static func distance(_ left: String, _ right: String) -> Int {
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
