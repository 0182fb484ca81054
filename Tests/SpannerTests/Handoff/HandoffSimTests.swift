import SpannerTestKit
import Testing

@Suite("Handoffs under crashes, promotions and a bad network")
struct HandoffSimTests {
    private func options(_ seed: UInt64, mutant: HandoffSimMutant? = nil) -> HandoffSimOptions {
        var options = HandoffSimOptions(seed: seed)
        options.chaosSeconds = 10
        options.mutant = mutant
        return options
    }

    @Test(
        "One owner, nothing acknowledged lost, one copy at the end (P5, P6, P7, P8)",
        arguments: 1...24 as ClosedRange<UInt64>)
    func seeds(seed: UInt64) {
        let report = HandoffSimulation(options(seed)).run()
        for violation in report.violations {
            Issue.record("seed \(seed): \(violation.guarantee) broken: \(violation.detail)")
        }
        #expect(report.violations.isEmpty)
    }

    @Test("One seed gives one run")
    func determinism() {
        for seed in [3, 8] as [UInt64] {
            let reports = (0..<2).map { _ in HandoffSimulation(options(seed)).run() }
            #expect(reports[0].traceHash == reports[1].traceHash && reports[0].steps == reports[1].steps)
        }
    }

    @Test("The workload does what it is there for")
    func coverage() {
        var work: [String: Int] = [:]
        var faults: [String: Int] = [:]
        for seed in 1...20 as ClosedRange<UInt64> {
            let report = HandoffSimulation(options(seed)).run()
            work.merge(report.work, uniquingKeysWith: +)
            faults.merge(report.faults, uniquingKeysWith: +)
        }
        for name in [
            "slices moved", "slices adopted", "handoffs cancelled", "cancellations", "pauses", "offers refused",
            "snapshots", "writes", "tails that were gone", "cancellations that came too late", "takeovers",
            "hand-ons overtaken", "handoffs cancelled while their target was away", "remains that were brought",
            "writes at local",
        ] {
            #expect((work[name] ?? 0) > 0, "\(name)")
        }
        for name in [
            "promotions", "restarts", "tails lost", "messages lost", "messages doubled", "partitions lost",
            "standby outages",
        ] {
            #expect((faults[name] ?? 0) > 0, "\(name)")
        }
    }

    @Test(
        "Each deliberate fault is seen by a checker of a promise that it breaks",
        arguments: HandoffSimMutant.all.map(\.name))
    func mutants(name: String) throws {
        let mutant = try #require(HandoffSimMutant(name: name))
        let found = mutant.hunt(seeds: 1...60) { options($0) }
        let names = mutant.guarantees.joined(separator: ", ")
        #expect(found != nil, "\(name) was seen by no checker of \(names) within 60 seeds")
    }
}
