internal import CRDT

extension GossipMachine {
    // MARK: - Coming up

    mutating func linkUp(_ link: LinkID, _ identity: PeerIdentity, dialed: Bool) {
        guard links[link] == nil else { return }
        links[link] = LinkState(identity: identity, dialed: dialed, heard: round, spoke: round)
        if let reason = refusal(of: identity) { return close(link, reason) }
        guard links.count <= settings.linksMax else { return close(link, .tooManyLinks) }
        let hello = GossipMessage.Hello(
            versionMin: GossipLimits.versionMin, versionMax: GossipLimits.versionMax, mesh: own.mesh,
            replica: own.replica, bolt: own.bolt, features: 0)
        effects.append(.send(.hello(hello), on: link))
    }

    /// Why a bolt of this identity is not spoken with at all.
    private func refusal(of identity: PeerIdentity) -> CloseReason? {
        if identity.tlsKey == own.tlsKey { return .selfLink }
        if mutation != .keepsExpelledLinks {
            switch roster.membership(of: identity.tlsKey) {
            case .removed: return .removed
            case .banned: return .banned
            case .stranger, .member: break
            }
        }
        if let peer = peers[identity.tlsKey], peer.shunnedUntil > round { return .flooding }
        return nil
    }

    mutating func hear(_ hello: GossipMessage.Hello, on link: LinkID) {
        guard let state = links[link], state.stage == .opening else { return close(link, .protocolViolation) }
        guard hello.mesh == own.mesh else { return close(link, .wrongMesh) }
        let version = min(hello.versionMax, GossipLimits.versionMax)
        guard version >= max(hello.versionMin, GossipLimits.versionMin) else {
            return close(link, .versionMismatch)
        }
        let identity = state.identity
        let key = witness.hash(identity.signingKey.bytes.bytes)
        guard hello.replica.key == key else { return close(link, .identityMismatch) }
        guard hello.replica.key != own.replica.key else { return close(link, .selfLink) }
        let membership = roster.membership(of: identity.tlsKey)
        if case .member(let bolt) = membership, bolt != hello.bolt { return close(link, .identityMismatch) }
        let member = membership.isMember
        if !member, peers[identity.tlsKey] == nil, strangers >= settings.strangersMax {
            return close(link, .tooManyLinks)
        }
        if let rival = peers[identity.tlsKey]?.link, rival != link, let other = links[rival] {
            guard prefers(state, over: other, peer: key) else { return close(link, .superseded) }
            close(rival, .superseded)
        }
        links[link]?.stage = .ready(version: version)
        welcome(hello, identity, key: key, member: member, on: link)
    }

    /// Both ends must choose alike: of two links dialled by one side the younger stays, because its dialler knows that
    /// the older is gone; of two dialled crosswise the one that the smaller key dialled.
    private func prefers(_ new: LinkState, over old: LinkState, peer: Bytes32) -> Bool {
        if new.dialed == old.dialed { return true }
        let smallerIsOwn = own.replica.key < peer
        return new.dialed == smallerIsOwn
    }

    private mutating func welcome(
        _ hello: GossipMessage.Hello, _ identity: PeerIdentity, key: Bytes32, member: Bool, on link: LinkID
    ) {
        var peer = peers[identity.tlsKey] ?? PeerState(identity: identity, key: key)
        if peer.replica != hello.replica {
            peer.replica = hello.replica
            peer.durable = VersionVector()
            // A new database needs everything once more; a sick peer might say so again and again.
            if peer.renewals > 0 {
                peer.renewals -= 1
                (peer.served, peer.credited) = (VersionVector(), VersionVector())
            }
        }
        if peer.counters.messagesReceived == 0 {
            (peer.serveBudget, peer.repeatBudget) = (settings.serveBytesPerRound, settings.repeatBytesInitial)
        }
        peer.digest = nil
        peer.bolt = hello.bolt
        peer.link = link
        peer.member = member
        peer.heard = round
        peer.lost = nil
        peer.failures = 0
        peers[identity.tlsKey] = peer
        notify(.peerReady(link, identity, member: member))
        if member { note(.alive, of: hello.bolt) }
        if member { sendForks(to: identity.tlsKey) }
        sendContext(to: identity.tlsKey)
    }

    private var strangers: Int { peers.values.count { !$0.member && $0.link != nil } }

    // MARK: - Words

    mutating func received(_ message: GossipMessage, on link: LinkID) {
        guard var state = links[link], state.stage != .closing else { return }
        state.heard = round
        state.messagesThisRound += 1
        links[link] = state
        guard state.messagesThisRound <= settings.messagesPerRoundMax else { return shun(link) }
        if case .hello(let hello) = message { return hear(hello, on: link) }
        let name = state.identity.tlsKey
        guard state.isReady, peers[name]?.link == link else { return close(link, .protocolViolation) }
        peers[name]?.heard = round
        peers[name]?.counters.messagesReceived &+= 1
        switch message {
        case .hello: break
        case .context(let digest, let vector): hear(digest: digest, vector: vector, from: name)
        case .want(let ranges): hear(wanted: ranges, from: name)
        case .events(let runs): hear(runs, from: name)
        case .durable(let dots): hear(durable: dots, from: name)
        case .reject(let dot, let reason): hear(reject: dot, reason, from: name)
        case .fork(let proof): hear(proof, from: name)
        case .ping: break
        case .unknown: peers[name]?.counters.unknownMessages &+= 1
        }
    }

    /// Closes the link of a peer that sends more than is bearable, and stays away from it for a while.
    mutating func shun(_ link: LinkID) {
        guard let state = links[link] else { return }
        peers[state.identity.tlsKey]?.shunnedUntil = round + GossipLimits.shunRounds
        close(link, .flooding)
    }

    private mutating func hear(reject dot: Dot, _ reason: RejectReason, from name: KeyFingerprint) {
        guard var peer = peers[name] else { return }
        // Only what is held here can have been sent there.
        guard roster.vector.contains(dot) else { return }
        peer.counters.runsRefused &+= 1
        var backoff = peer.refused[dot.replica] ?? PeerState.Backoff(until: 0, strikes: 0)
        backoff.strike(round)
        peer.refused[dot.replica] = backoff
        peer.queue.removeAll { $0.replica == dot.replica }
        peers[name] = peer
        notify(.refusedByPeer(dot, reason, by: peer.identity))
        reviewWaiters()
    }

    /// Sends on a peer's link, if it has one.
    mutating func send(_ message: GossipMessage, to name: KeyFingerprint) {
        guard let link = peers[name]?.link, links[link]?.isReady == true else { return }
        links[link]?.spoke = round
        peers[name]?.counters.messagesSent &+= 1
        effects.append(.send(message, on: link))
    }

    // MARK: - Going down

    mutating func close(_ link: LinkID, _ reason: CloseReason) {
        guard let state = links[link], state.stage != .closing else { return }
        links[link]?.stage = .closing
        effects.append(.close(link, reason))
        if reason == .frozen { counters.freezes &+= 1 }
        unlink(link, state.identity.tlsKey)
    }

    mutating func linkDown(_ link: LinkID) {
        guard let state = links.removeValue(forKey: link) else { return }
        unlink(link, state.identity.tlsKey)
    }

    /// The peer of a link that is gone, or as good as gone.
    private mutating func unlink(_ link: LinkID, _ name: KeyFingerprint) {
        guard var peer = peers[name], peer.link == link else { return }
        peer.unlink(round)
        peers[name] = peer
        for (replica, want) in wants where want.peer == name { wants[replica] = nil }
        if peer.member, let bolt = peer.bolt { note(.suspect, of: bolt) }
        // Strangers leave nothing behind but that they flooded.
        if !peer.member, peer.shunnedUntil <= round { peers[name] = nil }
        askForMissing()
        reviewWaiters()
    }

    /// After the roster changed: links of bolts that were expelled are closed at once, strangers may have become
    /// members (S5).
    mutating func reviewMembers() {
        otherBolts = roster.bolts.filter { $0.tlsKey != own.tlsKey }
        noteOwnStanding()
        for name in peers.keys.sorted() {
            guard var peer = peers[name] else { continue }
            let membership = roster.membership(of: name)
            let member = membership.isMember
            if member != peer.member {
                peer.member = member
                peers[name] = peer
                if member, let bolt = peer.bolt, peer.link != nil {
                    note(.alive, of: bolt)
                    sendForks(to: name)
                }
            }
            if let link = peer.link, mutation != .keepsExpelledLinks {
                switch membership {
                case .removed: close(link, .removed)
                case .banned: close(link, .banned)
                case .member, .stranger: break
                }
            }
            if !member, peers[name]?.link == nil { peers[name] = nil }
        }
        for link in links.keys.sorted() {
            guard let state = links[link], state.stage == .opening else { continue }
            if let reason = refusal(of: state.identity) { close(link, reason) }
        }
        reviewStatuses()
    }

    mutating func noteOwnStanding() {
        let banned: Bool
        switch roster.membership(of: own.tlsKey) {
        case .member, .stranger: return expelled = false
        case .removed: banned = false
        case .banned: banned = true
        }
        guard !expelled else { return }
        expelled = true
        notify(.selfExpelled(banned: banned))
        for command in commands { refuse(command.id, .notMember) }
        (commands, commandBytes) = ([], 0)
    }
}

extension Roster {
    /// What gossip makes of a bolt's TLS key. A contested bolt is a member: gossip decides no contests.
    func membership(of key: KeyFingerprint) -> Membership {
        switch standing(of: key, as: .bolt) {
        case .active(let bolt), .contested(let bolt, others: _): .member(bolt.id)
        case .superseded(let bolt): .member(bolt.id)
        case .removed: .removed
        case .banned: .banned
        case .unknown: .stranger
        }
    }
}

/// What the roster says of a TLS key, as far as gossip cares.
enum Membership: Equatable, Sendable {
    /// An admitted bolt.
    case member(PrincipalID)
    /// Not known, or no bolt: listened to, never served.
    case stranger
    case removed
    case banned

    var isMember: Bool {
        switch self {
        case .member: true
        case .stranger, .removed, .banned: false
        }
    }
}
