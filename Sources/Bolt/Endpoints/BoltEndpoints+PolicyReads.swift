internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Policy
internal import Spanner
internal import SpannerStore

/// What is told of a partition's stack; all of it by its primary. Nothing is changed.
extension BoltEndpoints {
    func stackStatus(_ name: PartitionName) async throws -> StackStatusResponse {
        let (inForce, source) = (try await policy.inForce(), await sourceView())
        let fresh = await freshness()
        let bolt = configuration.fullName
        return await policy.read { service in
            let reign = service.reign
            var pushes = (reign?.pushes.values).map { Array($0) } ?? []
            pushes.sort { ($0.isOpen ? 0 : 1, $1.facts.beganAt) < ($1.isOpen ? 0 : 1, $0.facts.beganAt) }
            let shown = pushes.prefix(APILimits.pushesShown).map { $0.view(in: name, names: service.names) }
            let rollout = service.rolloutView()
            // Of a stack that cannot be read any more there are still the leaves that came of it.
            let terms = reign?.stack?.settings.terms ?? reign?.tree.all.first?.terms ?? PolicyTerms()
            let bodies = Set((reign?.rows.values).map { $0.map(\.leaf.body) } ?? []).count
            let trouble = service.troubleWords()
            let hold = service.hold ?? (trouble.isEmpty ? nil : trouble.joined(separator: "; "))
            return StackStatusResponse(
                partition: name, bolt: bolt, isPrimary: true, inForce: inForce,
                sequence: reign?.head?.head.sequence ?? 0, envoys: UInt64(reign?.rows.count ?? 0),
                bodies: UInt64(bodies), expiry: PolicyExpiryWord(terms.expiry),
                maxAgeSeconds: terms.maxAgeSeconds, source: source,
                frozen: reign?.freeze.map { StackFreezeView($0) }, rejected: service.rejected, hold: hold,
                rollout: rollout, pushes: shown,
                next: BoltEndpoints.nextStep(name, source, rollout, service.rejected, isThere: inForce != nil),
                freshness: fresh)
        }
    }

    private static func nextStep(
        _ name: PartitionName, _ source: StackSourceView, _ rollout: RolloutView?, _ rejected: StackRejectionView?,
        isThere: Bool
    ) -> String? {
        if rejected != nil { return "boltctl stack validate DIR" }
        if rollout?.state == .halted {
            return "boltctl stack rollback --partition \(name), or boltctl stack rollout resume --partition \(name)"
        }
        if source.trouble != nil { return "look at the source: \(source.place ?? "")" }
        return isThere || source.kind != .none ? nil : "boltctl stack publish DIR --partition \(name)"
    }

    private func sourceView() async -> StackSourceView {
        let (status, isFrozen) = (await source.status(), await policy.read { $0.reign?.freeze != nil })
        let kind: StackSourceView.Kind =
            switch configuration.policy.source {
            case .none: .none
            case .directory: .directory
            case .git: .git
            }
        let age = status.goodAt == nil ? nil : Double(status.ageSeconds)
        return StackSourceView(
            kind: kind, place: status.place, isFollowed: kind != .none && !isFrozen, lookedAt: status.goodAt,
            ageSeconds: age, revision: status.newest,
            // That a freeze holds something back is no trouble of the source's: it has a line of its own.
            trouble: status.error.map { "\($0.reason) [\($0.code)]" } ?? (isFrozen ? nil : status.waitsFor))
    }

    func stackHistory(_ request: HTTPRequestContext, _ name: PartitionName) async throws -> StackHistoryResponse {
        let (limit, after) = (min(try request.limit(), PolicyServiceLimits.versionsKept), try request.number("after"))
        let versions = try await readStore { try $0.store.tables.policy.history(before: after, limit: limit) }
        var views: [StackRevisionView] = []
        for version in versions { views.append(try await policy.view(of: version)) }
        return StackHistoryResponse(
            partition: name, bolt: configuration.fullName, isPrimary: true, revisions: views,
            nextAfter: versions.count == limit ? versions.last?.sequence : nil)
    }

    // MARK: - Judging

    func validateStack(_ request: HTTPRequestContext, _ name: PartitionName) async throws -> ValidateStackResponse {
        let body = try request.decode(ValidateStackRequest.self)
        let read = Stack.read(body.files.map { StackFile(path: $0.path, bytes: $0.bytes.bytes) })
        let bolt = configuration.fullName
        func shown(_ faults: [StackFault]) -> [StackFaultView] {
            faults.prefix(APILimits.stackFaultsShown).map { StackFaultView($0) }
        }
        switch read {
        case .failure(let faults):
            return ValidateStackResponse(
                partition: name, bolt: bolt, digest: nil, faults: shown(faults.faults), missingSecrets: [],
                rolloutBlocked: nil)
        case .success(let stack):
            let judged = try await policy.judge(stack)
            return ValidateStackResponse(
                partition: name, bolt: bolt, digest: judged.faults.isEmpty ? stack.digest(by: policy.witness) : nil,
                faults: shown(judged.faults), missingSecrets: judged.missing, rolloutBlocked: judged.blocked)
        }
    }

    func stackDiff(_ request: HTTPRequestContext, _ name: PartitionName) async throws -> StackDiffResponse {
        let body = try request.decode(StackDiffRequest.self)
        let isEmpty = await policy.read { $0.reign?.version == nil }
        var (from, before): (String?, PolicyService.BroughtStack?) = (nil, nil)
        if !isEmpty || body.from != nil {
            let version = try await policy.version(body.from)
            (from, before) = (version.revision, try await policy.brought(of: version))
        }
        var response = StackDiffResponse(
            partition: name, bolt: configuration.fullName, from: from, to: nil, files: [], layers: [], changed: 0,
            envoys: 0)
        let old = before?.files.files ?? []
        if let files = body.files {
            let new = files.map { PolicyFile(path: $0.path, bytes: $0.bytes.bytes) }.filter { Stack.takes($0.path) }
            BoltEndpoints.compare(old, new, &response)
            switch Stack.read(files.map { StackFile(path: $0.path, bytes: $0.bytes.bytes) }) {
            case .failure(let faults):
                response.faults = faults.faults.prefix(APILimits.stackFaultsShown).map { StackFaultView($0) }
                return response
            case .success(let stack): try await count(before?.stack, stack, &response)
            }
        } else {
            let version = try await policy.version(body.to)
            let after = try await policy.brought(of: version)
            response.to = version.revision
            BoltEndpoints.compare(old, after.files.files, &response)
            try await count(before?.stack, after.stack, &response)
        }
        return response
    }

    private func count(_ old: Stack?, _ new: Stack, _ response: inout StackDiffResponse) async throws {
        let compared = try await policy.compare(old, new)
        (response.layers, response.changed, response.envoys) = (compared.layers, compared.changed, compared.all)
        response.terms = old.map { new.settings.terms.changes(from: $0.settings.terms) } ?? []
    }

    /// Files that differ, within the bounds of an answer.
    static func compare(_ old: [PolicyFile], _ new: [PolicyFile], _ response: inout StackDiffResponse) {
        let before = Dictionary(old.map { ($0.path, $0.bytes) }) { first, _ in first }
        let after = Dictionary(new.map { ($0.path, $0.bytes) }) { first, _ in first }
        var room = APILimits.stackDiffBytesMax
        for path in Set(before.keys).union(after.keys).sorted() where before[path] != after[path] {
            guard response.files.count < APILimits.stackDiffFilesShown else {
                response.omitted += 1
                continue
            }
            let kind: StackFileDiffView.Kind =
                before[path] == nil ? .added : after[path] == nil ? .removed : .changed
            let diff = LineDiff(before[path], after[path])
            let text = diff.text.flatMap { $0.utf8.count <= room ? $0 : nil }
            room -= text?.utf8.count ?? 0
            response.files.append(
                StackFileDiffView(path: path, kind: kind, added: diff.added, removed: diff.removed, text: text))
        }
    }

    // MARK: - Preview

    func stackPreview(_ request: HTTPRequestContext, _ name: PartitionName) async throws -> PreviewResponse {
        let (subject, views) = (request.query["envoy"] ?? "", NodeViews(configuration: configuration))
        let envoy = try await node.read { try views.envoyPrincipal($0, subject) }
        let version = try await policy.version(request.query["revision"])
        let stack = try await policy.brought(of: version).stack
        let facts = StandingFacts(id: envoy.id, name: envoy.name, group: envoy.group, labels: envoy.labels.dictionary)
        let selection = stack.selection(for: facts)
        let body: PolicyBody
        switch stack.body(of: selection) {
        case .success(let made): body = made
        case .failure(let faults): throw PolicyProblems.invalid(faults)
        }
        let id = envoy.id
        let (secrets, record) = try await readStore { partition in
            let tables = partition.store.tables
            let kept = try body.secretNames.map { secret in
                PreviewResponse.Secret(name: secret, isKept: try tables.secrets.value(secret) != nil)
            }
            return (kept, try tables.envoys.record(of: id))
        }
        let traits = record?.traits.flatMap {
            try? APIJSON.decode([String: JSONValue].self, from: Data($0.document))
        }
        return PreviewResponse(
            envoy: id, name: envoy.name, group: envoy.group, labels: facts.labels, partition: name,
            bolt: configuration.fullName, revision: version.revision, layers: selection.layers,
            digest: policy.witness.hash(body.bytes), body: Base64Bytes(body.bytes), secrets: secrets, traits: traits,
            traitsAt: record?.lastSeen, policy: try await policy.envoyView(of: id))
    }
}
