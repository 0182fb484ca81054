internal import BoltAPI
internal import CRDT
internal import Logging
internal import Spanner
internal import SpannerStore

/// Driving pushes: the machine says who is told, the journal keeps numbers and plan, orders are signed for one envoy
/// each.
extension PolicyService {
    /// Goes on with the pushes of the journal: what was under way is told again.
    func resumePushes() async {
        do {
            let ids = try await partition.read { try $0.store.tables.policy.pushes() }
            for id in ids {
                let records = try await partition.read { try $0.store.tables.policy.pushRecords(of: id) }
                guard let run = PushRun(id, records: records) else { continue }
                reign?.pushes[id] = run
                guard run.isOpen else { continue }
                let told = run.machine.plan.envoys.filter { run.machine.place(of: $0) == .told }
                if told.isEmpty {
                    await stepPush(id, .started)
                } else {
                    let patience = Duration.seconds(Int64(clamping: run.machine.plan.batchSeconds))
                    reign?.pushes[id]?.timer = (run.machine.status.batch, .now + patience)
                    await fail(await tell(told, of: id))
                }
                if run.machine.status.state == .checking { judge(run.machine.status.batch, of: id) }
            }
        } catch { logger.error("pushes cannot be read", metadata: [LogKeys.why: "\(error)"]) }
    }

    /// Begins a push; the same id is the same push. Throws `push_runs` where another one runs.
    func begin(_ run: PushRun, audit: AuditEntry) async throws -> BoltAPI.AckLevel {
        // One after the other: of two that come together the later one finds the first.
        try await pushGate.pass { @Sendable [self] in try await beginAlone(run, audit) }
    }

    private func beginAlone(_ run: PushRun, _ audit: AuditEntry) async throws -> BoltAPI.AckLevel {
        try await requireSafe()
        if reign?.pushes[run.facts.id] != nil { return .paired }
        if let other = reign?.pushes.first(where: { $0.value.isOpen })?.key {
            throw Problem(.pushRuns, "push \(other) runs in partition \(name); nothing was changed")
        }
        let level = try await journalChange([.audit(audit)] + run.planCommands)
        guard reign != nil else { throw PolicyProblems.readAgain(name) }
        // Where the tables were read meanwhile it goes on already.
        guard reign?.pushes[run.facts.id] == nil else { return level }
        reign?.pushes[run.facts.id] = run
        forgetOldPushes()
        logger.notice(
            "a push begins",
            metadata: [LogKeys.name: "\(run.facts.id)", LogKeys.count: "\(run.machine.plan.envoys.count)"])
        await stepPush(run.facts.id, .started)
        return level
    }

    /// As many are kept at hand as the tables keep.
    private func forgetOldPushes() {
        let over = (reign?.pushes ?? [:]).filter { !$0.value.isOpen }.sorted {
            ($0.value.facts.beganAt, $0.key) < ($1.value.facts.beganAt, $1.key)
        }
        for (id, _) in over.prefix(max(0, (reign?.pushes.count ?? 0) - StoreLimits.policyPushesMax)) {
            reign?.pushes[id] = nil
        }
    }

    /// Ends a push. Throws `push_refused` where it is over.
    func abort(push id: PrincipalID, reason: String, audit: AuditEntry) async throws -> BoltAPI.AckLevel {
        guard let run = reign?.pushes[id] else { throw PolicyProblems.noPush(id, name) }
        guard run.isOpen else { throw Problem(.pushRefused, "push \(id) is over; nothing was changed") }
        try await requireSafe()
        let end = PushMachine.Event.abort(reason: reason.isEmpty ? "an operator ended it" : reason)
        var trial = run
        (trial.isCalledOff, trial.endedAt) = (true, audit.at)
        _ = trial.machine.step(end)
        // With its line of the audit log: no later primary goes on with what was answered to be over.
        let level = try await journalChange([.audit(audit), trial.progressCommand])
        reign?.pushes[id]?.isCalledOff = true
        await stepPush(id, end, journaled: trial)
        return level
    }

    /// Whether a push waits for this envoy.
    func isPushed(_ envoy: PrincipalID) -> Bool {
        reign?.pushes.values.contains { $0.isOpen && $0.machine.place(of: envoy) == .told } ?? false
    }

    /// A pass counts for a push where it came after the order was handed out, and under what is in force.
    func heardForPushes(_ envoy: PrincipalID, _ pass: HeardPass) async {
        guard isPushed(envoy), let after = board.handedOut(to: envoy), pass.place > after else { return }
        // What an earlier push called for says nothing of this one; envoys of before this version name none.
        if let named = pass.push {
            guard reign?.pushes[named]?.isOpen == true else { return }
        } else if let taken = pass.order, let number = board.errandNumber(of: envoy), taken < number {
            // It was under way when a report beside it took the order: the pass that the order called for comes yet.
            return
        }
        // It was told before the version came that cannot be made for it: it applied the one before.
        let isHeldUp = reign?.troubles[envoy] != nil
        for id in reign?.pushes.keys.sorted() ?? [] where reign?.pushes[id]?.machine.place(of: envoy) == .told {
            if isHeldUp { note(heldUp: envoy, in: id) }
            guard !isHeldUp, !pass.hasSucceeded else { continue }
            reign?.pushes[id]?.note(failure: pass.failure ?? "the pass failed", of: envoy)
        }
        board.recall([envoy], now: WallClock.now())
        await stepPushes(pass.hasSucceeded && !isHeldUp ? .succeeded(envoy) : .failed(envoy))
    }

    /// The same for all pushes that go on.
    func stepPushes(_ event: PushMachine.Event) async {
        for id in reign?.pushes.filter({ $0.value.isOpen }).keys.sorted() ?? [] { await stepPush(id, event) }
    }

    /// Timers, and batches that may be followed.
    func lookAfterPushes() async {
        let now = ContinuousClock.now
        for (id, run) in (reign?.pushes ?? [:]).sorted(by: { $0.key < $1.key }) where run.isOpen {
            if let timer = run.timer, timer.at <= now {
                for envoy in run.machine.plan.envoys where run.machine.place(of: envoy) == .told {
                    reign?.pushes[id]?.note(failure: "it told nothing in time", of: envoy)
                }
                reign?.pushes[id]?.timer = nil
                await stepPush(id, .timerFired(timer.number))
            }
            guard let judged = reign?.pushes[id]?.judged, judged.at <= now else { continue }
            reign?.pushes[id]?.judged = nil
            if let trouble = await trouble() {
                await stepPush(id, .unhealthy(batch: judged.batch, reason: trouble))
            } else {
                await stepPush(id, .healthy(batch: judged.batch))
            }
        }
    }

    /// Why the next batch must not begin; nil where the partition is well.
    private func trouble() async -> String? {
        do { try await requireSafe() } catch { return (error as? Problem)?.detail ?? "\(error)" }
        if await partition.read({ $0.isShort }) { return "the disk of \(surroundings.bolt) is full" }
        if reign?.rollout?.machine.status.state == .halted { return "the roll-out stopped itself" }
        return nil
    }

    private func judge(_ batch: Int, of id: PrincipalID) {
        guard let pause = reign?.pushes[id]?.facts.pauseSeconds else { return }
        reign?.pushes[id]?.judged = (batch, .now + .seconds(Int64(clamping: pause)))
    }

    /// `journaled`: what the journal has of it after this step, where that was written first.
    private func stepPush(_ id: PrincipalID, _ event: PushMachine.Event, journaled: PushRun? = nil) async {
        guard let effects = reign?.pushes[id]?.machine.step(event) else { return }
        var (isDue, heldUp) = (false, [PrincipalID]())
        for effect in effects {
            switch effect {
            case .tell(let envoys, _): heldUp += await tell(envoys, of: id)
            case .schedule(let number, let pause): reign?.pushes[id]?.timer = (number, .now + pause)
            case .checkHealth(let batch):
                isDue = true
                judge(batch, of: id)
            case .finished, .aborted:
                isDue = true
                reign?.pushes[id]?.endedAt = journaled?.endedAt ?? WallClock.now()
                board.recall(reign?.pushes[id]?.machine.plan.envoys ?? [], now: WallClock.now())
                logger.notice("a push is over", metadata: [LogKeys.name: "\(id)"])
            }
        }
        // Who was heard meanwhile is not in it yet: then it is written once more.
        if isDue, let command = reign?.pushes[id]?.progressCommand, command != journaled?.progressCommand {
            do { try await journal([command]) } catch {
                logger.warning("a push's record was not written", metadata: [LogKeys.why: "\(error)"])
                forgetReign()
            }
        }
        // When all that the step says is done: their failure may be the next step.
        await fail(heldUp)
    }

    /// These cannot apply what is in force: nothing could be made for them.
    private func fail(_ heldUp: [PrincipalID]) async {
        for envoy in heldUp { await stepPushes(.failed(envoy)) }
    }

    /// Refuses where none of these could apply what is in force. Throws `push_refused`.
    func requireAble(_ envoys: [PrincipalID]) throws {
        let troubles = reign?.troubles ?? [:]
        guard let first = envoys.first, let why = troubles[first], envoys.allSatisfy({ troubles[$0] != nil }) else {
            return
        }
        let others = envoys.count > 1 ? "and \(Plural.text(envoys.count - 1, "other")) are" : "is"
        throw Problem(
            .pushRefused, "\(memberName(first)) \(others) held up: \(why); nobody was told, nothing was changed",
            next: "boltctl stack status --partition \(name)")
    }

    /// Of these, who is held up, one a line.
    func heldUpWords(_ envoys: [PrincipalID]) -> [String] {
        envoys.compactMap { envoy in reign?.troubles[envoy].map { (envoy, $0) } }
            .prefix(PolicyServiceLimits.troublesShown)
            .map { "\(memberName($0.0)) is held up and counts as failed: \($0.1)" }
    }

    /// Orders these envoys to apply now: numbers are durable before they are used. Who is held up is not ordered: what
    /// it could apply is not what is in force. Returns those.
    private func tell(_ all: [PrincipalID], of id: PrincipalID) async -> [PrincipalID] {
        guard let begun = reign, let run = begun.pushes[id] else { return [] }
        let envoys = all.filter { begun.troubles[$0] == nil }
        let heldUp = all.filter { begun.troubles[$0] != nil }
        for envoy in heldUp { note(heldUp: envoy, in: id) }
        guard !envoys.isEmpty else { return heldUp }
        let first = begun.ordered + 1
        reign?.ordered += UInt64(envoys.count)
        do { try await journal([.policy(.ordered(through: begun.ordered + UInt64(envoys.count)))]) } catch {
            logger.warning("envoys are not told to apply yet", metadata: [LogKeys.why: "\(error)"])
            forgetReign()
            return []
        }
        guard reign?.epoch == begun.epoch else { return [] }
        let now = WallClock.now()
        let seconds = min(run.machine.plan.batchSeconds, PolicyLimits.orderSecondsMax)
        let notAfter = WallTime(milliseconds: now.milliseconds + seconds * 1000)
        var errands: [PrincipalID: PolicyBoard.Errand] = [:]
        for (offset, envoy) in envoys.enumerated() {
            let order = PolicyOrder(
                partition: name, epoch: begun.epoch, sequence: first + UInt64(offset), envoy: envoy,
                kind: run.facts.kind, notAfter: notAfter)
            let signature = sign(order.signedBytes, as: .order)
            let signed = SignedPolicyOrder(order, warrant: context.warrant, signature: signature)
            errands[envoy] = PolicyBoard.Errand(
                number: order.sequence, bytes: signed.canonicalBytes, notAfter: notAfter, push: id)
            // Each takes a signature of its own: others have their turn.
            if (offset + 1).isMultiple(of: PolicyServiceLimits.envoysPerTurn) { await Task.yield() }
        }
        board.send(errands)
        board.watch(envoys)
        let waiters = waiters
        Task { await waiters.wake(envoys) }
        return heldUp
    }

    private func note(heldUp envoy: PrincipalID, in push: PrincipalID) {
        guard let why = reign?.troubles[envoy] else { return }
        reign?.pushes[push]?.note(failure: "it is held up: \(why)", of: envoy)
    }
}
