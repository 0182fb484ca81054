import ArgumentParser
import SpannerTestKit

extension SpannerSim {
    /// An envoy checks in every half second: much happens in little time.
    static let envoySeconds: UInt64 = 20

    func envoyOptions(_ seed: UInt64) -> EnvoySimOptions {
        var options = EnvoySimOptions(seed: seed)
        options.keepsTrace = trace
        options.chaosSeconds = seconds == 60 ? SpannerSim.envoySeconds : seconds
        return options
    }

    /// Runs seeds of the envoy plane; returns how many broke a promise, where it goes on after the first.
    func runEnvoySeeds() throws -> Int {
        var broken = 0
        var totals = SimTotals()
        let clock = ContinuousClock()
        let began = clock.now
        for number in seedRange {
            let report = EnvoySimulation(envoyOptions(number)).run()
            totals.add(report)
            if try show(report, plane: .envoy) { broken += 1 }
            if seed != nil { print("seed \(number): trace hash \(hex(report.traceHash)) (envoy)") }
        }
        print("envoy plane:")
        totals.print(elapsed: clock.now - began, rest: "seconds to come to rest after healing", broken: broken)
        return broken
    }

    /// Whether a checker of a promise that the fault breaks sees it within the seeds.
    func hunt(_ mutant: EnvoySimMutant) -> Bool {
        guard let found = mutant.hunt(seeds: start...(start + seeds - 1), { envoyOptions($0) }) else {
            let names = mutant.guarantees.joined(separator: ", ")
            print("mutant \(mutant.name): NOT seen by a checker of \(names) within \(seeds) seeds")
            return false
        }
        let violation = found.violation
        print("mutant \(mutant.name): seen at seed \(found.seed), \(violation.guarantee): \(violation.detail)")
        return true
    }
}
