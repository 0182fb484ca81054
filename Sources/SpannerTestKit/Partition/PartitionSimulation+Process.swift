import CRDT
import Spanner

extension PartitionSimulation {
    // MARK: - Life of a process

    func start(_ index: Int) {
        guard !bolts[index].isUp else { return }
        var disk = bolts[index].disk
        // What the store does at its start: a database that is not of the life noted beside it takes a new one.
        if disk.image.incarnation != disk.keptIncarnation || disk.image.incarnation == 0 {
            disk.take(incarnation: generator.next() | 1)
        }
        bolts[index].disk = disk
        bolts[index].life += 1
        bolts[index].backlog = []
        bolts[index].isPaused = false
        bolts[index].role = .waiting
        bolts[index].quietSince = now
        bolts[index].isSealed = true
        bolts[index].promised = nil
        let partition = partitions[bolts[index].partition]
        trace.keep(now, "bolt \(index) starts as \(bolts[index].replica) at \(disk.image.tip.short)")
        if let expected = partition.oracle.tables(at: disk.image.tip), expected != disk.image.tables.digest {
            return violate("P4", "bolt \(index) starts with tables that are not what its journal gives")
        }
        bolts[index].machine = PartitionMachine(
            own: PartitionSelf(partition: partition.oracle.genesis, disk: bolts[index].replica), witness: witness,
            settings: PartitionSettings(), sealed: true, mutation: options.mutant?.machine)
        step(index, .started(disk.durable()))
        if let heard = bolts[index].heard[partition.index] { step(index, .outside(heard)) }
        let life = bolts[index].life
        queue.push(.seal(bolt: index, life: life, false), at: now + generator.below(PartitionSimulation.second / 4))
        queue.push(.dial(bolt: index, life: life), at: now + generator.below(PartitionSimulation.second / 4))
    }

    /// The process is gone. What it owed is unknown for ever; a transaction on its way is whole or nothing.
    func crash(_ index: Int, power: Bool) {
        guard bolts[index].isUp else { return }
        if let pending = bolts[index].disk.pending {
            if generator.below(2) == 0, !bolts[index].isDiskFull {
                _ = write(index, pending.id)
            }
        }
        bolts[index].disk.crash()
        bolts[index].machine = nil
        bolts[index].backlog = []
        bolts[index].owedCommands = []
        bolts[index].owedOperations = []
        bolts[index].role = .waiting
        trace.keep(now, "bolt \(index) ends")
        // A killed process is noticed by its peers at once, a machine without power is not.
        for connection in network.connections.indices.suffix(PartitionSimulation.connectionsSeen)
        where !network.connections[connection].isBroken {
            for end in 0..<2 where network.connections[connection].ends[end].bolt == index {
                let wasOpen = network.connections[connection].ends[end].isOpen
                network.connections[connection].ends[end].isOpen = false
                if wasOpen, !power { reset(connection, deadEnd: end) }
            }
        }
    }

    func resume(_ index: Int) {
        guard bolts[index].isPaused else { return }
        bolts[index].isPaused = false
        bolts[index].quietSince = now
        let backlog = bolts[index].backlog
        bolts[index].backlog = []
        trace.keep(now, "bolt \(index) wakes with \(backlog.count) events")
        for action in backlog where report.violations.isEmpty && isAdmitted(action) { perform(action) }
        // What was gossiped meanwhile waits in the roster.
        if let heard = bolts[index].heard[bolts[index].partition] { step(index, .outside(heard)) }
    }

    func seal(_ index: Int, _ isSealed: Bool) {
        bolts[index].isSealed = isSealed
        bolts[index].quietSince = now
        step(index, .sealed(isSealed))
    }

    // MARK: - Disk

    func finishWrite(_ bolt: Int, _ batch: BatchID) {
        guard bolts[bolt].disk.pending?.id == batch else { return }
        if bolts[bolt].isDiskFull {
            bolts[bolt].disk.rollBack()
            return step(bolt, .persistFailed(batch, .full))
        }
        guard write(bolt, batch) else { return }
        step(bolt, .persisted(batch))
    }

    /// The transaction on its way becomes durable, and is looked at. False where a promise is broken.
    private func write(_ index: Int, _ batch: BatchID) -> Bool {
        guard let write = bolts[index].disk.pending?.write else { return false }
        let partition = bolts[index].partition
        let before = bolts[index].disk.image.promised
        let replica = bolts[index].replica
        switch bolts[index].disk.commit(chain) {
        case .failed(let failure):
            violate("P2", "bolt \(index) writes under the fence \(write.fence), it is \(before): \(failure)")
        case .broken(let guarantee, let detail): violate(guarantee, "bolt \(index) \(detail)")
        case .done(let added):
            let image = bolts[index].disk.image
            if write.cut != nil { count(work: "tail cut") }
            for entry in image.entries.suffix(added) {
                violate(
                    partitions[partition].oracle.saw(
                        entry, on: replica, promised: [before, image.promised],
                        cutOff: partitions[partition].called))
                if case .control(.begin(let begin)) = entry.record.content, entry.record.epoch.minter == replica {
                    checkBegin(index, entry.point, begin)
                }
            }
            if write.cut != nil, let expected = partitions[partition].oracle.tables(at: image.tip),
                expected != image.tables.digest
            {
                violate("P4", "bolt \(index): after a cut the tables are not what the journal gives")
            }
            if let safe = write.safe { checkPersistedSafe(index, safe) }
        }
        return report.violations.isEmpty
    }

    // MARK: - Snapshots

    /// A copy of the database is ready to be read.
    func build(_ bolt: Int, _ link: LinkID) {
        guard let (connection, end) = place(of: link, bolt: bolt), generator.below(12) > 0,
            network.connections[connection].ends[end].isOpen
        else { return step(bolt, .snapshotFailed(link)) }
        let image = bolts[bolt].disk.image
        snapshots[connection] = image
        count(work: "snapshot built")
        step(bolt, .snapshotTaken(link, image.tip, bytes: UInt64(image.entries.count) * 300, digest: image.tip.hash))
    }

    /// A peer's copy has arrived whole, or did not.
    func install(_ bolt: Int, _ link: LinkID, _ point: LogPoint) {
        guard bolts[bolt].disk.pending == nil else {
            return queue.push(.install(bolt: bolt, life: bolts[bolt].life, link, point), at: now + 1_000)
        }
        guard let (connection, end) = place(of: link, bolt: bolt), generator.below(12) > 0,
            network.connections[connection].ends[end].isOpen,
            let image = snapshots[connection], image.tip == point
        else {
            count(work: "snapshot failed")
            return step(bolt, .snapshotFailed(link))
        }
        if let wrong = bolts[bolt].disk.install(image), !partitions[bolts[bolt].partition].oracle.isExcused {
            return violate("P4", "bolt \(bolt): \(wrong)")
        }
        count(work: "snapshot installed")
        trace.keep(now, "bolt \(bolt) takes a snapshot up to \(image.tip.short)")
        step(bolt, .snapshotInstalled(bolts[bolt].disk.durable()))
    }
}
