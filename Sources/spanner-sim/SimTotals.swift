import SpannerTestKit

/// What many seeds gave together.
struct SimTotals {
    private var seeds = 0
    private var faults: [String: Int] = [:]
    private var work: [String: Int] = [:]
    private var virtualMilliseconds: UInt64 = 0
    private var steps = 0
    private var rounds: [(count: Double, seed: UInt64)] = []

    /// Adds up one run.
    mutating func add(_ report: SimReport) {
        seeds += 1
        faults.merge(report.faults, uniquingKeysWith: +)
        work.merge(report.work, uniquingKeysWith: +)
        virtualMilliseconds += report.virtualMilliseconds
        steps += report.steps
        rounds.append((report.roundsToConverge, report.seed))
    }

    /// Prints the sum; `broken` is how many seeds broke a promise.
    func print(elapsed: Duration, rest: String, broken: Int) {
        for (title, counts) in [("faults", faults), ("work", work)] {
            Swift.print("\(title):")
            for name in counts.keys.sorted() {
                let number = String(counts[name] ?? 0)
                Swift.print("  " + String(repeating: " ", count: max(0, 9 - number.count)) + number + "  " + name)
            }
        }
        let sorted = rounds.sorted { ($0.count, $0.seed) < ($1.count, $1.seed) }
        let median = sorted.isEmpty ? 0 : sorted[sorted.count / 2].count
        let worst = sorted.last ?? (0, 0)
        let slowest = "worst \(tenths(worst.count)) (seed \(worst.seed))"
        Swift.print("\(rest): median \(tenths(median)), \(slowest)")
        let seconds = max(0.001, elapsed / .seconds(1))
        let hours = Double(virtualMilliseconds) / 3_600_000
        Swift.print(
            "sim: \(seeds - broken) of \(seeds) seeds clean, \(steps) steps, \(tenths(hours)) simulated hours "
                + "in \(tenths(seconds)) s (\(hundredths(hours / seconds)) simulated hours a second of one processor)")
    }

    private func tenths(_ value: Double) -> String { String((value * 10).rounded() / 10) }
    private func hundredths(_ value: Double) -> String { String((value * 100).rounded() / 100) }
}
