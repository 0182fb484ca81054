import ArgumentParser
import SpannerTestKit

extension SpannerSim {
    func partitionOptions(_ seed: UInt64) -> PartitionSimOptions {
        var options = PartitionSimOptions(seed: seed)
        options.keepsTrace = trace
        options.chaosSeconds = seconds
        return options
    }

    /// Runs seeds of the partition plane; ends with 1 at the first broken promise.
    func runPartitionSeeds() throws {
        var totals = SimTotals()
        let clock = ContinuousClock()
        let began = clock.now
        for number in seedRange {
            let report = PartitionSimulation(partitionOptions(number)).run()
            totals.add(report)
            try show(report, plane: .partition)
            if seed != nil { print("seed \(number): trace hash \(hex(report.traceHash)) (partition)") }
        }
        print("partition plane:")
        totals.print(elapsed: clock.now - began, rest: "seconds to come to rest after healing")
    }

    /// Whether a checker sees the fault within the seeds.
    func hunt(_ mutant: PartitionSimMutant) -> Bool {
        for number in start..<(start + seeds) {
            var options = partitionOptions(number)
            options.mutant = mutant
            let report = PartitionSimulation(options).run()
            guard let first = report.violations.first else { continue }
            print("mutant \(mutant.name): seen at seed \(number), \(first.guarantee): \(first.detail)")
            return true
        }
        print("mutant \(mutant.name): NOT seen within \(seeds) seeds")
        return false
    }

    /// What a broken promise prints, and how to see it again.
    func show(_ report: SimReport, plane: Plane) throws {
        if trace { report.trace.forEach { print($0) } }
        guard !report.violations.isEmpty else { return }
        report.violations.forEach { print("seed \(report.seed): \($0.guarantee) broken: \($0.detail)") }
        if !trace { report.trace.forEach { print("  \($0)") } }
        let length = seconds == 60 ? "" : " --seconds \(seconds)"
        print("replay: script/sim --plane \(plane.rawValue) --seed \(report.seed)\(length)")
        throw ExitCode(1)
    }
}
