internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Spanner
internal import SpannerStore
internal import Synchronization

/// What the node holds, in the API's words. Read inside the node, so that each answer is of one moment.
struct NodeViews: Sendable {
    let configuration: BoltConfiguration

    // MARK: Mesh

    func mesh(_ node: isolated NodeService) -> MeshSummary {
        MeshSummary(name: configuration.meshName.text, id: node.machine.own.mesh)
    }

    /// How old the answer may be: as old as the longest silence of a bolt that is reachable.
    func freshness(_ node: isolated NodeService) -> Freshness {
        let peers = node.machine.peerViews
        let heard = peers.filter { $0.status == .alive }
        let interval =
            Double(configuration.gossip.roundInterval.components.attoseconds) / 1e18
            + Double(configuration.gossip.roundInterval.components.seconds)
        let oldest = heard.compactMap(\.silentRounds).max() ?? 0
        return Freshness(
            ageSeconds: Double(oldest) * interval, complete: heard.count == peers.count,
            boltsHeard: heard.count + 1, boltsTotal: peers.count + 1)
    }

    func status(_ node: isolated NodeService) -> StatusResponse {
        let (roster, peers) = (node.machine.roster, node.machine.peerViews)
        let partitions = partitions(node)
        let dark = partitions.filter { $0.reachable == 0 }
        let conflicts = roster.conflicts
        let alarms =
            alarms(node, peers: peers, dark: dark, conflicts: conflicts)
            + NodeViews.alarms(of: partitions, askedAt: configuration.fullName)
        let events = roster.vector.entries.reduce(UInt64(0)) { $0 &+ $1.counter }
        let verdict: StatusResponse.Verdict =
            alarms.contains { $0.severity == .critical } ? .broken : alarms.isEmpty ? .healthy : .degraded
        return StatusResponse(
            mesh: mesh(node), bolt: configuration.fullName, verdict: verdict,
            faultTolerance: partitions.map(\.faultTolerance).min() ?? 0,
            roster: RosterSummary(
                digest: roster.digest, boltsAtDigest: peers.count { $0.converged } + 1, boltsTotal: peers.count + 1,
                events: events, envoys: roster.count(role: .envoy), bans: roster.bans.count,
                conflicts: conflicts.count),
            bolts: bolts(node), partitions: partitions, alarms: alarms, freshness: freshness(node))
    }

    private func alarms(
        _ node: isolated NodeService, peers: [PeerView], dark: [PartitionView], conflicts: [NameConflict]
    ) -> [Alarm] {
        var alarms: [Alarm] = []
        for peer in peers where peer.status == .unreachable {
            alarms.append(
                Alarm(
                    code: "bolt_unreachable", severity: .warning, text: "\(peer.name) cannot be reached from here",
                    next: "look at its process and network: boltctl bolt show \(peer.name)"))
        }
        for partition in dark {
            alarms.append(
                Alarm(
                    code: "partition_down", severity: .critical,
                    text: "no bolt of partition \(partition.name) can be reached from here",
                    next: "start one of its bolts: boltctl bolt list"))
        }
        for conflict in conflicts {
            alarms.append(
                Alarm(
                    code: "name_contested", severity: .warning,
                    text: "\(conflict.claimants.count) keys claim the \(conflict.role) name \(conflict.name)",
                    next: "boltctl roster conflicts"))
        }
        return alarms + ownAlarms(node)
    }

    /// What is the matter with this bolt itself, and with what it meets.
    private func ownAlarms(_ node: isolated NodeService) -> [Alarm] {
        var alarms: [Alarm] = []
        for mismatch in node.mismatches.current() {
            alarms.append(
                Alarm(
                    code: "bolt_identity_mismatch", severity: .warning,
                    text: "\(mismatch.name) at \(mismatch.remote) says it is another bolt than the roster admits for "
                        + "its key: no link is kept with it",
                    next: "compare the ids and its genesis file: boltctl bolt show \(mismatch.name)"))
        }
        for pair in node.twins.current() {
            alarms.append(
                Alarm(
                    code: "bolt_identity_twice", severity: .critical,
                    text:
                        "two processes run with the identity of \(pair.name), each with a state folder of its own: at "
                        + pair.remotes.joined(separator: " and "),
                    next:
                        "stop the one that should not be: one identity is one process; see its pid in the lock of its "
                        + "state directory"))
        }
        if let alarm = fullDiskAlarm(node) { alarms.append(alarm) }
        if let trouble = node.leaseTrouble {
            alarms.append(
                Alarm(
                    code: "lease_trouble", severity: .warning,
                    text: "the lease of \(configuration.partition), as \(configuration.fullName) sees it: \(trouble)",
                    next: "look at etcd; an operator can promote meanwhile: boltctl partition list"))
        }
        if let expelled = node.expulsionText {
            // First: whatever else it says is of an earlier day.
            alarms.insert(
                Alarm(
                    code: "bolt_expelled", severity: .critical,
                    text: "\(configuration.fullName) is no longer admitted: \(expelled)", next: "ask another bolt"),
                at: 0)
        }
        return alarms
    }

    private func fullDiskAlarm(_ node: isolated NodeService) -> Alarm? {
        let standing = node.partition.board.withLock { $0.standing }
        guard node.storeFull || standing.isFull else { return nil }
        let way = standing.reigns ? "; or hand over: boltctl partition switchover \(configuration.partition)" : ""
        return Alarm(
            code: "store_full", severity: .critical, text: "the disk of \(configuration.fullName) is full",
            next: "make room in \(configuration.stateDirectory)\(way)")
    }

    func bolts(_ node: isolated NodeService) -> [BoltView] {
        let peers = Dictionary(uniqueKeysWithValues: node.machine.peerViews.map { ($0.bolt, $0) })
        return node.bolts.compactMap { bolt in view(node, bolt, peer: peers[bolt.id]) }
    }

    private func view(_ node: isolated NodeService, _ bolt: Principal, peer: PeerView?) -> BoltView? {
        guard let (name, partition) = bolt.boltName else { return nil }
        let isSelf = bolt.id == node.machine.own.bolt
        let seen: BoltView.Reach =
            switch peer?.status {
            case .alive: .alive
            case .suspect: .suspect
            case .unreachable, .none: .unreachable
            }
        let reach = isSelf ? .itself : seen
        let interval = configuration.gossip.roundInterval.components
        let seconds = Double(interval.seconds) + Double(interval.attoseconds) / 1e18
        return BoltView(
            name: name, partition: partition, id: bolt.id, address: bolt.address ?? "",
            zone: bolt.labels.first { $0.key == "zone" }?.value, fingerprint: bolt.tlsKey,
            standing: isSelf && node.expulsion.isTold
                ? (node.expulsion.isBanned ? .banned : .removed)
                : word(node.machine.roster.standing(of: bolt.tlsKey, as: .bolt)), reach: reach,
            replica: isSelf ? node.machine.own.replica : peer?.replica,
            digest: isSelf || peer?.converged == true ? node.machine.roster.digest : nil,
            lagEvents: isSelf ? 0 : peer.flatMap { $0.silentRounds == nil ? nil : $0.lacks },
            lastHeardSeconds: peer?.silentRounds.map { Double($0) * seconds })
    }

    func bolt(_ node: isolated NodeService, named text: String) throws -> BoltResponse {
        let found = bolts(node).filter {
            [$0.fullName, $0.name.text, $0.id.description, $0.fingerprint.description].contains(text)
        }
        guard found.count <= 1 else {
            throw Problem(.ambiguous, "several bolts are named \(text)", next: "name it as NAME.PARTITION")
        }
        guard let bolt = found.first else { throw Problem(.notFound, "no bolt is named \(text.prefix(64))") }
        return BoltResponse(
            bolt: bolt, facts: facts(node, node.machine.roster.explain(id: bolt.id)), freshness: freshness(node))
    }

    // MARK: Receipts

    /// Where an event is in force, by what the bolts said to hold durably.
    func receipt(_ node: isolated NodeService, of dot: Dot) throws -> ReceiptResponse {
        let roster = node.machine.roster
        guard roster.vector.contains(dot) else { throw Problem(.notFound, "no such event is held here") }
        let holders = Set(node.machine.holders(of: dot))
        let peers = Dictionary(uniqueKeysWithValues: node.machine.peerViews.map { ($0.bolt, $0) })
        let lines = node.bolts.map { bolt -> ReceiptResponse.Line in
            let isSelf = bolt.id == node.machine.own.bolt
            let state: ReceiptResponse.Line.State =
                isSelf || holders.contains(bolt.id)
                ? .inForce : peers[bolt.id]?.status == .unreachable ? .unreachable : .waiting
            let after = state == .inForce ? node.spreads.milliseconds(dot, at: bolt.id, isSelf: isSelf) : nil
            return ReceiptResponse.Line(bolt: bolt.name.text, state: state, afterMilliseconds: after)
        }
        return ReceiptResponse(dot: dot, complete: lines.allSatisfy { $0.state == .inForce }, bolts: lines)
    }

    // MARK: Tokens

    func tokens(_ node: isolated NodeService) -> [TokenView] {
        node.machine.roster.tokens.map { token in
            var home: PartitionName?
            var kind = TokenKind.multiUse
            if case .oneShot(let partition) = token.record.kind { (home, kind) = (partition, .oneShot) }
            return TokenView(
                id: token.record.id, kind: kind, home: home, uses: UInt32(clamping: token.usesMax),
                used: UInt32(clamping: token.uses), expiresAt: token.record.expires, revoked: token.isRevoked,
                group: token.record.group, labels: token.record.labels.dictionary)
        }
    }

    // MARK: Words

    func word(_ standing: Standing) -> StandingWord {
        switch standing {
        case .active: .active
        case .contested: .contested
        case .superseded, .removed: .removed
        case .banned: .banned
        case .unknown: .unknown
        }
    }
}

extension [Label] {
    /// As JSON has them.
    var dictionary: [String: String] { Dictionary(map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first }) }
}
