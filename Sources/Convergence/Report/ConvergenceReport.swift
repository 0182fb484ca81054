/// How many resources of a pass ended how.
public struct ConvergenceCounts: Hashable, Sendable {
    /// They were as they should be.
    public var unchanged = 0
    /// They were changed.
    public var changed = 0
    /// They would have been changed.
    public var wouldChange = 0
    /// They failed.
    public var failed = 0
    /// They were passed over.
    public var skipped = 0
    /// They wait, since they are disruptive.
    public var deferred = 0

    init(of reports: [ResourceReport]) {
        for report in reports {
            switch report.outcome {
            case .unchanged: unchanged += 1
            case .changed: changed += 1
            case .wouldChange: wouldChange += 1
            case .failed: failed += 1
            case .skipped: skipped += 1
            case .deferred: deferred += 1
            }
        }
    }
}

/// What a pass came to.
public struct ConvergenceReport: Sendable {
    /// All resources, in the order of the policy.
    public var resources: [ResourceReport]
    /// How many ended how.
    public var counts: ConvergenceCounts
    /// The whole pass, cleaning included.
    public var durationMicroseconds: UInt64
    /// Whether nothing was to be changed.
    public var isDryRun: Bool
    /// Why what the next pass needs could not be kept; nil where it was. Everything else was done all the same.
    public var memoryFailure: String?

    /// The whole pass, without fractions.
    public var durationMilliseconds: UInt64 { durationMicroseconds / 1_000 }

    /// Whether the machine is as the policy wants it: nothing failed, is held back, or still differs.
    public var isConverged: Bool {
        counts.failed == 0 && counts.wouldChange == 0 && counts.deferred == 0
            && resources.allSatisfy { $0.skip?.isAtRest != false }
    }
}
