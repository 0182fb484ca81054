internal import CRDT
internal import Spanner
internal import SpannerStore

/// Commands that were asked for together, until all are answered.
struct PendingWrite {
    var remaining: Int
    var outcomes: [JournaledOutcome?]
    let waitsForSafe: Bool
    let begun: ContinuousClock.Instant
    var point: LogPoint?
    var level = PartitionAckLevel.paired
    var refusal: PartitionRefusal?
    var isUndecided = false
    let reply: (PartitionWriteAnswer) -> Void
}

/// Whose a command of the machine is: some changes of a write, in one record.
struct CommandOwner {
    let write: UInt64
    /// Of the write's changes, those that this command holds.
    let indices: Range<Int>
    /// Of each change the queue that it stores results of, with where a base of it ends.
    let queues: [(id: QueueID, base: UInt64?)?]
    /// What the changes did that are in the journal, in order.
    var outcomes: [JournaledOutcome] = []
}

extension PartitionService {
    /// Has commands written in this order: in one record where one holds them all, and in as few as can be otherwise;
    /// answered once all are durable here. With `level` `paired` the answer waits until they are safe, for at most
    /// `PartitionServiceLimits.pairedWait` and only while a standby is in sync.
    func write(_ commands: [PartitionCommand], level: PartitionAckLevel) async -> PartitionWriteAnswer {
        await withCheckedContinuation { continuation in
            begin(commands, level: level) { continuation.resume(returning: $0) }
        }
    }

    /// The same, for whoever is called back.
    func begin(
        _ commands: [PartitionCommand], level: PartitionAckLevel, reply: @escaping (PartitionWriteAnswer) -> Void
    ) {
        guard !closed, broken == nil else { return reply(.refused(.notPrimary(nil))) }
        guard !commands.isEmpty, commands.count <= PartitionLimits.recordCommandsMax else {
            return reply(.refused(.tooLarge))
        }
        // What is left of the reserve is for bans and for leaving, whoever asks.
        if disk.isReserveSpent, commands.contains(where: { $0.storing != nil }) {
            return reply(.refused(.storage(.full)))
        }
        let encoded = commands.map(\.canonicalBytes)
        let groups = PartitionService.recordsHolding(encoded)
        let number = nextWrite
        nextWrite += 1
        writes[number] = PendingWrite(
            remaining: groups.count, outcomes: Array(repeating: nil, count: commands.count),
            waitsForSafe: level == .paired, begun: .now, reply: reply)
        for indices in groups {
            let id = CommandID(nextCommand)
            nextCommand += 1
            owners[id] = CommandOwner(write: number, indices: indices, queues: commands[indices].map(\.storing))
            queued.append(id)
            step(.command(id, Array(encoded[indices]), level: .local))
        }
    }

    /// Cuts changes into runs that one record holds each: as few as can be. One that is too large stands alone, to be
    /// refused.
    static func recordsHolding(_ changes: [[UInt8]]) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var (start, bytes) = (0, 0)
        for (index, change) in changes.enumerated() {
            let isFull = index - start >= PartitionLimits.recordCommandsMax || bytes > PartitionLimits.recordBytesMax
            if index > start, isFull || change.count > PartitionLimits.commandBytesMax {
                groups.append(start..<index)
                (start, bytes) = (index, 0)
            }
            bytes += change.count
        }
        if start < changes.count { groups.append(start..<changes.count) }
        return groups
    }

    /// Records of the own reign hold commands in the order in which the machine took them: what each did is kept until
    /// the machine answers it.
    func note(_ outcomes: [[JournaledOutcome]], of write: PartitionWrite) {
        for (record, outcomes) in zip(write.records, outcomes) {
            guard case .commands = record.content, record.epoch.minter == own.disk else { continue }
            metrics.observe(.checkInBatch, [], Double(outcomes.count))
            var rest = outcomes[...]
            while !rest.isEmpty, let id = nextQueued(), var owner = owners[id] {
                owner.outcomes = Array(rest.prefix(owner.indices.count))
                rest = rest.dropFirst(owner.indices.count)
                owners[id] = owner
                for (outcome, queue) in zip(owner.outcomes, owner.queues) {
                    note(outcome, of: queue, at: record.position)
                }
            }
        }
    }

    /// The oldest command that is not answered and in no record yet.
    private func nextQueued() -> CommandID? {
        while queuedHead < queued.count {
            let id = queued[queuedHead]
            queuedHead += 1
            if queuedHead > 1024, queuedHead * 2 > queued.count {
                queued.removeFirst(queuedHead)
                queuedHead = 0
            }
            if owners[id] != nil { return id }
        }
        (queued, queuedHead) = ([], 0)
        return nil
    }

    private func note(_ outcome: JournaledOutcome, of queue: (id: QueueID, base: UInt64?)?, at position: UInt64) {
        guard let queue, case .applied(let receipt) = outcome else { return }
        let safe = machine.safePosition
        if let receipt {
            let before = receipt.storedThrough - min(receipt.storedThrough, UInt64(max(0, receipt.added)))
            ledger.note(queue.id, at: position, through: receipt.storedThrough, before: before, safe: safe)
        } else if let base = queue.base {
            ledger.note(queue.id, at: position, through: base, before: 0, safe: safe)
        }
    }

    /// The machine's one answer to a command.
    func complete(_ command: CommandID, _ outcome: PartitionOutcome) {
        guard let owner = owners.removeValue(forKey: command) else { return }
        guard var write = writes[owner.write] else { return }
        write.remaining -= 1
        switch outcome {
        case .done(let point, let level, _):
            for (index, outcome) in zip(owner.indices, owner.outcomes) { write.outcomes[index] = outcome }
            if point.position >= write.point?.position ?? 0 { write.point = point }
            write.level = min(write.level, level)
        case .refused(let refusal): write.refusal = write.refusal ?? refusal
        case .undecided(let point):
            write.isUndecided = true
            write.point = write.point ?? point
        }
        guard write.remaining == 0 else {
            writes[owner.write] = write
            return
        }
        conclude(owner.write, write)
    }

    private func conclude(_ number: UInt64, _ write: PendingWrite) {
        writes[number] = write
        if write.isUndecided || (write.refusal != nil && write.point != nil) {
            return answer(number, .undecided(write.point))
        }
        guard let point = write.point else { return answer(number, .refused(write.refusal ?? .overloaded)) }
        if write.waitsForSafe, point.position > machine.safePosition, isPaired {
            unsafe.append((point.position, number))
            return
        }
        answerDone(number)
    }

    /// Whether a standby is in sync with this primary.
    var isPaired: Bool {
        guard machine.role.reigns else { return false }
        return (machine.configuration?.inSync.count ?? 0) > 1
    }

    private func answerDone(_ number: UInt64) {
        guard let write = writes[number], let point = write.point else { return }
        let safe = machine.safePosition
        let isSafe = point.position <= safe
        let hasPartner = (machine.configuration?.inSync.count ?? 0) > 1
        let level: PartitionAckLevel = isSafe && (hasPartner || write.level == .paired) ? .paired : .local
        answer(number, .done(point, level: level, safe: safe, write.outcomes.map { $0 ?? .applied(nil) }))
    }

    private func answer(_ number: UInt64, _ answer: PartitionWriteAnswer) {
        writes.removeValue(forKey: number)?.reply(answer)
    }

    /// All up to here is safe: whoever waited for it is answered.
    func becameSafe(_ position: UInt64) {
        ledger.settle(position)
        guard !unsafe.isEmpty else { return }
        let ready = unsafe.filter { $0.position <= position }
        unsafe.removeAll { $0.position <= position }
        for (_, number) in ready { answerDone(number) }
    }

    /// Nobody waits for ever: for standbys a moment, for the disk somewhat longer.
    func answerLate() {
        guard !writes.isEmpty else { return }
        let now = ContinuousClock.now
        let (paired, reigns) = (isPaired, machine.role.reigns)
        var waiting: Set<UInt64> = []
        let late = unsafe.filter { entry in
            waiting.insert(entry.write)
            guard paired, reigns, let write = writes[entry.write] else { return true }
            return now - write.begun >= PartitionServiceLimits.pairedWait
        }
        if !late.isEmpty {
            let numbers = Set(late.map(\.write))
            unsafe.removeAll { numbers.contains($0.write) }
            for number in numbers.sorted() { answerDone(number) }
        }
        let stuck = writes.filter { number, write in
            !waiting.contains(number) && now - write.begun >= PartitionServiceLimits.answerWait
        }
        for number in stuck.keys.sorted() { answer(number, .undecided(writes[number]?.point)) }
    }

    /// The service ends, or its disk did: everybody is told what is known.
    func endWaiting() {
        unsafe = []
        for number in writes.keys.sorted() { answer(number, .undecided(writes[number]?.point)) }
        (owners, queued, queuedHead) = ([:], [], 0)
        let all = operations
        operations = [:]
        for waiting in all.values { for continuation in waiting { continuation.resume(returning: .ask(nil)) } }
    }

    // MARK: Operations

    /// Asks for something of the partition, here. A repeat under the same id is the same operation: its fate is looked
    /// up in the journal, or waited for.
    func operate(_ id: OperationID, _ operation: PartitionOperation) async -> PartitionResolution {
        guard !closed, broken == nil else { return .refused(.notMember) }
        if operations[id] == nil, operations.count >= PartitionServiceLimits.operationsMax {
            return .refused(.busy(id))
        }
        if operations[id] == nil, let known = fate(of: id) { return known }
        if operations[id] == nil, let refusal = refusalWhereFull(operation) { return .refused(refusal) }
        if case .switchover = operation { makeRoomToLeave() }
        return await withCheckedContinuation { continuation in
            let isNew = operations[id] == nil
            operations[id, default: []].append(continuation)
            if isNew { step(.operation(id, operation)) }
        }
    }

    /// Whether an operation was asked for here before: it runs, or the journal says what became of it.
    func isKnown(_ id: OperationID) -> Bool { operations[id] != nil || fate(of: id) != nil }

    /// Whether whoever asks is to see to the operation's lines of the audit log: one of those who ask at once.
    func keepRecord(of id: OperationID) -> Bool {
        kept.count < PartitionServiceLimits.operationsMax && kept.insert(id).inserted
    }

    /// Its lines stand, or nobody takes them.
    func endRecord(of id: OperationID) { kept.remove(id) }

    /// What the journal says of an operation, as whoever asked for it is told; nil where it says nothing.
    private func fate(of id: OperationID) -> PartitionResolution? {
        do {
            switch try store.fate(of: id) {
            case .begun(let point, _): return .done(point.epoch, point)
            case .handingOver(_, let to): return .ask(to)
            case .cancelled, nil: return nil
            }
        } catch {
            fail(error, "looking for an operation")
            return nil
        }
    }

    func resolve(_ operation: OperationID, _ resolution: PartitionResolution) {
        for continuation in operations.removeValue(forKey: operation) ?? [] {
            continuation.resume(returning: resolution)
        }
    }
}

extension PartitionRole {
    /// Whether it reigns, hand-over or not.
    var reigns: Bool {
        switch self {
        case .primary, .handingOver: true
        case .waiting, .standby, .candidate, .fenced: false
        }
    }
}

extension PartitionCommand {
    /// The queue of which this stores something; for a base, where it ends.
    fileprivate var storing: (id: QueueID, base: UInt64?)? {
        switch self {
        case .results(let batch): (batch.source.queue, nil)
        case .base(let source, let through, _, _): (source.queue, through)
        case .seen, .tokenSpent, .setting, .secret, .keyring, .audit, .skip, .placed, .handoffSource, .handoffTarget,
            .sliceCollected, .task, .remainsGone, .policy:
            nil
        }
    }
}
