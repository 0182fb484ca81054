import ArgumentParser
import SpannerTestKit

extension SpannerSim {
    /// A handoff's life is shorter: a slice moves in less than a second.
    static let handoffSeconds: UInt64 = 20

    func handoffOptions(_ seed: UInt64) -> HandoffSimOptions {
        var options = HandoffSimOptions(seed: seed)
        options.keepsTrace = trace
        options.chaosSeconds = seconds == 60 ? SpannerSim.handoffSeconds : seconds
        return options
    }

    /// Runs seeds of the handoff plane; returns how many broke a promise, where it goes on after the first.
    func runHandoffSeeds() throws -> Int {
        var broken = 0
        var totals = SimTotals()
        let clock = ContinuousClock()
        let began = clock.now
        for number in seedRange {
            let report = HandoffSimulation(handoffOptions(number)).run()
            totals.add(report)
            if try show(report, plane: .handoff) { broken += 1 }
            if seed != nil { print("seed \(number): trace hash \(hex(report.traceHash)) (handoff)") }
        }
        print("handoff plane:")
        totals.print(elapsed: clock.now - began, rest: "seconds to come to rest after healing", broken: broken)
        return broken
    }

    /// Whether a checker sees the fault within the seeds.
    func hunt(_ mutant: HandoffSimMutant) -> Bool {
        for number in start..<(start + seeds) {
            var options = handoffOptions(number)
            options.mutant = mutant
            let report = HandoffSimulation(options).run()
            guard let first = report.violations.first else { continue }
            print("mutant \(mutant.name): seen at seed \(number), \(first.guarantee): \(first.detail)")
            return true
        }
        print("mutant \(mutant.name): NOT seen within \(seeds) seeds")
        return false
    }
}
