import Spanner

/// What a simulated world draws from its seed and writes down; one whose messages need no network of their own.
protocol SimLedger: AnyObject {
    var generator: SeededGenerator { get set }
    var now: UInt64 { get }
    var report: SimReport { get set }
    var trace: SimTrace { get set }
}

extension SimLedger {
    /// Notes a broken promise; what follows from the first is not told.
    func violate(_ guarantee: String, _ detail: String) {
        guard report.violations.isEmpty else { return }
        trace.keep(now, "\(guarantee) broken: \(detail)")
        report.violations.append(SimViolation(guarantee: guarantee, detail: detail, milliseconds: now / 1000))
    }

    func count(work: String) { report.work[work, default: 0] += 1 }
    func count(fault: String) { report.faults[fault, default: 0] += 1 }

    /// True in so many of a hundred.
    func chance(_ percent: UInt64) -> Bool { generator.below(100) < percent }
}
