internal import BoltAPI
internal import Policy

/// What a simulated machine does with its policy: it is resolved, and every resource that can be is said to be in
/// place. Nothing is touched.
struct ResolvingEnforcer: PolicyEnforcer {
    let isDryRun = false

    func enforce(
        _ policy: ResolvedPolicy, secrets: [[UInt8]], safeOnly: Bool
    ) async -> Result<PassReport, PolicyTrouble> {
        let begun = ContinuousClock.now
        let resources = policy.resources.map { resource in
            var told = PassResource(id: resource.id.text, type: resource.id.type, outcome: .unchanged, microseconds: 0)
            if case .failure(let fault) = resource.content {
                (told.outcome, told.code, told.next) = (.failed, fault.code.rawValue, fault.next)
                (told.what, told.why) = (resource.origin, fault.reason)
            }
            return told
        }
        let failed = resources.count { $0.outcome == .failed }
        let time = (ContinuousClock.now - begun).components
        let microseconds = max(0, time.seconds) * 1_000_000 + max(0, time.attoseconds) / 1_000_000_000_000
        return .success(
            PassReport(
                isDryRun: false, isConverged: failed == 0, microseconds: UInt64(microseconds),
                counts: PassCounts(unchanged: resources.count - failed, failed: failed), resources: resources))
    }
}
