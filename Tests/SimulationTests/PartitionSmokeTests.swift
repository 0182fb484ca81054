import Spanner
import SpannerTestKit
import Testing

/// A small part of `script/sim --plane partition`, on every run of the tests.
@Suite("Simulated partitions")
struct PartitionSmokeTests {
    private func options(_ seed: UInt64, seconds: UInt64 = 12) -> PartitionSimOptions {
        var options = PartitionSimOptions(seed: seed)
        options.chaosSeconds = seconds
        return options
    }

    static let seeds: [UInt64] = [1, 2, 3, 4, 5]

    /// A seed that once broke a promise, after how many seconds, and why.
    struct Regression: Sendable, CustomTestStringConvertible {
        let seed: UInt64
        let seconds: UInt64
        let cause: String
        var testDescription: String { cause }
    }

    static let regressions = [
        Regression(seed: 6, seconds: 30, cause: "a tail about to be cut was called safe"),
        Regression(seed: 39, seconds: 4, cause: "a new disk began an epoch and put no loss on record"),
        Regression(seed: 69, seconds: 30, cause: "a hand-over that was called off began after all"),
        Regression(seed: 137, seconds: 18, cause: "an unsealed primary took up an epoch that others had outbid"),
        Regression(seed: 160, seconds: 60, cause: "commands of records that a standby held were refused"),
        Regression(seed: 263, seconds: 60, cause: "a new disk acknowledged below what it took over as promised"),
        Regression(seed: 290, seconds: 32, cause: "a disk was told that it is counted, by memory alone"),
        Regression(seed: 149, seconds: 60, cause: "an absurd number came to be believed as others grew"),
        Regression(seed: 261, seconds: 14, cause: "a promotion was called refused while its first record was written"),
        Regression(seed: 286, seconds: 60, cause: "a removed disk was named in the log again"),
        Regression(seed: 406, seconds: 60, cause: "nobody could stand, for the last was left out by an unsafe record"),
        Regression(seed: 530, seconds: 60, cause: "a new disk waited for a disk that was removed"),
        Regression(seed: 705, seconds: 60, cause: "a promotion waited for a disk that was removed"),
    ]

    @Test("A seed that once broke a promise keeps it", arguments: PartitionSmokeTests.regressions)
    func regression(known: Regression) {
        for violation in PartitionSimulation(options(known.seed, seconds: known.seconds)).run().violations {
            Issue.record("seed \(known.seed), \(violation.guarantee): \(violation.detail)")
        }
    }

    /// Those that show within few seeds; `spanner-sim --mutants` hunts them all.
    @Test(
        "A deliberate fault of the core or its disk is seen by a checker",
        arguments: PartitionSimMutant.all.map(\.name).filter {
            !["cut-by-high-water-mark", "resume-old-epoch"].contains($0)
        })
    func mutant(name: String) throws {
        let mutant = try #require(PartitionSimMutant(name: name))
        for seed in 1...12 as ClosedRange<UInt64> {
            var options = options(seed, seconds: 40)
            options.mutant = mutant
            if !PartitionSimulation(options).run().violations.isEmpty { return }
        }
        Issue.record("no checker sees \(name) within 12 seeds")
    }

    @Test("A seed keeps P1, P2, P3, P4, P9, P10, D1, D3, D7 and D8", arguments: PartitionSmokeTests.seeds)
    func seed(number: UInt64) {
        let report = PartitionSimulation(options(number)).run()
        for violation in report.violations {
            Issue.record(
                """
                \(violation.guarantee): \(violation.detail); \
                replay: script/sim --plane partition --seed \(number) --seconds 12
                """)
        }
        #expect(report.steps > 1000)
        #expect((report.work["attempts acknowledged paired"] ?? 0) > 0)
    }

    @Test("The same seed gives the same trace; another seed another")
    func repeats() {
        let first = PartitionSimulation(options(3)).run()
        let second = PartitionSimulation(options(3)).run()
        #expect(first.traceHash == second.traceHash)
        #expect(first.faults == second.faults)
        #expect(first.work == second.work)
        #expect(PartitionSimulation(options(4)).run().traceHash != first.traceHash)
    }

    @Test("Every kind of fault fires")
    func faultsFire() {
        let kinds: Set<String> = [
            "network split", "one-way split", "links broken", "power cut", "process killed", "process paused",
            "whole partition without power", "disk full", "slow disk", "disk copied", "disk destroyed",
            "peers dialled twice", "slow and lossy network", "bolt sealed", "clock at a wrong pace",
            "journal compacted", "lease granted early", "lease granted twice", "lease granted to a paused process",
            "promoted on both sides", "absurd epoch heard of", "disk replaced", "disk replaced that was taken out",
            "living disk cut off",
        ]
        var faults: Set<String> = []
        for seed in 11...24 as ClosedRange<UInt64> where !kinds.isSubset(of: faults) {
            faults.formUnion(PartitionSimulation(options(seed, seconds: 30)).run().faults.keys)
        }
        let missing = kinds.subtracting(faults).sorted()
        #expect(missing.isEmpty, "\(missing) never fired")
    }
}
