internal import Synchronization

/// Counts what `BoltMetric` lists, and tells it as Prometheus text (version 0.0.4). Safe to use from any thread.
///
/// Labels are bounded here as well: a metric takes at most `seriesMax` combinations, what comes after is one series
/// named `other`.
public final class MetricsRegistry: Sendable {
    /// Series of one metric.
    public static let seriesMax = 256
    /// Upper bounds of buckets for times, in seconds.
    static let secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// Upper bounds of buckets for sizes.
    static let sizeBuckets: [Double] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

    private struct Histogram {
        var counts: [UInt64]
        var sum = 0.0
        var count: UInt64 = 0

        mutating func add(_ value: Double, _ bounds: [Double]) {
            if let index = bounds.firstIndex(where: { value <= $0 }) { counts[index] += 1 }
            sum += value
            count += 1
        }
    }

    private struct State {
        var values: [BoltMetric: [[String]: Double]] = [:]
        var histograms: [BoltMetric: [[String]: Histogram]] = [:]
    }

    private let state = Mutex(State())

    /// A registry in which nothing was counted yet.
    public init() {}

    /// Adds to a counter.
    public func add(_ metric: BoltMetric, _ labels: [String] = [], by amount: Double = 1) {
        state.withLock { state in
            let labels = MetricsRegistry.bounded(labels, in: state.values[metric])
            state.values[metric, default: [:]][labels, default: 0] += amount
        }
    }

    /// Sets a gauge, or a counter that somebody else counts.
    public func set(_ metric: BoltMetric, _ labels: [String] = [], to value: Double) {
        state.withLock { state in
            let labels = MetricsRegistry.bounded(labels, in: state.values[metric])
            state.values[metric, default: [:]][labels] = value
        }
    }

    /// Counts one observation of a histogram.
    public func observe(_ metric: BoltMetric, _ labels: [String] = [], _ value: Double) {
        let bounds = MetricsRegistry.buckets(of: metric)
        state.withLock { state in
            let labels = MetricsRegistry.bounded(labels, in: state.histograms[metric])
            // In place: a copy of the series with every observation would cost more than all that is measured.
            state.histograms[metric, default: [:]][
                labels, default: Histogram(counts: Array(repeating: 0, count: bounds.count))
            ].add(value, bounds)
        }
    }

    /// The Prometheus text of everything.
    public func text() -> String {
        let (values, histograms) = state.withLock { ($0.values, $0.histograms) }
        var out = ""
        for metric in BoltMetric.allCases {
            out += "# HELP \(metric.rawValue) \(metric.meaning)\n# TYPE \(metric.rawValue) \(metric.kind.rawValue)\n"
            if metric.kind == .histogram {
                out += MetricsRegistry.lines(metric, histograms[metric] ?? [:])
                continue
            }
            let series = values[metric] ?? (metric.labels.isEmpty ? [[]: 0] : [:])
            for (labels, value) in series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                out += "\(metric.rawValue)\(MetricsRegistry.labels(metric, labels)) \(MetricsRegistry.number(value))\n"
            }
        }
        return out
    }

    private static func lines(_ metric: BoltMetric, _ series: [[String]: Histogram]) -> String {
        var out = ""
        for (values, histogram) in series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            var total: UInt64 = 0
            for (bound, count) in zip(buckets(of: metric), histogram.counts) {
                total += count
                out += "\(metric.rawValue)_bucket\(labels(metric, values, le: number(bound))) \(total)\n"
            }
            out += "\(metric.rawValue)_bucket\(labels(metric, values, le: "+Inf")) \(histogram.count)\n"
            out += "\(metric.rawValue)_sum\(labels(metric, values)) \(number(histogram.sum))\n"
            out += "\(metric.rawValue)_count\(labels(metric, values)) \(histogram.count)\n"
        }
        return out
    }

    private static func buckets(of metric: BoltMetric) -> [Double] {
        metric.unit == "seconds" ? secondsBuckets : sizeBuckets
    }

    private static func bounded<Series>(_ labels: [String], in known: [[String]: Series]?) -> [String] {
        guard let known, known.count >= seriesMax, known[labels] == nil else { return labels }
        return labels.map { _ in "other" }
    }

    private static func labels(_ metric: BoltMetric, _ values: [String], le bound: String? = nil) -> String {
        var parts = zip(metric.labels, values).map { "\($0)=\(LineLogHandler.quoted($1))" }
        if let bound { parts.append("le=\"\(bound)\"") }
        return parts.isEmpty ? "" : "{\(parts.joined(separator: ","))}"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}
