import Spanner
import SpannerTestKit
import Testing

/// A small part of `script/sim --plane envoy`, on every run of the tests.
@Suite("Simulated envoys")
struct EnvoySmokeTests {
    private func options(_ seed: UInt64, seconds: UInt64 = 12) -> EnvoySimOptions {
        var options = EnvoySimOptions(seed: seed)
        options.chaosSeconds = seconds
        return options
    }

    @Test(
        "A seed keeps P5, P6 and S8, and comes to rest with all stored and all at the newest version",
        arguments: 1...10 as ClosedRange<UInt64>)
    func seed(number: UInt64) {
        let report = EnvoySimulation(options(number)).run()
        for violation in report.violations {
            Issue.record(
                """
                \(violation.guarantee): \(violation.detail); \
                replay: script/sim --plane envoy --seed \(number) --seconds 12
                """)
        }
        #expect(report.steps > 500)
        #expect((report.work["versions applied"] ?? 0) > 0)
        #expect((report.work["releases"] ?? 0) > 0)
    }

    /// First seeds that show faults which few show: tried before the others, for each costs time. Where a change of
    /// the cores made one of them tell nothing, all are tried.
    static let telling: [String: UInt64] = [
        "custody-taken-for-the-owner": 167, "receipt-of-another-report-believed": 17,
        "told-to-another-epoch-believed": 86, "register-not-told-at-enrolment": 43,
        "version-given-before-it-is-safe": 90, "untold-acknowledgement-believed": 7,
    ]

    @Test(
        "A deliberate fault is seen by a checker of a promise that it breaks",
        arguments: EnvoySimMutant.all.map(\.name))
    func mutant(name: String) throws {
        let mutant = try #require(EnvoySimMutant(name: name))
        func isSeen(_ seeds: ClosedRange<UInt64>) -> Bool {
            mutant.hunt(seeds: seeds) { options($0, seconds: 20) } != nil
        }
        let first = Self.telling[name] ?? 1
        #expect(isSeen(first...first) || isSeen(1...200), "no checker sees \(name)")
    }

    @Test("The same seed gives the same run; another seed another")
    func repeats() {
        let first = EnvoySimulation(options(3)).run()
        let second = EnvoySimulation(options(3)).run()
        #expect(first.traceHash == second.traceHash)
        #expect(first.faults == second.faults)
        #expect(first.work == second.work)
        #expect(EnvoySimulation(options(4)).run().traceHash != first.traceHash)
    }

    @Test("Every kind of fault fires, and envoys meet what they are to refuse")
    func faultsFire() {
        var seen: Set<String> = []
        for seed in 11...20 as ClosedRange<UInt64> {
            let report = EnvoySimulation(options(seed, seconds: 20)).run()
            seen.formUnion(report.faults.keys)
            seen.formUnion(report.work.keys)
        }
        for name in [
            "failovers", "former primaries that go on", "standbys away", "envoy killed", "envoys put back",
            "partitions put back", "lies", "messages lost", "slices moved", "results dropped", "reports kept",
            "reports brought to their owner", "versions covered", "contradictions", "queues begun anew",
            "answers of former primaries", "answers refused: superseded", "grants refused: superseded",
            "grants refused: replayed", "grants refused: other envoy", "grants refused: other partition",
            "orders refused: replayed", "orders refused: superseded", "orders refused: other envoy",
            "beacons refused: superseded", "roll-outs finished",
        ] {
            #expect(seen.contains(name), "\(name) never happened")
        }
    }
}
