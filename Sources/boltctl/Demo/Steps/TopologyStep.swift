import BoltAPI

/// The first topology is applied: slices get their first owners, and every bolt knows them.
@MainActor enum TopologyStep {
    static func run(_ demo: DemoRun) async throws {
        let (applied, seconds) = try await demo.timed {
            try await demo.apply(demo.firstDocument, reason: "demo: the first topology")
        }
        demo.record(
            "topology", "the first topology is in force", applied.result.apply?.standing == .inForce, seconds,
            applied.plan.diff.summary)
        try await demo.recordSlices("topology", "every slice has one owner, known to every bolt")
    }
}
