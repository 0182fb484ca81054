import SpannerTestKit
import Testing

@Suite("Handoff: takeovers that meet a hand-on, a group on both sides of a split, as histories")
struct HandoffHistoryTests {
    private func run(_ story: HandoffSimStory, seed: UInt64) -> SimReport {
        var options = HandoffSimOptions(seed: seed)
        options.plan = HandoffSimPlan(story)
        return HandoffSimulation(options).run()
    }

    @Test(
        "Whatever meets a handoff: one owner, nothing acknowledged lost, one copy at the end (P5, P6, P7, P8)",
        arguments: HandoffSimStory.allCases)
    func stories(story: HandoffSimStory) {
        for seed in 1...4 as ClosedRange<UInt64> {
            for violation in run(story, seed: seed).violations {
                Issue.record("\(story.rawValue), seed \(seed): \(violation.guarantee) broken: \(violation.detail)")
            }
        }
    }

    @Test("Each history is what it is there for")
    func work() {
        func count(_ story: HandoffSimStory, _ name: String) -> Int { run(story, seed: 1).work[name] ?? 0 }
        #expect(count(.move, "slices moved") == 1 && count(.move, "takeovers") == 0)
        #expect(count(.cancel, "handoffs cancelled") == 1 && count(.cancel, "slices moved") == 0)
        for story in [HandoffSimStory.targetLost, .targetLostBack] {
            #expect(count(story, "takeovers") == 1 && count(story, "hand-ons overtaken") == 1, "\(story.rawValue)")
        }
        for story in [HandoffSimStory.sourceLost, .sourceLostForth, .sourceGone, .sourceGoneForth, .unheard] {
            #expect(count(story, "takeovers") == 1 && count(story, "slices adopted") == 0, "\(story.rawValue)")
        }
        // The seal is taken back at once, and the slice moves when the standbys are back.
        #expect(count(.alone, "slices moved") == 1)
        // The hand-on beats the takeover that came before anybody heard of it.
        #expect(count(.untold, "takeovers") == 1 && count(.untold, "slices moved") == 1)
    }

    @Test(
        "A group created on both sides of a split: one owner when both heard, with all results (P5, P7, P8)",
        arguments: 1...20 as ClosedRange<UInt64>)
    func groupOnBothSides(seed: UInt64) {
        let report = GroupSplitHistory.run(seed: seed)
        for violation in report.violations {
            Issue.record("seed \(seed): \(violation.guarantee) broken: \(violation.detail)")
        }
        for name in [
            "writes in the north", "writes in the south", "hand-ons", "definitions heard of", "slices brought",
        ] {
            #expect((report.work[name] ?? 0) > 0, "seed \(seed): \(name)")
        }
    }

    @Test("What an operator set for a task is known to each next primary")
    func throttle() {
        let report = ThrottleHistory.run()
        for violation in report.violations { Issue.record("\(violation.detail)") }
        #expect(report.violations.isEmpty)
    }
}
