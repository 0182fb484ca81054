internal import CRDT
internal import Dispatch
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import SpannerWire

extension PartitionService {
    /// Steps the machine and executes what follows, until nothing does. Writes are set aside for the next flush.
    func step(_ event: PartitionMachine.Event) {
        guard !closed, broken == nil else { return }
        var events = [event]
        var next = 0
        // A read or a snapshot that cannot be begun is answered within; each answers something asked for once.
        while next < events.count {
            for effect in machine.step(events[next]) { if let answer = execute(effect) { events.append(answer) } }
            next += 1
        }
    }

    private func execute(_ effect: PartitionMachine.Effect) -> PartitionMachine.Event? {
        switch effect {
        case .persist(let batch, let write):
            due = (batch, write)
            wake()
        case .load(let load, let from, let bytesMax): readLater(JournalRead(load: load, from: from, bytesMax: bytesMax))
        case .send(let message, let link):
            links[link]?.link.send(.partition(message))
            if case .snapshot = message { beginShipping(link) }
        case .close(let link): links[link]?.link.close()
        case .schedule(let timer, let pause): post(.timer(timer), after: pause)
        case .complete(let command, let outcome): complete(command, outcome)
        case .resolve(let operation, let resolution): resolve(operation, resolution)
        case .takeSnapshot(let link): return takeSnapshot(for: link)
        case .installSnapshot(let link, let point, let bytes, let digest):
            return receiveSnapshot(point, bytes: bytes, digest: digest, on: link)
        case .role(let role): become(role)
        case .notify(let notification): tell(notification)
        }
        return nil
    }

    // MARK: Disk

    /// Writes in one transaction with one flush, and gives what the machine is told of it; nil where nothing can be
    /// told any more.
    func commit(_ batch: BatchID, _ write: PartitionWrite) -> PartitionMachine.Event? {
        guard broken == nil, !closed else { return nil }
        let begun = DispatchTime.now()
        do throws(StoreError) {
            let outcomes = try takingReserve(for: write) { () throws(StoreError) in try store.commit(write) }
            let nanoseconds = DispatchTime.now().uptimeNanoseconds - begun.uptimeNanoseconds
            metrics.observe(.commitSeconds, [], Double(nanoseconds) / 1e9)
            metrics.add(.journalFlushes)
            metrics.add(.journalCommands, by: Double(outcomes.reduce(0) { $0 + $1.count }))
            // What was refused leaves a transaction without records behind: that it fits says nothing.
            if !write.records.isEmpty { isFull = false }
            note(outcomes, of: write)
            return .persisted(batch)
        } catch {
            guard let known = error.persistFailure else {
                fail(error, "writing the journal")
                return nil
            }
            let level: Logger.Level = known == .full && isFull ? .debug : .error
            if known == .full { noteFull() }
            metrics.add(.storeFailures)
            logger.log(
                level: level, "the partition's disk did not take a transaction", metadata: [LogKeys.why: "\(error)"])
            return .persistFailed(batch, known)
        }
    }

    /// A record that a standby may hold waits for room on this disk, with all that is in it: whoever asked is told so
    /// after a moment, not left to guess.
    func answerWhereFull() {
        guard isFull, !writes.isEmpty else { return }
        let (now, waiting) = (ContinuousClock.now, Set(unsafe.map(\.write)))
        let stuck = writes.filter { number, write in
            !waiting.contains(number) && now - write.begun >= PartitionServiceLimits.fullDiskWait
        }
        for number in stuck.keys.sorted() {
            guard let write = writes.removeValue(forKey: number) else { continue }
            write.reply(.undecided(write.point))
        }
    }

    /// A failure of the disk. Where the handle is of no more use the process ends and opens another; rot does not go
    /// away by that, so this bolt's part in the partition ends while the roster goes on.
    func fail(_ error: StoreError, _ what: String) {
        metrics.add(.storeFailures)
        logger.error(
            "the partition's store failed", metadata: [LogKeys.what: "\(what)", LogKeys.why: "\(error)"])
        switch error.code {
        case .corrupt, .newerSchema: breakDown("\(error)")
        case .inputOutput, .poisoned: if broken == nil { failure(error) }
        case _: break
        }
    }

    private func breakDown(_ reason: String) {
        guard broken == nil else { return }
        broken = reason
        (due, settled, arrival) = (nil, nil, nil)
        logger.critical(
            "this bolt serves nothing of its partition any more: its journal is not what was written",
            metadata: [LogKeys.why: "\(reason)"])
        endWaiting()
        tellStanding(always: true)
    }

    /// Between bursts: copies the log back.
    func checkpoint() {
        guard !closed, broken == nil else { return }
        do { try store.checkpointIfNeeded() } catch { fail(error, "copying the log back") }
    }

    // MARK: Telling

    private func become(_ role: PartitionRole) {
        logger.notice("partition role", metadata: [LogKeys.status: "\(role.word)"])
        switch role {
        case .primary(let epoch): ledger.begin(epoch, at: machine.tip.position)
        case .handingOver: break
        case .waiting, .standby, .candidate, .fenced: ledger.end()
        }
        turnDesk(to: role)
        replays.isDue = true
        tellStanding(always: true)
    }

    private func tell(_ notification: PartitionNotification) {
        switch notification {
        case .epochBegan(let epoch, let cause):
            logger.notice("epoch began", metadata: [LogKeys.epoch: "\(epoch)", LogKeys.why: "\(cause)"])
        case .configurationChanged(let configuration):
            note(disks: configuration.members)
            tellHearsayLater()
            logger.info(
                "partition members",
                metadata: [
                    LogKeys.count: "\(configuration.members.count)", LogKeys.inSync: "\(configuration.inSync.count)",
                ])
        case .truncated(let from, let through):
            replays.isDue = true
            logger.warning(
                "records were dropped and are kept as salvage: the partition went on without them",
                metadata: [LogKeys.from: "\(from)", LogKeys.through: "\(through)"])
        case .contradiction(let disk, let what): contradict(disk, what)
        case .safe(let position):
            becameSafe(position)
            if desk.epoch != nil { enqueue(.safe(position)) }
        }
    }

    /// A peer may contradict with every message: one line in a while says so, with how many were left out.
    private func contradict(_ disk: ReplicaID, _ what: String) {
        let now = ContinuousClock.now
        if var known = contradictions[disk], now - known.at < PartitionServiceLimits.contradictionInterval {
            known.suppressed += 1
            contradictions[disk] = known
            return
        }
        let suppressed = contradictions[disk]?.suppressed ?? 0
        if contradictions.count >= PartitionServiceLimits.disksMax { contradictions = [:] }
        contradictions[disk] = (now, 0)
        logger.warning(
            "a bolt of the partition says what cannot be",
            metadata: [LogKeys.replica: "\(disk)", LogKeys.why: "\(what)", LogKeys.count: "\(suppressed)"])
    }
}

extension PartitionRole {
    /// For logs.
    var word: String {
        switch self {
        case .waiting: "waiting"
        case .standby(let primary, let inSync):
            "standby of \(primary.map(\.description) ?? "nobody")\(inSync ? ", in sync" : "")"
        case .candidate(let epoch): "candidate of epoch \(epoch)"
        case .primary(let epoch): "primary in epoch \(epoch)"
        case .handingOver(let epoch, let to): "handing epoch \(epoch) over to \(to)"
        case .fenced(let reason): "fenced: \(reason)"
        }
    }
}
