internal import BoltAPI
internal import CRDT
internal import Policy
internal import Spanner
internal import SpannerStore

/// Working out what a version changes. Nothing is written here.
extension PolicyService {
    /// What each envoy is to have, against what it has: of those that may have changed, of all under another stack.
    ///
    /// What cannot be made for an envoy (a secret is missing, its layers do not fit together) leaves it with what it
    /// has, and is told by name; with `isStrict` faults of the stack end it instead.
    func draft(_ stack: Stack, all: Bool, isStrict: Bool) async throws -> PolicyDraft {
        guard let begun = reign, let fleet = begun.fleet else { throw PolicyProblems.noReign(name) }
        var draft = PolicyDraft(sequence: begun.sequence + 1)
        let secrets = try await secretsAtHand(stack)
        var bodies = all ? [:] : begun.bodies
        var ids = all ? Set(fleet.keys).union(begun.rows.keys) : begun.dirty
        if !all, begun.areSecretsDirty { ids.formUnion(begun.rows.filter { $0.value.leaf.box != .zero }.keys) }
        if !all, begun.areSecretsDirty { ids.formUnion(begun.troubles.keys) }
        for (count, id) in ids.sorted().enumerated() {
            if count % PolicyServiceLimits.envoysPerTurn == PolicyServiceLimits.envoysPerTurn - 1 {
                await Task.yield()
                guard reign?.epoch == begun.epoch else { throw PolicyProblems.noReign(name) }
            }
            draft.judged.insert(id)
            guard let member = fleet[id] else {
                if begun.rows[id] != nil {
                    draft.removed.append(id)
                    draft.changes.append(PolicyLeafChange(envoy: id, content: nil))
                }
                continue
            }
            // A contested name keeps what it has, and gets nothing new.
            if member.isContested { continue }
            let compiled: CompiledBody
            switch compile(stack.selection(for: member.facts), of: stack, &bodies, &draft) {
            case .success(let body): compiled = body
            case .failure(let faults):
                if isStrict { throw PolicyProblems.invalid(faults) }
                draft.troubles[id] = faults.faults.first.map { "\($0)" } ?? "its layers do not fit together"
                continue
            }
            try await place(compiled, stack.settings.terms, for: member, secrets, into: &draft)
        }
        draft.compiled = bodies
        return draft
    }

    /// The body of a selection, compiled once.
    private func compile(
        _ selection: StackSelection, of stack: Stack, _ bodies: inout [StackSelection: CompiledBody],
        _ draft: inout PolicyDraft
    ) -> Result<CompiledBody, StackFaults> {
        if let known = bodies[selection] { return .success(known) }
        switch stack.body(of: selection) {
        case .failure(let faults): return .failure(faults)
        case .success(let body):
            metrics.add(.policyCompiled)
            let compiled = CompiledBody(digest: witness.hash(body.bytes), secrets: body.secretNames)
            bodies[selection] = compiled
            draft.bodies[compiled.digest] = body.bytes
            return .success(compiled)
        }
    }

    /// Compares with what the envoy has, and makes it a box where it needs another one.
    private func place(
        _ compiled: CompiledBody, _ terms: PolicyTerms, for member: FleetMember, _ secrets: SecretsAtHand,
        into draft: inout PolicyDraft
    ) async throws {
        let id = member.facts.id
        let leaf = reign?.rows[id]?.leaf
        guard !compiled.secrets.isEmpty else {
            let bare = PolicyLeaf(envoy: id, body: compiled.digest, box: .zero, terms: terms)
            guard leaf != bare else { return }
            if leaf.map({ $0.box != .zero }) ?? false { draft.ingredients[id] = .zero }
            return draft.give(bare, box: [])
        }
        do throws(SecretsAtHand.Hindrance) {
            let wanted = try secrets.ingredients(compiled.secrets, for: member.sealingKey, by: witness)
            if let leaf, leaf.body == compiled.digest, leaf.terms == terms, leaf.box != .zero,
                await ingredients(of: id) == wanted
            {
                return
            }
            guard let key = member.sealingKey else { return }
            let box = try secrets.box(compiled.secrets, for: key)
            draft.ingredients[id] = wanted
            draft.give(PolicyLeaf(envoy: id, body: compiled.digest, box: witness.hash(box), terms: terms), box: box)
        } catch { draft.troubles[id] = error.words }
    }

    private func ingredients(of envoy: PrincipalID) async -> Bytes32? {
        if let known = reign?.ingredients[envoy] { return known }
        let held = try? await partition.read { try BoxIngredients.held(of: envoy, in: $0.store.tables) }
        if let held { reign?.ingredients[envoy] = held }
        return held
    }

    private func secretsAtHand(_ stack: Stack) async throws -> SecretsAtHand {
        let (names, vault, name) = (stack.secretNames, partition.sealing.vault, name)
        return try await partition.read { service in
            try SecretsAtHand(names, in: service.store.tables, vault: vault, partition: name)
        }
    }
}

extension PolicyDraft {
    /// An envoy is to have this, with a box of which the leaf has the hash; empty where it needs none.
    mutating func give(_ leaf: PolicyLeaf, box: [UInt8]) {
        let content = PolicyLeafChange.Content(body: leaf.body, box: box, terms: leaf.terms)
        changes.append(PolicyLeafChange(envoy: leaf.envoy, content: content))
        rows.append(LeafInForce(leaf: leaf, since: sequence))
    }
}
