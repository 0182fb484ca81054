public import CRDT

extension GossipMachine {
    mutating func beginRound() {
        round += 1
        schedule(.round, after: settings.roundInterval)
        for link in links.keys.sorted() {
            guard var state = links[link], state.stage != .closing else { continue }
            (state.messagesThisRound, state.rejectionsThisRound) = (0, 0)
            links[link] = state
            if round > state.heard + freezeRounds { close(link, .frozen) }
        }
        expire()
        for name in peers.keys.sorted() {
            guard var peer = peers[name] else { continue }
            peer.serveBudget = min(peer.serveBudget + settings.serveBytesPerRound, settings.serveBytesPerRound)
            peer.repeatBudget = min(peer.repeatBudget + settings.repeatBytesPerRound, settings.repeatBytesMax)
            if round.isMultiple(of: GossipLimits.renewalRounds) {
                peer.renewals = min(peer.renewals + 1, GossipLimits.renewalsMax)
            }
            peers[name] = peer
            serveNext(name)
        }
        let linked = linkedPeers
        for name in fanout(linked) { sendContext(to: name) }
        let quiet = freezeRounds / 2
        for name in linked {
            guard let link = peers[name]?.link, let state = links[link], state.isReady else { continue }
            if round >= state.spoke + quiet { send(.ping, to: name) }
        }
        // Whatever a full disk, or a lost answer, left over.
        startBatch()
        askForMissing()
        reviewStatuses()
    }

    /// Forgets what has lasted its time: requests, quarantines, refusals, suspicion.
    private mutating func expire() {
        for replica in wants.keys.sorted() {
            guard let want = wants[replica], want.until <= round else { continue }
            wants[replica] = nil
            peers[want.peer]?.failures += 1
        }
        audits = audits.filter { $0.value.until > round }
        for name in peers.keys.sorted() {
            guard var peer = peers[name] else { continue }
            let now = round
            peer.audited = peer.audited.filter { $0.value + GossipLimits.auditRounds > now }
            peer.eager = peer.eager.filter { $0.value > now }
            // Strikes are remembered for a while after the time has passed: the next one counts double.
            peer.quarantine = peer.quarantine.filter { !forgets($0.value) }
            peer.refused = peer.refused.filter { !forgets($0.value) }
            peers[name] = peer
        }
        if case .suspended(let until) = authoring, until <= round { openAuthoring(afterExchange: true) }
    }

    private func forgets(_ backoff: PeerState.Backoff) -> Bool {
        round > backoff.until + GossipLimits.backoffRoundsMax
    }

    /// Peers with a link that speaks, in order of their keys.
    var linkedPeers: [KeyFingerprint] {
        peers.filter { entry in entry.value.link.map { links[$0]?.isReady == true } ?? false }.keys.sorted()
    }

    /// All of them where they are few; else ceil(log2 n) + 1, drawn anew each time.
    mutating func fanout(_ names: [KeyFingerprint]) -> [KeyFingerprint] {
        guard names.count > settings.fullFanoutPeersMax else { return names }
        var bits = 0
        while 1 << bits < names.count { bits += 1 }
        return draw(bits + 1, of: names)
    }

    /// `count` of `names`, each equally likely, in order.
    private mutating func draw(_ count: Int, of names: [KeyFingerprint]) -> [KeyFingerprint] {
        var rest = names
        for place in 0..<min(count, rest.count) {
            let other = place + Int(generator.below(UInt64(rest.count - place)))
            rest.swapAt(place, other)
        }
        return rest.prefix(count).sorted()
    }

    // MARK: - Status

    /// Tells once that a bolt's status is another than before.
    mutating func note(_ status: PeerStatus, of bolt: PrincipalID) {
        guard statuses[bolt] != status else { return }
        statuses[bolt] = status
        notify(.peerStatus(bolt, status))
    }

    /// Brings the statuses of all admitted bolts up to date.
    mutating func reviewStatuses() {
        var present: Set<PrincipalID> = []
        for bolt in otherBolts {
            present.insert(bolt.id)
            note(status(of: peers[bolt.tlsKey]), of: bolt.id)
        }
        statuses = statuses.filter { present.contains($0.key) }
    }

    private func status(of peer: PeerState?) -> PeerStatus {
        guard let peer else { return .unreachable }
        if let link = peer.link, let state = links[link], state.isReady {
            return round > state.heard + freezeRounds / 2 ? .suspect : .alive
        }
        guard let lost = peer.lost else { return .unreachable }
        return round > lost + freezeRounds ? .unreachable : .suspect
    }

    // MARK: - Reading

    /// The other admitted bolts as seen from here, in order of their names, then ids.
    public var peerViews: [PeerView] {
        let known = digestCache.flatMap { $0.revision == roster.revision ? $0.digest : nil } ?? roster.digest
        return otherBolts.map { view(of: $0, digest: known) }
    }

    private func view(of bolt: Principal, digest: Bytes32) -> PeerView {
        let held = roster.vector
        let peer = peers[bolt.tlsKey]
        let durable = peer?.durable ?? VersionVector()
        let link = peer?.link
        return PeerView(
            bolt: bolt.id, name: bolt.name, tlsKey: bolt.tlsKey, address: bolt.address,
            status: statuses[bolt.id] ?? .unreachable, replica: peer?.replica, link: link,
            wireVersion: link.flatMap { links[$0]?.version }, durable: durable,
            lacks: GossipMachine.surplus(of: held, over: durable),
            leads: GossipMachine.surplus(of: durable, over: held),
            converged: peer?.digest == digest,
            silentRounds: peer?.heard.map { round - $0 }, counters: peer?.counters ?? PeerCounters())
    }

    /// How many events `more` has seen that `less` has not.
    private static func surplus(of more: VersionVector, over less: VersionVector) -> UInt64 {
        more.entries.reduce(0) { sum, entry in
            let held = less[entry.replica]
            return entry.counter > held ? sum &+ (entry.counter - held) : sum
        }
    }

    /// Bolts that hold `dot` and its replica's whole history before it durably, as far as they said so; this bolt is
    /// not among them.
    public func holders(of dot: Dot) -> [PrincipalID] {
        otherBolts.filter { peers[$0.tlsKey]?.durable.contains(dot) == true }.map(\.id).sorted()
    }

    /// What was asked to be written and is not yet in the roster, in order: whoever spends something once, such as a
    /// token, looks here too.
    public var pendingPayloads: [RosterEvent.Payload] {
        (inFlight?.commands ?? []).flatMap(\.payloads) + commands.flatMap(\.payloads)
    }

    /// Whether own events may be written now; commands wait otherwise.
    public var isAuthoringOpen: Bool { authoring == .open }

    /// Whether this bolt is removed or banned.
    public var isExpelled: Bool { expelled }

    /// Admitted bolts that have no link: whom a shell dials, in order of their ids.
    public var unlinkedBolts: [PeerTarget] {
        otherBolts.compactMap { bolt in
            guard peers[bolt.tlsKey]?.link == nil, (peers[bolt.tlsKey]?.shunnedUntil ?? 0) <= round else {
                return nil
            }
            return bolt.address.map { PeerTarget(bolt: bolt.id, tlsKey: bolt.tlsKey, address: $0) }
        }.sorted { $0.bolt < $1.bolt }
    }
}

/// A bolt to be dialled.
public struct PeerTarget: Hashable, Sendable {
    /// Who is expected there.
    public var bolt: PrincipalID
    /// The key it must show.
    public var tlsKey: KeyFingerprint
    /// Where it listens, `host:port`.
    public var address: String
}
