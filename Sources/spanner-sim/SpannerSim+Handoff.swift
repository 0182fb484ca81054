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
        var broken = seed == nil ? runDirected() : 0
        let directed = broken
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
        totals.print(
            elapsed: clock.now - began, rest: "seconds to come to rest after healing", broken: broken - directed)
        return broken
    }

    /// Whether a checker of a promise that the fault breaks sees it, in a directed run or within the seeds.
    func hunt(_ mutant: HandoffSimMutant) -> Bool {
        let found = mutant.hunt(seeds: start...(start + seeds - 1)) { handoffOptions($0) }
        guard let found else {
            let names = mutant.guarantees.joined(separator: ", ")
            print("mutant \(mutant.name): NOT seen by a checker of \(names) within \(seeds) seeds")
            return false
        }
        print("mutant \(mutant.name): seen at \(found.run), \(found.violation.guarantee): \(found.violation.detail)")
        return true
    }

    /// Runs every story and every crash point of a handoff; returns how many broke a promise.
    func runDirected() -> Int {
        var broken = 0
        for plan in HandoffSimPlan.all {
            var options = HandoffSimOptions(seed: start)
            options.plan = plan
            for violation in HandoffSimulation(options).run().violations {
                print("directed run \(plan): \(violation.guarantee) broken: \(violation.detail)")
                broken += 1
            }
        }
        print("directed runs of a handoff: \(HandoffSimPlan.all.count - broken) of \(HandoffSimPlan.all.count) clean")
        return broken
    }
}
