import CRDT
import Spanner

/// A bolt's disk, cloned with key and incarnation, runs a second time: two processes write different events under the
/// same counters (R6).
extension Simulation {
    /// One seed in so many has a twin.
    static let twinEvery: UInt64 = 8

    /// Keeps a slot for the twin of a bolt.
    func addTwin(of original: Int) {
        let slot = bolts.count
        var clone = SimBolt(
            index: slot, identity: bolts[original].identity, principal: bolts[original].principal,
            disk: SimDisk(incarnation: 0))
        clone.isTwin = true
        bolts.append(clone)
        twin = (slot, original)
    }

    /// The twin begins to run, as soon as there is something to clone.
    func cloneTwin() {
        guard let twin, healedAt == nil else { return }
        let original = bolts[twin.of]
        guard let machine = original.machine, machine.isAuthoringOpen, machine.roster.vector[machine.own.replica] > 1,
            original.disk.image.incarnation == machine.own.replica.incarnation
        else { return queue.push(.twin, at: now + Simulation.second / 2) }
        count(fault: "twin of a disk")
        checks.twinned.insert(machine.own.replica)
        bolts[twin.slot].disk = original.disk.cloned()
        bolts[twin.slot].bansRecorded = original.bansRecorded
        start(twin.slot)
        takeSides(twin)
    }

    /// For a while some hear one of the two only, and some the other: both stories spread.
    private func takeSides(_ twin: (slot: Int, of: Int)) {
        let length = 2 * Simulation.second + generator.below(6 * Simulation.second)
        for other in bolts.indices where other != twin.slot && other != twin.of {
            let unheard = generator.below(2) == 0 ? twin.slot : twin.of
            block(unheard, other, for: length)
            block(other, unheard, for: length)
        }
    }

    /// The proof becomes durable and the roster is read anew, or the disk refuses.
    func freeze(_ bolt: Int, _ proof: ForkProof) {
        if bolts[bolt].isDiskFull { return step(bolt, .freezeFailed) }
        let forgets = options.mutant?.forgetsForks == true
        var disk = bolts[bolt].disk
        disk.keep(proof)
        guard let roster = disk.roster(mesh: TestIdentity.mesh, witness: witness, mutation: options.mutant?.roster)
        else { return violate("D3", "bolt \(bolt) cannot read its own disk") }
        if !forgets { bolts[bolt].disk = disk }
        if checks.frozen[bolt, default: [:]][proof.replica] ?? .max > proof.agreedThrough {
            checks.frozen[bolt, default: [:]][proof.replica] = proof.agreedThrough
        }
        report.faults["replica frozen", default: 0] += 1
        step(bolt, .frozen(roster))
        checkFrozen(bolt)
    }

    /// R6: what was frozen stays so, at that event or an earlier one, and nothing after it is held to be.
    func checkFrozen(_ bolt: Int) {
        guard let roster = bolts[bolt].machine?.roster, let frozen = checks.frozen[bolt] else { return }
        for (replica, counter) in frozen.sorted(by: { $0.key < $1.key }) {
            guard let fork = roster.fork(of: replica), fork.agreedThrough <= counter else {
                return violate("R6", "bolt \(bolt) forgot that \(replica) forked after \(counter)")
            }
            if roster.vector[replica] > fork.agreedThrough {
                violate("R6", "bolt \(bolt) goes on with \(replica) beyond its fork at \(fork.agreedThrough)")
            }
        }
    }

    /// R6, at the end: where members' disks hold two stories, each member knows the fork, at the event where the
    /// lowest two part, with both heads; nobody goes by one of them in silence.
    func checkForks(members: [Int]) {
        for replica in checks.twinned.sorted() {
            guard let parted = firstDifference(replica, members: members) else { continue }
            report.faults["two stories held", default: 0] += 1
            for member in members {
                guard let roster = bolts[member].machine?.roster else { continue }
                guard let fork = roster.fork(of: replica) else {
                    return violate("R6", "bolt \(member) does not know that \(replica) parts at \(parted)")
                }
                guard fork.agreedThrough < parted else {
                    return violate("R6", "bolt \(member): \(replica) parts at \(parted), not \(fork.agreedThrough + 1)")
                }
                let heads = fork.heads(EventChain(mesh: TestIdentity.mesh, witness: witness))
                guard heads.first.hash != heads.second.hash, let author = roster.author(of: replica),
                    roster.isValid(fork, by: author)
                else { return violate("R6", "bolt \(member) has no two signed heads of \(replica)") }
            }
        }
    }

    private func firstDifference(_ replica: ReplicaID, members: [Int]) -> UInt64? {
        let longest = members.map { bolts[$0].disk.image.vector[replica] }.max() ?? 0
        guard longest > 0 else { return nil }
        return (1...longest).first { counter in
            let bodies = members.compactMap { bolts[$0].disk.body(Dot(replica, counter)) }
            return bodies.dropFirst().contains { $0 != bodies[0] }
        }
    }
}
