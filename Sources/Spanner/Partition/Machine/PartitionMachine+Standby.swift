internal import CRDT

extension PartitionMachine {
    /// Whether the words of this primary are obeyed; says so to it where they are not.
    private mutating func follow(_ epoch: PartitionEpoch, _ disk: ReplicaID) -> Bool {
        guard knows(disk), epoch.minter == disk, !isAbsurd(epoch) else {
            notify(.contradiction(disk, "it reigns under \(epoch), which is not for it to say"))
            return false
        }
        if epoch < plannedPromise, mutation != .skipFence {
            // A promise that is not durable yet is nobody's business, and words without news would be answered again.
            if epoch < promised { send(.mismatch(epoch: epoch, hello()), to: disk) }
            return false
        }
        if reign != nil {
            if mutation == .resumeOldEpoch { goOn(above: epoch) }
            if mutation == .resumeOldEpoch || mutation == .skipFence { return false }
            stepDown(disk)
        }
        if let candidacy {
            if candidacy.phase == .surveying, candidacy.cause == .failover, !candidacy.isReclaim { return false }
            giveUp(candidacy.phase == .surveying ? .primaryLives(disk) : .outbid(epoch))
        }
        if following?.epoch != epoch { isAskingForLog = false }
        following = (disk, epoch, 0)
        (resumption, reclaim) = (nil, nil)
        let isSuperseded = beginning.map { $0.record.epoch < epoch } ?? false
        stage(promise: epoch)
        if isSuperseded { abandonBeginning() }
        return true
    }

    mutating func appended(
        _ epoch: PartitionEpoch, _ after: LogPoint, _ records: [JournalRecord], safe: UInt64, by disk: ReplicaID
    ) {
        guard records.count <= PartitionLimits.appendRecordsMax, follow(epoch, disk), installation == nil else {
            return
        }
        let tip = planned.tip
        if after.position == tip.position, after.epoch == tip.epoch, after.hash != tip.hash {
            fence("the primary has another record at \(tip.position) of epoch \(tip.epoch)")
            return
        }
        guard records.isEmpty ? after == tip : planned.holds(after) else {
            tellMismatch(epoch, disk, always: records.isEmpty)
            return
        }
        let fresh = records.drop { $0.position <= tip.position && planned.epochs.epoch(at: $0.position) == $0.epoch }
        guard fresh.isEmpty || fresh.first?.position == tip.position &+ 1 else {
            tellMismatch(epoch, disk, always: false)
            return
        }
        isAskingForLog = false
        guard stage(fresh, under: epoch, by: disk) else { return }
        if after == tip || !fresh.isEmpty { matchedEpoch = epoch }
        let matched = records.last?.position ?? after.position
        followedSafe = max(followedSafe, min(safe, matched))
        if fresh.isEmpty {
            learnSafe()
            acknowledge(epoch)
        } else {
            stage { write in
                if !write.thens.contains(.acknowledge(epoch)) { write.thens.append(.acknowledge(epoch)) }
            }
        }
    }

    /// Stages records that follow; false where one does not, for then none of them is believed.
    private mutating func stage(
        _ records: ArraySlice<JournalRecord>, under epoch: PartitionEpoch, by disk: ReplicaID
    ) -> Bool {
        guard !records.isEmpty else { return true }
        let waiting = staged.reduce(0) { $0 + $1.bytes }
        guard waiting <= 2 * PartitionLimits.unacknowledgedBytesMax else {
            notify(.contradiction(disk, "it sends more than may be on its way"))
            for link in peers[disk]?.links ?? [] { effects.append(.close(link)) }
            return false
        }
        var tip = planned.tip
        var points: [LogPoint] = []
        for record in records {
            guard record.epoch <= epoch, chain.isFollowing(record, tip) else {
                notify(.contradiction(disk, "record \(record.position) does not follow what it was sent after"))
                return false
            }
            tip = chain.point(of: record)
            points.append(tip)
        }
        for (record, point) in zip(records, points) { stage(record, at: point) }
        return true
    }

    private mutating func tellMismatch(_ epoch: PartitionEpoch, _ disk: ReplicaID, always: Bool) {
        guard always || !isAskingForLog else { return }
        isAskingForLog = true
        send(.mismatch(epoch: epoch, hello()), to: disk)
    }

    /// Tells the primary where this log ends, durably. A forgetful disk says nothing: nobody may count on it yet.
    mutating func acknowledge(_ epoch: PartitionEpoch) {
        guard !isForgetful, let following, following.epoch == epoch else { return }
        // A new disk that was counted took over what others had promised: that may be above the primary it follows.
        guard epoch >= promised || mutation == .skipFence else { return }
        send(.durable(epoch: epoch, durable.tip), to: following.disk)
    }

    /// What the primary says is safe, is, as far as this disk holds it.
    mutating func learnSafe() {
        // A tail that is about to be dropped is none of the primary's, whatever its positions are.
        let cuts = (staged + (inFlight.map { [$0.write] } ?? [])).compactMap(\.cut?.position)
        let known = min(followedSafe, durable.tip.position, cuts.min() ?? UInt64.max)
        guard known > safe else { return }
        settle(known)
    }

    /// What another disk knows to be safe, is, as far as this one holds the same log.
    mutating func learnSafe(from hello: PartitionHello) {
        guard reign == nil, beginning == nil, installation == nil, fencedBecause == nil, hello.safe > safe,
            case .after(let fork) = durable.epochs.fork(with: hello.epochs)
        else { return }
        let cuts = (staged + (inFlight.map { [$0.write] } ?? [])).compactMap(\.cut?.position)
        let known = min(hello.safe, fork, durable.tip.position, cuts.min() ?? UInt64.max)
        if known > safe { settle(known) }
    }

    mutating func cut(_ epoch: PartitionEpoch, to point: LogPoint, of end: LogPoint, by disk: ReplicaID) {
        guard follow(epoch, disk), installation == nil else { return }
        guard matchedEpoch != epoch || mutation == .cutByHighWaterMark else { return }
        // Said of a log that has changed since, it would look like a contradiction: the primary is told anew.
        guard end == planned.tip, point.position < end.position else {
            tellMismatch(epoch, disk, always: false)
            return
        }
        guard point.position >= max(safe, durableSafe) else {
            fence(PartitionMachine.partedReason(fork: point.position, tip: planned.tip), partingAt: point.position)
            return
        }
        guard planned.holds(point) else {
            tellMismatch(epoch, disk, always: true)
            return
        }
        isAskingForLog = false
        matchedEpoch = epoch
        stageCut(to: point)
    }

    mutating func offered(_ offer: Installation, by disk: ReplicaID) {
        guard follow(offer.epoch, disk), installation == nil, offer.point.position > 0 else { return }
        // One that came late, after a newer one: what it holds is here.
        guard offer.point.position >= max(safe, durableSafe) || !planned.holds(offer.point) else {
            tellMismatch(offer.epoch, disk, always: true)
            return
        }
        if let (reason, fork) = contradiction(of: offer, by: disk) {
            fence(reason, partingAt: fork)
            return
        }
        installation = offer
    }

    /// Why a snapshot may not replace what is held; nil where it may.
    private func contradiction(of offer: Installation, by disk: ReplicaID) -> (reason: String, fork: UInt64?)? {
        let kept = max(safe, durableSafe)
        guard kept > 0, planned.tip.position > 0, let theirs = peers[disk]?.hello?.epochs else { return nil }
        if offer.point.position < kept {
            return ("a snapshot ends at \(offer.point.position), below what is safe here", nil)
        }
        switch planned.epochs.fork(with: theirs) {
        case .after(let fork):
            return fork >= kept ? nil : (PartitionMachine.partedReason(fork: fork, tip: planned.tip), fork)
        case .unknown:
            let isLongAway = theirs.begins.count == PartitionLimits.historyMax
            return isLongAway ? nil : ("a snapshot shares no epoch with this log, up to \(kept) of which is safe", nil)
        }
    }

    /// Starts to install once nothing is on its way to the database that it replaces.
    mutating func beginInstallation() {
        guard let offer = installation, !offer.isRunning, inFlight == nil, staged.isEmpty else { return }
        installation?.isRunning = true
        effects.append(.installSnapshot(offer.link, offer.point, bytes: offer.bytes, digest: offer.digest))
    }

    mutating func snapshotInstalled(_ state: PartitionDurable) {
        guard let offer = installation, offer.isRunning else { return }
        installation = nil
        staged = []
        let (wasForgetful, known, promise, kept) = (isForgetful, acquaintances, promised, safe)
        adopt(state)
        safe = max(kept, safe)
        (promised, plannedPromise) = (max(promise, state.promised), max(promise, state.promised))
        isForgetful = wasForgetful
        var all = Set(known).union(acquaintances)
        // Its sender counted this disk once, as all did: if it counts it no more, what named it and left it out is in
        // the snapshot.
        let isRemoved =
            !wasForgetful && !durable.counted.contains(own.disk) && !offer.counted.contains(own.disk) && !forgets
        if isRemoved { all.remove(own.disk) }
        if all.sorted() != state.acquaintances { stage(acquaintances: all.sorted()) }
        if let configuration = durable.configuration { notify(.configurationChanged(configuration)) }
        if isRemoved {
            leave()
            return
        }
        acknowledge(offer.epoch)
        introduce()
    }
}
