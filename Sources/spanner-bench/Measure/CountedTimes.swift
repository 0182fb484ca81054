/// Times that bolts counted in the buckets of a histogram, those of all bolts together.
struct CountedTimes {
    /// By a bucket's bound in seconds: how many were at most that.
    private var counts: [Double: Double] = [:]

    /// What the metrics of bolts say of a histogram.
    init(_ name: String, in texts: [String]) {
        for line in texts.flatMap({ $0.split(separator: "\n") }) where line.hasPrefix(name + "_bucket{") {
            let parts = line.split(separator: "\"")
            guard parts.count > 2, let count = line.split(separator: " ").last.flatMap({ Double($0) }) else { continue }
            let text = parts[parts.count - 2]
            guard let bound = text == "+Inf" ? Double.infinity : Double(text) else { continue }
            counts[bound, default: 0] += count
        }
    }

    var total: Double { counts[.infinity] ?? 0 }

    /// Those that were counted since.
    func since(_ before: CountedTimes) -> CountedTimes {
        var times = self
        for (bound, count) in before.counts { times.counts[bound, default: 0] -= count }
        return times
    }

    /// Bound in seconds of the bucket in which this part of the times ends; not a number where there are none.
    func quantile(_ part: Double) -> Double {
        guard total > 0 else { return .nan }
        let ascending = counts.sorted { $0.key < $1.key }
        return ascending.first { $0.value >= part * total }?.key ?? .infinity
    }
}
