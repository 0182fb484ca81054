internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner

extension BoltEndpoints {
    // MARK: - Preview

    func takeoverPreview(_ request: HTTPRequestContext) async throws -> TakeoverPreviewResponse {
        let version = try requireTopology()
        guard let name = PartitionName(apiText: request.arguments[0]) else {
            throw Problem(.notFound, "“\(request.arguments[0].prefix(64))” is no partition's name")
        }
        let (limit, views) = (try request.limit(), views)
        let picture = try await node.read { try views.picture($0, of: name) }
        let heard = picture.reports.filter { $0.bolt.reach != .unreachable }.map(\.bolt.fullName)
        let (all, stranded) = owned(by: name, version, among: await reigning())
        // Of one that lives that is said, and nothing else.
        guard stranded.isEmpty || !all.isEmpty || !heard.isEmpty else {
            throw Problem(
                .nobodyElse,
                "\(name) owns slices of \(BoltEndpoints.list(stranded)), and no other partition that has a weight and "
                    + "a primary serves these; nothing was changed")
        }
        var start = 0
        if let after = request.query["after"] {
            guard let place = all.firstIndex(where: { "\($0.group)/\($0.slice)" == after }) else {
                throw Problem(.badRequest, "after names no slice of \(name)", next: "list from the start")
            }
            start = place + 1
        }
        let page = Array(all.dropFirst(start).prefix(limit))
        let isMore = all.count > start + page.count
        var last = picture.view(envoys: 0)
        last.primary = picture.lastPrimary
        return TakeoverPreviewResponse(
            bolt: configuration.fullName,
            mesh: MeshSummary(name: configuration.meshName.text, id: identity.credential.mesh), partition: name,
            lastView: last, silentSeconds: picture.reports.compactMap(\.age).min(), heard: heard,
            unknowable: BoltEndpoints.unknowable(name, heard: heard, slices: all.count, stranded), slices: page,
            nextAfter: isMore ? page.last.map { "\($0.group)/\($0.slice)" } : nil, freshness: await freshness())
    }

    private static func unknowable(
        _ name: PartitionName, heard: [String], slices: Int, _ stranded: [GroupName]
    ) -> [String] {
        var lines: [String] = []
        if !heard.isEmpty {
            lines.append("\(heard.joined(separator: ", ")) can be heard: a takeover is for a partition that is lost")
        }
        guard slices > 0 else { return lines + ["it owns no slice"] }
        if !stranded.isEmpty {
            lines.append("who should have its slices of \(list(stranded)): they stay, for nobody else serves these")
        }
        return lines + [
            "results that only \(name) stored: envoys go on after them, and each hole is shown",
            "whether \(name) handed slices on just before it was lost: that hand-on wins where it comes to light",
            "what \(name) acknowledged after it was last heard",
        ]
    }

    /// Partitions of which a primary is heard: who is dead takes nothing over.
    private func reigning() async -> Set<PartitionName> {
        let views = views
        return await node.read { Set(views.pictures($0).filter { $0.reigning != nil }.map(\.name)) }
    }

    private static func list(_ groups: [GroupName]) -> String { groups.map(\.text).joined(separator: ", ") }

    /// What a partition owns, with who should: rendezvous hashing over those that serve the group without it. Beside
    /// that the groups of the topology of which it owns slices that nobody else may own.
    private func owned(
        by name: PartitionName, _ version: OwnershipBoard.Version, among reigning: Set<PartitionName>
    ) -> (slices: [TakeoverPreviewResponse.Slice], stranded: [GroupName]) {
        let census = board.census(of: name)
        var stranded: [GroupName] = []
        let slices = board.geneses.flatMap { genesis -> [TakeoverPreviewResponse.Slice] in
            let candidates = version.topology.partitions.filter {
                $0.name != name && reigning.contains($0.name)
                    && BoltEndpoints.obstacle(toOwning: genesis.name, by: $0.name, version) == nil
            }.map { Placement.Candidate(partition: $0.name, weight: UInt32(clamping: $0.weight)) }
            let own = board.registers(of: genesis).filter { $0.owner == name }
            // Nobody misses what is left of a group that the topology does not name any more.
            let isWanted = version.topology.groups.contains { $0.name == genesis.name }
            if candidates.isEmpty, !own.isEmpty, isWanted { stranded.append(genesis.name) }
            return own.compactMap { register in
                guard let to = Placement.owner(ofKey: register.slice.placementKey, among: candidates) else {
                    return nil
                }
                return TakeoverPreviewResponse.Slice(
                    group: genesis.name, id: genesis.id, slice: register.slice.index, register: register.hash,
                    position: register.position, envoys: census.map { $0.entry(of: register.slice)?.envoys ?? 0 },
                    to: to)
            }
        }
        return (slices, stranded)
    }

    // MARK: - Takeover

    /// Slices of a lost partition get other owners, by transitions that the operator signed.
    func takeOver(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let version = try requireTopology()
        let body = try request.decode(TakeOverRequest.self)
        let reason = try checked(reason: body.reason)
        let delta = try transitions(of: body)
        let views = views
        let picture = try await node.read { try views.picture($0, of: body.partition) }
        if let alive = picture.reports.first(where: { $0.isLive && $0.bolt.reach != .unreachable }) {
            throw Problem(.ownerLives, "\(alive.bolt.fullName) answers; nothing was changed")
        }
        let reigning = await reigning()
        var refused: [TakeOverResponse.Refusal] = []
        var taken: [SignedTransition] = []
        for signed in delta.transitions {
            if let why = try await obstacle(to: signed, version, among: reigning) {
                let name = board.geneses.first { $0.id == signed.transition.slice.group }?.name
                guard let name else { throw Problem(.badRequest, "a transition is of a group that is not known here") }
                refused.append(.init(group: name, slice: signed.transition.slice.index, why: why))
            } else {
                taken.append(signed)
            }
        }
        let effects = [
            "\(Plural.text(taken.count, "slice")) of \(body.partition) to other owners",
            "what \(body.partition) alone stored is not there: each hole is shown",
        ]
        guard !request.isDryRun, !taken.isEmpty else {
            return try .json(
                TakeOverResponse(
                    act: body.act, taken: taken.count, refused: refused, level: .local, dryRun: request.isDryRun,
                    effects: effects))
        }
        let level = try await publish(taken)
        logger.notice(
            "slices taken over",
            metadata: [
                LogKeys.request: "\(request.requestID)", LogKeys.name: "\(body.partition)",
                LogKeys.count: "\(taken.count)", LogKeys.why: "\(reason)",
            ])
        // The transitions are their own record, signed and at every bolt.
        await note(
            .actCarried, of: "\(Plural.text(taken.count, "slice")) of \(body.partition) taken over", reason: reason,
            request)
        return try .json(
            TakeOverResponse(
                act: body.act, taken: taken.count, refused: refused, level: level, dryRun: false, effects: effects))
    }

    private func transitions(of body: TakeOverRequest) throws -> SliceDelta {
        var decoder = CanonicalDecoder(body.transitions.bytes)
        guard let delta = try? SliceDelta(from: &decoder), decoder.remaining == 0, !delta.isEmpty,
            delta.transitions.count <= APILimits.takeoversMax
        else { throw Problem(.badRequest, "transitions are not 1 to \(APILimits.takeoversMax) signed takeovers") }
        for signed in delta.transitions {
            guard case .takeover(let act, _, _) = signed.transition.cause, act == body.act,
                signed.transition.from == body.partition
            else { throw Problem(.badRequest, "a transition is not of this act, or not of \(body.partition)") }
        }
        return delta
    }

    /// Why a slice is not taken over; nil where it is.
    private func obstacle(
        to signed: SignedTransition, _ version: OwnershipBoard.Version, among reigning: Set<PartitionName>
    ) async throws -> String? {
        let transition = signed.transition
        guard signed.isAuthentic(in: board.mesh, witness: board.witness) else { return "its signature does not verify" }
        guard let author = board.witness.author(certifiedBy: signed.warrant.chain) else {
            return "its signer's certificate does not verify"
        }
        let standing = await node.read { $0.machine.roster.standing(of: author.tlsKey, as: .operator) }
        guard case .active(let signer) = standing, Authorisation.rank(of: signer) >= .admin else {
            return "its signer is no operator of the rank admin"
        }
        guard let register = board.register(of: transition.slice) else { return "there is no such slice" }
        if register.hash == transition.hash(by: board.witness) { return nil }
        guard register.hash == transition.base, register.owner == transition.from else {
            return "it has register \(register.position) of \(register.owner) now"
        }
        guard let group = board.geneses.first(where: { $0.id == transition.slice.group })?.name else {
            return "there is no such slice"
        }
        if let why = BoltEndpoints.obstacle(toOwning: group, by: transition.to, version) { return why }
        return reigning.contains(transition.to) ? nil : "\(transition.to) \(RebalanceRefusal.unreachable)"
    }

    /// Why a partition may not own slices of a group by the topology in force; nil where it may.
    private static func obstacle(
        toOwning group: GroupName, by name: PartitionName, _ version: OwnershipBoard.Version
    ) -> String? {
        version.topology.refusal(toOwning: group, by: name, drained: Set(version.note.drains)).map { "\(name) \($0)" }
    }

    private func publish(_ transitions: [SignedTransition]) async throws -> BoltAPI.AckLevel {
        var level = BoltAPI.AckLevel.local
        var rest = transitions[...]
        while let first = rest.first {
            let some = rest.prefix(SliceShellLimits.transitionsPerEvent).prefix { $0.warrant == first.warrant }
            rest = rest.dropFirst(some.count)
            level = try NodeService.level(await node.command([.slices(SliceDelta(Array(some)))], level: .spread(2)))
        }
        return level
    }
}
