internal import CRDT
internal import Dispatch
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import SpannerWire

/// What the node keeps of ownership: transitions on their way into the roster.
struct OwnershipNews {
    /// To be told to everybody, in order.
    var waiting: [SignedTransition] = []
    var isScheduled = false
    /// Where histories were cut when the board was read last.
    var cuts: [ReplicaID: UInt64] = [:]
    /// What was last said of the slices of this partition, while this bolt is its primary.
    var census: SliceCensus?
}

/// The roster carries ownership: topologies, transitions of slices; and it knows which bolt speaks for which partition.
extension NodeService {
    // MARK: - In

    /// Brings the board up to what the roster says.
    func lookAtOwnership(anew: Bool = false) {
        guard let board else { return }
        let roster = machine.roster
        var cuts: [ReplicaID: UInt64] = [:]
        for entry in roster.vector.entries { if let cut = roster.cut(of: entry.replica) { cuts[entry.replica] = cut } }
        let isCut = cuts != ownership.cuts
        ownership.cuts = cuts
        let (slices, hasTopology) = board.take(roster, anew: anew || isCut)
        if anew || isCut, !board.allUntold.isEmpty { tellAgainSoon() }
        guard !slices.isEmpty || hasTopology else { return }
        noteChange()
        if hasTopology, let version = board.version {
            logger.notice(
                "a topology is in force",
                metadata: [LogKeys.version: "\(version.digest.shortHex)", LogKeys.from: "\(version.apply.actor)"])
        }
        partition.post(.registersMoved(slices))
    }

    /// This bolt may write: it heard what others know, or there is nobody else.
    func tellHeard() { if machine.isAuthoringOpen { partition.post(.registersHeard) } }

    /// A word about slices from a bolt of another partition.
    func hearSlices(_ message: PeerMessage, on link: PeerLink, bytes: Int) -> Bool {
        guard let board, let name = NodeService.partition(of: link),
            case .active = machine.roster.standing(of: link.peer.tlsKey, as: .bolt)
        else { return false }
        if case .sliceCensus(let census) = message {
            // A primary counts itself.
            let isOurs = name == partition.identity.partition && ownStanding?.reigns == true
            if !isOurs { board.note(census, of: name) }
            return false
        }
        // What is said of handoffs binds a partition: its primary says it, and no other of its bolts.
        guard name != partition.identity.partition, reigns(link, over: name, board) else { return false }
        partition.post(.slices(link, name, message, bytes: bytes))
        return true
    }

    /// Whether the bolt at the other end is the one that reigns over its partition: of those that say so lately the one
    /// with the highest epoch. What comes before that is heard is dropped; it is all said again.
    private func reigns(_ link: PeerLink, over name: PartitionName, _ board: OwnershipBoard) -> Bool {
        guard let line = board.line(to: name) as? PeerLink else { return false }
        return line.peer.tlsKey == link.peer.tlsKey
    }

    // MARK: - Out

    /// The partition's service has news of slices.
    func take(_ news: SliceNews) {
        switch news {
        case .transitions(let transitions):
            guard let board else { return }
            noteChange()
            let waiting = Set(ownership.waiting)
            ownership.waiting += board.untold(transitions).filter { !waiting.contains($0) }
            partition.post(.registersMoved(Set(transitions.map(\.transition.slice)).sorted()))
            publishSoon(after: SliceShellLimits.publishPause)
        case .census(let census):
            ownership.census = census
            for link in links.values { link.send(.sliceCensus(census)) }
        }
    }

    /// Transitions whose events were cut are told again by whoever holds them. All bolts hear of a cut at about the
    /// same time, so each waits another while, and those that come later find it done.
    private func tellAgainSoon() {
        let pause = SliceShellLimits.retellPause + SliceShellLimits.retellSpread * Int(machine.own.bolt.bytes.last ?? 0)
        executor.queue.asyncAfter(deadline: .now() + pause.dispatch) {
            Task { await self.tellAgain() }
        }
    }

    private func tellAgain() {
        guard let board, !closed else { return }
        let waiting = Set(ownership.waiting)
        ownership.waiting += board.allUntold.filter { !waiting.contains($0) }
        publishSoon(after: .zero)
    }

    private func publishSoon(after pause: Duration) {
        guard !ownership.isScheduled, !ownership.waiting.isEmpty, !closed else { return }
        ownership.isScheduled = true
        executor.queue.asyncAfter(deadline: .now() + pause.dispatch) {
            Task { await self.publish() }
        }
    }

    /// Tells everybody of some transitions, in one event for each key that signed them.
    private func publish() async {
        // Another bolt may have told some of it meanwhile.
        if let board { ownership.waiting = board.untold(ownership.waiting) }
        guard let first = ownership.waiting.first else { return ownership.isScheduled = false }
        let some = ownership.waiting.prefix(SliceShellLimits.transitionsPerEvent).filter { $0.warrant == first.warrant }
        let outcome = await command([.slices(SliceDelta(Array(some)))], level: .local)
        ownership.isScheduled = false
        switch outcome {
        case .done, .imported:
            let told = Set(some)
            ownership.waiting.removeAll { told.contains($0) }
            publishSoon(after: .zero)
        case .refused(let refusal):
            logger.warning("owners of slices are not told yet", metadata: [LogKeys.why: "\(refusal)"])
            publishSoon(after: SliceShellLimits.publishRetry)
        }
    }

    // MARK: - Who speaks for whom

    /// Works out anew over which links the primaries of other partitions are reached.
    func linePrimaries() {
        guard let board else { return }
        let now = ContinuousClock.now
        let byKey = Dictionary(links.values.map { ($0.peer.tlsKey, $0) }) { first, _ in first }
        var best: [PartitionName: (epoch: PartitionEpoch, line: any SliceLine)] = [:]
        for (id, heard) in standings where heard.standing.reigns && now - heard.at < NodeService.standingAge {
            guard let key = bolts.first(where: { $0.id == id })?.tlsKey, let link = byKey[key] else { continue }
            if let known = best[heard.partition], known.epoch >= heard.standing.epoch { continue }
            best[heard.partition] = (heard.standing.epoch, link)
        }
        board.setLines(best.mapValues { $0.line })
    }

    /// Who serves an envoy: the owner of its slice, before there are slices by rendezvous hashing over partitions.
    func owner(of envoy: Principal, partitions: [PartitionName]) -> PartitionName? {
        board?.place(of: envoy.id, group: envoy.group)?.register.owner
            ?? Placement.owner(of: envoy.id, partitions: partitions)
    }

    /// Which of these are known to be none of a partition's any more: their admission ended, or another one serves
    /// them. Of whom the roster never heard nothing is known.
    func departed(_ envoys: [PrincipalID], from partition: PartitionName) -> [PrincipalID] {
        let partitions = Array(Set(bolts.compactMap(\.partition))).sorted()
        return envoys.filter { id in
            if let envoy = machine.roster.principal(id) {
                return owner(of: envoy, partitions: partitions).map { $0 != partition } ?? false
            }
            switch machine.roster.standing(of: id) {
            case .removed, .banned: return true
            case .active, .contested, .superseded, .unknown: return false
            }
        }
    }

    /// In which slices envoys are, by the roster; those that it does not know go where its first group puts them.
    func places(of envoys: [PrincipalID]) -> [PrincipalID: SliceID] {
        guard let board else { return [:] }
        var places: [PrincipalID: SliceID] = [:]
        for envoy in envoys {
            places[envoy] = board.place(of: envoy, group: machine.roster.principal(envoy)?.group)?.slice
        }
        return places
    }
}
