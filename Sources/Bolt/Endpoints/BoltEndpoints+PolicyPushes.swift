internal import BoltAPI
internal import Foundation
internal import Policy
internal import Spanner
internal import SpannerStore

/// Pushes: envoys are told to apply what is in force at once, batch by batch.
extension BoltEndpoints {
    func pushEnvoys(_ request: HTTPRequestContext) async throws -> PushChangeResponse {
        let body = try request.decode(PushRequest.self)
        let reason = try checked(reason: body.reason)
        guard body.selection.isGiven else {
            throw Problem(
                .badRequest, "which envoys are meant is missing; nothing was changed",
                next: "name them, a group, labels, or all of them")
        }
        guard body.selection.envoys?.count ?? 0 <= APILimits.pushNamesMax else {
            throw Problem(.badRequest, "at most \(APILimits.pushNamesMax) envoys can be named one by one")
        }
        if let known = await policy.read({ $0.pushView(body.push) }) {
            return PushChangeResponse(
                push: known, level: .paired, dryRun: request.isDryRun, effects: ["push \(body.push) was begun before"])
        }
        let envoys = try await policy.read { try $0.select(body.selection) }
        try await policy.read { try $0.requireAble(envoys) }
        let plan = PushPlan(
            envoys: envoys, batchSize: Int(clamping: body.batch ?? UInt64(envoys.count)),
            thresholdPercent: Int(clamping: body.thresholdPercent),
            batchSeconds: body.patienceSeconds ?? PolicyServiceLimits.pushPatienceSeconds)
        if let fault = plan.fault { throw Problem(.badRequest, "\(fault); nothing was changed") }
        guard envoys.count <= PolicyServiceLimits.pushEnvoysMax else {
            throw Problem(.badRequest, "one push takes at most \(PolicyServiceLimits.pushEnvoysMax) envoys")
        }
        guard body.pauseSeconds <= PolicyLimits.pushSecondsMax else {
            throw Problem(.badRequest, "pause_seconds must be at most \(PolicyLimits.pushSecondsMax)")
        }
        guard let version = await policy.read({ $0.reign?.version }) else {
            throw PolicyProblems.noStack(body.partition)
        }
        let entry = audit("envoy.push", "\(Plural.text(envoys.count, "envoy")), push \(body.push)", reason, request)
        let facts = PushFacts(
            id: body.push, actor: entry.actor, reason: reason, revision: version.revision,
            kind: body.isDisruptive ? .applyDisruptive : .applyNow, pauseSeconds: body.pauseSeconds, beganAt: entry.at)
        guard let run = PushRun(facts, plan) else { throw Problem(.badRequest, "the push cannot be carried out") }
        let verb = request.isDryRun ? "would be" : envoys.count == 1 ? "is" : "are"
        let batches = (envoys.count - 1) / plan.batchSize + 1
        let heldUp = await policy.read { $0.heldUpWords(envoys) }
        let effects =
            [
                "\(Plural.text(envoys.count, "envoy")) \(verb) told to apply \(version.revision), in "
                    + Plural.text(batches, "batch", "batches"),
                "a batch is followed where \(plan.thresholdPercent) percent of it succeed within "
                    + "\(plan.batchSeconds) s",
            ] + heldUp
        guard !request.isDryRun else {
            return PushChangeResponse(
                push: run.view(in: body.partition, names: [:]), level: .local, dryRun: true, effects: effects)
        }
        let level = try await policy.begin(run, audit: entry)
        let view = await policy.read { $0.pushView(body.push) } ?? run.view(in: body.partition, names: [:])
        return PushChangeResponse(push: view, level: level, dryRun: false, effects: effects)
    }

    func push(_ request: HTTPRequestContext, _ name: PartitionName) async throws -> PushResponse {
        let id = try pushID(request)
        guard let view = await policy.read({ $0.pushView(id) }) else { throw PolicyProblems.noPush(id, name) }
        return PushResponse(push: view, bolt: configuration.fullName, isPrimary: true)
    }

    func abortPush(_ request: HTTPRequestContext) async throws -> PushChangeResponse {
        let (id, body) = (try pushID(request), try request.decode(AbortPushRequest.self))
        let reason = try checked(reason: body.reason)
        guard let known = await policy.read({ $0.pushView(id) }) else {
            throw PolicyProblems.noPush(id, body.partition)
        }
        let rest = known.envoys - min(known.envoys, known.asked)
        let effects = [
            "push \(id) \(request.isDryRun ? "would end" : "ends"): \(Plural.text(rest, "envoy")) "
                + "\(rest == 1 ? "is" : "are") not asked any more"
        ]
        guard !request.isDryRun else {
            return PushChangeResponse(push: known, level: .local, dryRun: true, effects: effects)
        }
        let entry = audit("envoy.push-abort", "push \(id)", reason, request)
        let level = try await policy.abort(push: id, reason: reason, audit: entry)
        let view = await policy.read { $0.pushView(id) } ?? known
        return PushChangeResponse(push: view, level: level, dryRun: false, effects: effects)
    }

    private func pushID(_ request: HTTPRequestContext) throws -> PrincipalID {
        guard let id = PrincipalID(apiText: request.arguments[0]) else {
            throw Problem(.badRequest, "a push is named by \(PrincipalID.apiKind)")
        }
        return id
    }
}

extension PolicyService {
    /// A push as operators are told; nil where there is none.
    func pushView(_ id: PrincipalID) -> PushView? { reign?.pushes[id]?.view(in: name, names: names) }

    /// The envoys of the partition that are meant, by id. Throws `not_found` for a name that none has.
    func select(_ selection: EnvoySelection) throws -> [PrincipalID] {
        guard let fleet = reign?.fleet else { throw PolicyProblems.noReign(name) }
        var chosen = fleet.values.filter { member in
            (selection.group == nil || member.facts.group == selection.group)
                && selection.labels.allSatisfy { member.facts.labels[$0.key] == $0.value }
        }
        if let named = selection.envoys {
            let wanted = Set(named)
            chosen = chosen.filter { wanted.contains($0.facts.name.text) || wanted.contains("\($0.facts.id)") }
            let found = Set(chosen.flatMap { [$0.facts.name.text, "\($0.facts.id)"] })
            if let stray = named.first(where: { !found.contains($0) }) {
                throw Problem(
                    .notFound, "partition \(name) has no envoy “\(stray.prefix(64))” that fits; nothing was changed",
                    next: "boltctl envoy list")
            }
        }
        let ids = chosen.map(\.facts.id).filter { reign?.rows[$0] != nil || reign?.troubles[$0] != nil }
        // They are machines of this partition all the same: whoever pushes to several is to hear of them.
        guard chosen.isEmpty || !ids.isEmpty else {
            throw Problem(
                .pushRefused, "no machine of partition \(name) that fits has a policy yet; nothing was changed",
                next: "publish a stack there first: boltctl stack publish")
        }
        guard !ids.isEmpty else {
            throw Problem(.notFound, "no envoy of partition \(name) fits that; nothing was changed")
        }
        return ids.sorted()
    }
}
