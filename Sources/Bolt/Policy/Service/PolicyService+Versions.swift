internal import BoltAPI
internal import CRDT
internal import Logging
internal import Policy
internal import Spanner
internal import SpannerStore

/// Making versions: drafted, journaled until it is safe, signed once, shown.
extension PolicyService {
    /// Makes a version where envoys came, left or changed, or secrets did: what nobody waits for, in batches.
    func makeDueVersion() async throws {
        guard let reign, reign.hasWork, let version = reign.version, reign.fleet != nil else { return }
        guard let stack = reign.stack else {
            throw Problem(
                .invalidStack, "the stack in force, \(version.revision), cannot be read by this bolt: publish it anew")
        }
        let draft = try await draft(stack, all: false, isStrict: false)
        guard !draft.isEmpty || reign.isTorn || reign.needsHead || reign.head == nil else {
            self.reign?.bodies = draft.compiled
            return settle(draft)
        }
        try await requireSafe()
        _ = try await commit(draft, stack, nil)
    }

    /// Puts a stack in force. Throws `Problem`; where that says `changed` it may yet come to be.
    func publish(_ publication: PolicyPublication) async throws -> BoltAPI.AckLevel {
        try await requireSafe()
        let draft = try await draft(publication.stack, all: true, isStrict: true)
        let level = try await commit(draft, publication.stack, publication)
        (rejected, hold) = (nil, nil)
        return level
    }

    /// Refuses where what is written would not be safe.
    func requireSafe() async throws {
        let (reigns, inSync, siblings) = await partition.read {
            ($0.machine.role.reigns, $0.machine.configuration?.inSync.count ?? 0, $0.surroundings.siblings.count)
        }
        guard reigns, reign != nil else { throw PolicyProblems.noReign(name) }
        guard siblings == 0 || inSync > 1 else {
            throw Problem(.notPaired, "no standby is in sync, and policy must not be kept on one disk alone")
        }
    }

    /// Writes a draft with its head. What was begun and not brought to its end is found by the next look, from the
    /// tables, and a version is made of what is there.
    private func commit(
        _ draft: PolicyDraft, _ stack: Stack, _ publication: PolicyPublication?
    ) async throws -> BoltAPI.AckLevel {
        guard let begun = reign else { throw PolicyProblems.noReign(name) }
        let tree = begun.tree.replacing(draft.rows.map(\.leaf), removing: draft.removed, by: witness)
        let signed = head(of: tree, draft.sequence, publication?.revision ?? begun.version?.revision ?? "")
        let atOnce = given(at: draft, begun, publication)
        var (first, last) = try await parts(of: draft, publication)
        var leaves = leafCommands(draft)
        if let audit = publication?.audit { last.insert(.audit(audit), at: 0) }
        if let publication { last += versionCommands(publication, draft.sequence) }
        last.append(.policy(.head(sequence: draft.sequence, signed.canonicalBytes)))
        last += PolicyService.chunks(atOnce).map { .policy(.given($0, sequence: draft.sequence)) }
        let small = leaves.reduce(0) { $0 + $1.canonicalBytes.count } < PolicyServiceLimits.leavesBytes / 2
        // Where it fits, leaves and head are one record: no failure comes between.
        if small, leaves.count + last.count <= PolicyServiceLimits.writeCommands {
            (last, leaves) = (leaves + last, [])
        }
        first += leaves
        let level: BoltAPI.AckLevel
        do {
            for write in PolicyService.writes(first) { _ = try await journal(write) }
            level = try await journal(last)
        } catch {
            forgetReign()
            throw error
        }
        guard reign?.epoch == begun.epoch else { throw PolicyProblems.readAgain(name) }
        install(draft, tree, signed, stack, publication, atOnce: atOnce)
        metrics.add(.policyVersions)
        logger.notice(
            "a version of the policy is in force",
            metadata: [
                LogKeys.version: "\(draft.sequence)", LogKeys.what: "\(signed.head.revision)",
                LogKeys.count: "\(draft.changes.count)",
            ])
        await giveOn(draft, publication, atOnce: atOnce)
        return level
    }

    private func head(of tree: PolicyTree, _ sequence: UInt64, _ revision: String) -> SignedPolicyHead {
        let head = PolicyHead(
            partition: name, epoch: reign?.epoch ?? .none, sequence: sequence, root: tree.root,
            count: UInt64(tree.count), revision: revision, made: WallClock.now())
        return SignedPolicyHead(head, warrant: context.warrant, signature: sign(head.signedBytes, as: .head))
    }

    /// Who is given it without waiting for its turn: those that never had anything, and all where somebody says so.
    private func given(
        at draft: PolicyDraft, _ begun: PolicyReign, _ publication: PolicyPublication?
    ) -> [PrincipalID] {
        let changed = draft.rows.map(\.leaf.envoy)
        if publication?.immediately == true { return Set(changed).union(begun.waiting).sorted() }
        return changed.filter { begun.deliveries[$0] == nil }.sorted()
    }

    // MARK: - Commands

    /// What has to be there before anything names it; and an empty rest.
    private func parts(
        of draft: PolicyDraft, _ publication: PolicyPublication?
    ) async throws -> ([PartitionCommand], [PartitionCommand]) {
        var commands: [PartitionCommand] = []
        if let publication {
            let digest = publication.digest
            if try await !partition.read({ try $0.store.tables.policy.hasStack(digest) }) {
                commands += PolicyPart.parts(of: publication.files.canonicalBytes, digest: digest).map {
                    .policy(.stack($0))
                }
            }
        }
        let named = Set(draft.rows.map(\.leaf.body))
        for (digest, bytes) in draft.bodies.sorted(by: { $0.key < $1.key }) where named.contains(digest) {
            board.keep(bytes, as: digest)
            if try await partition.read({ try $0.store.tables.policy.hasBody(digest) }) { continue }
            commands += PolicyPart.parts(of: bytes, digest: digest).map { .policy(.body($0)) }
        }
        return (commands, [])
    }

    /// Leaves, few enough in each command, with what their boxes were made of.
    private func leafCommands(_ draft: PolicyDraft) -> [PartitionCommand] {
        var commands: [PartitionCommand] = []
        var (batch, bytes): ([PolicyLeafChange], Int) = ([], 0)
        func flush() {
            guard !batch.isEmpty else { return }
            commands.append(.policy(.leaves(sequence: draft.sequence, batch)))
            (batch, bytes) = ([], 0)
        }
        for change in draft.changes {
            let size = 80 + (change.content?.box.count ?? 0)
            if bytes + size > PolicyServiceLimits.leavesBytes || batch.count == PartitionLimits.policyEnvoysMax {
                flush()
            }
            batch.append(change)
            bytes += size
        }
        flush()
        for (envoy, made) in draft.ingredients.sorted(by: { $0.key < $1.key }) {
            commands.append(BoxIngredients.note(made == .zero ? nil : made, of: envoy))
        }
        let boxed = draft.removed.filter { reign?.rows[$0].map { $0.leaf.box != .zero } ?? false }
        return commands + boxed.map { BoxIngredients.note(nil, of: $0) }
    }

    private func versionCommands(_ publication: PolicyPublication, _ sequence: UInt64) -> [PartitionCommand] {
        let version = self.version(publication, sequence)
        let freeze: [PartitionCommand] = publication.freeze.map { [.policy(.freeze($0))] } ?? []
        let run = RolloutRun(
            policy: publication.stack.settings.rollout, version: version, machines: UInt64(reign?.fleet?.count ?? 0))
        return [.policy(.publish(version))] + freeze + [run.command]
    }

    private func version(_ publication: PolicyPublication, _ sequence: UInt64) -> PolicyVersion {
        PolicyVersion(
            sequence: sequence, stack: publication.digest, revision: publication.revision, who: publication.who,
            at: publication.at, note: publication.note)
    }

    /// Cuts commands into writes of a bounded size.
    static func writes(_ commands: [PartitionCommand]) -> [[PartitionCommand]] {
        var (writes, batch, bytes): ([[PartitionCommand]], [PartitionCommand], Int) = ([], [], 0)
        for command in commands {
            let size = command.canonicalBytes.count
            let isFull = batch.count == PolicyServiceLimits.writeCommands
            if !batch.isEmpty, isFull || bytes + size > PolicyServiceLimits.writeBytes {
                writes.append(batch)
                (batch, bytes) = ([], 0)
            }
            batch.append(command)
            bytes += size
        }
        return batch.isEmpty ? writes : writes + [batch]
    }

    /// Envoys, as many as one command names.
    static func chunks(_ envoys: [PrincipalID]) -> [[PrincipalID]] {
        stride(from: 0, to: envoys.count, by: PartitionLimits.policyEnvoysMax).map {
            Array(envoys[$0..<min($0 + PartitionLimits.policyEnvoysMax, envoys.count)])
        }
    }

    /// Writes commands and waits until they are safe. Throws `Problem`; where that says `changed` they may yet come to
    /// be.
    @discardableResult
    func journal(_ commands: [PartitionCommand]) async throws -> BoltAPI.AckLevel {
        switch await partition.write(commands, level: .paired) {
        case .done(let point, let level, let safe, let outcomes):
            for case .refused(let error) in outcomes { throw NodeService.problem(error) }
            if point.position > safe { try await waitUntilSafe(point) }
            return level == .paired ? .paired : .local
        case .undecided:
            throw Problem(
                .noPrimary, "the reign changed hands meanwhile: whether it is kept shows at the new primary",
                changed: true, next: "look before trying again: boltctl stack status --partition \(name)")
        case .refused(let refusal): throw BoltEndpoints.problem(refusal)
        }
    }

    /// The same for a change that operators ask for. What is not decided yet is found in the tables, now and not with
    /// the next primary: nobody is shown what was before it.
    func journalChange(_ commands: [PartitionCommand]) async throws -> BoltAPI.AckLevel {
        do { return try await journal(commands) } catch {
            if (error as? Problem)?.changed ?? true { forgetReign() }
            throw error
        }
    }

    private func waitUntilSafe(_ point: LogPoint) async throws {
        let deadline = ContinuousClock.now + PolicyServiceLimits.safeWait
        while ContinuousClock.now < deadline {
            let (epoch, safe) = await partition.read { ($0.reign, $0.machine.safePosition) }
            guard epoch == reign?.epoch else { break }
            if safe >= point.position { return }
            // A task that is cancelled cannot wait: it must not spin either.
            guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { break }
        }
        throw Problem(
            .notPaired, "it is written here, at position \(point.position), and no standby has it yet", status: 503,
            changed: true, next: "see whether it came to be: boltctl stack status --partition \(name)")
    }

    // MARK: - In force

    /// What was journaled is what is worked with.
    private func install(
        _ draft: PolicyDraft, _ tree: PolicyTree, _ signed: SignedPolicyHead, _ stack: Stack,
        _ publication: PolicyPublication?, atOnce: [PrincipalID]
    ) {
        settle(draft)
        guard var now = reign else { return }
        reign = nil
        for row in draft.rows { now.rows[row.leaf.envoy] = row }
        for envoy in draft.removed {
            (now.rows[envoy], now.deliveries[envoy], now.ingredients[envoy]) = (nil, nil, nil)
        }
        for (envoy, made) in draft.ingredients { now.ingredients[envoy] = made == .zero ? nil : made }
        for envoy in atOnce { now.deliveries[envoy] = Delivered(sequence: draft.sequence) }
        (now.tree, now.head, now.sequence, now.stack) = (tree, signed, draft.sequence, stack)
        now.bodies = draft.compiled
        (now.isTorn, now.needsHead, now.isRetireDue, now.madeAt) = (false, false, true, .now)
        if let publication {
            now.version = version(publication, draft.sequence)
            now.freeze = publication.freeze ?? now.freeze
        }
        let waiting = now.waiting
        reign = now
        board.show(PolicyPicture(signed, tree, witness: witness), waiting: waiting)
        // What is shown is never older than what is given.
        beaconAt = nil
        lightBeacon()
    }

    /// Those that were looked at need not be again.
    private func settle(_ draft: PolicyDraft) {
        reign?.dirty.subtract(draft.judged)
        reign?.areSecretsDirty = false
        for envoy in draft.judged { reign?.troubles[envoy] = draft.troubles[envoy] }
        board.holdUp(reign?.troubles ?? [:])
    }

    /// Lets old versions go, with what only they named, some with each look. Not while some have still an earlier leaf:
    /// its body would go.
    func retire() async throws {
        guard reign?.isRetireDue == true, let version = reign?.version, board.picture != nil,
            reign?.waiting.isEmpty == true
        else { return }
        let below = try await partition.read { service -> UInt64? in
            let tables = service.store.tables.policy
            let kept = try tables.history(before: nil, limit: PolicyServiceLimits.versionsKept)
            let isFull = kept.count == PolicyServiceLimits.versionsKept
            let first = max(1, isFull ? min(kept.last?.sequence ?? 1, version.sequence) : 1)
            return try tables.hasRetirable(below: first) ? first : nil
        }
        guard let below else {
            reign?.isRetireDue = false
            return
        }
        // Bodies go that no leaf names: none of them is at hand any more where an envoy needs it again.
        let named = Set((reign?.rows ?? [:]).values.map(\.leaf.body))
        let kept = (reign?.bodies ?? [:]).filter { named.contains($0.value.digest) }
        reign?.bodies = kept
        do { try await journal([.policy(.retire(below: below))]) } catch {
            // It holds up no version: it is tried again.
            retryAt = .now + PolicyServiceLimits.retryPause
            logger.debug("old versions of the policy stay for now", metadata: [LogKeys.why: "\(error)"])
        }
    }
}
