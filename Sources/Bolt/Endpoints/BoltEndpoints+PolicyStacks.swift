internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Policy
internal import Spanner
internal import SpannerStore

/// What operators ask of a partition's stack, its roll-out and its pushes: answered by its primary, wherever it was
/// asked.
extension BoltEndpoints {
    /// What every request of a change says.
    private struct Named: Decodable { let partition: PartitionName }

    func stackRequest(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        try await requireAdmitted(request)
        let name = try await stackPartition(of: request)
        let views = NodeViews(configuration: configuration)
        let picture = try await node.read { try views.picture($0, of: name) }
        guard let primary = picture.reigning else { throw noPrimary(picture) }
        guard primary.bolt.fullName == configuration.fullName else { return try await passOn(request, to: primary) }
        guard !partition.sealing.isSealed else { throw sealedProblem() }
        await policy.becomeReady()
        switch request.endpoint {
        case .stackStatus: return try .json(await stackStatus(name))
        case .stackHistory: return try .json(await stackHistory(request, name))
        case .stackDiff:
            return try await judging.pass(.stackDiff) { try .json(await stackDiff(request, name)) }
        case .validateStack:
            return try await judging.pass(.validateStack) { try .json(await validateStack(request, name)) }
        case .stackPreview:
            return try await judging.pass(.stackPreview) { try .json(await stackPreview(request, name)) }
        case .publishStack: return try .json(await publishStack(request))
        case .rollbackStack: return try .json(await rollbackStack(request))
        case .freezeStack, .unfreezeStack: return try .json(await freezeStack(request))
        case .pauseRollout, .resumeRollout, .abortRollout: return try .json(await changeRollout(request))
        case .pushEnvoys: return try .json(await pushEnvoys(request))
        case .push: return try .json(await push(request, name))
        case .abortPush: return try .json(await abortPush(request))
        case _: throw Problem(.notFound, "no such path")
        }
    }

    private func stackPartition(of request: HTTPRequestContext) async throws -> PartitionName {
        switch request.endpoint {
        case .stackStatus, .stackHistory, .push:
            return try request.item("partition", as: PartitionName.self) ?? configuration.partition
        case .stackPreview:
            let subject = request.query["envoy"] ?? ""
            let views = NodeViews(configuration: configuration)
            return try await node.read { node in
                let envoy = try views.envoyPrincipal(node, subject)
                let partitions = Array(Set(node.bolts.compactMap(\.partition))).sorted()
                guard let owner = node.owner(of: envoy, partitions: partitions) else {
                    throw Problem(.noPrimary, "no partition owns \(envoy.name)")
                }
                return owner
            }
        case _: return try request.decode(Named.self).partition
        }
    }

    // MARK: - Changes

    private func publishStack(_ request: HTTPRequestContext) async throws -> StackChangeResponse {
        let body = try request.decode(PublishStackRequest.self)
        let reason = try checked(reason: body.reason)
        if let revision = body.revision, revision.utf8.count > PolicyLimits.revisionBytesMax {
            throw Problem(.badRequest, "a revision has at most \(PolicyLimits.revisionBytesMax) bytes")
        }
        let (freeze, status) = (await policy.read { $0.reign?.freeze }, await source.status())
        try await policy.read { try $0.require(body.expectRevision) }
        let files: [PolicyFile]
        let revision: String?
        if let given = body.files {
            if let place = status.words, freeze == nil {
                throw Problem(
                    .conflict, "the stack of partition \(body.partition) comes from \(place); nothing was changed",
                    next: "change it there; or stop following it first: boltctl stack freeze --partition "
                        + "\(body.partition)")
            }
            if let freeze, status.words == nil { throw PolicyProblems.frozen(freeze, body.partition) }
            files = given.map { PolicyFile(path: $0.path, bytes: $0.bytes.bytes) }
            revision = body.revision
        } else {
            if let freeze { throw PolicyProblems.frozen(freeze, body.partition) }
            let snapshot = try await sourceNow(body.partition)
            (files, revision) = (snapshot.files.files, body.revision ?? snapshot.revision)
        }
        let brought = try await judging.pass(.publishStack) { try policy.brought(files) }
        let name = revision ?? brought.digest.shortHex
        var publication = PolicyPublication(
            files: brought.files, stack: brought.stack, digest: brought.digest, revision: name,
            who: "operator/\(request.principal?.name.text ?? "unknown")", note: reason,
            audit: audit("stack.publish", name, reason, request))
        (publication.expected, publication.yieldsToFreeze) = (body.expectRevision, freeze == nil)
        let change = try await policy.publish(brought, as: publication, dryRun: request.isDryRun)
        return try await stackChange(change, body.partition, request)
    }

    /// What the source holds now.
    private func sourceNow(_ name: PartitionName) async throws -> PolicySnapshot {
        let found: PolicySnapshot?
        do throws(PolicySourceError) { found = try await source.current() } catch {
            throw Problem(.sourceUnavailable, "\(error.what): \(error.why)", next: error.next)
        }
        guard let found else {
            throw Problem(.noSource, "partition \(name) follows no source; nothing was changed")
        }
        return found
    }

    private func rollbackStack(_ request: HTTPRequestContext) async throws -> StackChangeResponse {
        let body = try request.decode(RollbackStackRequest.self)
        let reason = try checked(reason: body.reason)
        try await policy.read { try $0.require(body.expectRevision) }
        let target = try await policy.rollbackTarget(body.revision)
        let brought = try await judging.pass(.rollbackStack) { try await policy.brought(of: target) }
        let who = "operator/\(request.principal?.name.text ?? "unknown")"
        var publication = PolicyPublication(
            files: brought.files, stack: brought.stack, digest: target.stack, revision: target.revision, who: who,
            note: reason, audit: audit("stack.rollback", target.revision, reason, request))
        (publication.immediately, publication.expected) = (body.immediately, body.expectRevision)
        if body.freeze {
            publication.freeze = PolicyFreeze(isFrozen: true, reason: reason, who: who, at: WallClock.now())
        }
        let change = try await policy.publish(brought, as: publication, dryRun: request.isDryRun)
        return try await stackChange(change, body.partition, request)
    }

    private func freezeStack(_ request: HTTPRequestContext) async throws -> StackChangeResponse {
        let body = try request.decode(FreezeStackRequest.self)
        let (reason, isFrozen) = (try checked(reason: body.reason), request.endpoint == .freezeStack)
        let known = await policy.read { $0.reign?.freeze }
        let verb = isFrozen ? "frozen" : "no longer frozen"
        guard (known != nil) != isFrozen else {
            return try await stackChange(
                PolicyService.StackChange(
                    isChanged: false, level: .paired, effects: ["the stack of \(body.partition) is \(verb) already"]),
                body.partition, request)
        }
        let effects = ["the stack of \(body.partition) \(request.isDryRun ? "would be" : "is") \(verb)"]
        guard !request.isDryRun else {
            return try await stackChange(
                PolicyService.StackChange(isChanged: true, level: .local, effects: effects), body.partition, request)
        }
        let entry = audit(isFrozen ? "stack.freeze" : "stack.unfreeze", "\(body.partition)", reason, request)
        let level = try await policy.freeze(
            PolicyFreeze(isFrozen: isFrozen, reason: reason, who: entry.actor, at: entry.at), audit: entry)
        if !isFrozen { source.wake() }
        return try await stackChange(
            PolicyService.StackChange(isChanged: true, level: level, effects: effects), body.partition, request)
    }

    private func changeRollout(_ request: HTTPRequestContext) async throws -> StackChangeResponse {
        let body = try request.decode(ChangeRolloutRequest.self)
        let reason = try checked(reason: body.reason)
        try await policy.read { try $0.require(body.expectRevision) }
        let (event, verb): (Rollout.Event, String) =
            switch request.endpoint {
            case .pauseRollout: (.pause, "pause")
            case .resumeRollout: (.resume, "resume")
            case _: (.abort, "abort")
            }
        let entry = audit("rollout.\(verb)", "\(body.partition)", reason, request)
        let level = try await policy.changeRollout(event, audit: entry, dryRun: request.isDryRun)
        let now = request.isDryRun ? "would be" : "is"
        let effect =
            switch request.endpoint {
            case .pauseRollout: "the roll-out \(now) held: nobody else is given the version"
            case .resumeRollout: "the roll-out \(now) let go on"
            case _: "the roll-out \(now) ended: envoys without the version keep what they have"
            }
        return try await stackChange(
            PolicyService.StackChange(isChanged: true, level: level, effects: [effect]), body.partition, request)
    }

    private func stackChange(
        _ change: PolicyService.StackChange, _ name: PartitionName, _ request: HTTPRequestContext
    ) async throws -> StackChangeResponse {
        let (frozen, rollout) = await policy.read { service in
            (service.reign?.freeze, service.rolloutView())
        }
        return StackChangeResponse(
            partition: name, bolt: configuration.fullName, changed: change.isChanged,
            inForce: try await policy.inForce(), frozen: frozen.map { StackFreezeView($0) }, rollout: rollout,
            level: change.level, dryRun: request.isDryRun, effects: change.effects)
    }
}

extension StackFreezeView {
    /// A freeze of the journal.
    init(_ freeze: PolicyFreeze) { self.init(actor: freeze.who, at: freeze.at, reason: freeze.reason) }
}
