/// Measurements of one figure, in one unit.
struct Series {
    var values: [Double] = []

    var median: Double { quantile(0.5) }
    var least: Double { values.min() ?? .nan }
    var most: Double { values.max() ?? .nan }

    /// The value below which this part of the measurements lies.
    func quantile(_ part: Double) -> Double {
        guard !values.isEmpty else { return .nan }
        let sorted = values.sorted()
        return sorted[min(sorted.count - 1, Int(part * Double(sorted.count)))]
    }

    /// Seconds that each of `count` calls of `body` took.
    static func seconds(_ count: Int, _ body: (Int) throws -> Void) rethrows -> Series {
        var series = Series()
        for index in 0..<count {
            let clock = ContinuousClock()
            let start = clock.now
            try body(index)
            series.values.append(Series.seconds(start.duration(to: clock.now)))
        }
        return series
    }

    static func seconds(_ duration: Duration) -> Double {
        let parts = duration.components
        return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
    }

    /// Each measurement divided by `divisor`: a figure for one of many.
    func each(_ divisor: Double) -> Series { Series(values: values.map { $0 / divisor }) }
}
