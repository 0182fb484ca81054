internal import Policy

/// One run through a policy: each resource in its turn, a failure that of its own, and what was notified at the end.
struct Pass {
    let policy: ResolvedPolicy
    let options: ConvergenceOptions
    let context: WorkContext
    let shown: Shown
    /// By place in the policy; nil for what has not had its turn.
    private(set) var reports: [ResourceReport?]
    private let places: [ResourceID: Int]
    /// What changed resources of this pass notify, or would.
    private var notified: Set<ResourceID> = []

    init(_ policy: ResolvedPolicy, options: ConvergenceOptions, context: WorkContext, shown: Shown) {
        (self.policy, self.options, self.context, self.shown) = (policy, options, context, shown)
        reports = Array(repeating: nil, count: policy.resources.count)
        places = Dictionary(
            policy.resources.enumerated().map { ($0.element.id, $0.offset) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func run() -> [ResourceReport] {
        for (place, resource) in policy.resources.enumerated() where !isRefreshOnly(resource) {
            reports[place] = timed { pass in pass.turn(of: resource) }
        }
        refresh()
        for (place, resource) in policy.resources.enumerated() where reports[place] == nil {
            reports[place] = resting(resource)
        }
        return policy.resources.indices.compactMap { place in
            guard var report = reports[place] else { return nil }
            report.wasNotified = report.wasNotified || isNotified(report.id)
            return report
        }
    }

    private mutating func timed(_ body: (inout Pass) -> ResourceReport) -> ResourceReport {
        let start = MonotonicTime.nanoseconds
        var report = body(&self)
        report.durationMicroseconds = MonotonicTime.microseconds(since: start)
        return report
    }

    // MARK: - Turns

    private mutating func turn(of resource: ResolvedResource) -> ResourceReport {
        if context.isCancelled() { return skipped(resource, .cancelled) }
        if let waiting = requirement(of: resource) { return waiting }
        switch resource.content {
        case .failure(let fault):
            let failure = ResourceFailure(
                code: fault.code.rawValue, what: "make \(resource.id) of \(resource.origin)", why: fault.reason,
                next: fault.next)
            return failed(resource, failure)
        case .success(let spec):
            return carryOut(work(for: spec, isNotified: false), of: resource)
        }
    }

    /// The report of a resource that has to wait for what it requires; nil where all of that is in place.
    private func requirement(of resource: ResolvedResource) -> ResourceReport? {
        for id in resource.requires {
            guard let place = places[id] else { continue }
            // One that is run only when it is notified has its turn at the end: what requires it does not wait for it.
            guard let report = reports[place] else { continue }
            switch (report.outcome, report.skip) {
            case (.failed, _), (_, .requirementFailed?): return skipped(resource, .requirementFailed, by: id.text)
            case (.deferred, _), (_, .requirementWaits?), (_, .cancelled?):
                return skipped(resource, .requirementWaits, by: id.text)
            default: continue
            }
        }
        return nil
    }

    private mutating func carryOut(_ work: any Work, of resource: ResolvedResource) -> ResourceReport {
        let plan: Plan
        do throws(ResourceFailure) {
            plan = try work.plan()
        } catch {
            return unplanned(resource, error)
        }
        var report = ResourceReport(resource.id, .unchanged)
        if let skip = plan.skip { return skipped(resource, skip.reason, by: shown.text(skip.by)) }
        guard !plan.summary.isEmpty else { return report }
        report.summary =
            resource.isSensitive && plan.summary.first?.hasPrefix("runs ") == true
            ? ["runs a command with a secret"] : plan.summary.map(shown.text)
        report.diff = diff(plan.difference, of: resource)
        if options.isDryRun {
            notified.formUnion(resource.notifies)
            report.outcome = .wouldChange
            return report
        }
        if options.safeOnly, resource.effect == .disruptive {
            (report.outcome, report.skip) = (.deferred, .disruptiveWaits)
            return report
        }
        return apply(plan, of: resource, report)
    }

    private mutating func apply(
        _ plan: Plan, of resource: ResolvedResource, _ planned: ResourceReport
    ) -> ResourceReport {
        var report = planned
        let targets = resource.notifies.filter(isRefreshable)
        let fresh = targets.isEmpty ? [] : context.memory.note(pending: targets)
        if !targets.isEmpty { context.atStep(.noted, resource.id.text) }
        do throws(ResourceFailure) {
            let applied = try plan.apply()
            report.outcome = applied.isChanged ? .changed : .unchanged
            report.hasChangedState = applied.isChanged
            if let difference = applied.difference { report.diff = diff(difference, of: resource) }
            if let output = applied.output { report.output = shownOutput(output, of: resource, isEndCut: false) }
            if applied.isChanged {
                notified.formUnion(resource.notifies)
            } else {
                context.memory.forget(pending: fresh)
            }
            return report
        } catch {
            // Where something may have changed, it stays to be told once all of it is in place.
            if !error.hasChangedState { context.memory.forget(pending: fresh) }
            return failed(resource, error)
        }
    }

    /// A resource that can't be planned: its failure, or in a dry run that it depends on what was not done.
    private mutating func unplanned(_ resource: ResolvedResource, _ failure: ResourceFailure) -> ResourceReport {
        let path = resource.id.name
        let waitsFor = reports.compactMap { $0 }.first { report in
            guard report.outcome == .wouldChange else { return false }
            let isAbove = report.id.type == "directory" && path.hasPrefix(report.id.name + "/")
            return isAbove || resource.requires.contains(report.id)
        }
        guard options.isDryRun, let waitsFor else { return failed(resource, failure) }
        notified.formUnion(resource.notifies)
        var report = ResourceReport(resource.id, .wouldChange)
        report.summary = ["is known once \(waitsFor.id) is in place"].map(shown.text)
        return report
    }

    // MARK: - Refreshing

    /// Refreshes what was notified: in the order of the policy, each once. One may notify others.
    private mutating func refresh() {
        var done: Set<ResourceID> = []
        while let resource = policy.resources.first(where: { resource in
            !done.contains(resource.id) && isRefreshable(resource.id) && isNotified(resource.id)
        }) {
            done.insert(resource.id)
            guard let place = places[resource.id] else { continue }
            let before = reports[place]
            if let before, before.outcome == .failed || before.skip?.isAtRest == false { continue }
            var report = timed { pass in pass.refresh(resource) }
            report.wasNotified = true
            if let before { report = merged(report, after: before) }
            reports[place] = report
        }
    }

    private mutating func refresh(_ resource: ResolvedResource) -> ResourceReport {
        if context.isCancelled() { return skipped(resource, .cancelled) }
        let failedNotifier = policy.resources.first { other in
            guard other.notifies.contains(resource.id), let place = places[other.id] else { return false }
            return reports[place]?.outcome == .failed
        }
        if let failedNotifier { return skipped(resource, .notifierFailed, by: failedNotifier.id.text) }
        if let waiting = requirement(of: resource) { return waiting }
        guard case .success(let spec) = resource.content else { return turn(of: resource) }
        context.atStep(.refreshing, resource.id.text)
        let report = carryOut(work(for: spec, isNotified: true), of: resource)
        context.atStep(.refreshed, resource.id.text)
        let isDone = [.changed, .unchanged].contains(report.outcome) || report.skip == .condition
        if !options.isDryRun, isDone { context.memory.forget(pending: [resource.id]) }
        return report
    }

    private func merged(_ refreshed: ResourceReport, after before: ResourceReport) -> ResourceReport {
        var report = refreshed
        if report.outcome == .unchanged || report.skip?.isAtRest == true { report.outcome = before.outcome }
        report.summary = before.summary + report.summary.filter { !before.summary.contains($0) }
        report.diff = before.diff ?? report.diff
        report.durationMicroseconds += before.durationMicroseconds
        report.hasChangedState = report.hasChangedState || before.hasChangedState
        return report
    }

    /// What had no turn: nobody notified it.
    private func resting(_ resource: ResolvedResource) -> ResourceReport {
        if case .failure(let fault) = resource.content {
            let what = "make \(resource.id) of \(resource.origin)"
            return failed(
                resource, ResourceFailure(code: fault.code.rawValue, what: what, why: fault.reason, next: fault.next))
        }
        return skipped(resource, .notNotified)
    }

    private func isNotified(_ id: ResourceID) -> Bool { notified.contains(id) || context.memory.pending.contains(id) }

    private func isRefreshOnly(_ resource: ResolvedResource) -> Bool {
        guard case .success(.exec(let spec)) = resource.content else { return false }
        return spec.refreshOnly
    }

    /// Whether a notice does anything at all: to a command that waits for one, and to what a handler looks after.
    private func isRefreshable(_ id: ResourceID) -> Bool {
        guard let place = places[id] else { return false }
        switch policy.resources[place].content {
        case .success(.exec(let spec)): return spec.refreshOnly
        case .success(.handler): return true
        default: return false
        }
    }

    // MARK: - Reports

    private func work(for spec: ResourceSpec, isNotified: Bool) -> any Work {
        switch spec {
        case .file(let spec): FileWork(context: context, spec: spec)
        case .directory(let spec): DirectoryWork(context: context, spec: spec)
        case .link(let spec): LinkWork(context: context, spec: spec)
        case .absent(let spec): AbsentWork(context: context, spec: spec)
        case .exec(let spec): ExecWork(context: context, spec: spec)
        case .handler(let spec):
            HandlerWork(context: context, spec: spec, traits: policy.traits, isNotified: isNotified)
        }
    }

    private func skipped(_ resource: ResolvedResource, _ reason: SkipReason, by: String? = nil) -> ResourceReport {
        var report = ResourceReport(resource.id, .skipped)
        (report.skip, report.by) = (reason, by)
        return report
    }

    private func failed(_ resource: ResolvedResource, _ failure: ResourceFailure) -> ResourceReport {
        var report = ResourceReport(resource.id, .failed)
        report.code = failure.code
        report.what = shown.text(failure.what)
        // A handler's own words may hold a secret that it made something else of.
        let isOthersWords = resource.isSensitive && failure.code == ResourceFailure.Code.handlerFailed.rawValue
        report.why = isOthersWords ? "its words are not shown: a secret went into it" : shown.text(failure.why)
        report.next = shown.text(failure.next)
        report.hasChangedState = failure.hasChangedState
        if let output = failure.output { report.output = shownOutput(output, of: resource, isEndCut: true) }
        return report
    }

    private func diff(_ difference: Difference?, of resource: ResolvedResource) -> String? {
        resource.isSensitive ? nil : difference.map(shown.difference)
    }

    private func shownOutput(_ output: ShownOutput, of resource: ResolvedResource, isEndCut: Bool) -> String? {
        resource.isSensitive ? nil : shown.output(output, isEndCut: isEndCut)
    }
}
