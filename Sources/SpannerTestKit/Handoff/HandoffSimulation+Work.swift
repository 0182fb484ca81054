import CRDT
import Spanner

extension HandoffSimulation {
    // MARK: - Clients

    /// One attempt of an envoy: at the partition that served it last, or at any.
    func work(_ number: Int) {
        if !isOver {
            queue.push(.client(number), at: now + (10 + generator.below(30)) * HandoffSimulation.millisecond)
        }
        let client = clients[number]
        checkTakers(of: client.slice)
        checkStalls(of: client.slice)
        if !isTaking(client.slice, at: client.target) { clients[number].target = Int(generator.below(3)) }
        let target = clients[number].target
        guard isTaking(client.slice, at: target) else { return count(work: "writes that waited") }
        checkWrite(to: client.slice, at: target)
        let point = journal(.write(client.slice, client.next), at: target)
        partitions[target].waiting.append((point.position, client.slice, client.next))
    }

    /// Whether a partition journals writes of a slice now, by the daemon's own rule.
    func isTaking(_ slice: SliceID, at partition: Int) -> Bool {
        guard partitions[partition].isUp, let genesis, let walk = partitions[partition].walk(slice, from: genesis)
        else { return false }
        let owner = partitions[partition]
        let away = owner.sources.values.filter { $0.order.slice == slice }
        // The one-sided cancellation does not ask the register.
        if options.mutant?.mutation == .cancelAfterSwitch,
            away.contains(where: { $0.state.transition != nil && $0.isTaking })
        {
            return true
        }
        return SliceGate.isOpen(
            at: owner.name, walk: walk, source: away.min { $0.order.id < $1.order.id },
            isAdopted: owner.adopted.contains(walk.register.hash))
    }

    func acknowledge(_ slice: SliceID, _ number: UInt64, at position: UInt64, by partition: Int) {
        checkAcknowledgement(of: slice, number, at: position, by: partition)
        acknowledged[slice] = max(acknowledged[slice] ?? 0, number)
        guard let client = clients.firstIndex(where: { $0.slice == slice }) else { return }
        if chance(5) { return count(fault: "acknowledgements lost") }
        if clients[client].next == number {
            clients[client].next = number + 1
            count(work: "writes")
        }
        if healedAt != nil { clients[client].acknowledgedSinceHealing = true }
    }

    // MARK: - Operators

    func operate() {
        guard healedAt == nil else { return }
        queue.push(.operate, at: now + (100 + generator.below(900)) * HandoffSimulation.millisecond)
        switch generator.below(10) {
        case 0..<7: order()
        case 7, 8:
            withRunning { partition, id in
                self.count(work: "cancellations")
                self.step(partition, source: id, .cancel(reason: "an operator wants it to stay"))
            }
        default:
            withRunning { partition, id in
                self.count(work: "pauses")
                let isPaused = self.partitions[partition].sources[id]?.isPaused ?? false
                self.step(partition, source: id, .pause(!isPaused))
            }
        }
    }

    private func withRunning(_ body: (Int, HandoffID) -> Void) {
        let running = partitions.flatMap { partition in
            partition.sources.values.filter { !$0.state.isOver }.map { (partition.index, $0.order.id) }
        }
        .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
        guard !running.isEmpty else { return }
        let (partition, id) = running[Int(generator.below(UInt64(running.count)))]
        guard partitions[partition].isUp else { return }
        body(partition, id)
    }

    /// A slice is to move from its owner to another partition; half of the time back to where it was.
    private func order() {
        guard let genesis else { return }
        let slice = clients[Int(generator.below(UInt64(clients.count)))].slice
        guard let walk = published.walk(slice.index, from: genesis, by: witness), let from = index(of: walk.owner),
            partitions[from].isUp,
            !partitions[from].sources.values.contains(where: { $0.order.slice == slice }),
            partitions[from].registers.walk(slice.index, from: genesis, by: witness)?.register == walk.register,
            !options.hasLosses || isTaking(slice, at: from)
        else { return }
        var to = (from + 1 + Int(generator.below(2))) % 3
        if let last = walk.path.last, chance(60), let back = index(of: last.transition.from) { to = back }
        let id = HandoffID(
            task: PrincipalID(high: 0, low: nextHandoff), move: 0, isReverse: false, attempt: 0, hashedBy: witness)
        nextHandoff += 1
        guard let order = HandoffOrder(id: id, register: walk.register, to: partitions[to].name) else { return }
        count(work: "handoffs")
        makeSource(HandoffSourceState(order: order), at: from)
    }

    // MARK: - Faults

    func fault() {
        guard healedAt == nil else { return }
        queue.push(.fault, at: now + (300 + generator.below(2500)) * HandoffSimulation.millisecond)
        crash(Int(generator.below(3)))
    }

    /// Right after a step of a handoff became durable its primary may die: before it is safe, or just then.
    func aim(at partition: Int, _ content: HandoffSimContent) {
        guard options.aimsCrashes, options.hasCrashes, healedAt == nil else { return }
        switch content {
        case .begin, .write, .join, .forget: return
        case .target(.stored): if chance(3) { crash(partition) }
        case .source, .target, .remove: if chance(12) { crash(partition) }
        }
    }

    /// The primary dies. It comes back with its disk, or a standby is promoted that lacks some of what was not safe.
    func crash(_ partition: Int, milliseconds: UInt64? = nil) {
        guard partitions[partition].isUp else { return }
        let owner = partitions[partition]
        // While all standbys are away nobody is promoted.
        let isPromotion = chance(60) && !owner.isAway(at: now)
        count(fault: isPromotion ? "promotions" : "restarts")
        let least = isPromotion ? owner.safe : max(owner.safe, owner.durable)
        let most = UInt64(owner.journal.count)
        let keep = chance(50) ? least : least + generator.below(most - least + 1)
        trace.keep(now, "\(owner.name) dies at \(most), goes on with \(keep), safe \(owner.safe)")
        halt(partition)
        let delay = milliseconds ?? (chance(20) ? generator.below(3000) : generator.below(300))
        if isPromotion, options.hasOutages, healedAt == nil, chance(30) {
            // Of two bolts one is promoted, and the other stays away.
            beginOutage(at: partition, from: now + delay * HandoffSimulation.millisecond)
        }
        queue.push(.start(partition: partition, keep: keep), at: now + delay * HandoffSimulation.millisecond)
    }

    /// A primary is gone, with all that it had in memory.
    func halt(_ partition: Int) {
        partitions[partition].isUp = false
        partitions[partition].life += 1
        partitions[partition].sources = [:]
        partitions[partition].targets = [:]
        partitions[partition].snapshots = [:]
        partitions[partition].waiting = []
        partitions[partition].adopted = []
    }

    func begin(_ partition: Int) { journal(.begin, at: partition) }

    func start(_ partition: Int, keep: UInt64) {
        var owner = partitions[partition]
        if owner.journal.count > Int(keep) { count(fault: "tails lost") }
        owner.journal.removeSubrange(Int(keep)...)
        owner.epoch = HandoffSimPartition.epoch(owner.epoch.number + 1, of: owner.name)
        owner.tables = HandoffSimTables(owner.journal)
        (owner.durable, owner.diskFree, owner.standbysFree) = (keep, now, now)
        owner.isUp = true
        // It hears what others know before it does anything, but for directed runs in which it does not.
        if course.deaf.contains(partition) {
            awaitNews(at: partition)
        } else if options.hasLosses {
            owner.registers.merge(published)
        }
        for state in owner.tables.targets.values where state.phase == .adopted {
            if let hash = state.transition?.transition.hash(by: witness) { owner.adopted.insert(hash) }
        }
        partitions[partition] = owner
        begin(partition)
        makeMachines(at: partition)
        checkNothingLost()
    }

    /// The machines of a reign, as in the daemon.
    private func makeMachines(at partition: Int) {
        let (tables, safe) = (partitions[partition].tables, partitions[partition].safe)
        for state in tables.sources.values.sorted(by: { $0.order.id < $1.order.id }) where !state.isOver {
            makeSource(state, at: partition)
        }
        for state in tables.targets.values.sorted(by: { $0.order.id < $1.order.id })
        where !state.isOver || (state.since?.position ?? 0) > safe {
            makeTarget(state, at: partition)
        }
    }

    func heal() {
        healedAt = now
        trace.keep(now, "everything heals")
        for partition in partitions.indices {
            for id in partitions[partition].sources.keys.sorted() { step(partition, source: id, .pause(false)) }
        }
        queue.push(.settle, at: now + (options.plan == nil ? 1000 : 400) * HandoffSimulation.millisecond)
    }

    /// Ends the run when nothing is left to do, or when that takes too long.
    func settle() {
        let hasSettled = partitions.allSatisfy { partition in
            partition.isUp && partition.tables.sources.values.allSatisfy(\.isOver)
                && partition.tables.targets.values.allSatisfy(\.isOver)
                && partition.sources.values.allSatisfy { $0.state.isOver }
        }
        let elapsed = now - (healedAt ?? now)
        let agrees = partitions.allSatisfy { $0.registers == published }
        let hasAcknowledged = clients.allSatisfy(\.acknowledgedSinceHealing)
        // A directed run has little to do.
        let (least, most): (UInt64, UInt64) = options.plan == nil ? (3000, 60_000) : (400, 10_000)
        if (hasSettled && agrees && hasAcknowledged && !hasRemains && elapsed >= least * HandoffSimulation.millisecond)
            || elapsed > most * HandoffSimulation.millisecond
        {
            report.roundsToConverge = Double(elapsed) / Double(HandoffSimulation.second)
            isOver = true
        } else {
            let pause: UInt64 = options.plan == nil ? 500 : 100
            queue.push(.settle, at: now + pause * HandoffSimulation.millisecond)
        }
    }
}
