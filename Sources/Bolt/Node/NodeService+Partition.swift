internal import CRDT
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import SpannerWire
internal import Synchronization

/// What a bolt said last of its part in its partition, and when that was heard.
struct HeardStanding: Sendable {
    let standing: PartitionStanding
    let partition: PartitionName
    let at: ContinuousClock.Instant
}

/// The roster plane carries the partition plane: its links, who is whose sibling, what everybody says of itself.
extension NodeService {
    /// Age at which a standing is no longer gone by.
    static let standingAge: Duration = .seconds(6)

    // MARK: Links

    /// The partition that the bolt at the other end is certified for.
    static func partition(of link: PeerLink) -> PartitionName? {
        guard case .bolt(let partition, _) = link.peer.verified.role else { return nil }
        return partition
    }

    /// The first words about partitions on a new link.
    func greet(_ link: PeerLink) {
        if NodeService.partition(of: link) == partition.identity.partition {
            link.send(.disk(incarnation: partition.own.disk.incarnation))
        }
        if let ownStanding { link.send(.standing(ownStanding)) }
        if ownStanding?.reigns == true, let census = ownership.census { link.send(.sliceCensus(census)) }
    }

    /// A message that is not the roster's. What is replication goes to the partition's service, which gives the bytes
    /// back; all else is dealt with here.
    func hearPartition(_ message: PeerMessage, on link: PeerLink, bytes: Int) {
        switch message {
        case .gossip: break
        case .standing(let standing): note(standing, on: link)
        case .disk(let incarnation): meet(incarnation, on: link)
        case .expelled(let banned): noteExpulsion(banned: banned, by: link)
        case .partition, .snapshotPiece, .replay, .replayed:
            guard siblings[link.id] != nil else {
                refuse(link, "it speaks of a partition without being one of its bolts, or before it said which disk")
                break
            }
            return partition.post(.message(link, message, bytes: bytes))
        case .handoff, .handoffReply, .sliceOrder, .sliceReport, .sliceCensus, .sliceRemains, .sliceRemainsTaken:
            if hearSlices(message, on: link, bytes: bytes) { return }
        }
        link.processed(bytes: bytes)
    }

    /// A bolt of this partition says which life of its database it has. The partition is that of its certificate.
    private func meet(_ incarnation: UInt64, on link: PeerLink) {
        guard NodeService.partition(of: link) == partition.identity.partition, let peer = link.peer.bolt,
            links[link.id] != nil
        else { return refuse(link, "it names a disk of a partition that its certificate is not for") }
        let disk = ReplicaID(key: witness.hash(peer.signingKey.bytes.bytes), incarnation: incarnation)
        if let known = siblings[link.id] {
            if known != disk { refuse(link, "it names two disks on one link") }
            return
        }
        siblings[link.id] = disk
        partition.post(.linkUp(link, disk))
        shortcuts.open(link.id)
    }

    /// A peer keeps no link with this bolt, whose admission has ended by its roster.
    private func noteExpulsion(banned: Bool, by link: PeerLink) {
        guard links[link.id] != nil, case .active(let bolt) = machine.roster.standing(of: link.peer.tlsKey, as: .bolt),
            !machine.peerViews.contains(where: { $0.status == .alive })
        else { return }
        let isFirst = expulsion.note(bolt.name.text, banned: banned)
        guard isFirst, let text = expulsionText else { return }
        logger.critical("peers refuse this bolt", metadata: [LogKeys.why: "\(text)"])
    }

    /// Why this bolt may not speak for the mesh, whatever its part in its partition is; nil where it may.
    var unready: String? {
        if machine.isExpelled { return "the roster no longer admits this bolt" }
        guard case .active = machine.roster.standing(of: machine.own.tlsKey, as: .bolt) else {
            return "the roster does not admit this bolt yet"
        }
        return machine.isAuthoringOpen ? nil : "waiting for a first exchange with a peer"
    }

    /// Something may have changed that others remember.
    func noteChange() { changes.add(1, ordering: .releasing) }

    private func refuse(_ link: PeerLink, _ why: String) {
        logger.notice(
            "a peer breaks the protocol of partitions",
            metadata: [LogKeys.peer: "\(link.peer.verified.id)", LogKeys.why: "\(why)"])
        close(link.id, .protocolViolation)
    }

    /// A link is gone.
    func forget(_ link: LinkID) {
        unplaced[link] = nil
        linePrimaries()
        guard siblings.removeValue(forKey: link) != nil else { return }
        partition.post(.linkDown(link))
    }

    // MARK: Standings

    /// This bolt's part in its partition changed: everybody is told.
    func spread(_ standing: PartitionStanding) {
        if standing.isDrained != ownStanding?.isDrained { noteChange() }
        ownStanding = standing
        for link in links.values { link.send(.standing(standing)) }
    }

    private func note(_ standing: PartitionStanding, on link: PeerLink) {
        guard let peer = link.peer.bolt, let name = NodeService.partition(of: link),
            standing.disk.key == witness.hash(peer.signingKey.bytes.bytes), links[link.id] != nil
        else { return }
        guard case .active(let bolt) = machine.roster.standing(of: peer.tlsKey, as: .bolt) else {
            // Its admission may be on its way, behind this word.
            unplaced[link.id] = standing
            return
        }
        unplaced[link.id] = nil
        let before = standings[bolt.id]?.standing.isDrained ?? false
        standings[bolt.id] = HeardStanding(standing: standing, partition: name, at: .now)
        if standing.isDrained != before { noteChange() }
        linePrimaries()
        guard name == partition.identity.partition, standing.tip.position > 0 else { return }
        partition.post(.hearsay(PartitionHearsay(epoch: standing.tip.epoch.number, cut: [])))
    }

    /// The roster changed: words of bolts that it did not know may be placed now.
    func placeStandings() {
        for (id, standing) in unplaced { if let link = links[id] { note(standing, on: link) } }
    }

    /// What the roster says of the partition's bolts, for its service.
    func tellSurroundings() {
        let roster = machine.roster
        var surroundings = PartitionSurroundings()
        surroundings.dead = Set(roster.endedBoltKeys.map { witness.hash($0.bytes.bytes) })
        for bolt in bolts where bolt.partition == partition.identity.partition && bolt.id != machine.own.bolt {
            if let key = bolt.signingKey { surroundings.siblings.insert(witness.hash(key.bytes.bytes)) }
        }
        standings = standings.filter { id, _ in bolts.contains { $0.id == id } }
        guard surroundings != toldSurroundings else { return }
        toldSurroundings = surroundings
        partition.post(.surroundings(surroundings))
    }

    /// Whether a bolt said that it is to serve nobody.
    func isDrained(_ bolt: Principal) -> Bool {
        let standing = bolt.id == machine.own.bolt ? ownStanding : standings[bolt.id]?.standing
        return standing?.isDrained ?? false
    }

    /// Now and then: which standbys do not catch up.
    func lookAtStandbys() {
        let now = ContinuousClock.now
        guard stillness.isDue(at: now) else { return }
        var live: [PartitionName: [PartitionStanding]] = [:]
        if let ownStanding { live[partition.identity.partition, default: []].append(ownStanding) }
        for heard in standings.values where now - heard.at < NodeService.standingAge {
            live[heard.partition, default: []].append(heard.standing)
        }
        stillness.look(at: live.values, at: now)
    }

    // MARK: Routes

    /// Which bolt has this disk; nil where none is admitted with its key.
    func bolt(with disk: ReplicaID) -> Principal? {
        bolts.first { bolt in bolt.signingKey.map { witness.hash($0.bytes.bytes) == disk.key } ?? false }
    }

    /// Where requests for a partition go: its primary where one is known, else some bolt of it.
    func route(to name: PartitionName) -> PartitionRoute {
        if name == partition.identity.partition { return ownRoute() }
        let now = ContinuousClock.now
        // Who just died said a moment ago that it reigns: only those with a link count.
        let linked = Set(links.values.map(\.peer.tlsKey))
        let here = Set(bolts.filter { linked.contains($0.tlsKey) }.map(\.id))
        let fresh = standings.filter { id, heard in
            heard.partition == name && now - heard.at < NodeService.standingAge && here.contains(id)
        }
        let reigning = fresh.filter(\.value.standing.reigns)
            .max { $0.value.standing.epoch < $1.value.standing.epoch }
        if let reigning, let bolt = bolts.first(where: { $0.id == reigning.key }) {
            return PartitionRoute(partition: name, address: bolt.address, isSelf: false, isPrimary: true)
        }
        let members = bolts.filter { $0.partition == name }
        let followed = fresh.compactMap(\.value.standing.primary).sorted().first
        if let followed, let bolt = bolt(with: followed), here.contains(bolt.id) {
            return PartitionRoute(partition: name, address: bolt.address, isSelf: false, isPrimary: true)
        }
        // Whoever answers is better than whoever comes first.
        let reached = members.first { linked.contains($0.tlsKey) }
        return PartitionRoute(
            partition: name, address: (reached ?? members.first)?.address, isSelf: false, isPrimary: false,
            isLinked: reached != nil)
    }

    private func ownRoute() -> PartitionRoute {
        let name = partition.identity.partition
        let standing = partition.board.withLock { $0.standing }
        if standing.reigns {
            return PartitionRoute(partition: name, address: nil, isSelf: true, isPrimary: true)
        }
        let now = ContinuousClock.now
        let linked = Set(siblings.values)
        let claims = standings.values.filter {
            $0.partition == name && $0.standing.reigns && now - $0.at < NodeService.standingAge
                && $0.standing.epoch >= standing.epoch && linked.contains($0.standing.disk)
        }
        let claim = claims.max { $0.standing.epoch < $1.standing.epoch }?.standing.disk
        // A standby goes on following whom it heard last: without a link nobody is there.
        let primary = claim ?? standing.primary.flatMap { linked.contains($0) ? $0 : nil }
        guard let primary, let bolt = bolt(with: primary), bolt.id != machine.own.bolt else {
            return PartitionRoute(partition: name, address: nil, isSelf: true, isPrimary: false)
        }
        return PartitionRoute(partition: name, address: bolt.address, isSelf: false, isPrimary: true)
    }
}

/// Where requests for a partition go.
struct PartitionRoute: Sendable {
    /// Which partition.
    let partition: PartitionName
    /// Another bolt's address; nil for this one, and where no bolt is known.
    let address: String?
    /// Whether this bolt is of the partition and knows no better one.
    let isSelf: Bool
    /// Whether that bolt is known to reign.
    let isPrimary: Bool
    /// Whether a link to a bolt of the partition stands, or this one is of it.
    var isLinked = true
}
