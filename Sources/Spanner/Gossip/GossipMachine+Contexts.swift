internal import CRDT

extension GossipMachine {
    // MARK: - Telling

    /// Tells a peer what is held here. Where it said the same digest last, the digest is enough.
    mutating func sendContext(to name: KeyFingerprint) {
        let current = digest()
        let vector = peers[name]?.digest == current ? nil : roster.vector
        send(.context(digest: current, vector: vector), to: name)
    }

    // MARK: - Hearing

    mutating func hear(digest said: Bytes32, vector: VersionVector?, from name: KeyFingerprint) {
        guard var peer = peers[name], let link = peer.link else { return }
        let current = digest()
        peer.digest = said
        if let vector {
            peer.durable = vector
        } else if said == current {
            peer.durable = roster.vector
        }
        peer.settle(allowanceMax: settings.repeatBytesMax)
        confirm(&peer)
        peers[name] = peer
        if said != current, vector == nil, links[link]?.answered != round {
            // It took the two for equal: now it learns that they are not, and says more.
            links[link]?.answered = round
            sendContext(to: name)
        }
        if let vector, vector == roster.vector, said != current {
            if links[link]?.divergenceShown == false {
                links[link]?.divergenceShown = true
                notify(.diverged(from: peer.identity))
            }
            for entry in vector.entries { beginAudit(of: entry.replica, with: name) }
        }
        if vector != nil || said == current { exchanged(with: name) }
        askForMissing(of: [name])
        reviewWaiters()
    }

    /// What a peer said to hold it needs no more: asking for it costs of its small share.
    private func confirm(_ peer: inout PeerState) {
        for entry in peer.durable.entries {
            let counter = min(entry.counter, roster.vector[entry.replica])
            peer.served.raise(entry.replica, to: counter)
        }
    }

    mutating func hear(durable dots: [Dot], from name: KeyFingerprint) {
        guard var peer = peers[name] else { return }
        let held = roster.vector
        for dot in dots {
            // What is not held here is nothing that it could have been sent, and nothing to count on.
            let counter = min(dot.counter, held[dot.replica])
            if counter > peer.durable[dot.replica] { peer.durable[dot.replica] = counter }
        }
        peer.settle(allowanceMax: settings.repeatBytesMax)
        peers[name] = peer
        reviewWaiters()
    }

    // MARK: - Asking

    /// Asks for what peers hold and this bolt does not: each replica of one peer at a time, so that no event is sent
    /// here twice without need. `only`: of these peers, none of which failed to answer last time.
    mutating func askForMissing(of only: [KeyFingerprint]? = nil) {
        guard mutation != .contextIsTakenOver else { return }
        let current = digest()
        var room = GossipLimits.pendingRunsMax / 2 - staged.count
        for want in wants.values { room -= want.expected }
        guard room > 0 else { return }
        var offers: [ReplicaID: (peer: KeyFingerprint, counter: UInt64, rank: Rank)] = [:]
        for name in only ?? linkedPeers {
            guard let peer = peers[name], peer.link != nil, peer.digest != current else { continue }
            if only != nil, peer.failures > 0 { continue }
            for (replica, counter) in peer.durable.entries {
                guard counter > plannedCounter(replica), mayAsk(for: replica, of: peer) else { continue }
                let rank = Rank(
                    failures: peer.failures, distance: peer.key == replica.key ? 0 : 1, lot: generator.next())
                if let best = offers[replica], best.rank <= rank { continue }
                offers[replica] = (name, counter, rank)
            }
        }
        var asked: [KeyFingerprint: [GossipMessage.WantedRange]] = [:]
        for replica in offers.keys.sorted() where room > 0 {
            guard let offer = offers[replica] else { continue }
            let after = plannedCounter(replica)
            let expected = Int(min(offer.counter - after, UInt64(GossipLimits.runsMax)))
            room -= expected
            wants[replica] = Want(
                peer: offer.peer, after: after, until: round + GossipLimits.wantRounds, expected: expected)
            asked[offer.peer, default: []].append(GossipMessage.WantedRange(replica: replica, after: after))
        }
        for name in asked.keys.sorted() {
            guard let ranges = asked[name] else { continue }
            for start in stride(from: 0, to: ranges.count, by: GossipLimits.wantsMax) {
                let end = min(start + GossipLimits.wantsMax, ranges.count)
                send(.want(Array(ranges[start..<end])), to: name)
            }
        }
    }

    /// Asks one peer for what follows `after`, unless somebody is asked already.
    mutating func ask(_ name: KeyFingerprint, for replica: ReplicaID, after: UInt64) {
        guard let peer = peers[name], mayAsk(for: replica, of: peer), mutation != .contextIsTakenOver else { return }
        wants[replica] = Want(peer: name, after: after, until: round + GossipLimits.wantRounds, expected: 1)
        send(.want([GossipMessage.WantedRange(replica: replica, after: after)]), to: name)
    }

    private func mayAsk(for replica: ReplicaID, of peer: PeerState) -> Bool {
        guard wants[replica] == nil, !forked.contains(replica) else { return false }
        if let quarantine = peer.quarantine[replica], quarantine.until > round { return false }
        guard replica == own.replica else { return true }
        switch authoring {
        case .suspended: return true
        case .waiting, .open, .renewing: return false
        }
    }

    /// The highest counter of a replica that is held, or waits for the disk.
    func plannedCounter(_ replica: ReplicaID) -> UInt64 {
        stagedHeads[replica]?.counter ?? roster.vector[replica]
    }

    /// Who is asked first: who answers, then the author itself, then by lot.
    private struct Rank: Comparable {
        let failures: Int
        let distance: Int
        let lot: UInt64

        static func < (left: Rank, right: Rank) -> Bool {
            (left.failures, left.distance, left.lot) < (right.failures, right.distance, right.lot)
        }
    }

    // MARK: - Own history

    /// A peer's whole context is known. Opens writing after a start, unless it shows own events that are not held.
    ///
    /// The claim alone costs a bounded pause, once for each peer; a signed event is proof.
    private mutating func exchanged(with name: KeyFingerprint) {
        guard let peer = peers[name] else { return }
        let claimed = peer.durable[own.replica]
        guard claimed > plannedCounter(own.replica) else {
            if authoring == .waiting { openAuthoring(afterExchange: true) }
            return
        }
        guard authoring == .waiting || authoring == .open, !suspects.contains(name) else { return }
        suspects.insert(name)
        authoring = .suspended(until: round + GossipLimits.suspicionRounds)
        wants[own.replica] = nil
        ask(name, for: own.replica, after: plannedCounter(own.replica))
    }

    mutating func openAuthoring(afterExchange: Bool) {
        guard authoring != .renewing else { return }
        authoring = .open
        notify(.authoringOpened(afterExchange: afterExchange))
        startBatch()
    }

    /// A signed event of the own replica that this database does not hold: it forgot what it had promised to keep.
    mutating func ownHistoryIsLost(seen: UInt64) {
        guard authoring != .renewing else { return }
        authoring = .renewing
        notify(.ownHistoryLost(own.replica, held: roster.vector[own.replica], seen: seen))
        effects.append(.takeNewIncarnation)
    }

    mutating func renew(_ replica: ReplicaID) {
        precondition(replica.key == own.replica.key, "\(replica) is not this bolt's")
        own.replica = replica
        builder = RunBuilder(replica: replica, mesh: own.mesh, witness: witness, signer: signer)
        suspects = []
        authoring = .open
        notify(.authoringOpened(afterExchange: true))
        startBatch()
    }
}
