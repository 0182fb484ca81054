import CRDT
import Spanner

/// One thing that an operator or a lease asked for, and what came of it.
struct PartitionSimOperation {
    let operation: PartitionOperation
    let bolt: Int
    /// A primary that the asked bolt heard for long, when it was asked.
    let hears: ReplicaID?
    var resolution: PartitionResolution?

    var isRefused: Bool {
        if case .refused = resolution { return true }
        return false
    }

    /// Whether it takes this disk out, or may have.
    func mayRemove(_ disk: ReplicaID) -> Bool { operation == .remove(disk) && !isRefused }
}

extension PartitionSimulation {
    /// Operators, good and bad, and a lease that lies.
    func operate() {
        queue.push(.operate, at: now + 300_000 + generator.below(3 * PartitionSimulation.second))
        for partition in partitions.indices where healedAt == nil {
            found(partition)
            callDeadNowAndThen(partition)
            guard partitions[partition].isFounded else { continue }
            if options.movesDisks, generator.below(4) == 0 { moveDisk(partition) }
            if generator.below(2) == 0 {
                askForPrimary(partition)
            } else if generator.below(3) == 0 {
                meddle(partition)
            }
        }
    }

    /// The first epoch is asked for once, of the first bolt, with all or some of the members; the others join later.
    func found(_ partition: Int) {
        let places = partitions[partition].bolts
        let first = places[0]
        guard isAwake(first), !bolts[first].isSealed, bolts[first].disk.image.tip.position == 0 else { return }
        guard partitions[partition].oracle.begins.isEmpty, places.allSatisfy({ bolts[$0].disk.image.incarnation != 0 })
        else { return }
        let count = generator.below(2) == 0 ? places.count : 1 + Int(generator.below(UInt64(places.count)))
        partitions[partition].isFounded = true
        ask(first, .found(members: places.prefix(count).map { bolts[$0].replica }))
    }

    /// What somebody who looks after it does: nobody reigns, so somebody is to.
    func askForPrimary(_ partition: Int) {
        let places = partitions[partition].bolts
        guard !places.contains(where: { isAwake($0) && bolts[$0].role.reign != nil }) else { return }
        let bolt = anyMember(partition)
        guard isAwake(bolt) else { return }
        let cause: PartitionCause = generator.below(2) == 0 ? .promotion : .failover
        // After healing, in wild runs, there may be no other way.
        let accepting = options.isWild && generator.below(healedAt == nil ? 6 : 2) == 0
        ask(bolt, .promote(cause, expect: nil, acceptingLoss: accepting))
    }

    private func meddle(_ partition: Int) {
        let places = partitions[partition].bolts
        let bolt = anyMember(partition)
        let reigning = places.first { isAwake($0) && bolts[$0].role.reign != nil }
        let failover = PartitionOperation.promote(.failover, expect: nil, acceptingLoss: false)
        switch generator.below(22) {
        case 0...5:
            let target = generator.below(2) == 0 ? nil : bolts[bolt].replica
            ask(reigning ?? bolt, .switchover(to: target))
        case 6, 7: ask(bolt, .promote(.promotion, expect: nil, acceptingLoss: false))
        case 8:
            count(fault: "promoted on both sides")
            for place in places { ask(place, .promote(.promotion, expect: nil, acceptingLoss: false)) }
        case 9, 10:
            count(fault: "lease granted early")
            ask(bolt, failover)
        case 11:
            count(fault: "lease granted twice")
            for place in places.suffix(2) { ask(place, failover) }
        case 12:
            count(fault: "lease granted to a paused process")
            pause(bolt, for: 500_000 + generator.below(6 * PartitionSimulation.second))
            ask(bolt, failover)
        case 13, 14: ask(bolt, .check)
        case 15, 16:
            ask(bolt, .promote(.promotion, expect: bolts[bolt].disk.image.tip, acceptingLoss: false))
        case 17:
            guard places.count > 2, let reigning else { return }
            ask(reigning, .remove(bolts[bolt].replica))
        case 18:
            count(fault: "absurd epoch heard of")
            guard isAwake(bolt) else { return }
            let absurd =
                bolts[bolt].disk.image.promised.number + PartitionLimits.epochLeapMax + 1 + generator.below(1000)
            if generator.below(2) == 0 { return tell(bolt, partition, epoch: absurd, cut: []) }
            step(bolt, .outside(PartitionHearsay(epoch: absurd, cut: bolts[bolt].heard[partition]?.cut ?? [])))
        default: misjudge(partition, bolt)
        }
    }

    /// What only the wild do: loss accepted without need, and living disks called dead.
    private func misjudge(_ partition: Int, _ bolt: Int) {
        guard options.isWild else { return }
        if generator.below(4) == 0 {
            count(fault: "living disk called dead")
            partitions[partition].oracle.isExcused = true
            callDead(partition, [bolts[bolt].replica])
        } else {
            ask(bolt, .promote(.promotion, expect: nil, acceptingLoss: true))
        }
    }

    // MARK: - Disks that come and go

    /// What people do who change hardware, whatever else goes wrong meanwhile.
    private func moveDisk(_ partition: Int) {
        let bolt = anyMember(partition)
        let replica = bolts[bolt].replica
        let reigning = partitions[partition].bolts.first { isAwake($0) && bolts[$0].role.reign != nil }
        let most = PartitionSimulation.replacementsMax
        if isTakenOut(replica, of: partitions[partition]) {
            // Taken out, or about to be: the bolt gets another disk.
            guard mayLose(bolt, most: most) else { return }
            count(fault: "disk replaced that was taken out")
            return loseDisk(bolt)
        }
        switch generator.below(4) {
        case 0, 1:
            if let reigning { ask(reigning, .remove(replica)) }
        case 2:
            guard !options.isWild, mayLose(bolt, most: most) else { return }
            count(fault: "living disk cut off")
            callDead(partition, [replica])
        default:
            guard mayLose(bolt, most: most) else { return }
            count(fault: "disk replaced")
            loseDisk(bolt)
            callDead(partition, [replica])
        }
    }

    private func callDeadNowAndThen(_ partition: Int) {
        let lost = partitions[partition].graveyard.keys.filter { !partitions[partition].called.contains($0) }.sorted()
        guard let first = lost.first, generator.below(8) == 0 else { return }
        count(work: "lost disk called dead")
        callDead(partition, [first])
    }

    /// A signed act says that these disks are gone; one bolt hears of it first, in peace all do.
    func callDead(_ partition: Int, _ disks: [ReplicaID]) {
        guard !disks.isEmpty else { return }
        partitions[partition].called.formUnion(disks)
        trace.keep(now, "\(disks) of \(partition) are called dead")
        if healedAt != nil {
            for bolt in bolts.indices { tell(bolt, partition, epoch: 0, cut: disks) }
        } else {
            tell(Int(generator.below(UInt64(bolts.count))), partition, epoch: 0, cut: disks)
        }
    }

    // MARK: - Asking

    /// An operation goes to a bolt, as a connection of an operator does: to this life of its process only.
    func ask(_ bolt: Int, _ operation: PartitionOperation) {
        guard bolts[bolt].isUp else { return }
        let id = OperationID(PrincipalID(high: options.seed, low: nextOperation))
        nextOperation += 1
        queue.push(.ask(bolt: bolt, life: bolts[bolt].life, id, operation), at: now + 100)
    }

    func ask(_ bolt: Int, _ id: OperationID, _ operation: PartitionOperation) {
        count(work: "asked: \(operation.short)")
        trace.keep(now, "bolt \(bolt) is asked to \(operation.short)")
        operations[id] = PartitionSimOperation(operation: operation, bolt: bolt, hears: heardPrimary(bolt))
        bolts[bolt].owedOperations.insert(id)
        if case .remove(let disk) = operation { partitions[bolts[bolt].partition].removed.insert(disk) }
        step(bolt, .operation(id, operation))
    }

    func resolve(_ id: OperationID, _ resolution: PartitionResolution, by bolt: Int) {
        trace.mix(id.id.low)
        trace.keep(now, "bolt \(bolt): \(operations[id]?.operation.short ?? "?") is \(resolution.short)")
        guard bolts[bolt].owedOperations.remove(id) != nil, let asked = operations[id] else {
            return violate("P3", "bolt \(bolt) resolves operation \(id), which it does not owe")
        }
        operations[id]?.resolution = resolution
        count(work: "\(asked.operation.short): \(resolution.kind)")
        checkResolved(id, asked, resolution, by: bolt)
    }

    /// A primary that a bolt has heard without a break for long: a link that nothing disturbed for seconds.
    private func heardPrimary(_ bolt: Int) -> ReplicaID? {
        let since = now - min(now, 4 * PartitionSimulation.second)
        guard bolts[bolt].quietSince < since, network.delayMax <= 20_000, network.lossPerMille <= 10 else { return nil }
        for connection in network.connections.suffix(PartitionSimulation.connectionsSeen)
        where !connection.isBroken && connection.quietSince < since && connection.ends.allSatisfy({ $0.isOpen }) {
            guard let own = connection.ends.first(where: { $0.bolt == bolt }), isAlive(own),
                let peer = connection.ends.first(where: { $0.bolt != bolt }), isAlive(peer)
            else { continue }
            guard isAwake(peer.bolt), case .primary(let epoch) = bolts[peer.bolt].role,
                bolts[peer.bolt].quietSince < since, bolts[bolt].disk.image.promised == epoch,
                bolts[bolt].disk.image.reign == epoch, !network.blocked[bolt][peer.bolt],
                !network.blocked[peer.bolt][bolt]
            else { continue }
            return bolts[peer.bolt].replica
        }
        return nil
    }
}

extension PartitionOperation {
    /// For traces and counts.
    var short: String {
        switch self {
        case .found: "found"
        case .promote(let cause, let expect, let accepting):
            "promote (\(cause)\(expect == nil ? "" : ", expecting")\(accepting ? ", accepting loss" : ""))"
        case .check: "check"
        case .switchover: "switch over"
        case .remove: "remove"
        }
    }
}

extension PartitionResolution {
    /// For counts.
    var kind: String {
        switch self {
        case .done: "done"
        case .report: "reported"
        case .refused(let refusal): "refused, " + String("\(refusal)".prefix { $0 != "(" })
        case .ask: "ask elsewhere"
        }
    }

    /// For traces.
    var short: String {
        switch self {
        case .done(let epoch, let point): "done in \(epoch) at \(point.short)"
        case .report(let point, let missing, let bound): "reported: \(point.short), missing \(missing), \(bound ?? "-")"
        case .refused(let refusal): "refused: \(refusal)"
        case .ask(let other): "to be asked of \(other.map(\.description) ?? "nobody")"
        }
    }
}
