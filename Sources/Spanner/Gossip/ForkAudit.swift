internal import CRDT

/// The search for the event in which this bolt's and a peer's history of one replica part: from the newest boundary
/// that both may share, back to older ones until the peer's signature fits, then forward until a body differs.
struct ForkAudit: Sendable {
    let peer: KeyFingerprint
    /// Both are taken to agree up to here.
    var after: UInt64
    /// The chain's value there.
    var hash: Bytes32
    /// Older boundaries, to be tried where the peer's story does not follow `hash`; the next one first.
    var older: [(counter: UInt64, hash: Bytes32)]
    /// What the peer answered, while the own history is read.
    var theirs: SignedRun?
    /// Round at whose beginning it is given up.
    var until: UInt64
    var steps = 0
}

extension GossipMachine {
    /// Begins to compare a replica with a peer's, unless that was done lately.
    mutating func beginAudit(of replica: ReplicaID, with name: KeyFingerprint) {
        guard audits[replica] == nil, audits.count < GossipLimits.auditsMax, pendingForks[replica] == nil,
            peers[name]?.member == true, peers[name]?.audited[replica] == nil
        else { return }
        let held = roster.vector[replica]
        // Further and further back: the fork is most often young.
        let all = roster.boundaries(of: replica).filter { $0.counter < held }
        let tried = all.indices.filter { ($0 + 1) & $0 == 0 || $0 == all.count - 1 }.map { all[$0] }
        guard let first = tried.first else { return }
        peers[name]?.audited[replica] = round
        audits[replica] = ForkAudit(
            peer: name, after: first.counter, hash: first.hash, older: Array(tried.dropFirst()),
            until: round + GossipLimits.auditRounds)
        askForAudit(replica)
    }

    private mutating func askForAudit(_ replica: ReplicaID) {
        guard var audit = audits[replica] else { return }
        audit.steps += 1
        audit.theirs = nil
        audit.until = round + GossipLimits.auditRounds
        audits[replica] = audit.steps <= GossipLimits.auditStepsMax ? audit : nil
        guard audits[replica] != nil else { return }
        send(.want([GossipMessage.WantedRange(replica: replica, after: audit.after)]), to: audit.peer)
    }

    /// Whether `run` is a peer's answer to a comparison and nothing else: what goes beyond the own history is taken as
    /// well.
    mutating func examine(_ run: SignedRun, from name: KeyFingerprint) -> Bool {
        guard var audit = audits[run.replica], audit.peer == name, audit.theirs == nil,
            run.first == audit.after + 1, !run.bodies.isEmpty, run.bodies.count <= RosterLimits.runEventsMax,
            let author = roster.author(of: run.replica)
        else { return false }
        let chain = EventChain(mesh: own.mesh, witness: witness)
        let head = chain.head(after: audit.hash, run.bodies)
        let message = EventChain.message(replica: run.replica, last: run.last, head: head)
        guard witness.verify(signature: run.signature, over: message, by: author.signingKey) else {
            // Another story from an earlier event on, or none at all.
            if audit.older.isEmpty {
                audits[run.replica] = nil
            } else {
                let boundary = audit.older.removeFirst()
                (audit.after, audit.hash) = (boundary.counter, boundary.hash)
                audits[run.replica] = audit
                askForAudit(run.replica)
            }
            return true
        }
        let held = roster.head(of: run.replica)
        guard run.last != held.counter || head != held.hash else {
            audits[run.replica] = nil
            return true
        }
        let load = LoadID(number())
        audit.theirs = run
        audits[run.replica] = audit
        auditLoads[load] = run.replica
        effects.append(
            .load(load, replica: run.replica, after: audit.after, bytesMax: GossipLimits.eventsBytesMax))
        return run.last <= plannedCounter(run.replica)
    }

    /// Compares what the disk holds with what the peer answered.
    mutating func compare(_ replica: ReplicaID, with runs: [SignedRun]) {
        guard var audit = audits[replica], let theirs = audit.theirs else { return }
        let chain = EventChain(mesh: own.mesh, witness: witness)
        for run in runs.compactMap({ $0.following(audit.after) }) {
            guard run.first == audit.after + 1, run.replica == replica else { break }
            for (offset, body) in run.bodies.enumerated() {
                let place = audit.after + 1 - theirs.first
                guard place < UInt64(theirs.bodies.count) else { break }
                let other = Array(theirs.bodies[Int(place)...])
                guard other[0] == body else {
                    let mine = ForkProof.Story(bodies: Array(run.bodies[offset...]), signature: run.signature)
                    let proof = ForkProof(
                        replica: replica, agreedThrough: audit.after, base: audit.hash, mine,
                        ForkProof.Story(bodies: other, signature: theirs.signature))
                    audits[replica] = nil
                    return keepOwn(proof)
                }
                (audit.after, audit.hash) = (audit.after + 1, chain.next(audit.hash, body))
            }
        }
        let isDone = runs.isEmpty || audit.after >= roster.vector[replica] && roster.fork(of: replica) == nil
        audits[replica] = isDone ? nil : audit
        if !isDone { askForAudit(replica) }
    }
}

extension SignedRun {
    /// What of this run comes after `counter`, under the same signature; nil where nothing does.
    func following(_ counter: UInt64) -> SignedRun? {
        guard last > counter else { return nil }
        guard first <= counter else { return self }
        let rest = Array(bodies.dropFirst(Int(counter - first + 1)))
        return SignedRun(replica: replica, first: counter + 1, bodies: rest, signature: signature)
    }
}
