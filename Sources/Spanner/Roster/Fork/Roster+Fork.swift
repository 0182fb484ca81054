public import CRDT

/// A replica that told two stories is frozen where they part (R6): what comes after is as if it had never been, at
/// whoever holds either story, and the proof is part of the roster. Of several forks the lowest wins.
///
/// Acts of operators outlive the bolt that carried them: those beyond a fork are still known to whoever holds them, and
/// are carried anew.
extension Roster {
    /// Proofs that a replica told two stories, in replica order.
    public var forks: [ForkProof] { proofs.values.sorted { $0.replica < $1.replica } }

    /// The proof that `replica` told two stories; nil where none is known.
    public func fork(of replica: ReplicaID) -> ForkProof? { proofs[replica] }

    /// Whether both stories were signed by `author` and part where the proof says: judged from these alone. O(bytes of
    /// the proof) and two signatures.
    public func isValid(_ proof: ForkProof, by author: Author) -> Bool {
        guard proof.replica.key == witness.hash(author.signingKey.bytes.bytes),
            proof.first.bodies.first != proof.second.bodies.first
        else { return false }
        let heads = proof.heads(chain)
        return [heads.first, heads.second].allSatisfy { head in
            let message = EventChain.message(replica: proof.replica, last: head.counter, head: head.hash)
            return witness.verify(signature: head.signature, over: message, by: author.signingKey)
        }
    }

    /// Takes a run from this bolt's own disk; those of one replica in order. Of a forked replica only what comes before
    /// the fork counts, and the acts beyond become `uncarriedActs`. Throws what `check` rejects.
    public mutating func restore(_ run: SignedRun) throws(RunRejection) {
        switch check(run, trust: .stored) {
        case .success(let checked): apply(checked)
        case .failure(.beyondFork): break
        case .failure(let rejection): throw rejection
        }
        keepStrays(of: run)
    }

    /// Acts that are known here only from beyond a fork: to be carried by an event of this bolt's own. A ban among
    /// them is in force already.
    public var uncarriedActs: [SignedAct] {
        strays.filter { stray in
            facts.actPlaces[stray.id].map { facts.acts[$0].carriers.isEmpty } ?? true
        }.map(\.act)
    }

    /// Goes on counting revisions where `earlier` stood: this roster takes its place.
    mutating func follow(_ earlier: Roster) { revise(past: earlier.revision) }

    /// Boundaries of runs of which the chain's value is known, the newest first; 0 is always among them.
    func boundaries(of replica: ReplicaID) -> [(counter: UInt64, hash: Bytes32)] {
        guard let place = places[replica] else { return [] }
        return histories[place].recent.reversed().map { ($0.counter, $0.hash) }
    }

    private mutating func keepStrays(of run: SignedRun) {
        guard let fork = proofs[run.replica], run.last > fork.agreedThrough else { return }
        for (offset, body) in run.bodies.enumerated() {
            let dot = Dot(run.replica, run.first + UInt64(offset))
            guard dot.counter > fork.agreedThrough, let event = try? EventCodec.decode(body, at: dot),
                case .act(let signed) = event.payload, case .success(let verified) = verify(signed, trust: .stored)
            else { continue }
            strays.append((id: verified.id, act: signed))
            // A ban is never lifted, not even until it is carried anew (R2).
            if case .ban = verified.act.operation { absorb(stray: verified) }
        }
    }
}
