/// How long nobody was answered.
public struct Pauses: Hashable, Sendable {
    /// When answers came, by partition, ascending.
    private var ends: [String: [UInt64]] = [:]

    /// All answers of a run.
    public init(_ writers: [WriterHistory]) {
        for call in writers.flatMap(\.calls) {
            guard let answer = call.answer else { continue }
            ends[answer.partition, default: []].append(call.end)
        }
        for partition in ends.keys { ends[partition]?.sort() }
    }

    /// The longest time without an answer from a partition that touches the span: from the last answer before it, over
    /// those within, to the first one after it. Nanoseconds; nil where no answer came after its end.
    public func longest(_ partition: String, from start: UInt64, to end: UInt64) -> UInt64? {
        let all = ends[partition] ?? []
        guard let last = all.firstIndex(where: { $0 >= end }) else { return nil }
        let first = all.lastIndex { $0 <= start } ?? all.startIndex
        var before = min(all[first], start)
        var longest: UInt64 = 0
        for instant in all[first...last] {
            longest = max(longest, instant > before ? instant - before : 0)
            before = instant
        }
        return longest
    }

    /// A quantile by nearest rank; nil of nothing.
    public static func quantile(_ share: Double, of values: [UInt64]) -> UInt64? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let rank = Int((share * Double(sorted.count)).rounded(.up)) - 1
        return sorted[max(0, min(rank, sorted.count - 1))]
    }
}
