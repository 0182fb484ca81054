internal import CRDT

extension PartitionMachine {
    /// Adds to the transaction that waits.
    mutating func stage(_ change: (inout PartitionStagedWrite) -> Void) {
        if staged.isEmpty { staged.append(PartitionStagedWrite()) }
        change(&staged[staged.count - 1])
    }

    /// Everything after this point is to be dropped.
    mutating func stageCut(to point: LogPoint) {
        guard point.position < planned.tip.position else { return }
        if let last = staged.last, !last.records.isEmpty || last.cut != nil { staged.append(PartitionStagedWrite()) }
        let through = planned.tip.position
        stage { write in
            write.cut = point
            write.thens.append(.truncated(from: point.position + 1, through: through))
        }
        planned.cut(to: point)
        openHandover = nil
    }

    /// This record follows everything that is planned.
    mutating func stage(_ record: JournalRecord, at point: LogPoint) {
        if let last = staged.last,
            last.bytes > PartitionLimits.appendBytesMax || last.records.count >= PartitionLimits.writeRecordsMax
        {
            staged.append(PartitionStagedWrite())
        }
        stage { write in
            write.records.append(record)
            write.points.append(point)
            write.bytes += record.contentBytes
        }
        planned.append(record, at: point)
    }

    mutating func stage(promise epoch: PartitionEpoch) {
        guard epoch > plannedPromise else { return }
        plannedPromise = epoch
        stage { $0.promise = epoch }
    }

    /// Somebody is to be answered once what waits is durable: once for each link, however often it asked.
    mutating func stage(_ then: PartitionStagedWrite.Then) {
        stage { if !$0.thens.contains(then) { $0.thens.append(then) } }
    }

    mutating func stage(acquaintances disks: [ReplicaID]) {
        acquaintances = disks
        stage { $0.acquaintances = disks }
    }

    /// Hands the next transaction to the disk, one at a time.
    mutating func submit() {
        guard inFlight == nil, !waitsForRoom, installation?.isRunning != true, !staged.isEmpty else { return }
        var next = staged.removeFirst()
        let reach = next.points.last?.position ?? next.cut?.position ?? durable.tip.position
        let settled = min(safe, reach)
        if settled > durableSafe { next.safe = settled }
        let batch = BatchID(number())
        effects.append(.persist(batch, next.write(fence: promised)))
        if mutation == .ackBeforePersist {
            apply(next)
            next.thens = []
        }
        inFlight = (batch, next)
    }

    mutating func persisted(_ batch: BatchID) {
        guard let (id, write) = inFlight, id == batch else { return }
        inFlight = nil
        if mutation != .ackBeforePersist { apply(write) }
    }

    /// What is durable changes in memory, and those who waited for it are told.
    private mutating func apply(_ write: PartitionStagedWrite) {
        if let cut = write.cut { durable.cut(to: cut) }
        for (record, point) in zip(write.records, write.points) { durable.append(record, at: point) }
        if let promise = write.promise { promised = promise }
        if let counted = write.acquaintances { durableAcquaintances = counted }
        if let safe = write.safe { durableSafe = max(durableSafe, safe) }
        if write.remembers { (isForgetful, isRemembering) = (false, false) }
        if reign == nil { learnSafe() }
        if let began = write.records.last(where: \.isBegin) { noteBegin(began) }
        if let last = write.records.last(where: \.isConfiguration), let configuration = durable.configuration {
            _ = last
            notify(.configurationChanged(configuration))
        }
        for then in write.thens { carryOut(then) }
    }

    private mutating func carryOut(_ then: PartitionStagedWrite.Then) {
        switch then {
        case .acknowledge(let epoch): acknowledge(epoch)
        case .promise(let link, let operation, let epoch, let before):
            effects.append(.send(.promised(operation, epoch, before: before, hello()), on: link))
        case .acquaint(let link): effects.append(.send(.acquainted(hello()), on: link))
        case .minted(let epoch): minted(epoch)
        case .fetched(let epoch): fetchedDurably(epoch)
        case .began(let epoch): began(epoch)
        case .remembered: remembered()
        case .truncated(let from, let through): notify(.truncated(from: from, through: through))
        }
    }

    mutating func persistFailed(_ batch: BatchID, _ failure: PersistFailure) {
        guard let (id, write) = inFlight, id == batch else { return }
        inFlight = nil
        switch failure {
        case .full:
            waitsForRoom = true
            staged.insert(write, at: 0)
            if candidacy != nil || beginning != nil {
                dropStaged()
                abandonBeginning(.storage(.full))
                giveUp(.storage(.full))
            } else if reign != nil {
                refuseUnsent()
            }
        case .fenced, .mismatch:
            dropStaged()
            fence("the database refused a transaction: \(failure)")
        }
    }

    /// Nothing that waits will ever be written. Promises that were to be given are not; memory is as the disk is.
    mutating func dropStaged() {
        for then in staged.flatMap(\.thens) {
            if case .promise(let link, let operation, let epoch, _) = then {
                effects.append(.send(.declined(operation, epoch, .storage), on: link))
            }
        }
        if staged.contains(where: \.remembers) { isRemembering = false }
        staged = []
        planned = durable
        plannedPromise = promised
        // What was said to be safe above was said of records that are gone: others may come to stand there.
        followedSafe = min(followedSafe, durable.tip.position)
        // Whoever was to be counted is not, and is not told so when it asks again.
        acquaintances = durableAcquaintances
        matchedEpoch = nil
    }

    /// Records that nobody was sent can be taken back: their commands are refused. Others wait for room, for a standby
    /// may hold them.
    private mutating func refuseUnsent() {
        // A standby that is gone since may hold them as well: the epoch has no second record for their places.
        guard let reign, reign.sent <= durable.tip.position, reign.handover == nil, removals.isEmpty else { return }
        for index in staged.indices {
            (staged[index].records, staged[index].points, staged[index].bytes) = ([], [], 0)
        }
        planned = durable
        self.reign?.window.cut(to: durable.tip.position)
        refuseRecords(after: durable.tip.position, .full)
    }
}

extension JournalRecord {
    var isBegin: Bool {
        if case .control(.begin) = content { return true }
        return false
    }

    var isConfiguration: Bool {
        switch content {
        case .control(.begin), .control(.configuration): true
        case .commands, .control(.handover), .control(.handoverCancelled): false
        }
    }
}
