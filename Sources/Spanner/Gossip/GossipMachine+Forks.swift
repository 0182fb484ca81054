internal import CRDT

extension GossipMachine {
    /// The command that nobody waits for: what the machine itself has to write.
    static let nobody = CommandID(UInt64.max)

    // MARK: - Proofs

    /// A peer's proof that a replica told two stories. It is checked by itself; one of a replica that is not known here
    /// comes again with that replica's history.
    mutating func hear(_ proof: ForkProof, from name: KeyFingerprint) {
        guard let author = plannedHead(proof.replica).author, isLower(proof) else { return }
        guard roster.isValid(proof, by: author) else {
            counters.runsRejected &+= 1
            peers[name]?.counters.runsRejected &+= 1
            guard let link = peers[name]?.link else { return }
            links[link]?.rejectionsThisRound += 1
            if let state = links[link], state.rejectionsThisRound > GossipLimits.rejectionsPerRoundMax { shun(link) }
            return
        }
        keep(proof)
    }

    /// Keeps a proof that was found here: both stories verified on the way.
    mutating func keepOwn(_ proof: ForkProof) {
        guard let author = roster.author(of: proof.replica), roster.isValid(proof, by: author) else { return }
        keep(proof)
    }

    private func isLower(_ proof: ForkProof) -> Bool {
        let known = [roster.fork(of: proof.replica), pendingForks[proof.replica]].compactMap { $0?.agreedThrough }
        return known.allSatisfy { proof.agreedThrough < $0 }
    }

    /// Keeps a proof that was checked, and freezes its replica as soon as its history reaches the fork.
    private mutating func keep(_ proof: ForkProof) {
        guard mutation != .dropsForkProofs, isLower(proof) else { return }
        pendingForks[proof.replica] = proof
        audits[proof.replica] = nil
        if proof.replica == own.replica { ownHistoryIsLost(seen: proof.agreedThrough + 1) }
        startBatch()
    }

    /// Hands the next proof to the disk, while no transaction is on its way.
    mutating func freezeNext() {
        guard inFlight == nil, freezing == nil else { return }
        let ready = pendingForks.filter { roster.vector[$0.key] >= $0.value.agreedThrough }
        guard let replica = ready.keys.min(), let proof = ready[replica] else { return }
        freezing = replica
        forked.insert(replica)
        staged.removeAll { $0.checked.run.replica == replica }
        stagedHeads[replica] = nil
        wants[replica] = nil
        effects.append(.freeze(proof))
    }

    /// The proof is durable: memory is what a start would make of the disk, and everybody is told.
    mutating func frozen(_ next: Roster) {
        guard let replica = freezing, let proof = next.fork(of: replica) else {
            preconditionFailure("frozen without a proof on its way: \(String(describing: freezing))")
        }
        freezing = nil
        if pendingForks[replica] == proof { pendingForks[replica] = nil }
        let earlier = roster
        roster = next
        roster.follow(earlier)
        digestCache = nil
        notify(.forked(replica, at: proof.agreedThrough + 1))
        for name in linkedPeers where peers[name]?.member == true { send(.fork(proof), to: name) }
        reviewMembers()
        carryStrays()
        startBatch()
        askForMissing()
        reviewWaiters()
    }

    /// Tells a peer of all forks that are known here.
    mutating func sendForks(to name: KeyFingerprint) {
        for proof in roster.forks { send(.fork(proof), to: name) }
    }

    /// Acts from beyond a fork are carried anew: what an operator decided outlives the bolt that carried it.
    mutating func carryStrays() {
        guard !expelled else { return }
        let pending = pendingPayloads
        for act in roster.uncarriedActs where !pending.contains(.act(act)) {
            let at = (try? ActCodec.decode(act.content))?.at ?? WallTime(milliseconds: 0)
            commands.append(
                PendingCommand(
                    id: GossipMachine.nobody, payloads: [.act(act)], at: at, level: .local,
                    bytes: RosterLimits.eventBytesMax))
            commandBytes += RosterLimits.eventBytesMax
        }
    }
}
