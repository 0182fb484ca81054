internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Policy
internal import Spanner
internal import SpannerStore

/// What operators are told of a stack and its envoys.
extension PolicyService {
    // MARK: - Revisions

    /// A version as operators are told of it.
    func view(of version: PolicyVersion) async throws -> StackRevisionView {
        let (digest, known) = (version.stack, stackFacts[version.stack])
        var facts = known
        if facts == nil {
            let files = try await partition.read { try $0.store.tables.policy.stack(digest) }
            if let files {
                let name = (try? Stack.read(files.stackFiles, isKept: true).get().name) ?? ""
                let bytes = files.files.reduce(UInt64(0)) { $0 + UInt64($1.bytes.count) }
                facts = StackFacts(name: name, files: files.files.count, bytes: bytes)
                if stackFacts.count >= PolicyServiceLimits.stackFactsMax { stackFacts = [:] }
                stackFacts[digest] = facts
            }
        }
        return StackRevisionView(
            revision: version.revision, version: version.sequence, digest: digest, stack: facts?.name ?? "",
            at: version.at, actor: version.who, reason: version.note, files: facts?.files ?? 0,
            bytes: facts?.bytes ?? 0, isInForce: version.sequence == reign?.version?.sequence, isKept: facts != nil)
    }

    /// The version in force as operators are told of it.
    func inForce() async throws -> StackRevisionView? {
        guard let version = reign?.version else { return nil }
        return try await view(of: version)
    }

    /// Finds a version: by its revision's name, the start of its digest, or its number; nil for the one in force.
    /// Throws `no_stack` or `no_such_revision`.
    func version(_ text: String?) async throws -> PolicyVersion {
        guard let inForce = reign?.version else { throw PolicyProblems.noStack(name) }
        guard let text, !text.isEmpty else { return inForce }
        let all = try await kept()
        if let found = all.first(where: { $0.revision == text || "\($0.sequence)" == text }) { return found }
        let short = text.lowercased()
        if short.utf8.count >= 4, let found = all.first(where: { $0.stack.hex.hasPrefix(short) }) { return found }
        throw Problem(
            .noSuchRevision, "partition \(name) keeps no revision “\(text.prefix(64))”",
            next: "boltctl stack history --partition \(name)")
    }

    /// All versions that are kept, the latest first.
    func kept() async throws -> [PolicyVersion] {
        try await partition.read {
            try $0.store.tables.policy.history(before: nil, limit: 2 * PolicyServiceLimits.versionsKept)
        }
    }

    /// The version that a rollback goes to: the one that is named, or the last one with another stack.
    func rollbackTarget(_ text: String?) async throws -> PolicyVersion {
        guard let inForce = reign?.version else { throw PolicyProblems.noStack(name) }
        if let text { return try await version(text) }
        guard let found = try await kept().first(where: { $0.stack != inForce.stack }) else {
            throw Problem(
                .noSuchRevision, "partition \(name) never had another stack in force than \(inForce.revision)",
                next: "boltctl stack history --partition \(name)")
        }
        return found
    }

    /// The stack of a version, read. Throws `no_such_revision` where its files are not kept any more.
    func brought(of version: PolicyVersion) async throws -> BroughtStack {
        let files = try await partition.read { try $0.store.tables.policy.stack(version.stack) }
        guard let files else {
            throw Problem(.noSuchRevision, "the files of \(version.revision) are not kept any more")
        }
        return try brought(files.files, isKept: true)
    }

    /// Refuses where another revision is in force than is expected; an empty text expects none.
    func require(_ expected: String?) throws {
        guard let expected else { return }
        let version = reign?.version
        let names = version.map { [$0.revision, "\($0.sequence)", $0.stack.hex] } ?? [""]
        guard names.contains(expected) else { throw PolicyProblems.moved(expected, version?.revision) }
    }

    /// The roll-out of the version in force; nil before the first.
    func rolloutView() -> RolloutView? {
        guard let reign, let run = reign.rollout else { return nil }
        let heldUp = reign.troubles.keys.filter { (reign.rows[$0]?.since ?? 0) < run.version }
        return run.view(names: names, heldUp: heldUp)
    }

    // MARK: - Envoys

    /// What an envoy is to have and what it last did; nil where this bolt does not reign.
    func envoyView(of envoy: PrincipalID) async throws -> EnvoyPolicyView? {
        guard let reign, let head = reign.head else { return nil }
        let leaf = reign.tree.leaf(of: envoy)
        let passes = try await lastPass(of: envoy)
        let secrets = leaf.flatMap { leaf in reign.bodies.values.first { $0.digest == leaf.body }?.secrets.count } ?? 0
        let (heldUp, held) = (reign.troubles[envoy], board.held(by: envoy))
        return EnvoyPolicyView(
            revision: reign.version?.revision, sequence: head.head.sequence, leaf: leaf?.hash(by: witness),
            body: leaf?.body, secrets: leaf?.box == .zero ? 0 : secrets,
            isGiven: heldUp == nil && leaf != nil && board.isGiven(envoy),
            isReported: board.isReported(by: envoy), held: held?.leaf,
            heldSequence: held?.sequence, heldRevision: try await revision(under: held?.sequence), heldUp: heldUp,
            lastPass: passes)
    }

    /// What the revision is called whose head has a number, or that was in force when it was made; nil where that is
    /// not kept, and where no head of this partition has that number: it is another one's, or was lost.
    private func revision(under sequence: UInt64?) async throws -> String? {
        guard let sequence, sequence <= reign?.head?.head.sequence ?? 0 else { return nil }
        return try await kept().first { $0.sequence <= sequence }?.revision
    }

    /// The last pass that an envoy told of, among its last results.
    private func lastPass(of envoy: PrincipalID) async throws -> EnvoyPassView? {
        let bodies = try await partition.read { service -> [[UInt8]] in
            let results = service.store.tables.results
            guard let queue = try results.queues(of: envoy).last, queue.storedThrough > 0 else { return [] }
            let window = UInt64(PolicyServiceLimits.passesPerCheckIn)
            let after = queue.storedThrough - min(queue.storedThrough, window)
            return try results.results(
                of: envoy, after: (queue.queue, after), limit: PolicyServiceLimits.passesPerCheckIn
            ).map(\.body)
        }
        return bodies.reversed().lazy.compactMap { PassRecord(resultBody: $0) }.first.map { EnvoyPassView($0) }
    }

    // MARK: - Judging

    /// Everything that is to be said of a stack for this partition's envoys: faults of their layers together, secrets
    /// that are not kept, a roll-out that would block itself.
    func judge(_ stack: Stack) async throws -> (faults: [StackFault], missing: [String], blocked: String?) {
        guard let fleet = reign?.fleet else { throw PolicyProblems.noReign(name) }
        let names = stack.secretNames
        let missing = try await partition.read { service in
            try names.filter { try service.store.tables.secrets.value($0) == nil }
        }
        var (seen, faults): (Set<StackSelection>, [StackFault]) = ([], [])
        for (count, member) in fleet.values.sorted(by: { $0.facts.id < $1.facts.id }).enumerated() {
            if count % PolicyServiceLimits.envoysPerTurn == 0 { await Task.yield() }
            let selection = stack.selection(for: member.facts)
            guard seen.insert(selection).inserted else { continue }
            if case .failure(let found) = stack.body(of: selection) { faults += found.faults }
        }
        return (StackFaults(faults)?.faults ?? [], missing, stack.settings.rollout.blocks(of: UInt64(fleet.count)))
    }

    /// Which envoys would get another body under another stack, by layer; and how many another policy, for its terms.
    func compare(
        _ old: Stack?, _ new: Stack
    ) async throws -> (layers: [StackLayerDiffView], changed: UInt64, all: UInt64) {
        guard let fleet = reign?.fleet else { throw PolicyProblems.noReign(name) }
        var (before, after): ([StackSelection: Bytes32?], [StackSelection: Bytes32?]) = ([:], [:])
        var (layers, changed): ([String: (changed: UInt64, envoys: UInt64)], UInt64) = ([:], 0)
        func digest(
            _ stack: Stack, _ selection: StackSelection, _ known: inout [StackSelection: Bytes32?]
        ) -> Bytes32? {
            if let digest = known[selection] { return digest }
            let digest = (try? stack.body(of: selection).get()).map { witness.hash($0.bytes) }
            known[selection] = digest
            return digest
        }
        let areTermsOther = old.map { $0.settings.terms != new.settings.terms } ?? false
        for (count, member) in fleet.values.enumerated() {
            if count % PolicyServiceLimits.envoysPerTurn == 0 { await Task.yield() }
            let (left, right) = (old?.selection(for: member.facts), new.selection(for: member.facts))
            let was = old.flatMap { old in left.flatMap { digest(old, $0, &before) } }
            let now = digest(new, right, &after)
            let isOther = was != now
            if isOther || areTermsOther && now != nil { changed += 1 }
            for layer in Set(right.layers) { layers[layer, default: (0, 0)].envoys += 1 }
            guard isOther else { continue }
            for layer in Set(right.layers + (left?.layers ?? [])) { layers[layer, default: (0, 0)].changed += 1 }
        }
        let views = layers.sorted { $0.key < $1.key }.map {
            StackLayerDiffView(layer: $0.key, changed: $0.value.changed, envoys: $0.value.envoys)
        }
        return (views, changed, UInt64(fleet.count))
    }
}

/// What is remembered of a stack for history.
struct StackFacts: Sendable {
    /// Its name.
    let name: String
    /// How many files.
    let files: Int
    /// Bytes of them.
    let bytes: UInt64
}
