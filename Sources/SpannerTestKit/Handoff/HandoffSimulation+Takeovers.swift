import CRDT
import Spanner

/// Partitions that are lost for a while with all their bolts, operators who take over what they own, and what comes
/// back with them.
extension HandoffSimulation {
    private static let operators = TestIdentity(.operator(OperatorName(checked: "ada")), seed: 1)

    // MARK: - Losses

    /// Somebody is lost: best a partition that slices are on their way to.
    func lose() {
        guard healedAt == nil else { return }
        queue.push(.lose, at: now + (2000 + generator.below(2000)) * HandoffSimulation.millisecond)
        let targets = partitions.flatMap { partition in
            partition.sources.values.filter { !$0.state.isOver }.compactMap { index(of: $0.order.to) }
        }.sorted()
        lose(targets.first ?? Int(generator.below(3)))
    }

    /// The target is lost right after the hand-on, before it can have heard of it.
    func loseTarget(of signed: SignedTransition) {
        handedOnOne()
        guard options.plan == nil, options.hasLosses, healedAt == nil, chance(30),
            let to = index(of: signed.transition.to)
        else { return }
        lose(to)
    }

    /// Operators cancel what is on its way to who is lost, and take over what it owns. The others are up: what is
    /// taken over is to be served.
    private func lose(_ lost: Int) {
        guard partitions.allSatisfy(\.isUp) else { return }
        count(fault: "partitions lost")
        crash(lost, milliseconds: 1500 + generator.below(2500))
        let takeover = now + (100 + generator.below(900)) * HandoffSimulation.millisecond
        queue.push(.takeOver(lost: lost), at: takeover)
        for partition in partitions.indices where partition != lost {
            for id in partitions[partition].sources.keys.sorted() {
                guard let source = partitions[partition].sources[id], !source.state.isOver,
                    index(of: source.order.to) == lost, chance(70)
                else { continue }
                count(work: "cancellations")
                step(partition, source: id, .cancel(reason: "the target is lost"))
            }
        }
    }

    func isTargetDown(of id: HandoffID, at partition: Int) -> Bool {
        guard let to = partitions[partition].sources[id].flatMap({ index(of: $0.order.to) }) else { return false }
        return !partitions[to].isUp
    }

    /// An operator gives what the lost partition owns to others. Not what it handed on and told nobody of: such a
    /// hand-on wins when it is told, and what was acknowledged till then is on a branch that lost, as documented.
    func takeOver(from lost: Int) {
        guard healedAt == nil, !partitions[lost].isUp else { return }
        for client in clients {
            let slice = client.slice
            let others = partitions.indices.filter { $0 != lost && partitions[$0].isUp }
            guard let walk = publishedWalk(slice), walk.owner == partitions[lost].name, !others.isEmpty, chance(70),
                !hasUntold(slice, at: lost)
            else { continue }
            let to = others[Int(generator.below(UInt64(others.count)))]
            give(slice, of: walk, to: to)
        }
    }

    /// An operator's act: it is heard of there first.
    func give(_ slice: SliceID, of walk: SliceWalk, to: Int) {
        let act = PrincipalID(high: 2, low: nextHandoff)
        nextHandoff += 1
        let transition = SliceTransition(
            ending: walk.register, to: partitions[to].name,
            cause: .takeover(act: act, at: WallTime(milliseconds: now / 1000), reason: "its partition is lost"))
        guard let transition else { return }
        let delta = SliceDelta([HandoffSimulation.operators.sign(transition)])
        takenOver.insert(slice)
        count(work: "takeovers")
        trace.keep(now, "\(slice) of \(walk.owner) is given to \(partitions[to].name)")
        let taken = published.absorb(delta, mesh: TestIdentity.mesh, witness: witness)
        if taken.forged > 0 { violate("P7", "a takeover of \(slice) does not verify") }
        partitions[to].registers.merge(published)
        tellMachines(at: to, of: partitions[to].registers.slices)
    }

    private func hasUntold(_ slice: SliceID, at partition: Int) -> Bool {
        partitions[partition].tables.sources.values.contains { state in
            guard state.order.slice == slice, let signed = state.transition else { return false }
            return published.transition(signed.transition.hash(by: witness), of: slice) == nil
        }
    }

    // MARK: - What machines are told

    /// Owners changed, as far as a partition knows: its machines hear of it as in the daemon.
    func tellMachines(at partition: Int, of slices: [SliceID]) {
        guard options.hasLosses, partitions[partition].isUp else { return }
        for slice in slices {
            for id in partitions[partition].sources.keys.sorted()
            where partitions[partition].sources[id]?.order.slice == slice {
                tellSource(id, at: partition)
            }
            for id in partitions[partition].targets.keys.sorted()
            where partitions[partition].targets[id]?.order.slice == slice {
                tellTarget(id, at: partition)
            }
        }
    }

    func tellSource(_ id: HandoffID, at partition: Int) {
        guard options.hasLosses, let genesis, let source = partitions[partition].sources[id], !source.state.isOver,
            let walk = partitions[partition].walk(source.order.slice, from: genesis),
            walk.register != source.order.register
        else { return }
        step(partition, source: id, .registerMoved(walk.register))
        switch walk.outlook(of: source.order) {
        case .overtaken: step(partition, source: id, .overtaken)
        case .passedOn: step(partition, source: id, .passedOn)
        case .open, .handedOn, .elsewhere, .takenOver: break
        }
    }

    func tellTarget(_ id: HandoffID, at partition: Int) {
        guard options.hasLosses, let genesis, let target = partitions[partition].targets[id],
            let walk = partitions[partition].walk(target.order.slice, from: genesis)
        else { return }
        let outlook = walk.outlook(of: target.order)
        if let hash = outlook.handOn,
            let signed = partitions[partition].registers.transition(hash, of: target.order.slice)
        {
            let message = HandoffMessage(id: id, epoch: partitions[partition].epoch, body: .handOn(signed))
            step(partition, target: id, .received(message))
        }
        switch outlook {
        case .overtaken, .takenOver:
            let before = partitions[partition].tables.staged[id] != nil
            if before { count(work: "takeovers that met a target with rows") }
            step(partition, target: id, .salvage(reason: "an operator took it over"))
        case .elsewhere: step(partition, target: id, .abandon(reason: "it went elsewhere"))
        case .open, .handedOn, .passedOn: break
        }
    }

    // MARK: - Remains

    /// Whether somebody has rows of a slice that is another's.
    var hasRemains: Bool {
        options.hasLosses
            && partitions.contains { partition in
                partition.tables.rows.keys.contains { publishedWalk($0)?.owner != partition.name }
            }
    }

    /// Rows of slices that are another's, and on no other way there, are brought to the owner; they go when it has
    /// them, safe.
    func bringRemains() {
        guard options.hasLosses, let genesis else { return }
        for from in partitions.indices where partitions[from].isUp {
            for slice in partitions[from].tables.rows.keys.sorted() {
                guard let rows = partitions[from].tables.rows[slice],
                    let walk = partitions[from].walk(slice, from: genesis), walk.owner != partitions[from].name,
                    let to = index(of: walk.owner), !isOnItsWay(slice, at: from), isTaking(slice, at: to)
                else { continue }
                let held = Set(partitions[to].safeTables.rows[slice] ?? [])
                if rows.allSatisfy({ held.contains($0) }) {
                    journal(.forget(slice), at: from)
                    count(work: "remains that were brought")
                } else {
                    journal(.join(slice, rows), at: to)
                }
            }
        }
    }

    private func isOnItsWay(_ slice: SliceID, at partition: Int) -> Bool {
        partitions[partition].tables.sources.values.contains { $0.order.slice == slice && !$0.isOver }
            || partitions[partition].targets.values.contains { $0.order.slice == slice && $0.isArriving }
    }
}
