internal import CRDT

extension GossipMachine {
    // MARK: - On request

    mutating func hear(wanted ranges: [GossipMessage.WantedRange], from name: KeyFingerprint) {
        // Strangers are listened to, never served.
        guard var peer = peers[name], peer.member else { return }
        for range in ranges {
            let held = roster.vector[range.replica]
            guard held > range.after else { continue }
            // Who asks takes it, whatever it refused before.
            peer.refused[range.replica] = nil
            if range.replica != own.replica { peer.eager[range.replica] = round + GossipLimits.eagerRounds }
            if let place = peer.queue.firstIndex(where: { $0.replica == range.replica }) {
                peer.queue[place] = range
            } else if peer.queue.count < GossipLimits.wantsMax {
                peer.queue.append(range)
            }
        }
        peers[name] = peer
        serveNext(name)
    }

    /// Begins the next read for a peer, one at a time, as far as its share goes.
    ///
    /// What it was served before, or said to hold, costs of a much smaller share: a sick peer that asks for everything
    /// again and again gets little more than one that asks once (R9).
    mutating func serveNext(_ name: KeyFingerprint) {
        guard var peer = peers[name], let link = peer.link, peer.loading == nil, peer.member else { return }
        var place = 0
        while place < peer.queue.count {
            let range = peer.queue[place]
            guard roster.vector[range.replica] > range.after else {
                peer.queue.remove(at: place)
                continue
            }
            let fresh = range.after >= peer.served[range.replica] || mutation == .servesWithoutBound
            let share = fresh ? peer.serveBudget : peer.repeatBudget
            guard share > 0 || mutation == .servesWithoutBound else {
                peer.counters.servesDelayed &+= 1
                place += 1
                continue
            }
            peer.queue.remove(at: place)
            let load = LoadID(number())
            peer.loading = load
            loads[load] = (name, link, range.replica, range.after, fresh)
            let bytesMax = fresh ? GossipLimits.eventsBytesMax : min(share, GossipLimits.eventsBytesMax)
            effects.append(.load(load, replica: range.replica, after: range.after, bytesMax: bytesMax))
            break
        }
        peers[name] = peer
    }

    mutating func loaded(_ load: LoadID, _ runs: [SignedRun]) {
        if let replica = auditLoads.removeValue(forKey: load) { return compare(replica, with: runs) }
        guard let (name, link, replica, after, fresh) = loads.removeValue(forKey: load) else { return }
        guard var peer = peers[name], peer.loading == load else { return }
        peer.loading = nil
        let packed = GossipMachine.pack(runs.compactMap { $0.following(after) })
        if let last = packed.last, peer.link == link, last.replica == replica {
            let bytes = packed.reduce(0) { $0 + $1.weight }
            if fresh {
                peer.serveBudget -= bytes
                peer.repeatBudget = min(peer.repeatBudget + bytes, settings.repeatBytesMax)
            } else {
                peer.repeatBudget -= bytes
            }
            peer.served[replica] = max(peer.served[replica], last.last)
            peers[name] = peer
            send(packed, to: name, charged: !fresh)
            // It may not have known the replica when the proof was sent.
            if let fork = roster.fork(of: replica) { send(.fork(fork), to: name) }
        } else {
            peers[name] = peer
        }
        serveNext(name)
    }

    /// Consecutive runs as one, within the limits of a message: only the last signature is needed.
    static func pack(_ runs: [SignedRun]) -> [SignedRun] {
        var packed: [SignedRun] = []
        var bytes = 0
        for run in runs {
            bytes += run.weight
            if bytes > GossipLimits.eventsBytesMax, !packed.isEmpty { break }
            if let last = packed.last, let both = last.joined(with: run) {
                packed[packed.count - 1] = both
            } else if packed.count < GossipLimits.runsMax {
                packed.append(run)
            } else {
                break
            }
        }
        return packed
    }

    /// `charged`: it costs the peer of its allowance for repeats.
    private mutating func send(_ runs: [SignedRun], to name: KeyFingerprint, charged: Bool = false) {
        guard var peer = peers[name], peer.link != nil else { return }
        for run in runs {
            let (bytes, last) = (run.weight, Dot(run.replica, run.last))
            peer.counters.runsSent &+= 1
            peer.counters.runBytesSent &+= UInt64(bytes)
            let refundable = charged && !peer.durable.contains(last)
            peer.inTransit.append(PeerState.InTransit(dot: last, bytes: bytes, isRefundable: refundable))
            peer.inTransitBytes += bytes
        }
        peers[name] = peer
        send(.events(runs), to: name)
    }

    // MARK: - Unasked

    /// Own runs go at once to all peers, or to some of very many.
    mutating func push(_ run: SignedRun) {
        for name in fanout(linkedPeers.filter { mayPush(run, to: $0) }) { send([run], to: name) }
    }

    /// What others wrote goes on at once only where the direct way is known to be missing, or where bolts are so many
    /// that no author reaches all: never back to where it came from, never to whom is believed to hold it.
    mutating func relay(_ runs: [StagedRun]) {
        let linked = linkedPeers
        let epidemic = linked.count > settings.fullFanoutPeersMax
        var parcels: [KeyFingerprint: [SignedRun]] = [:]
        for staged in runs {
            let run = staged.checked.run
            guard let source = staged.source else { continue }
            let lacking = linked.filter { name in
                guard name != source, mayPush(run, to: name), let peer = peers[name] else { return false }
                guard peer.key != run.replica.key, peer.durable[run.replica] < run.last else { return false }
                return epidemic || (peer.eager[run.replica] ?? 0) > round
            }
            for name in epidemic ? fanout(lacking) : lacking { parcels[name, default: []].append(run) }
        }
        for name in parcels.keys.sorted() {
            var parcel: [SignedRun] = []
            var bytes = 0
            for run in parcels[name] ?? [] {
                if bytes + run.weight > GossipLimits.eventsBytesMax || parcel.count == GossipLimits.runsMax {
                    send(parcel, to: name)
                    (parcel, bytes) = ([], 0)
                }
                parcel.append(run)
                bytes += run.weight
            }
            if !parcel.isEmpty { send(parcel, to: name) }
        }
    }

    private func mayPush(_ run: SignedRun, to name: KeyFingerprint) -> Bool {
        guard let peer = peers[name], peer.member else { return false }
        guard peer.inTransitBytes < GossipLimits.unacknowledgedBytesMax else { return false }
        guard let refused = peer.refused[run.replica] else { return true }
        return refused.until <= round
    }
}
