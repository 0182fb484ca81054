import Spanner

extension HandoffSimMutant {
    /// The promises that the fault breaks: only a checker of one of these sees it.
    public var guarantees: [String] { mutation.guarantees }

    /// Runs with the fault, directed runs first, then these seeds, until a checker of a promise that the fault breaks
    /// sees it: in which run, and what. Nil where none does.
    public func hunt(
        seeds: ClosedRange<UInt64>, _ options: (UInt64) -> HandoffSimOptions
    ) -> (run: String, violation: SimViolation)? {
        if let seen = named(ThrottleHistory.run(mutation)) { return ("the throttled task", seen) }
        for story in HandoffSimStory.allCases {
            var directed = HandoffSimOptions(seed: 1)
            directed.plan = HandoffSimPlan(story)
            if let seen = run(directed) { return ("the story '\(story.rawValue)'", seen) }
        }
        // What no handoff does no seed shows.
        guard mutation != .throttleForgotten else { return nil }
        for seed in seeds {
            if let seen = run(options(seed)) { return ("seed \(seed)", seen) }
        }
        return nil
    }

    private func run(_ options: HandoffSimOptions) -> SimViolation? {
        var options = options
        options.mutant = self
        return named(HandoffSimulation(options).run())
    }

    private func named(_ report: SimReport) -> SimViolation? {
        report.violations.first { guarantees.contains($0.guarantee) }
    }
}
