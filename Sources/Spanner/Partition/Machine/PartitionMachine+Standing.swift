internal import CRDT

extension PartitionMachine {
    /// What the promises that were given are worth.
    struct Standing {
        /// Disks that could hold something acknowledged and promised nothing.
        var missing: [ReplicaID]
        /// Whether nothing `paired` can be lost by going on.
        var isEnough: Bool
        /// Promisers that had promised nobody else since the highest epoch that began.
        var undisturbed: [ReplicaID]
    }

    /// Judges promises; `befores` holds each promiser and what it had promised before.
    ///
    /// Enough is all but one: `paired` takes two disks at least, so one of each acknowledged set has promised; and all,
    /// where a disk was cut off and the log does not say so yet. In a
    /// partition of one member it takes that one. Or else: the primary of the highest epoch that began has promised,
    /// and with it somebody else, and none of them had promised another in between. Then no epoch began that they
    /// don't know of, for it would have needed all but one too; and everything acknowledged is on the old primary's
    /// disk.
    func standing(of befores: [ReplicaID: PartitionEpoch]) -> Standing {
        let universe = self.universe
        var missing = universe.filter { befores[$0] == nil }
        let promisers = befores.keys.sorted()
        let best = furthest(among: promisers)
        let highest = promisers.map(tipEpoch).max() ?? .none
        let undisturbed = promisers.filter { disk in
            guard let before = befores[disk] else { return false }
            return before <= highest || self.undisturbed[disk] == before
        }
        if let alone = best.configuration?.members, alone.count == 1, let only = alone.first, befores[only] == nil,
            !cutOff.contains(only)
        {
            if !missing.contains(only) { missing.append(only) }
            return Standing(missing: missing, isEnough: false, undisturbed: undisturbed)
        }
        // A promise of a new disk, or of one that is no member any more, is worth nothing here: it need not have been
        // asked when another epoch began.
        let elders = promisers.filter { disk in
            let isNew = disk == own.disk ? isForgetful : candidacy?.answers[disk]?.isForgetful ?? true
            return !isNew && best.configuration?.members.contains(disk) ?? false
        }
        let vouches = befores[highest.minter] != nil && elders.count > 1 && undisturbed.count == promisers.count
        // One disk of each acknowledged pair is enough only while both could be asked: where one is gone for good, the
        // other is the last that holds what they acknowledged.
        let reach = missing.isEmpty || missing.count == 1 && gone(best.configuration).isEmpty
        return Standing(missing: missing, isEnough: reach || vouches, undisturbed: undisturbed)
    }

    /// Disks that were cut off, and that the furthest log or an acquaintance still counts.
    private func gone(_ configuration: PartitionConfiguration?) -> Set<ReplicaID> {
        var counted = Set(configuration?.members ?? []).union(countedBeside(planned, acquaintances))
        for hello in candidacy.map({ Array($0.answers.values) }) ?? [] { counted.formUnion(hello.acquaintances) }
        return counted.intersection(cutOff)
    }

    private func tipEpoch(_ disk: ReplicaID) -> PartitionEpoch {
        disk == own.disk ? durable.tip.epoch : candidacy?.answers[disk]?.tip.epoch ?? .none
    }

    /// Who holds the furthest log, this disk where others hold no more.
    func furthest(
        among disks: [ReplicaID]
    ) -> (disk: ReplicaID, tip: LogPoint, configuration: PartitionConfiguration?) {
        var best = (disk: own.disk, tip: planned.tip, configuration: planned.configuration)
        for disk in disks.sorted() where disk != own.disk {
            guard let hello = candidacy?.answers[disk], !best.tip.isAtLeastAsFar(as: hello.tip) else { continue }
            best = (disk, hello.tip, hello.configuration)
        }
        return best
    }

    /// What may be lost without these disks, in words.
    func bound(missing: [ReplicaID]) -> String {
        let names = missing.map(\.description).joined(separator: ", ")
        let text =
            "all records after position \(max(safe, durableSafe)) that only \(names) hold, those "
            + "acknowledged as paired among them; how many is not known here"
        return String(text.prefix(PartitionLimits.lossTextMax))
    }

    /// Asks the member with the furthest log for what is lacking.
    mutating func fetchTail(of disk: ReplicaID) {
        guard let wanted = candidacy, let hello = wanted.answers[disk] else { return }
        guard case .after(let fork) = planned.epochs.fork(with: hello.epochs) else {
            lackTail(of: disk)
            return
        }
        guard fork >= max(safe, durableSafe) else {
            fence(PartitionMachine.partedReason(fork: fork, tip: planned.tip), partingAt: fork)
            return
        }
        guard hello.tip.position > fork else {
            begin()
            return
        }
        candidacy?.cutAfter = planned.tip.position > fork ? fork : nil
        candidacy?.phase = .fetching(disk, hello.tip)
        candidacy?.ticks = 0
        send(.fetch(wanted.operation, from: fork + 1), to: disk)
    }

    mutating func fetched(_ operation: OperationID, _ records: [JournalRecord], by disk: ReplicaID) {
        guard let wanted = candidacy, wanted.operation == operation, case .fetching(disk, let target) = wanted.phase
        else { return }
        let useful = records.filter { $0.position <= target.position }
        guard let first = useful.first else {
            lackTail(of: disk)
            return
        }
        if let fork = wanted.cutAfter {
            guard first.position == fork &+ 1, let point = before(first) else {
                lackTail(of: disk)
                return
            }
            stageCut(to: point)
            candidacy?.cutAfter = nil
        }
        guard let tip = chain.tip(after: planned.tip, useful), tip.epoch <= target.epoch else {
            notify(.contradiction(disk, "its tail does not follow from what both hold"))
            lackTail(of: disk)
            return
        }
        candidacy?.ticks = 0
        for record in useful { stage(record, at: chain.point(of: record)) }
        stage { $0.thens.append(.fetched(wanted.epoch)) }
    }

    mutating func fetchedDurably(_ epoch: PartitionEpoch) {
        guard let wanted = candidacy, wanted.epoch == epoch, case .fetching(let disk, let target) = wanted.phase
        else { return }
        if durable.tip == target {
            begin()
        } else if durable.tip.position < target.position {
            send(.fetch(wanted.operation, from: durable.tip.position + 1), to: disk)
        } else {
            lackTail(of: disk)
        }
    }

    /// The furthest log cannot be had: refused, or the loss is put on record.
    mutating func lackTail(of disk: ReplicaID) {
        guard let wanted = candidacy else { return }
        let held = planned.tip.position
        let promised = wanted.answers[disk]?.tip.position ?? held
        let bound = "records \(held + 1)...\(max(promised, held)) that \(disk) holds; promoting it would lose none"
        guard wanted.acceptsLoss else {
            giveUp(.tailMissing(disk, bound: bound))
            return
        }
        candidacy?.loss = String(([wanted.loss, bound].compactMap { $0 }).joined(separator: "; ").prefix(1024))
        begin()
    }
}
