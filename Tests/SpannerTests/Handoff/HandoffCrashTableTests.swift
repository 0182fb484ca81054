import SpannerTestKit
import Testing

@Suite("Handoff: every crash point of either side, with a restart and with a promotion")
struct HandoffCrashTableTests {
    @Test(
        "Whoever dies, however far a record of either side is: one owner, nothing acknowledged lost (P5, P6, P7, P8)",
        arguments: HandoffSimStep.allCases)
    func crashPoints(step: HandoffSimStep) {
        for (number, point) in HandoffSimPoint.all.enumerated() where point.step == step {
            var options = HandoffSimOptions(seed: UInt64(number) + 1)
            options.plan = HandoffSimPlan(point)
            let report = HandoffSimulation(options).run()
            for violation in report.violations {
                Issue.record("\(point): \(violation.guarantee) broken: \(violation.detail)")
            }
            #expect(report.work[HandoffSimulation.reached] == 1, "\(point): the run did not come to it")
        }
    }

    @Test("The table names each record of both sides, each moment, each side that dies, and both ways to go on")
    func complete() {
        #expect(HandoffSimStep.allCases.count == 16)
        for step in HandoffSimStep.allCases {
            let points = HandoffSimPoint.all.filter { $0.step == step }
            #expect(points.count == 14 && Set(points).count == 14)
            for moment in [HandoffSimMoment.unwritten, .durable, .safe] {
                #expect(points.filter { $0.moment == moment }.count == 4)
            }
        }
    }
}
