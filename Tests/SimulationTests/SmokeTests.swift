import Spanner
import SpannerTestKit
import Testing

/// A small part of `script/sim`, on every run of the tests.
@Suite("Simulated mesh")
struct SmokeTests {
    private func options(_ seed: UInt64) -> SimOptions {
        var options = SimOptions(seed: seed)
        options.chaosSeconds = 20
        return options
    }

    @Test("A seed keeps R1, R2, R3, R4, R5, R7, R9, R10 and D8", arguments: 1...9 as ClosedRange<UInt64>)
    func seed(number: UInt64) {
        let report = SimSeed.run(options(number))
        for violation in report.violations {
            Issue.record(
                "\(violation.guarantee): \(violation.detail); replay: script/sim --seed \(number) --seconds 20")
        }
        #expect(report.steps > 1000)
        #expect(report.roundsToConverge <= 10)
    }

    @Test("The same seed gives the same trace; another seed another")
    func repeats() {
        let first = Simulation(options(3)).run()
        let second = Simulation(options(3)).run()
        #expect(first.traceHash == second.traceHash)
        #expect(first.outcomeHash == second.outcomeHash)
        #expect(first.faults == second.faults)
        #expect(Simulation(options(4)).run().traceHash != first.traceHash)
    }

    /// Those that show within few seeds; `spanner-sim --mutants` hunts them all.
    @Test(
        "A deliberate fault of a core is seen by a checker",
        arguments: SimMutant.all.map(\.name).filter {
            ![
                "restored-disk-keeps-its-incarnation", "pushes-before-durable", "poison-spoils-the-batch",
                "drops-fork-proofs", "fork-proofs-are-not-kept",
            ].contains($0)
        })
    func mutant(name: String) throws {
        let mutant = try #require(SimMutant(name: name))
        for seed in 1...9 as ClosedRange<UInt64> {
            var options = options(seed)
            options.mutant = mutant
            options.chaosSeconds = 40
            if !SimSeed.run(options).violations.isEmpty { return }
        }
        Issue.record("no checker sees \(name) within 9 seeds")
    }

    @Test(
        "R6: two processes with one key and one disk: frozen alike at all bolts; proofs dropped or forgotten are seen")
    func twins() throws {
        var twinned = options(37)
        twinned.chaosSeconds = 30
        let report = SimSeed.run(twinned)
        #expect(report.violations.isEmpty)
        #expect(report.faults["two stories held"] == 1)
        for (name, seed) in [("drops-fork-proofs", 37), ("fork-proofs-are-not-kept", 5)] as [(String, UInt64)] {
            var options = options(seed)
            let mutant = try #require(SimMutant(name: name))
            options.mutant = mutant
            options.chaosSeconds = 30
            #expect(!SimSeed.run(options).violations.isEmpty, "no checker sees \(name)")
        }
    }

    @Test("Every kind of fault fires")
    func faultsFire() {
        let kinds: Set<String> = [
            "clock jump", "network split", "one-way split", "links broken", "power cut", "process killed",
            "process paused", "disk full", "disk destroyed", "old copy of a disk restored", "long absence",
            "peers dialled twice", "slow and lossy network", "twin of a disk",
        ]
        var faults: Set<String> = []
        for seed in 11...34 as ClosedRange<UInt64> where !seed.isMultiple(of: 10) && !kinds.isSubset(of: faults) {
            var options = options(seed)
            options.chaosSeconds = 30
            faults.formUnion(Simulation(options).run().faults.keys)
        }
        let missing = kinds.subtracting(faults).sorted()
        #expect(missing.isEmpty, "\(missing) never fired")
    }
}
