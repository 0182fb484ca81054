internal import BoltAPI
internal import CRDT
internal import Policy
internal import Spanner
internal import SpannerStore

/// What operators ask of a stack: publish, roll back, freeze; and what a source offers.
extension PolicyService {
    /// A stack that somebody brought, read and judged.
    struct BroughtStack: Sendable {
        let files: PolicyFiles
        let stack: Stack
        let digest: Bytes32
    }

    /// Reads files; `isKept`: of a version that was published before. Throws `invalid_stack` with every fault.
    nonisolated func brought(_ files: [PolicyFile], isKept: Bool = false) throws -> BroughtStack {
        let stack: Stack
        switch Stack.read(files.map { StackFile(path: $0.path, bytes: $0.bytes) }, isKept: isKept) {
        case .success(let read): stack = read
        case .failure(let faults): throw PolicyProblems.invalid(faults)
        }
        // What belongs to no stack is not kept.
        let own = stack.canonicalFiles.map { PolicyFile(path: $0.path, bytes: $0.bytes) }
        guard let kept = PolicyFiles(own) else {
            throw Problem(.invalidStack, PolicyFiles.fault(in: own) ?? "its files are none of a stack")
        }
        return BroughtStack(files: kept, stack: stack, digest: stack.digest(by: witness))
    }

    /// What a change came to.
    struct StackChange: Sendable {
        var isChanged: Bool
        var level: BoltAPI.AckLevel
        var effects: [String]
    }

    /// Puts a stack in force, or says what that would do. What is in force already under the same
    /// name makes no new version.
    func publish(_ brought: BroughtStack, as publication: PolicyPublication, dryRun: Bool) async throws -> StackChange {
        try await gate.pass { @Sendable [self] in try await publishAlone(brought, publication, dryRun: dryRun) }
    }

    private func publishAlone(
        _ brought: BroughtStack, _ publication: PolicyPublication, dryRun: Bool
    ) async throws -> StackChange {
        guard reign != nil else { throw PolicyProblems.noReign(name) }
        // Judged in its turn: others may have changed both while it waited.
        try require(publication.expected)
        if publication.yieldsToFreeze, let freeze = reign?.freeze { throw PolicyProblems.frozen(freeze, name) }
        if let version = reign?.version, version.stack == brought.digest, version.revision == publication.revision,
            !publication.immediately, publication.freeze == nil
        {
            return StackChange(isChanged: false, level: .paired, effects: ["\(version.revision) is in force already"])
        }
        try await lookAtFleet()
        let machines = UInt64(reign?.fleet?.count ?? 0)
        if let blocked = brought.stack.settings.rollout.blocks(of: machines) {
            throw Problem(.rolloutBlocked, "\(blocked); nothing was changed")
        }
        try await requireSafe()
        let terms = reign?.stack.map { brought.stack.settings.terms.changes(from: $0.settings.terms) } ?? []
        guard !dryRun else {
            let draft = try await draft(brought.stack, all: true, isStrict: true)
            let effects = effects(of: draft, publication, "would be") + terms
            return StackChange(isChanged: true, level: .local, effects: effects)
        }
        let before = reign?.tree
        let level = try await publish(publication)
        let changed = reign.map { now in now.tree.all.count { before?.leaf(of: $0.envoy) != $0 } } ?? 0
        var effects = ["\(publication.revision) is in force, version \(reign?.version?.sequence ?? 0)"]
        let all = reign?.tree.count ?? 0
        let get = changed == 1 || all == 1 ? "gets" : "get"
        effects.append("\(changed) of \(Plural.text(all, "envoy")) \(get) another policy")
        return StackChange(isChanged: true, level: level, effects: effects + terms + troubleWords())
    }

    private func effects(of draft: PolicyDraft, _ publication: PolicyPublication, _ verb: String) -> [String] {
        var lines = ["\(publication.revision) \(verb) in force, as version \(draft.sequence)"]
        let all = Plural.text(reign?.fleet?.count ?? 0, "envoy")
        lines.append("\(draft.rows.count) of \(all) would get another policy")
        return lines
            + draft.troubles.sorted { $0.key < $1.key }.prefix(PolicyServiceLimits.troublesShown).map {
                "\(memberName($0.key)) would keep what it has: \($0.value)"
            }
    }

    /// Envoys that keep what they have, by name.
    func troubleWords() -> [String] {
        (reign?.troubles ?? [:]).sorted { $0.key < $1.key }.prefix(PolicyServiceLimits.troublesShown).map {
            "\(memberName($0.key)) keeps what it has: \($0.value)"
        }
    }

    /// An envoy for people.
    func memberName(_ id: PrincipalID) -> String { reign?.fleet?[id]?.facts.name.text ?? "\(id)" }

    /// Names of envoys, as far as the roster has them.
    var names: [PrincipalID: PrincipalName] { reign?.fleet?.mapValues(\.facts.name) ?? [:] }

    /// Holds new versions back, or lets them go on.
    func freeze(_ freeze: PolicyFreeze, audit: AuditEntry) async throws -> BoltAPI.AckLevel {
        try await gate.pass { @Sendable [self] in
            try await requireSafe()
            let level = try await journalChange([.audit(audit), .policy(.freeze(freeze))])
            await setFreeze(freeze)
            return level
        }
    }

    private func setFreeze(_ freeze: PolicyFreeze) { reign?.freeze = freeze.isFrozen ? freeze : nil }

    // MARK: - Sources

    /// What the partition's source holds now. What cannot be put in force leaves what is; it is told by name.
    func offer(_ snapshot: PolicySnapshot, by source: String) async -> PolicyVerdict {
        guard let reign, reign.fleet != nil else { return .later("this bolt does not reign, or has just begun") }
        if let freeze = reign.freeze { return .later("\(freeze.who) froze the stack") }
        let brought: BroughtStack
        switch Stack.read(snapshot.files.stackFiles) {
        case .failure(let faults):
            reject(snapshot.revision, faults)
            return .refused(code: Problem.Code.invalidStack.rawValue, reason: faults.faults.first?.description ?? "")
        case .success(let stack):
            brought = BroughtStack(files: snapshot.files, stack: stack, digest: stack.digest(by: witness))
        }
        var publication = PolicyPublication(
            files: brought.files, stack: brought.stack, digest: brought.digest, revision: snapshot.revision,
            who: "source/\(source)", note: "",
            audit: AuditEntry(
                at: WallClock.now(), actor: "source/\(source)", action: "stack.publish", object: snapshot.revision,
                reason: "the source has it"))
        publication.yieldsToFreeze = true
        do {
            _ = try await publish(brought, as: publication, dryRun: false)
            rejected = nil
            return .accepted
        } catch let problem as Problem where [.invalidStack, .rolloutBlocked].contains(problem.code) {
            rejected = StackRejectionView(
                revision: snapshot.revision, at: WallClock.now(), faults: [], count: 0, reason: problem.detail)
            return .refused(code: problem.code.rawValue, reason: problem.detail)
        } catch let problem as Problem {
            return .later(problem.detail)
        } catch { return .later("\(error)") }
    }

    private func reject(_ revision: String, _ faults: StackFaults) {
        rejected = StackRejectionView(
            revision: revision, at: WallClock.now(),
            faults: faults.faults.prefix(APILimits.stackFaultsShown).map { StackFaultView($0) },
            count: faults.faults.count + faults.omitted, reason: "the stack has faults")
    }
}
