internal import CRDT

extension PartitionMachine {
    /// The candidate's epoch begins on what it holds now.
    mutating func begin() {
        guard let wanted = candidacy else { return }
        let held = planned.configuration?.members ?? []
        let members = Set(held).union([own.disk]).subtracting(cutOff)
        // Whoever promised with the very same log is waited for from the first record on: that saves a round.
        let equal = wanted.befores.keys.filter { disk in
            guard let hello = wanted.answers[disk], peers[disk]?.link != nil else { return false }
            return members.contains(disk) && hello.tip == planned.tip && !hello.isForgetful
        }
        // Whoever is a member by a record that may yet be cut stays counted beside the log, and so does whoever was cut
        // off before the log says so.
        let others = allCounted.filter { disk in
            if disk == own.disk { return isForgetful || acquaintances.contains(disk) }
            return !isSafelyMember(disk)
        }.sorted()
        guard others.count <= PartitionLimits.universeMax, wanted.befores.count <= PartitionLimits.universeMax else {
            notify(.contradiction(own.disk, "too many disks would have to be counted: cut off those that are gone"))
            giveUp(.badMembers)
            return
        }
        let configuration = PartitionConfiguration(members: members, inSync: Set(equal).union([own.disk]))
        candidacy = nil
        if others != acquaintances { stage(acquaintances: others) }
        if isForgetful { stage { $0.remembers = true } }
        begin(
            PartitionBegin(
                operation: wanted.operation, cause: wanted.cause, basis: planned.tip,
                promisedBy: wanted.befores.keys.sorted(), acceptedLoss: wanted.loss, configuration: configuration),
            under: wanted.epoch, isAwaited: wanted.isAwaited)
    }

    /// Stages the first record of an own epoch.
    mutating func begin(_ begin: PartitionBegin, under epoch: PartitionEpoch, isAwaited: Bool) {
        let basis = planned.tip
        let record = JournalRecord(
            epoch: epoch, position: basis.position + 1, previous: basis.hash, content: .control(.begin(begin)))
        let point = chain.point(of: record)
        beginning = PartitionBeginning(
            record: record, point: point, basis: basis, operation: begin.operation, isAwaited: isAwaited)
        stage(promise: epoch)
        stage(record, at: point)
        stage { $0.thens.append(.began(epoch)) }
    }

    /// The first record is durable: this bolt reigns.
    mutating func began(_ epoch: PartitionEpoch) {
        guard let begun = beginning, begun.record.epoch == epoch else { return }
        guard plannedPromise == epoch, fencedBecause == nil, !isSealed else {
            abandonBeginning()
            return
        }
        beginning = nil
        var reign = PartitionReign(epoch: epoch, begin: begun.point, basis: begun.basis)
        reign.window.append(begun.record, begun.point)
        self.reign = reign
        (following, resumption, reclaim, undisturbed) = (nil, nil, nil, [:])
        for disk in peers.keys.sorted() {
            peers[disk]?.endReign()
            guard let hello = peers[disk]?.hello else { continue }
            if hello.tip == begun.basis {
                peers[disk]?.cursor = .point(begun.basis)
            } else {
                // What it said may be old: it says anew where it ends.
                send(.append(epoch: epoch, after: begun.point, records: [], safe: safe), to: disk)
            }
        }
        if begun.isAwaited { effects.append(.resolve(begun.operation, .done(epoch, begun.point))) }
        // Its process ended in a hand-over that nobody took: whoever asks for it shall find out.
        if let open = openHandover, epoch.renewal > 0 { write(.control(.handoverCancelled(open))) }
        openHandover = nil
    }

    /// Nobody is there to reign under an own epoch whose first record is on its way to disk, or there. Whether it
    /// survives shows in the journal of who reigns; where it was taken back, it is refused.
    mutating func abandonBeginning(_ refusal: PartitionOperationRefusal? = nil) {
        guard let begun = beginning else { return }
        beginning = nil
        guard begun.isAwaited else { return }
        let next = plannedPromise.minter == own.disk ? nil : plannedPromise.minter
        effects.append(.resolve(begun.operation, refusal.map { .refused($0) } ?? .ask(next)))
    }

    /// An epoch's first record is durable here: those who asked for it hear of it.
    mutating func noteBegin(_ record: JournalRecord) {
        guard case .control(.begin(let begin)) = record.content else { return }
        notify(.epochBegan(record.epoch, cause: begin.cause))
        if record.epoch.minter != own.disk { openHandover = nil }
        guard let waited = handedOver else { return }
        handedOver = nil
        let point = durable.epochs.begins.last { $0.position == record.position } ?? durable.tip
        let isIt = waited.operation == begin.operation
        effects.append(.resolve(waited.operation, isIt ? .done(record.epoch, point) : .ask(record.epoch.minter)))
    }
}
