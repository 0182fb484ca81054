import CRDT
import Spanner

/// What the checkers remember of a run.
struct SimChecks {
    /// Every event that was ever durable anywhere or left a bolt, by dot: there is only ever one (R7), and it is what
    /// its author wrote (R5).
    var bodies: [Dot: Bytes32] = [:]
    /// Digest of each set of events that any bolt held (R3).
    var digests: [VersionVector: Bytes32] = [:]
    /// What each bolt told others to hold durably, since its disk was last lost.
    var promised: [Int: VersionVector] = [:]
    /// Replicas that two processes wrote.
    var twinned: Set<ReplicaID> = []
    /// After which event each bolt has frozen a replica, since its disk was last lost.
    var frozen: [Int: [ReplicaID: UInt64]] = [:]
    /// How often runs came to be in force, over all bolts.
    var applied = 0
    /// Hash of the signature under each run's last event, as its author made it.
    var signatures: [Dot: Set<Bytes32>] = [:]
}

extension Simulation {
    // MARK: - At every step

    /// What a bolt is about to say must be true of its disk already.
    func checkPromise(_ bolt: Int, _ message: GossipMessage) {
        let held = bolts[bolt].disk.image.vector
        switch message {
        case .context(_, let vector):
            guard let vector else { return }
            if !held.includes(vector) { violate("R1", "bolt \(bolt) tells of events that its disk does not hold") }
            checks.promised[bolt, default: VersionVector()].merge(vector)
        case .durable(let dots):
            for dot in dots where !held.contains(dot) {
                violate("R1", "bolt \(bolt) calls \(dot) durable, its disk holds \(held[dot.replica])")
            }
            for dot in dots where dot.counter > (checks.promised[bolt]?[dot.replica] ?? 0) {
                checks.promised[bolt, default: VersionVector()][dot.replica] = dot.counter
            }
        case .events(let runs):
            for run in runs { record(run, by: bolt) }
        case .hello, .want, .reject, .fork, .ping, .unknown: break
        }
    }

    /// An answer must be true of the disk already.
    func checkDurable(_ dots: [Dot], at bolt: Int) {
        for dot in dots where !bolts[bolt].disk.image.vector.contains(dot) {
            violate("R1", "bolt \(bolt) answers \(dot), which is not on its disk")
        }
    }

    func recordWrites(_ bolt: Int, _ runs: [SignedRun]) {
        for run in runs { record(run, by: bolt) }
    }

    /// One dot, one event, for all time. The first to be seen of an honest replica is what its author wrote.
    private func record(_ run: SignedRun, by bolt: Int) {
        // Two processes write these: which story is whose is R6's matter.
        guard !checks.twinned.contains(run.replica) else { return }
        checks.signatures[Dot(run.replica, run.last), default: []].insert(TestWitness.digest(run.signature))
        var counter = run.first
        for body in run.bodies {
            let dot = Dot(run.replica, counter)
            let hash = TestWitness.digest(body)
            if let known = checks.bodies[dot] {
                guard known == hash else {
                    let own = bolts[bolt].identity.replica(run.replica.incarnation) == run.replica
                    return violate(own ? "R7" : "R5", "bolt \(bolt) holds another event at \(dot) than was written")
                }
            } else {
                let isAuthor = bolts[bolt].identity.replica(run.replica.incarnation) == run.replica
                guard isAuthor || run.replica == genesis.replica else {
                    return violate("R5", "bolt \(bolt) holds \(dot), which its author never wrote")
                }
                checks.bodies[dot] = hash
            }
            counter += 1
        }
    }

    /// After a start the machine must hold what its earlier life told others to hold.
    func checkStart(_ bolt: Int, _ roster: Roster) {
        if let promised = checks.promised[bolt] {
            let kept = promised.entries.allSatisfy { entry in
                roster.vector[entry.replica] >= entry.counter || roster.fork(of: entry.replica) != nil
            }
            if !kept { violate("R1", "bolt \(bolt) forgot what it told others to hold") }
        }
        checkFrozen(bolt)
        checkBans(bolt)
    }

    func hear(_ notification: GossipMachine.Notification, of bolt: Int) {
        switch notification {
        case .applied(let runs): checkApplied(bolt, hasActs: runs.contains { carriesAct($0, bolt) })
        case .overloaded: report.faults["queue overflow", default: 0] += 1
        case .quarantined: report.faults["run quarantined", default: 0] += 1
        case .ownHistoryLost: report.faults["own history lost", default: 0] += 1
        case .forked(let replica, let counter):
            guard !checks.twinned.contains(replica) else { return }
            violate("R7", "bolt \(bolt) sees \(replica) forked at \(counter)")
        case .peerStatus(_, let status): report.work["status \(status.rawValue)", default: 0] += 1
        case .diverged(let peer): checkDiverged(bolt, peer)
        case .peerReady, .refusedByPeer, .authoringOpened, .persistFailed, .selfExpelled: break
        }
    }

    /// Equal vectors mean equal digests; only a liar may seem otherwise.
    private func checkDiverged(_ bolt: Int, _ peer: PeerIdentity) {
        guard let other = bolts.first(where: { $0.peerIdentity == peer }), !other.isByzantine else { return }
        guard !bolts[bolt].isByzantine, checks.twinned.isEmpty else { return }
        violate("R3", "bolt \(bolt) and bolt \(other.index) have equal vectors and unequal digests")
    }

    private func checkApplied(_ bolt: Int, hasActs: Bool) {
        guard let roster = bolts[bolt].machine?.roster else { return }
        let digest = roster.digest
        trace.mix(digest.words.0)
        // Of a replica with two stories the vector tells neither.
        if !roster.vector.entries.contains(where: { checks.twinned.contains($0.replica) }) {
            if let known = checks.digests[roster.vector], known != digest {
                violate("R3", "bolt \(bolt) has another digest than was seen for the same vector")
            }
            checks.digests[roster.vector] = digest
        }
        checkFrozen(bolt)
        checks.applied += 1
        // Bans come with acts; whether one was undone is looked at after every one, and else now and then.
        guard hasActs || checks.applied.isMultiple(of: 32) else { return }
        for ban in roster.bans { bolts[bolt].bansRecorded.formUnion(ban.keys) }
        checkBans(bolt)
        checkLinks(bolt)
    }

    private func carriesAct(_ run: GossipMachine.AppliedRun, _ bolt: Int) -> Bool {
        // The kind stands first in a body; an act's is 6.
        (run.first...run.last).contains { bolts[bolt].disk.body(Dot(run.replica, $0))?.first == 6 }
    }

    /// R2: once a bolt recorded a ban durably, it accepts no key of that lineage ever again.
    private func checkBans(_ bolt: Int) {
        guard let roster = bolts[bolt].machine?.roster else { return }
        for key in bolts[bolt].bansRecorded.sorted() {
            guard case .banned = roster.standing(of: key) else {
                return violate("R2", "bolt \(bolt) takes key \(key.bytes.shortHex) again, which it had banned")
            }
        }
        for envoy in workload.envoys where envoy.keys.count > 1 {
            guard envoy.keys.contains(where: { bolts[bolt].bansRecorded.contains($0) }) else { continue }
            let lineage = roster.lineage(of: envoy.keys[0])
            guard lineage.contains(where: { bolts[bolt].bansRecorded.contains($0) }) else { continue }
            for key in lineage {
                guard case .banned = roster.standing(of: key) else {
                    return violate("R2", "bolt \(bolt) takes key \(key.bytes.shortHex) of a banned lineage")
                }
            }
        }
    }

    /// R2, S5: with a bolt that is known to be expelled there is no link.
    private func checkLinks(_ bolt: Int) {
        guard let machine = bolts[bolt].machine else { return }
        for other in bolts where other.index != bolt && machine.isSpeaking(with: other.identity.author.tlsKey) {
            switch machine.roster.standing(of: other.identity.author.tlsKey) {
            case .removed, .banned:
                violate("R2", "bolt \(bolt) speaks with bolt \(other.index), which it knows expelled")
            case .active, .contested, .superseded, .unknown: break
            }
        }
    }

    // MARK: - Poison

    /// Runs of a message that must be taken whatever else is in it: genuine, and next of their replica.
    func expectation(_ bolt: Int, _ event: GossipMachine.Event) -> [Dot]? {
        guard case .received(.events(let runs), let link) = event, let machine = bolts[bolt].machine else { return nil }
        guard machine.isListening(on: link), bolts.contains(where: \.isByzantine), machine.canTakeMore else {
            return nil
        }
        var expected: [ReplicaID: UInt64] = [:]
        for run in runs {
            let planned = expected[run.replica] ?? machine.plannedCounter(of: run.replica)
            guard run.first <= planned + 1, run.last > planned, isGenuine(run) else { continue }
            expected[run.replica] = run.last
        }
        return expected.isEmpty ? nil : expected.map { Dot($0.key, $0.value) }.sorted()
    }

    private func isGenuine(_ run: SignedRun) -> Bool {
        var counter = run.first
        for body in run.bodies {
            guard checks.bodies[Dot(run.replica, counter)] == TestWitness.digest(body) else { return false }
            counter += 1
        }
        return checks.signatures[Dot(run.replica, run.last)]?.contains(TestWitness.digest(run.signature)) == true
    }

    func checkTaken(_ bolt: Int, _ expected: [Dot]) {
        guard let machine = bolts[bolt].machine else { return }
        for dot in expected where machine.plannedCounter(of: dot.replica) < dot.counter {
            violate("R10", "bolt \(bolt) did not take \(dot), which came beside a poison run")
        }
    }
}
