internal import CRDT
internal import Dispatch
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import SpannerWire

extension NodeService {
    /// Steps the machine and executes what follows, until nothing does. Disk effects are answered within.
    func step(_ event: GossipMachine.Event) {
        guard !closed else { return }
        var events = [event]
        var next = 0
        // Persisting answers with one event, which may ask for the next batch: bounded by what waits in the machine.
        while next < events.count {
            let effects = machine.step(events[next])
            // Before anybody is answered: what is true from now on is what readers are told from now on.
            noteChange()
            for effect in effects { if let answer = execute(effect) { events.append(answer) } }
            next += 1
        }
        noteChange()
    }

    private func execute(_ effect: GossipMachine.Effect) -> GossipMachine.Event? {
        switch effect {
        case .persist(let batch, let runs): return persist(runs) ? .persisted(batch) : .persistFailed(batch)
        case .load(let load, let replica, let after, let bytesMax):
            return .loaded(load, loadRuns(replica, after: after, bytesMax: bytesMax))
        case .send(let message, let link): links[link]?.send(.gossip(message))
        case .close(let link, let reason): close(link, reason)
        case .schedule(let timer, let duration):
            executor.queue.asyncAfter(deadline: .now() + duration.dispatch) { self.post(.timer(timer)) }
        case .complete(let command, let outcome): waiting.removeValue(forKey: command)?.resume(returning: outcome)
        case .takeNewIncarnation: return takeNewIncarnation()
        case .freeze(let proof): return freeze(proof)
        case .notify(let notification): tell(notification)
        }
        return nil
    }

    func close(_ id: LinkID, _ reason: CloseReason) {
        guard let link = links[id] else { return }
        let metadata: Logger.Metadata = [
            LogKeys.peer: "\(link.peer.verified.id)", LogKeys.remote: "\(link.remote)", LogKeys.why: "\(reason.word)",
        ]
        metrics.add(.linksClosed, [reason.word])
        if reason == .identityMismatch {
            var name = "\(link.peer.verified.id)"
            if case .bolt(let partition, let bolt) = link.peer.verified.role { name = "\(bolt).\(partition)" }
            mismatches.note(link.peer.tlsKey, name: name, remote: link.remote)
        }
        switch reason {
        case .superseded, .selfLink: logger.debug("peer link closed", metadata: metadata)
        case .removed, .banned, .protocolViolation, .versionMismatch, .wrongMesh, .identityMismatch, .frozen, .flooding,
            .tooManyLinks, .undecodable:
            logger.notice("peer link closed", metadata: metadata)
        }
        // Nothing else would tell it: with whoever was expelled nobody gossips.
        if reason == .removed || reason == .banned { link.send(.expelled(banned: reason == .banned)) }
        link.close()
    }

    private func takeNewIncarnation() -> GossipMachine.Event? {
        let value = UInt64.random(in: 1...UInt64.max)
        do {
            try store.renewIncarnation(to: value)
        } catch {
            failure(error)
            return nil
        }
        let replica = ReplicaID(key: machine.own.replica.key, incarnation: value)
        logger.notice("new incarnation taken", metadata: [LogKeys.replica: "\(replica)"])
        return .incarnationReady(replica)
    }

    // MARK: Disk

    private func loadRuns(_ replica: ReplicaID, after: UInt64, bytesMax: Int) -> [SignedRun] {
        do {
            return try store.roster.runs(of: replica, after: after, bytesMax: bytesMax)
        } catch {
            fail(error, "reading history")
            return []
        }
    }

    /// Makes the proof of a fork durable and reads the roster anew: what comes after the fork is as if it had never
    /// been.
    private func freeze(_ proof: ForkProof) -> GossipMachine.Event {
        do {
            try store.roster.record(proof)
            let (roster, _) = try NodeStart.readRoster(store, mesh: machine.own.mesh, witness: witness)
            boltsStale = true
            isOwnershipStale = true
            scheduleReview()
            return .frozen(roster)
        } catch {
            fail(error, "keeping the proof of a fork")
            return .freezeFailed
        }
    }

    /// Writes a batch in one transaction with its flush. False: nothing of it is durable.
    private func persist(_ runs: [SignedRun]) -> Bool {
        let begun = DispatchTime.now()
        defer { observe(.commitSeconds, since: begun) }
        do { try write(runs) } catch {
            fail(error, "writing history")
            return false
        }
        if runs.contains(where: takesAway) {
            boltsStale = true
            scheduleReview()
        }
        return true
    }

    func append(_ runs: [SignedRun]) throws(StoreError) {
        var heads: [ReplicaID: Bytes32] = [:]
        var entries: [RunToStore] = []
        for run in runs {
            let base =
                if let known = heads[run.replica] { known } else {
                    try store.roster.head(of: run.replica)?.hash ?? chain.genesis(run.replica)
                }
            let head = chain.head(after: base, run.bodies)
            heads[run.replica] = head
            entries.append(RunToStore(run: run, base: base, head: head))
        }
        try store.transaction { () throws(StoreError) in
            try store.roster.append(entries)
            for (replica, _) in heads where replica == machine.own.replica {
                let last = runs.last { $0.replica == replica }?.last ?? 0
                try store.roster.lease(replica.incarnation, through: last)
            }
        }
    }

    /// A failure of the disk: told, counted, and where the handle is of no more use the process ends. It is never
    /// retried on the same handle.
    func fail(_ error: StoreError, _ what: String) {
        metrics.add(.storeFailures)
        // A full disk refuses again and again: it is told once.
        let level: Logger.Level = error.code == .full && storeFull ? .debug : .error
        if error.code == .full { storeFull = true }
        logger.log(level: level, "store failed", metadata: [LogKeys.what: "\(what)", LogKeys.why: "\(error)"])
        if error.endsTheHandle { failure(error) }
    }

    /// Between bursts: copies the log back, and takes the reserve again once there is room.
    func checkpoint() {
        guard !closed else { return }
        do { try store.checkpointIfNeeded() } catch { fail(error, "copying the log back") }
        lookForRoom()
        lookAtStandbys()
    }

    func observe(_ metric: BoltMetric, since begun: DispatchTime) {
        let nanoseconds = DispatchTime.now().uptimeNanoseconds - begun.uptimeNanoseconds
        metrics.observe(metric, [], Double(nanoseconds) / 1e9)
    }

    private func decoded(_ run: SignedRun) -> [RosterEvent.Payload] {
        run.bodies.enumerated().compactMap { offset, body in
            try? EventCodec.decode(body, at: Dot(run.replica, run.first + UInt64(offset))).payload
        }
    }

    /// Whether an operator's decision is in it, or the end of an admission.
    func decides(_ run: SignedRun) -> Bool {
        decoded(run).contains { payload in
            switch payload {
            case .act, .remove: true
            case .open, .admit, .amend, .token, .topology, .slices, .unknown: false
            }
        }
    }

    /// Whether somebody may be out because of it.
    private func takesAway(_ run: SignedRun) -> Bool {
        decoded(run).contains { payload in
            switch payload {
            case .remove, .act, .amend: true
            case .open, .admit, .token, .topology, .slices, .unknown: false
            }
        }
    }

    // MARK: Cutting

    private func scheduleReview() {
        guard !reviewDue else { return }
        reviewDue = true
        post(.review)
    }

    /// Closes the live connections of everybody who is no longer admitted (S5).
    func review() {
        reviewDue = false
        var verdicts: [KeyFingerprint: Bool] = [:]
        let cut = table.cut { peer in
            if let known = verdicts[peer.tlsKey] { return known }
            let out: Bool =
                switch machine.roster.standing(of: peer.tlsKey, as: peer.role) {
                case .banned, .removed: true
                // A superseded key may still ask for the hand-on to be repeated; unknown ones are judged per request.
                case .active, .contested, .superseded, .unknown: false
                }
            verdicts[peer.tlsKey] = out
            return out
        }
        guard cut > 0 else { return }
        metrics.add(.cutConnections, ["expelled"], by: Double(cut))
        logger.notice("connections cut: their principals are removed or banned", metadata: [LogKeys.count: "\(cut)"])
    }

    // MARK: Telling

    private func tell(_ notification: GossipMachine.Notification) {
        switch notification {
        case .applied(let runs):
            metrics.add(.runsApplied, by: Double(runs.count))
            lookAtOwnership(anew: isOwnershipStale)
            isOwnershipStale = false
            guard boltsStale else { return }
            (boltsStale, knownBolts) = (false, nil)
            tellSurroundings()
            placeStandings()
            peersChanged?()
        case .peerStatus(let bolt, let status):
            let name = machine.roster.principal(bolt)?.name.text ?? "\(bolt)"
            logger.info("peer status", metadata: [LogKeys.peer: "\(name)", LogKeys.status: "\(status.rawValue)"])
        case .peerReady(_, let identity, let member):
            mismatches.clear(identity.tlsKey)
            if member { expulsion.clear() }
            let name = machine.roster.standing(of: identity.tlsKey, as: .bolt).principal?.name.text
            logger.info(
                "peer ready",
                metadata: [LogKeys.peer: "\(name ?? "\(identity.tlsKey)")", LogKeys.member: "\(member)"])
        case .quarantined(let dot, let reason, let peer):
            metrics.add(.runsRejected)
            keepQuarantined(dot, reason, peer)
        case .refusedByPeer(let dot, let reason, let peer):
            logger.warning(
                "a peer does not take a run",
                metadata: [LogKeys.dot: "\(dot)", LogKeys.why: "\(reason)", LogKeys.peer: "\(peer.tlsKey)"])
        case .forked(let replica, let at):
            logger.critical(
                "a replica wrote two histories and is frozen where they part",
                metadata: [LogKeys.replica: "\(replica)", LogKeys.counter: "\(at)"])
        case .diverged(let peer):
            logger.error(
                "a peer holds other events under equal counters", metadata: [LogKeys.peer: "\(peer.tlsKey)"])
        case .ownHistoryLost(let replica, let held, let seen):
            logger.critical(
                "this bolt's disk forgot events that peers hold: an old copy was restored",
                metadata: [LogKeys.replica: "\(replica)", LogKeys.held: "\(held)", LogKeys.seen: "\(seen)"])
        case .authoringOpened(let afterExchange):
            logger.info("own events may be written", metadata: [LogKeys.afterExchange: "\(afterExchange)"])
            answerAuthoringWaiters(true)
            tellHeard()
        case .persistFailed(_, let runs): logger.error("a batch was lost", metadata: [LogKeys.count: "\(runs)"])
        case .selfExpelled(let banned):
            logger.critical(
                "this bolt is no longer a member of the mesh", metadata: [LogKeys.why: banned ? "banned" : "removed"])
            peersChanged?()
        case .overloaded(let dropped):
            logger.warning("runs dropped: too many wait for the disk", metadata: [LogKeys.count: "\(dropped)"])
        }
    }

    private func keepQuarantined(_ dot: Dot, _ reason: RejectReason, _ peer: PeerIdentity) {
        logger.warning(
            "a peer's run was not taken",
            metadata: [LogKeys.dot: "\(dot)", LogKeys.why: "\(reason)", LogKeys.peer: "\(peer.tlsKey)"])
        let run = QuarantinedRun(replica: dot.replica, counter: dot.counter, reason: "\(reason)", bytes: [])
        do { try store.quarantine.add(run) } catch { fail(error, "keeping a quarantined run") }
    }
}

extension CloseReason {
    /// In metrics and logs.
    var word: String {
        switch self {
        case .removed: "removed"
        case .banned: "banned"
        case .protocolViolation: "protocol_violation"
        case .versionMismatch: "version_mismatch"
        case .wrongMesh: "wrong_mesh"
        case .identityMismatch: "identity_mismatch"
        case .selfLink: "self_link"
        case .superseded: "superseded"
        case .frozen: "frozen"
        case .flooding: "flooding"
        case .tooManyLinks: "too_many_links"
        case .undecodable: "undecodable"
        }
    }
}

extension Duration {
    /// For the dispatch queue's clock; beyond its range at its end.
    var dispatch: Dispatch.DispatchTimeInterval {
        let (seconds, attoseconds) = components
        return .nanoseconds(Int(clamping: seconds) &* 1_000_000_000 &+ Int(attoseconds / 1_000_000_000))
    }
}
