import CRDT
import Spanner

/// What operators do, and what breaks.
extension EnvoySimulation {
    func operate() {
        guard healedAt == nil else { return }
        queue.push(.operate, at: now + (100 + generator.below(500)) * Self.millisecond)
        let partition = Int(generator.below(3))
        switch generator.below(10) {
        case 0..<4: publish(at: partition)
        case 4..<7: order(at: partition)
        default: move(UInt32(generator.below(2)))
        }
    }

    /// A slice goes to another partition: what the owner has of it is safe at the next before that answers.
    private func move(_ index: UInt32) {
        guard let genesis, let walk = walk(SliceID(group: genesis.id, index: index), in: published),
            let from = self.index(of: walk.owner)
        else { return }
        let to = (from + 1 + Int(generator.below(2))) % 3
        for partition in [from, to] {
            let state = partitions[partition]
            guard state.isUp, now >= state.outageUntil, state.safe == state.journal.count,
                self.walk(walk.register.slice, in: state.registers)?.register == walk.register
            else { return }
        }
        let state = partitions[from]
        let point = LogPoint(epoch: state.epoch, position: UInt64(state.journal.count), hash: .zero)
        nextSeal += 1
        let seal = SliceSeal(point: point, digest: TestWitness.digest(Array("seal \(nextSeal)".utf8)))
        guard
            let transition = SliceTransition(
                ending: walk.register, to: partitions[to].name, cause: .handOn(seal: seal))
        else { return }
        let delta = SliceDelta([state.identity.sign(transition)])
        let taken = published.absorb(delta, mesh: TestIdentity.mesh, witness: witness)
        if taken.forged > 0 { violate("P7", "a hand-on of \(state.name) does not verify") }
        for partition in [from, to] {
            _ = partitions[partition].registers.absorb(delta, mesh: TestIdentity.mesh, witness: witness)
        }
        let rows = state.tables.rows.filter { envoys[$0.value.envoy].slice == walk.register.slice }
        partitions[to].append(.adopt(rows))
        partitions[to].becomeSafe(partitions[to].journal.count)
        count(work: "slices moved")
        trace.keep(now, "slice \(index) goes from \(state.name) to \(partitions[to].name)")
        // Whose envoys come or go makes a version without them, or with them.
        publish(at: to)
        publish(at: from)
    }

    func fault() {
        guard healedAt == nil else { return }
        queue.push(.fault, at: now + (200 + generator.below(900)) * Self.millisecond)
        let (partition, envoy) = (Int(generator.below(3)), Int(generator.below(UInt64(envoys.count))))
        switch generator.below(16) {
        case 0..<3: failOver(partition)
        case 3..<5:
            count(fault: "standbys away")
            partitions[partition].outageUntil = now + (300 + generator.below(2500)) * Self.millisecond
        case 5..<8: crash(envoy)
        case 8..<11: backUp(envoy)
        case 11..<15: if options.hasEnvoyRestores { restore(envoy: envoy) }
        default: if options.hasOwnerRestores { restore(partition: partition) }
        }
    }

    /// The primary dies, or is cut off and goes on for a while without knowing.
    private func failOver(_ partition: Int) {
        guard partitions[partition].isUp else { return }
        let state = partitions[partition]
        noteSafeVersion(of: state)
        count(fault: "failovers")
        trace.keep(now, "the primary of \(state.name) is lost in epoch \(state.epoch.number)")
        let promotion = now + (50 + generator.below(1500)) * Self.millisecond
        if chance(60) {
            count(fault: "former primaries that go on")
            let isMet = options.hasEnvoyRestores && chance(50)
            let until = isMet ? promotion + 6 * Self.second : now + (500 + generator.below(3500)) * Self.millisecond
            ghost = EnvoySimGhost(partition: partition, state: state, until: until)
            if isMet { forget(partition, after: promotion) }
        }
        partitions[partition].isUp = false
        let keep = state.safe + Int(generator.below(UInt64(state.journal.count - state.safe + 1)))
        queue.push(.promote(partition, keep: keep), at: promotion)
    }

    /// An envoy is put back to where it was before the failover: it believes the former primary again.
    private func forget(_ partition: Int, after promotion: UInt64) {
        let own = envoys.indices.filter { owner(of: envoys[$0].slice) == partition }
        guard !own.isEmpty else { return }
        let envoy = own[Int(generator.below(UInt64(own.count)))]
        envoys[envoy].backups = []
        backUp(envoy)
        queue.push(.restore(envoy: envoy), at: promotion + (200 + generator.below(1200)) * Self.millisecond)
    }

    func promote(_ partition: Int, keep: Int) {
        guard !partitions[partition].isUp else { return }
        begin(partition, keep: keep, epoch: partitions[partition].epoch.number + 1)
        // A promotion happens with standbys: what was kept is on all of them.
        partitions[partition].becomeSafe(partitions[partition].journal.count)
        noteSafeVersion(of: partitions[partition])
    }

    private func begin(_ partition: Int, keep: Int, epoch: UInt64) {
        partitions[partition].cut(to: keep)
        partitions[partition].epoch = EnvoySimPartition.epoch(epoch, of: partitions[partition].name)
        partitions[partition].append(.begin)
        partitions[partition].isUp = true
        trace.keep(now, "\(partitions[partition].name) goes on with \(keep) records in epoch \(epoch)")
    }

    /// A partition is put back to an older copy of its journal, in an epoch above all that there were.
    private func restore(partition: Int) {
        let state = partitions[partition]
        guard state.isUp, state.safe > 3 else { return }
        count(fault: "partitions put back")
        restored.insert(state.name)
        if ghost?.partition == partition { ghost = nil }
        let keep = state.safe - 1 - Int(generator.below(UInt64(min(state.safe - 2, 20))))
        begin(partition, keep: keep, epoch: state.epoch.number + 10)
    }

    /// The disk of a machine is put back to an older copy. Half of them can tell, by what the machine says of itself.
    func restore(envoy: Int) {
        let backups = envoys[envoy].backups
        guard !backups.isEmpty else { return }
        var disk = backups[Int(generator.below(UInt64(backups.count)))]
        count(fault: "envoys put back")
        disk.truth.wasRestored = true
        let isNoticed = chance(50)
        if isNoticed { disk.renew(to: newQueue()) }
        trace.keep(now, "the disk of envoy \(envoy) is put back, \(isNoticed ? "" : "un")noticed")
        envoys[envoy].durable = disk
        envoys[envoy].applied = nil
        crash(envoy)
        envoys[envoy].disk = disk
        // What it meets then: its owner, or whoever keeps reports for that, or who was it a moment ago.
        if chance(40), let owner = owner(of: envoys[envoy].slice) { failOver(owner) }
    }

    /// A copy of a disk is made.
    private func backUp(_ envoy: Int) {
        envoys[envoy].backups.append(envoys[envoy].durable)
        if envoys[envoy].backups.count > 4 { envoys[envoy].backups.removeFirst() }
    }

    // MARK: - The end

    func heal() {
        healedAt = now
        ghost = nil
        trace.keep(now, "everything heals")
        for partition in partitions.indices {
            partitions[partition].outageUntil = 0
            if !partitions[partition].isUp { promote(partition, keep: partitions[partition].safe) }
            partitions[partition].registers.merge(published)
        }
        for partition in partitions.indices { publish(at: partition) }
        for envoy in envoys.indices where !envoys[envoy].isUp { queue.push(.start(envoy: envoy), at: now + 1000) }
        queue.push(.settle, at: now + 500 * Self.millisecond)
    }

    /// Comes back until all is at rest, or too long has passed.
    func settle() {
        guard let healedAt else { return }
        let waits = envoys.compactMap { unrest(of: $0) }
        if waits.isEmpty {
            isOver = true
            report.roundsToConverge = Double(now - healedAt) / Double(Self.second)
        } else if now - healedAt > 90 * Self.second {
            violate("liveness", waits.joined(separator: "; "))
        } else {
            queue.push(.settle, at: now + 500 * Self.millisecond)
        }
    }

    private func unrest(of envoy: EnvoySimEnvoy) -> String? {
        if envoy.disk.heldCount > 0 || envoy.disk.dropped > 0 {
            return "envoy \(envoy.index) still holds \(envoy.disk.heldCount) results"
        }
        guard let owner = owner(of: envoy.slice),
            let leaf = partitions[owner].safeTables.version?.leaves.first(where: { $0.envoy == envoy.id })
        else { return "envoy \(envoy.index) is in no version" }
        guard envoy.disk.heldLeaf == leaf.hash(by: witness) else {
            return "envoy \(envoy.index) is not at the newest version of \(partitions[owner].name)"
        }
        return nil
    }
}
