import CRDT
import Spanner

extension Simulation {
    // MARK: - Life of a process

    func start(_ index: Int) {
        guard !bolts[index].isUp, healedAt == nil || !(bolts[index].isByzantine || bolts[index].isTwin) else { return }
        // A twin runs once there is a disk to clone.
        guard !bolts[index].isTwin || bolts[index].disk.image.incarnation != 0 else { return }
        var disk = bolts[index].disk
        // What the store does at its start: a database that is not of the life noted beside it takes a new one.
        let isCopy = disk.image.incarnation != disk.keptIncarnation || disk.image.incarnation == 0
        if isCopy, options.mutant?.keepsIncarnation != true || disk.image.incarnation == 0 {
            disk.take(incarnation: generator.next() | 1)
        }
        guard let roster = disk.roster(mesh: TestIdentity.mesh, witness: witness, mutation: options.mutant?.roster)
        else { return violate("D3", "bolt \(index) cannot read its own disk") }
        bolts[index].disk = disk
        bolts[index].life += 1
        bolts[index].backlog = []
        bolts[index].isPaused = false
        let identity = bolts[index].identity
        let own = GossipSelf(
            mesh: TestIdentity.mesh, bolt: bolts[index].principal, tlsKey: identity.author.tlsKey,
            replica: identity.replica(disk.image.incarnation), chain: identity.chain)
        bolts[index].machine = GossipMachine(
            own: own, roster: roster, witness: witness, signer: identity.signer, settings: GossipSettings(),
            seed: generator.next(), mutation: options.mutant?.gossip)
        trace.keep(now, "bolt \(index) starts as \(own.replica)")
        checkStart(index, roster)
        step(index, .started)
        queue.push(.dial(bolt: index, life: bolts[index].life), at: now + generator.below(Simulation.second))
        if roster.vector[genesis.replica] == 0 { importGenesis(index) }
        join(index)
    }

    /// A bolt that is not yet known carries the act that admits it, until the disk has taken it.
    func join(_ index: Int) {
        guard let joiner, joiner.bolt == index, let machine = bolts[index].machine else { return }
        let payload = RosterEvent.Payload.act(joiner.act)
        guard machine.roster.standing(of: bolts[index].identity.author.tlsKey) == .unknown else { return }
        guard !machine.pendingPayloads.contains(payload) else { return }
        step(index, .command(command(), payloads: [payload], at: wallTime(index), level: .spread(2)))
    }

    /// The daemon imports until the disk has taken it.
    func importGenesis(_ index: Int) {
        let id = command()
        workload.imports[id] = index
        step(index, .imported(id, [genesis]))
    }

    func command() -> CommandID {
        defer { nextCommand += 1 }
        return CommandID(nextCommand)
    }

    /// The process ends. `power`: so does the machine, and peers hear nothing; otherwise its system resets links.
    func crash(_ index: Int, power: Bool) {
        guard bolts[index].isUp else { return }
        if let pending = bolts[index].disk.pending {
            // The transaction may have become durable without anybody having been told; it is never there in part.
            if generator.below(2) == 0 {
                if let wrong = bolts[index].disk.commit() { violate("D3", wrong) }
                recordWrites(index, pending.runs)
                count(fault: "crash between commit and answer")
            } else {
                bolts[index].disk.rollBack()
                count(fault: "transaction torn")
            }
        }
        bolts[index].machine = nil
        bolts[index].life += 1
        bolts[index].backlog = []
        bolts[index].isPaused = false
        forgetCommands(of: index)
        for connection in network.connections.indices where !network.connections[connection].isBroken {
            for end in 0..<2 where network.connections[connection].ends[end].bolt == index {
                network.connections[connection].ends[end].isOpen = false
                if !power { reset(connection, deadEnd: end) }
            }
        }
    }

    func resume(_ index: Int) {
        guard bolts[index].isPaused else { return }
        bolts[index].isPaused = false
        let backlog = bolts[index].backlog
        bolts[index].backlog = []
        for action in backlog where report.violations.isEmpty && isAdmitted(action) { perform(action) }
    }

    // MARK: - Effects

    func perform(_ effect: GossipMachine.Effect, of bolt: Int) {
        let life = bolts[bolt].life
        switch effect {
        case .persist(let batch, let runs):
            guard bolts[bolt].disk.pending == nil else { return violate("D1", "two transactions at once") }
            bolts[bolt].disk.begin(batch, runs)
            let slow = generator.below(100) == 0
            queue.push(
                .disk(bolt: bolt, life: life, batch),
                at: now + 200 + generator.below(slow ? 400_000 : 8_000))
        case .load(let load, let replica, let after, let bytesMax):
            queue.push(
                .load(bolt: bolt, life: life, load, replica, after: after, bytesMax: bytesMax),
                at: now + 50 + generator.below(2_000))
        case .send(let message, let link): send(message, from: bolt, on: link)
        case .close(let link, let reason):
            trace.note(now, "bolt \(bolt) closes \(link.raw): \(reason)")
            close(link, of: bolt)
        case .schedule(let timer, let delay):
            queue.push(.timer(bolt: bolt, life: life, timer), at: now + Simulation.microseconds(delay))
        case .complete(let command, let outcome): finish(command, outcome, at: bolt)
        case .takeNewIncarnation:
            queue.push(.incarnation(bolt: bolt, life: life), at: now + 1_000 + generator.below(10_000))
        case .freeze(let proof):
            queue.push(.freeze(bolt: bolt, life: life, proof), at: now + 200 + generator.below(8_000))
        case .notify(let notification): hear(notification, of: bolt)
        }
    }

    func finishWrite(_ bolt: Int, _ batch: BatchID) {
        guard let pending = bolts[bolt].disk.pending, pending.id == batch else { return }
        if bolts[bolt].isDiskFull {
            bolts[bolt].disk.rollBack()
            report.faults["transaction refused", default: 0] += 1
            return step(bolt, .persistFailed(batch))
        }
        if let wrong = bolts[bolt].disk.commit() { return violate("R1", "bolt \(bolt): \(wrong)") }
        recordWrites(bolt, pending.runs)
        step(bolt, .persisted(batch))
    }

    static func microseconds(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        return UInt64(max(0, seconds)) * second + UInt64(max(0, attoseconds) / 1_000_000_000_000)
    }
}
