import ArgumentParser
import SpannerTestKit

extension SpannerSim {
    func partitionOptions(_ seed: UInt64) -> PartitionSimOptions {
        var options = PartitionSimOptions(seed: seed)
        options.keepsTrace = trace
        options.chaosSeconds = seconds
        return options
    }

    /// Runs seeds of the partition plane; returns how many broke a promise, where it goes on after the first.
    func runPartitionSeeds() throws -> Int {
        var broken = 0
        var totals = SimTotals()
        let clock = ContinuousClock()
        let began = clock.now
        for number in seedRange {
            let report = PartitionSimulation(partitionOptions(number)).run()
            totals.add(report)
            if try show(report, plane: .partition) { broken += 1 }
            if seed != nil { print("seed \(number): trace hash \(hex(report.traceHash)) (partition)") }
        }
        print("partition plane:")
        totals.print(elapsed: clock.now - began, rest: "seconds to come to rest after healing", broken: broken)
        return broken
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

    /// What a broken promise prints, and how to see it again; whether there is one.
    func show(_ report: SimReport, plane: Plane) throws -> Bool {
        if trace { report.trace.forEach { print($0) } }
        guard !report.violations.isEmpty else { return false }
        report.violations.forEach { print("seed \(report.seed): \($0.guarantee) broken: \($0.detail)") }
        if keepGoing { return true }
        if !trace { report.trace.forEach { print("  \($0)") } }
        let length = seconds == 60 ? "" : " --seconds \(seconds)"
        print("replay: script/sim --plane \(plane.rawValue) --seed \(report.seed)\(length)")
        throw ExitCode(1)
    }
}
