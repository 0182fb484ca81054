internal import CRDT

/// A command that waits for the disk.
struct PendingCommand: Sendable {
    let id: CommandID
    let payloads: [RosterEvent.Payload]
    let at: WallTime
    let level: AckLevel
    /// Upper bound of its events' bytes.
    let bytes: Int
}

/// A checked run that waits for the disk.
struct StagedRun: Sendable {
    let checked: CheckedRun
    /// Who sent it; nil for an import.
    let source: KeyFingerprint?
    /// Grows by one with each run staged.
    let sequence: UInt64
}

/// What is on its way to the disk.
struct Batch: Sendable {
    let id: BatchID
    let runs: [StagedRun]
    let ownRun: CheckedRun?
    let commands: [PendingCommand]
    /// Sequence of its last staged run, or of the one before it.
    let through: UInt64
}

extension GossipMachine {
    // MARK: - What comes in

    mutating func take(_ id: CommandID, _ payloads: [RosterEvent.Payload], at: WallTime, level: AckLevel) {
        if expelled { return refuse(id, .notMember) }
        guard commands.count + waiters.count < settings.commandsMax else { return refuse(id, .overloaded) }
        guard (1...RosterLimits.runEventsMax).contains(payloads.count) else {
            return refuse(id, .invalid("\(payloads.count) events, 1 to \(RosterLimits.runEventsMax) are taken"))
        }
        var bytes = 0
        for payload in payloads {
            switch size(of: payload, at: at) {
            case .success(let size): bytes += size
            case .failure(let failure): return refuse(id, .invalid(failure.detail))
            }
        }
        guard bytes <= RosterLimits.runBytesMax - RosterLimits.eventBytesMax else {
            return refuse(id, .invalid("\(bytes) bytes of events, over the limit of one run"))
        }
        commands.append(PendingCommand(id: id, payloads: payloads, at: at, level: level, bytes: bytes))
        commandBytes += bytes
        startBatch()
    }

    /// Bytes of an event's body, wherever in the own history it will stand. Fails for what peers would refuse, so
    /// that one caller's mistake costs nobody else in the batch.
    private func size(
        of payload: RosterEvent.Payload, at: WallTime
    ) -> Result<Int, RosterDraftError> {
        let dot = Dot(own.replica, Dot.counterMax)
        switch payload {
        case .open: return .failure(RosterDraftError(.eventInvalid, "a history is opened by its bolt alone"))
        case .act(let act):
            do throws(RosterDraftError) {
                _ = try roster.carriable(act, beside: pendingPayloads)
            } catch { return .failure(error) }
        case .amend(let amendment):
            if let rekey = amendment.rekey, !roster.isProved(rekey) {
                return .failure(RosterDraftError(.proofInvalid, "the hand-on is not signed by both keys"))
            }
        case .admit, .remove, .token, .topology, .slices, .unknown: break
        }
        let body = EventCodec.encode(RosterEvent(dot: dot, at: at, payload: payload))
        do throws(DecodingFailure) {
            _ = try EventCodec.decode(body, at: dot)
        } catch {
            return .failure(RosterDraftError(.eventInvalid, "the event would be refused: \(error)"))
        }
        return .success(body.count)
    }

    mutating func take(_ id: CommandID, imported runs: [SignedRun]) {
        for run in runs {
            switch stage(run, from: nil) {
            case .taken, .duplicate: break
            case .dropped: return refuse(id, .overloaded)
            case .gap(let after): return refuse(id, .gap(run.replica, after: after))
            case .rejected(let dot, let reason): return refuse(id, .badRun(dot, reason))
            }
        }
        imports.append((id, stagedThrough))
        startBatch()
        finishImports(through: inFlight.map { $0.runs.first?.sequence ?? $0.through + 1 } ?? stagedThrough + 1)
    }

    mutating func hear(_ runs: [SignedRun], from name: KeyFingerprint) {
        var struck: Set<ReplicaID> = []
        var dropped = 0
        var taken: [Dot] = []
        if mutation == .poisonSpoilsTheBatch, runs.contains(where: { isPoison($0) }) { return }
        for run in runs {
            if examine(run, from: name) { continue }
            let staging = stage(run, from: name)
            // A push that leaves a gap is no answer: what was asked for is still to come.
            if staging.answersWant, wants[run.replica]?.peer == name { wants[run.replica] = nil }
            switch staging {
            case .taken(let last):
                peers[name]?.counters.runsTaken &+= 1
                peers[name]?.failures = 0
                peers[name]?.durable.raise(run.replica, to: last)
                taken.append(Dot(run.replica, last))
                if run.replica == own.replica { ownHistoryIsLost(seen: last) }
            case .duplicate:
                counters.runsDuplicate &+= 1
                peers[name]?.counters.runsDuplicate &+= 1
                peers[name]?.durable.raise(run.replica, to: min(run.last, roster.vector[run.replica]))
            case .dropped: dropped += 1
            case .gap(let after): ask(name, for: run.replica, after: after)
            case .rejected(let dot, let reason):
                reject(dot, reason, from: name, again: !struck.insert(run.replica).inserted)
                // The same story altered, or another one? The peer is asked for what it holds.
                if reason == .badSignature || reason == .forked { beginAudit(of: run.replica, with: name) }
            }
        }
        if dropped > 0 {
            counters.runsDropped &+= UInt64(dropped)
            notify(.overloaded(droppedRuns: dropped))
        }
        if mutation == .acknowledgesBeforeDurable, !taken.isEmpty { send(.durable(taken), to: name) }
        startBatch()
        askForMissing(of: [name])
    }

    private enum Staging {
        case taken(last: UInt64)
        case duplicate
        case dropped
        case gap(after: UInt64)
        case rejected(Dot, RejectReason)

        var answersWant: Bool {
            switch self {
            case .taken, .duplicate, .rejected: true
            case .dropped, .gap: false
            }
        }
    }

    private mutating func stage(_ run: SignedRun, from source: KeyFingerprint?) -> Staging {
        let known = stagedHeads[run.replica] != nil || roster.vector[run.replica] > 0
        guard staged.count < GossipLimits.pendingRunsMax else { return .dropped }
        guard known || roster.vector.count + stagedHeads.count < RosterLimits.replicasMax else { return .dropped }
        if forked.contains(run.replica), roster.fork(of: run.replica) == nil {
            return .rejected(dot(run.replica, run.last), .forked)
        }
        switch roster.check(run, after: stagedHeads[run.replica]) {
        case .success(let checked):
            stagedThrough += 1
            staged.append(StagedRun(checked: checked, source: source, sequence: stagedThrough))
            stagedHeads[run.replica] = checked.head
            return .taken(last: checked.head.counter)
        case .failure(.duplicate): return .duplicate
        case .failure(.gap(let after)): return .gap(after: after)
        case .failure(.forked(let evidence)):
            if run.replica == own.replica { ownHistoryIsLost(seen: run.last) }
            return .rejected(dot(run.replica, evidence.agreedThrough + 1), .forked)
        case .failure(.beyondFork(let fork)): return .rejected(dot(run.replica, fork.agreedThrough + 1), .forked)
        case .failure(.refused(let reason, let counter, _)):
            return .rejected(dot(run.replica, counter), reason)
        }
    }

    private func isPoison(_ run: SignedRun) -> Bool {
        if case .failure(let rejection) = roster.check(run, after: stagedHeads[run.replica]) {
            return rejection.reason != nil
        }
        return false
    }

    /// A dot whose counter may come from a peer.
    private func dot(_ replica: ReplicaID, _ counter: UInt64) -> Dot {
        Dot(replica, min(max(counter, 1), Dot.counterMax))
    }

    /// A run that does not verify is set aside: counted, told to its sender and to people, not asked for again for a
    /// while. Nothing else is touched (R10).
    private mutating func reject(_ dot: Dot, _ reason: RejectReason, from name: KeyFingerprint, again: Bool) {
        counters.runsRejected &+= 1
        guard var peer = peers[name], let link = peer.link else { return }
        peer.counters.runsRejected &+= 1
        if !again {
            var backoff = peer.quarantine[dot.replica] ?? PeerState.Backoff(until: 0, strikes: 0)
            backoff.strike(round)
            // A peer may invent replicas without end: only so many are remembered.
            if peer.quarantine[dot.replica] != nil || peer.quarantine.count < RosterLimits.replicasMax {
                peer.quarantine[dot.replica] = backoff
            }
        }
        peers[name] = peer
        if !again {
            notify(.quarantined(dot, reason, from: peer.identity))
            send(.reject(dot, reason), to: name)
        }
        links[link]?.rejectionsThisRound += 1
        if let state = links[link], state.rejectionsThisRound > GossipLimits.rejectionsPerRoundMax { shun(link) }
    }

    mutating func refuse(_ id: CommandID, _ reason: CommandRefusal) {
        guard id != GossipMachine.nobody else { return }
        counters.commandsRefused &+= 1
        effects.append(.complete(id, .refused(reason)))
    }

    // MARK: - To the disk

    /// Hands over the next transaction, unless one is on its way or there is nothing to write.
    mutating func startBatch() {
        guard inFlight == nil else { return }
        freezeNext()
        guard freezing == nil else { return }
        var bytes = 0
        var count = 0
        for run in staged {
            guard count < GossipLimits.batchRunsMax, bytes < GossipLimits.batchBytesMax else { break }
            bytes += run.checked.run.weight
            count += 1
        }
        let runs = Array(staged.prefix(count))
        staged.removeFirst(count)
        let (ownRun, written) = writeOwn()
        guard !runs.isEmpty || ownRun != nil else { return }
        let batch = Batch(
            id: BatchID(number()), runs: runs, ownRun: ownRun, commands: written,
            through: runs.last?.sequence ?? (staged.first.map { $0.sequence - 1 } ?? stagedThrough))
        inFlight = batch
        effects.append(.persist(batch.id, runs.map(\.checked.run) + (ownRun.map { [$0.run] } ?? [])))
        applyMutation(batch)
    }

    private mutating func applyMutation(_ batch: Batch) {
        switch mutation {
        case .answersBeforeDurable:
            guard let ownRun = batch.ownRun else { return }
            answer(batch.commands, in: ownRun, level: .local)
        case .pushesBeforeDurable: if let ownRun = batch.ownRun { push(ownRun.run) }
        case .seenBeforeCommit: apply(batch)
        case .acknowledgesBeforeDurable, .contextIsTakenOver, .poisonSpoilsTheBatch, .servesWithoutBound,
            .dropsForkProofs, .keepsExpelledLinks, nil:
            break
        }
    }

    /// One run of what callers want to be written: as many commands, in order, as one run can hold.
    private mutating func writeOwn() -> (CheckedRun?, [PendingCommand]) {
        guard authoring == .open, !expelled else { return (nil, []) }
        var share = commands.count
        while !commands.isEmpty {
            let base = plannedHead(own.replica)
            var payloads: [RosterEvent.Payload] = base.counter == 0 ? [.open(chain: own.chain)] : []
            var bytes = base.counter == 0 ? RosterLimits.eventBytesMax : 0
            var taken: [PendingCommand] = []
            for command in commands.prefix(share) {
                guard payloads.count + command.payloads.count <= RosterLimits.runEventsMax || taken.isEmpty,
                    bytes + command.bytes <= RosterLimits.runBytesMax
                else { break }
                payloads += command.payloads
                bytes += command.bytes
                taken.append(command)
            }
            if let checked = build(payloads, at: taken.last?.at ?? WallTime(milliseconds: 0), after: base) {
                commands.removeFirst(taken.count)
                stagedHeads[own.replica] = checked.head
                return (checked, taken)
            }
            // Somebody's payload is to blame: they are written one by one until it is found.
            if share > 1 {
                share = 1
            } else {
                refuse(commands.removeFirst().id, .invalid("the events would be refused by every bolt"))
            }
        }
        return (nil, [])
    }

    /// The run, checked as any peer will check it: what this bolt writes is never what others refuse.
    private func build(
        _ payloads: [RosterEvent.Payload], at: WallTime, after base: ChainHead
    ) -> CheckedRun? {
        do throws(RosterDraftError) {
            let run = try builder.build(payloads, at: at, after: base)
            guard case .success(let checked) = roster.check(run, after: base) else { return nil }
            return checked
        } catch {
            return nil
        }
    }

    // MARK: - Durable

    mutating func persisted(_ id: BatchID) {
        guard let batch = inFlight, batch.id == id else {
            preconditionFailure("persisted \(id) but in flight: \(String(describing: inFlight?.id))")
        }
        inFlight = nil
        counters.batches &+= 1
        if mutation != .seenBeforeCommit { apply(batch) }
        acknowledge(batch.runs)
        if let ownRun = batch.ownRun {
            if mutation != .pushesBeforeDurable { push(ownRun.run) }
            if mutation != .answersBeforeDurable { answer(batch.commands, in: ownRun, level: nil) }
        }
        relay(batch.runs)
        finishImports(through: batch.through + 1)
        if batch.runs.contains(where: { changesMembers($0.checked) }) || batch.ownRun.map(changesMembers) == true {
            reviewMembers()
        }
        startBatch()
        askForMissing()
    }

    /// Only operators' acts admit and expel bolts; only bolts have addresses.
    private func changesMembers(_ checked: CheckedRun) -> Bool {
        checked.events.contains { event in
            switch event.payload {
            case .act: true
            case .amend(let amendment): amendment.address != nil
            case .open, .admit, .remove, .token, .topology, .slices, .unknown: false
            }
        }
    }

    private mutating func apply(_ batch: Batch) {
        var applied: [AppliedRun] = []
        let all = batch.runs.map { ($0.checked, false) } + (batch.ownRun.map { [($0, true)] } ?? [])
        for (checked, own) in all {
            let run = checked.run
            roster.apply(checked)
            if stagedHeads[run.replica]?.counter == checked.head.counter { stagedHeads[run.replica] = nil }
            counters.runsApplied &+= 1
            counters.eventsApplied &+= UInt64(run.bodies.count)
            applied.append(AppliedRun(replica: run.replica, first: run.first, last: run.last, own: own))
        }
        notify(.applied(applied))
    }

    /// Tells those who sent the runs, and those who wrote them, that they are durable here.
    private mutating func acknowledge(_ runs: [StagedRun]) {
        var names: [Bytes32: KeyFingerprint] = [:]
        for name in linkedPeers {
            if let peer = peers[name] { names[peer.key] = name }
        }
        var heads: [KeyFingerprint: [ReplicaID: UInt64]] = [:]
        for staged in runs {
            let run = staged.checked.run
            for name in [staged.source, names[run.replica.key]].compactMap({ $0 }) {
                heads[name, default: [:]][run.replica] = run.last
            }
        }
        for name in heads.keys.sorted() {
            let dots = (heads[name] ?? [:]).map { Dot($0.key, $0.value) }.sorted()
            for start in stride(from: 0, to: dots.count, by: GossipLimits.durableDotsMax) {
                let end = min(start + GossipLimits.durableDotsMax, dots.count)
                send(.durable(Array(dots[start..<end])), to: name)
            }
        }
    }

    mutating func persistFailed(_ id: BatchID) {
        guard let batch = inFlight, batch.id == id else {
            preconditionFailure("failed \(id) but in flight: \(String(describing: inFlight?.id))")
        }
        counters.persistFailures &+= 1
        notify(.persistFailed(id, runs: batch.runs.count + staged.count + (batch.ownRun == nil ? 0 : 1)))
        for command in batch.commands { refuse(command.id, .storage) }
        for waiting in imports { refuse(waiting.command, .storage) }
        // What waits was checked against what is now gone: peers still have it, and are asked again.
        (inFlight, staged, stagedHeads, imports) = (nil, [], [:], [])
        for command in commands { refuse(command.id, .storage) }
        (commands, commandBytes) = ([], 0)
    }

    private mutating func finishImports(through next: UInt64) {
        imports.removeAll { waiting in
            guard waiting.through < next else { return false }
            effects.append(.complete(waiting.command, .imported))
            return true
        }
    }
}

extension VersionVector {
    /// Raises one replica's counter; never lowers it.
    mutating func raise(_ replica: ReplicaID, to counter: UInt64) {
        if counter > self[replica] { self[replica] = counter }
    }
}
