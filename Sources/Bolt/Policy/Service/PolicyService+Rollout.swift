internal import BoltAPI
internal import Logging
internal import Policy
internal import Spanner
internal import SpannerStore

/// Driving a roll-out: the machine says who is given the version, the journal keeps it, then the board gives it.
extension PolicyService {
    // MARK: - Beginning

    /// A version is in force: who is to have it is offered to its roll-out.
    func giveOn(_ draft: PolicyDraft, _ publication: PolicyPublication?, atOnce: [PrincipalID]) async {
        guard let reign, let version = reign.version else { return }
        let machines = UInt64(reign.fleet?.count ?? reign.rows.count)
        let changed = draft.rows.map(\.leaf.envoy)
        if publication != nil, let policy = reign.stack?.settings.rollout {
            self.reign?.rollout = RolloutRun(policy: policy, version: version, machines: machines)
        }
        // Who does not come back holds up nobody, also where it did not wait for its turn.
        let now = ContinuousClock.now
        for envoy in atOnce { self.reign?.rollout?.givenAt[envoy] = now }
        await wake(atOnce)
        board.watch(atOnce)
        // Who is known from before begins anew: it is another leaf.
        let left = (draft.removed + (publication == nil ? changed : [])).map { Rollout.Event.gone($0) }
        let waiting = publication == nil ? changed.filter { reign.waiting.contains($0) } : reign.waiting.sorted()
        // Before anything else: without them it would be done before it began.
        let begun: [Rollout.Event] = atOnce.isEmpty ? [] : [.given(atOnce)]
        await stepRollout(left + begun + [.fleet(machines), .offered(waiting)])
    }

    /// Envoys came or left without a new version.
    func tellFleet(_ gone: Set<PrincipalID>, _ count: Int) async {
        await stepRollout(gone.sorted().map { .gone($0) } + [.fleet(UInt64(count))])
        for envoy in gone.sorted() { await stepPushes(.gone(envoy)) }
    }

    /// Goes on with the roll-out of the journal.
    func resumeRollout() async {
        guard let begun = reign, let version = begun.version, let settings = begun.stack?.settings else { return }
        let records = try? await partition.read { try $0.store.tables.policy.rolloutRecords(of: version.sequence) }
        let machines = UInt64(begun.rows.count)
        var run =
            records?.first.flatMap { RolloutRun(record: $0, version: version, machines: machines) }
            ?? RolloutRun(policy: settings.rollout, version: version, machines: machines)
        var places: [(PrincipalID, RolloutPlace)] = []
        let now = ContinuousClock.now
        for (envoy, row) in begun.rows {
            let delivered = begun.deliveries[envoy]
            guard let delivered, delivered.sequence >= row.since else {
                places.append((envoy, .waiting))
                continue
            }
            guard row.since >= version.sequence else { continue }
            switch delivered.outcome {
            case .open:
                places.append((envoy, .given))
                run.givenAt[envoy] = now
            case .succeeded: places.append((envoy, .succeeded))
            case .failed: places.append((envoy, .failed))
            }
        }
        run.machine.restore(places)
        reign?.rollout = run
        board.watch(places.filter { $0.1 == .given || $0.1 == .failed }.map(\.0))
        await stepRollout([.fleet(machines)])
    }

    // MARK: - Steps

    /// Steps the machine and does what follows. What cannot be journaled is found again by the next reign.
    func stepRollout(_ events: [Rollout.Event]) async {
        var effects = events.flatMap { reign?.rollout?.machine.step($0) ?? [] }
        var isRecordDue = false
        while !effects.isEmpty {
            switch effects.removeFirst() {
            case .give(let envoys):
                guard let given = await give(envoys) else { return }
                effects += reign?.rollout?.machine.step(.given(given)) ?? []
            case .halted(let failed):
                logger.warning(
                    "the roll-out stopped itself: too many failed", metadata: [LogKeys.count: "\(failed)"])
            case .finished: break
            case .notify(.changed(let state)):
                isRecordDue = true
                logger.notice("the roll-out's state changed", metadata: [LogKeys.status: "\(state)"])
            case .notify(.held), .notify(.unfit): break
            }
        }
        if isRecordDue { await writeRolloutRecord() }
    }

    private func writeRolloutRecord() async {
        guard let command = reign?.rollout?.command else { return }
        do { try await journal([command]) } catch {
            logger.warning("the roll-out's record was not written", metadata: [LogKeys.why: "\(error)"])
            forgetReign()
        }
    }

    /// Gives envoys what they are to have, once that is safe; returns who was given it, nil where that is not known.
    ///
    /// Another version may come while this waits for the journal, or before a later batch has its turn: whom that one's
    /// roll-out lets wait is passed over.
    func give(_ envoys: [PrincipalID]) async -> [PrincipalID]? {
        guard let epoch = reign?.epoch, let sequence = reign?.head?.head.sequence else { return nil }
        let due = envoys.filter { isLetHave($0, sequence) }
        do {
            for chunk in PolicyService.chunks(due) {
                try await journal([.policy(.given(chunk, sequence: sequence))])
            }
        } catch {
            logger.warning("envoys are not given the version yet", metadata: [LogKeys.why: "\(error)"])
            if reign?.epoch == epoch { forgetReign() }
            return nil
        }
        guard reign?.epoch == epoch else { return nil }
        let given = due.filter { isLetHave($0, sequence) }
        let now = ContinuousClock.now
        for envoy in given {
            reign?.deliveries[envoy] = Delivered(sequence: sequence)
            reign?.rollout?.givenAt[envoy] = now
        }
        board.give(given)
        board.watch(given)
        await wake(given)
        return given
    }

    /// Whether the roll-out lets an envoy have what a version has for it.
    private func isLetHave(_ envoy: PrincipalID, _ sequence: UInt64) -> Bool {
        guard let row = reign?.rows[envoy], row.since <= sequence else { return false }
        switch reign?.rollout?.machine.place(of: envoy) {
        case .given, .succeeded, .failed, .silent: return true
        case .waiting, nil: return false
        }
    }

    private func wake(_ envoys: [PrincipalID]) async {
        let waiters = waiters
        // Some at a time: the service goes on meanwhile.
        Task { await waiters.wake(envoys) }
    }

    // MARK: - What came of it

    /// An envoy told of passes, the last one last, each with its place in its queue.
    func heard(_ envoy: PrincipalID, _ passes: [HeardPass]) async {
        for pass in passes where pass.isTelling {
            await heardForPushes(envoy, pass)
            // Looked up for each: another version may have been given to it meanwhile.
            guard let delivered = reign?.deliveries[envoy], let sequence = pass.sequence,
                sequence >= delivered.sequence
            else { continue }
            let outcome = pass.hasSucceeded ? PolicyDelivery.Outcome.succeeded : .failed
            guard delivered.outcome != outcome else { continue }
            reign?.deliveries[envoy]?.outcome = outcome
            outcomes[envoy] = PolicyOutcome(
                envoy: envoy, sequence: delivered.sequence, hasSucceeded: pass.hasSucceeded, at: WallClock.now())
            // While it is on its way to what is in force, this is still of what was before.
            guard delivered.sequence >= reign?.rows[envoy]?.since ?? 0 else { continue }
            reign?.rollout?.givenAt[envoy] = nil
            if pass.hasSucceeded {
                reign?.rollout?.failures[envoy] = nil
                if !isPushed(envoy) { board.unwatch(envoy) }
            } else {
                reign?.rollout?.note(failure: pass.failure ?? "the pass failed", of: envoy)
            }
            await stepRollout([pass.hasSucceeded ? .succeeded(envoy) : .failed(envoy)])
        }
        if outcomes.count >= PolicyServiceLimits.outcomesMax { await writeOutcomes() }
    }

    /// Writes what became of the version at some envoys: where that is lost they are waited for again.
    func writeOutcomes() async {
        guard !outcomes.isEmpty, reign != nil else { return }
        let some = outcomes.sorted { $0.key < $1.key }.prefix(PolicyServiceLimits.outcomesMax)
        for (envoy, _) in some { outcomes[envoy] = nil }
        _ = await partition.write(some.map { .policy(.outcome($0.value)) }, level: .local)
    }

    /// Whoever was given it and told nothing for long holds up nobody.
    func lookAfterRollout() async {
        guard let run = reign?.rollout, !run.givenAt.isEmpty else { return }
        let limit = ContinuousClock.now - PolicyServiceLimits.silence
        let silent = run.givenAt.filter { $0.value < limit }.keys.sorted()
        guard !silent.isEmpty else { return }
        for envoy in silent { reign?.rollout?.givenAt[envoy] = nil }
        await stepRollout(silent.map { .silent($0) })
    }

    /// Gives the version to envoys that wait for it and hold nothing at all, before their turn: what the roll-out
    /// spares, the version before, they do not have. They count as given it, like machines that are new.
    func giveToBare() async {
        let bare = board.takeBare()
        guard !bare.isEmpty, reign?.rollout != nil else { return }
        logger.notice(
            "envoys that hold nothing are given the version before their turn",
            metadata: [LogKeys.count: "\(bare.count)"])
        // It counts them before they are given it, as it does with those whose turn it is.
        await stepRollout([.given(bare)])
        _ = await give(bare)
    }

    /// An operator holds the roll-out, lets it go on or ends it. Throws `rollout_refused` where it can't be now.
    func changeRollout(_ event: Rollout.Event, audit: AuditEntry, dryRun: Bool) async throws -> BoltAPI.AckLevel {
        guard var trial = reign?.rollout else {
            throw Problem(.rolloutRefused, "partition \(name) has no roll-out; nothing was changed")
        }
        let effects = trial.machine.step(event)
        for case .notify(.unfit(let state)) in effects {
            throw Problem(.rolloutRefused, "the roll-out is \(state): it cannot do that; nothing was changed")
        }
        try await requireSafe()
        guard !dryRun else { return .local }
        let level = try await journalChange([.audit(audit), trial.command])
        guard let now = reign?.rollout else { throw PolicyProblems.readAgain(name) }
        guard now.version == trial.version else {
            throw Problem(
                .rolloutRefused,
                "another version came into force meanwhile: its roll-out was not touched, and the one before is over",
                next: "boltctl stack status --partition \(name)")
        }
        await stepRollout([event])
        return level
    }
}

/// What a pass at an envoy came to, as far as roll-outs and pushes go by it.
struct HeardPass: Sendable {
    /// Its place in the envoy's queue.
    let place: UInt64
    /// The head's sequence that was obeyed; nil for none.
    var sequence: UInt64?
    /// Whether the policy is in force on the machine.
    let hasSucceeded: Bool
    /// Whether it says how a version goes: it was no dry run, and no end of the agent, the machine's perhaps, cut it
    /// short. The pass after that one tells.
    let isTelling: Bool
    /// What failed; nil where nothing did.
    let failure: String?
    /// The push that called for it, where the envoy says so.
    var push: PrincipalID?
    /// Number of the last order that the envoy took before it began; nil where it does not say.
    var order: UInt64?

    /// Passes among results, of the last `PolicyServiceLimits.passesPerCheckIn` of them, in order. What is none, or too
    /// large, is passed over.
    static func passes(in results: [SequencedResult]) -> [HeardPass] {
        results.suffix(PolicyServiceLimits.passesPerCheckIn).compactMap { result in
            guard let record = PassRecord(resultBody: result.body) else { return nil }
            return HeardPass(
                place: result.sequence, sequence: record.sequence, hasSucceeded: record.succeeded,
                isTelling: record.isTelling, failure: record.failure, push: record.push, order: record.order)
        }
    }
}
