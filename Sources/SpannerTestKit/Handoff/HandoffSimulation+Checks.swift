import CRDT
import Spanner

extension HandoffSimulation {
    /// P7: never two partitions that take writes of one slice.
    func checkTakers(of slice: SliceID) {
        let takers = partitions.filter { partition in
            isTaking(slice, at: partition.index) && (!isDisputed || partition.registers == published)
        }.map(\.name.text)
        if takers.count > 1 { violate("P7", "\(slice) is taken by \(takers.joined(separator: " and "))") }
    }

    /// P7: a step that is not safe does not keep the owner from taking writes for longer than the seal's time. But a
    /// hand-on does, which another primary may have told already.
    func checkStalls(of slice: SliceID) {
        for index in partitions.indices {
            guard isStalled(slice, at: index) else {
                partitions[index].stalled[slice] = nil
                continue
            }
            let since = partitions[index].stalled[slice] ?? now
            partitions[index].stalled[slice] = since
            if now - since > 2 * HandoffSimulation.second {
                let name = partitions[index].name
                violate("P7", "\(name) owns \(slice), and takes nothing of it while its standbys are away")
            }
        }
    }

    private func isStalled(_ slice: SliceID, at index: Int) -> Bool {
        guard partitions[index].isUp, partitions[index].isAway(at: now), let genesis,
            let walk = partitions[index].walk(slice, from: genesis), walk.owner == partitions[index].name,
            !isTaking(slice, at: index)
        else { return false }
        let isSent = partitions[index].sources.values.contains { source in
            source.order.register == walk.register && source.state.transition != nil
        }
        let isAway = partitions[index].sources.values.contains { source in
            source.order.register == walk.register && !source.isTaking
        }
        let last = walk.path.last?.transition
        let isHere = partitions[index].targets.values.contains { target in
            target.state.phase == .adopted && target.state.transition?.transition == last
        }
        return !isSent && (isAway || isHere)
    }

    /// P7: only the owner acknowledges.
    func checkAcknowledgement(of slice: SliceID, _ number: UInt64, at position: UInt64, by partition: Int) {
        guard let walk = publishedWalk(slice) else { return }
        if walk.owner != partitions[partition].name, !isDisputed {
            violate(
                "P7", "\(partitions[partition].name) acknowledged \(number) of \(slice), which \(walk.owner) owns")
        }
        let place = Int(position) - 1
        var isStored = false
        if position <= partitions[partition].safe, partitions[partition].journal.indices.contains(place),
            case .write(slice, number) = partitions[partition].journal[place].content
        {
            isStored = true
        }
        if !isStored { violate("P5", "\(number) of \(slice) was acknowledged and is not safe") }
    }

    /// P7: what the source acknowledged is at the target, safe and digest-equal, before the switch.
    func checkHandOn(_ signed: SignedTransition, of id: HandoffID, by partition: Int) {
        let transition = signed.transition
        guard let to = index(of: transition.to), let seal = transition.seal else { return }
        let known = published.transition(transition.hash(by: witness), of: transition.slice)
        guard known == nil else { return }  // published again after a restart: the target may be far ahead
        let tables = partitions[to].safeTables
        let held = tables.staged[id]?.rows ?? tables.rows[transition.slice] ?? []
        if HandoffSimTables.digest(held) != seal.digest {
            violate(
                "P7", "\(transition.slice) was handed on to \(transition.to), which holds \(held.count) rows, not all")
        }
        // What was stored before a takeover may be on its way still.
        if !takenOver.contains(transition.slice) {
            check(held, of: transition.slice, "at the target when it was handed on")
        }
    }

    /// P8: the source's copy goes when the target serves what it was given, safe.
    func checkCollection(of id: HandoffID, by partition: Int) {
        guard let order = partitions[partition].sources[id]?.order, let to = index(of: order.to) else { return }
        let hasAdopted = partitions[to].journal.prefix(Int(partitions[to].safe))
            .contains { entry in
                if case .target(.adopted(id, _)) = entry.content { return true }
                return false
            }
        if !hasAdopted { violate("P8", "\(order.from) removes \(order.slice), and \(order.to) does not hold it safe") }
    }

    /// P5: what was acknowledged is there, once, in order.
    func check(_ rows: [UInt64], of slice: SliceID, _ place: String) {
        let count = acknowledged[slice] ?? 0
        let rows = takenOver.contains(slice) ? rows.sorted() : rows
        for (index, row) in rows.enumerated() where row != UInt64(index) + 1 {
            return violate("P5", "\(slice) \(place): \(row) stands where \(index + 1) belongs")
        }
        if UInt64(rows.count) < count {
            violate("P5", "\(slice) \(place): \(rows.count) rows, and \(count) were acknowledged")
        }
    }

    /// P5: at each slice's owner, or, where that has not adopted yet, at the one before it. Of slices that were taken
    /// over only at the end: by then whoever was lost has brought what it held.
    func checkNothingLost(atEnd: Bool = false) {
        for client in clients where atEnd || !takenOver.contains(client.slice) {
            guard let walk = publishedWalk(client.slice),
                let owner = index(of: walk.owner)
            else { continue }
            var holder = owner
            if let step = walk.path.last, step.transition.isHandOn {
                let hasAdopted = partitions[owner].tables.targets.values.contains { state in
                    state.phase == .adopted && state.transition?.transition == step.transition
                }
                if !hasAdopted, let before = index(of: step.transition.from) { holder = before }
            }
            let rows = partitions[holder].tables.rows[client.slice] ?? []
            check(rows, of: client.slice, "at \(partitions[holder].name)")
        }
    }

    /// After everything healed: each slice at exactly one partition, served, complete; nothing left over.
    func checkAtEnd() {
        guard let genesis else { return violate("P7", "no group") }
        checkNothingLost(atEnd: true)
        for client in clients {
            let slice = client.slice
            let takers = partitions.filter { isTaking(slice, at: $0.index) }
            if takers.count != 1 {
                let states = partitions.flatMap { $0.sources.values.map { "\($0.state.phase) \($0.hindrance ?? "")" } }
                violate("P7", "\(slice) has \(takers.count) owners at the end: \(states)")
            }
            let copies = partitions.filter { $0.tables.rows[slice] != nil }
            if copies.count > 1 { violate("P8", "\(slice) has \(copies.count) copies at the end") }
            let owners = Set(
                partitions.compactMap { $0.registers.walk(slice.index, from: genesis, by: witness)?.register.hash })
            if owners.count != 1 { violate("P7", "the bolts disagree about \(slice)") }
            if !client.acknowledgedSinceHealing { violate("P7", "\(slice) acknowledges nothing any more") }
        }
        for partition in partitions where !partition.tables.staged.isEmpty {
            violate("P8", "\(partition.name) keeps \(partition.tables.staged.count) slices that it does not serve")
        }
        for partition in partitions {
            let open = partition.sources.values.filter { !$0.state.isOver }
            if let first = open.first {
                violate("P7", "a handoff does not end: \(first.state.phase), \(first.hindrance ?? "unhindered")")
            }
        }
    }
}
