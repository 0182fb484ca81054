public import BoltAPI
public import Convergence
public import Policy

/// Puts a policy in force below a root, by the agent's engine.
public struct ConvergenceEnforcer: PolicyEnforcer {
    private let options: ConvergenceOptions

    /// An enforcer with these options; whether disruptive resources wait is decided pass by pass.
    public init(_ options: ConvergenceOptions) { self.options = options }

    /// Whether nothing is changed on the machine.
    public var isDryRun: Bool { options.isDryRun }

    /// One pass, ended early where the agent ends.
    public func enforce(
        _ policy: ResolvedPolicy, secrets: [[UInt8]], safeOnly: Bool
    ) async -> Result<PassReport, PolicyTrouble> {
        var options = options
        options.safeOnly = safeOnly
        let converger: Converger
        do {
            converger = try Converger(options)
        } catch {
            let code = PolicyTrouble.Code(rawValue: error.code.rawValue)
            return .failure(PolicyTrouble(code, "\(error.what): \(error.why)", next: error.next))
        }
        let (engine, isEnding) = (converger, StopFlag())
        let report = await withTaskCancellationHandler {
            await engine.run(policy, secrets: secrets) { isEnding.isRaised }
        } onCancel: {
            isEnding.raise()
        }
        return .success(PassReport(report))
    }
}

extension PassReport {
    init(_ report: ConvergenceReport) {
        self.init(
            isDryRun: report.isDryRun, isConverged: report.isConverged, microseconds: report.durationMicroseconds,
            counts: PassCounts(
                unchanged: report.counts.unchanged, changed: report.counts.changed,
                wouldChange: report.counts.wouldChange, skipped: report.counts.skipped + report.counts.deferred,
                failed: report.counts.failed),
            resources: report.resources.map { PassResource($0) }, memoryFailure: report.memoryFailure)
    }

    /// Whether the agent's end cut it short: a resource had no turn, or its program was ended. To be asked of a report
    /// with all of its resources.
    var isCut: Bool {
        resources.contains { resource in
            resource.reason == SkipReason.cancelled.rawValue || resource.code == PassReport.cancelledCode
        }
    }

    /// Code of a resource whose work was ended because the pass was to end.
    static let cancelledCode = "program_cancelled"
}

extension PassResource {
    fileprivate init(_ report: ResourceReport) {
        let outcome: Outcome =
            switch report.outcome {
            case .unchanged: .unchanged
            case .changed: .changed
            case .wouldChange: .wouldChange
            case .failed: .failed
            case .skipped, .deferred: .skipped
            }
        self.init(
            id: report.id.text, type: report.id.type, outcome: outcome, microseconds: report.durationMicroseconds,
            reason: report.skip?.rawValue, by: report.by, code: report.code, what: report.what, why: report.why,
            next: report.next, summary: report.summary.isEmpty ? nil : report.summary, diff: report.diff,
            output: report.output, wasNotified: report.wasNotified ? true : nil,
            hasChangedState: report.hasChangedState ? true : nil)
    }

    /// Whether it is as the policy wants it: it was, it was made so, or its own condition says that nothing is to do.
    var isInPlace: Bool {
        outcome == .unchanged || outcome == .changed
            || outcome == .skipped && reason == SkipReason.condition.rawValue
    }
}
