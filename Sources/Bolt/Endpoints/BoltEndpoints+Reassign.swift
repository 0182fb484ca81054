internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Logging
internal import Spanner
internal import SpannerStore

/// One envoy that is to be in another group.
private struct Reassignment: Sendable {
    let envoy: Principal
    let group: GroupName
    /// Where it is.
    let from: OwnershipBoard.Place
    /// Where it would be.
    let to: OwnershipBoard.Place
}

/// What a partition keeps of the last time that an envoy was given another group through it, so that a request whose
/// answer was lost can be sent again.
struct ReassignNote: Codable, Sendable {
    /// What it was asked for under.
    var task: PrincipalID
    /// Where the envoy was.
    var from: ReassignEnvoyResponse.Place

    /// The setting that holds it.
    static func name(of envoy: PrincipalID) -> String { "reassign.\(envoy)" }
}

/// An envoy goes to another group. In which group it is, is a fact of the roster: every bolt routes by it. What is
/// stored of it follows by itself, so nothing here depends on how far this bolt gets.
extension BoltEndpoints {
    func reassign(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let body = try request.decode(ReassignEnvoyRequest.self)
        let reason = try checked(reason: body.reason)
        guard !partition.sealing.isSealed else { throw sealedProblem() }
        let views = views
        let envoy = try await node.read { try views.reassignable($0, request.arguments[0]) }
        let move = try reassignment(of: envoy, to: body.group)
        guard move.from.slice.group != move.to.slice.group else { return try await again(move, body, request) }
        let owner = move.from.register.owner
        guard owner == configuration.partition, await partition.read({ $0.desk.epoch != nil }) else {
            return try await passOn(request, toPrimaryOf: owner)
        }
        try await requireSafeWrites("a move between groups")
        try await requireClearWay(for: move)
        let from = place(move.from)
        guard !request.isDryRun else {
            return try .json(answer(move, from: from, level: .local, isDryRun: true, effects(of: move)))
        }
        let note = Array(try APIJSON.encode(ReassignNote(task: body.task, from: from)))
        let object = "\(envoy.name) (\(envoy.id)) from \(from.group?.text ?? "no group") to \(body.group)"
        // The line of the audit log comes first: there is no move without one.
        let level = try await writeSafely([
            .audit(audit("envoy.reassign", object, reason, request)),
            .setting(name: ReassignNote.name(of: envoy.id), value: note),
        ])
        let outcome = try await node.regroup(envoy.id, to: body.group)
        let spread = try NodeService.level(outcome)
        await node.read { $0.lookAtOwnership() }
        var said = effects(of: move)
        let isInPlace = try await putInPlace(move)
        if !isInPlace { said.append("what is stored of it follows in a moment") }
        if spread == .local, await node.read({ $0.bolts.count > 1 }) {
            said.append("no other bolt has confirmed it yet: they hear of it by gossip")
        }
        logger.notice(
            "an envoy was given another group",
            metadata: [
                LogKeys.request: "\(request.requestID)", LogKeys.name: "\(object)", LogKeys.why: "\(reason)",
                LogKeys.level: "\(spread)",
            ])
        return try .json(answer(move, from: from, level: level, isDryRun: false, said))
    }

    // MARK: - Judged

    /// Where an envoy is, and where it would be in a group. Throws `no_topology` and `no_such_group`.
    private func reassignment(of envoy: Principal, to group: GroupName) throws -> Reassignment {
        let version = try requireTopology()
        let known = version.topology.groups.map(\.name.text)
        guard known.contains(group.text), board.geneses.contains(where: { $0.name == group }),
            let from = board.place(of: envoy.id, group: envoy.group), let to = board.place(of: envoy.id, group: group)
        else {
            let hint = NearestName.suggest(group.text, among: known).map { "; did you mean \($0)?" } ?? ""
            throw Problem(.noSuchGroup, "the topology has no group \(group)\(hint)")
        }
        return Reassignment(envoy: envoy, group: group, from: from, to: to)
    }

    /// It is there already: by the same request, whose answer was lost, or by another one.
    private func again(
        _ move: Reassignment, _ body: ReassignEnvoyRequest, _ request: HTTPRequestContext
    ) async throws -> HTTPAnswer {
        let name = ReassignNote.name(of: move.envoy.id)
        let kept = try await readStore { try $0.store.tables.settings.value(name)?.bytes }
        let note = kept.flatMap { try? APIJSON.decode(ReassignNote.self, from: Data($0)) }
        guard let note, note.task == body.task else {
            throw Problem(.sameGroup, "\(move.envoy.name) is in the group \(move.group); nothing was changed")
        }
        let isPaired = await partition.read { $0.isPaired }
        return try .json(
            answer(
                move, from: note.from, level: isPaired ? .paired : .local, isDryRun: request.isDryRun,
                ["\(move.envoy.name) is in the group \(move.group) since this was asked for first"]))
    }

    /// Refuses while a slice is on its way, and where the new owner could not take what is stored.
    private func requireClearWay(for move: Reassignment) async throws {
        let (from, to) = (move.from.slice, move.to)
        if let hindrance = await partition.read({ $0.hindrance(leaving: from, for: to) }) {
            throw Problem(.sliceMoves, "\(hindrance); nothing was changed")
        }
        let owner = to.register.owner
        guard owner != configuration.partition else { return }
        let views = views
        let picture = try await node.read { try views.picture($0, of: owner) }
        guard let primary = picture.reigning, board.line(to: owner) != nil else {
            throw Problem(
                .ownerUnreachable,
                "\(owner) owns the slice that it goes to, and its primary is not reached; nothing was changed",
                next: "see why, or move that slice first: boltctl partition show \(owner), boltctl rebalance plan")
        }
        guard !primary.isSealed else {
            throw Problem(
                .sealed, "\(owner) owns the slice that it goes to, and is sealed; nothing was changed", status: 503,
                next: "boltctl seal unseal --key-file FILE, with the key of \(owner)")
        }
    }

    private func passOn(
        _ request: HTTPRequestContext, toPrimaryOf owner: PartitionName
    ) async throws -> HTTPAnswer {
        let views = views
        let picture = try await node.read { try views.picture($0, of: owner) }
        guard let primary = picture.reigning, primary.bolt.fullName != configuration.fullName else {
            throw noPrimary(picture)
        }
        return try await passOn(request, to: primary)
    }

    // MARK: - Done

    /// Writes into the journal that what is stored belongs to the new slice, where that is this partition's too. False
    /// where it follows later. Throws `not_paired` where the word is on one disk alone.
    private func putInPlace(_ move: Reassignment) async throws -> Bool {
        guard move.to.register.owner == configuration.partition else { return true }
        let answer = await partition.place(reassigned: move.envoy.id)
        guard case .done(let point, _, let safe, let outcomes) = answer else { return false }
        for case .refused(let error) in outcomes { throw NodeService.problem(error) }
        guard point.position <= safe else {
            throw Problem(
                .notPaired,
                "\(move.envoy.name) is in the group \(move.group); that its results belong there is written on this "
                    + "disk, at position \(point.position), and no standby has it yet",
                status: 503, changed: true,
                next: "nothing is lost, and it is written again where it has to be: "
                    + "boltctl partition show \(configuration.partition)")
        }
        return true
    }

    private func answer(
        _ move: Reassignment, from: ReassignEnvoyResponse.Place, level: BoltAPI.AckLevel, isDryRun: Bool,
        _ effects: [String]
    ) -> ReassignEnvoyResponse {
        ReassignEnvoyResponse(
            envoy: move.envoy.id, name: move.envoy.name, from: from, to: place(move.to), task: nil, level: level,
            dryRun: isDryRun, effects: effects)
    }

    private func place(_ place: OwnershipBoard.Place) -> ReassignEnvoyResponse.Place {
        let group = board.geneses.first { $0.id == place.slice.group }?.name
        return ReassignEnvoyResponse.Place(group: group, slice: place.slice.index, owner: place.register.owner)
    }

    private func effects(of move: Reassignment) -> [String] {
        let (source, target) = (move.from.register.owner, move.to.register.owner)
        let first = "\(move.envoy.name) is in the group \(move.group), and is not enrolled again"
        guard source != target else { return [first, "its results stay at \(source), in the new slice"] }
        return [
            first, "its check-ins go to \(target) from now on",
            "its results are brought from \(source) to \(target), which shows a hole until they are there",
        ]
    }
}

extension NodeViews {
    /// The envoy that may be given a group: one that is in force, and whose name nobody else claims.
    func reassignable(_ node: isolated NodeService, _ subject: String) throws -> Principal {
        let envoy: Principal
        do { envoy = try envoyPrincipal(node, subject) } catch let problem as Problem where problem.code == .notFound {
            throw gone(node, subject) ?? problem
        }
        guard case .contested = node.machine.roster.standing(of: envoy.tlsKey, as: .envoy) else { return envoy }
        throw Problem(
            .conflict, "\(envoy.name) is contested: an operator has to say first whose name it is; nothing was changed",
            next: "boltctl roster conflicts")
    }

    /// Why somebody who was admitted once is not in force; nil for whoever never was.
    private func gone(_ node: isolated NodeService, _ subject: String) -> Problem? {
        let roster = node.machine.roster
        let facts: [RosterFact]
        if let id = PrincipalID(hex: subject) {
            facts = roster.explain(id: id)
        } else if let hash = Bytes32(hex: subject) {
            facts = roster.explain(key: KeyFingerprint(hash))
        } else {
            facts = PrincipalName(subject).map { roster.explain(name: $0) } ?? []
        }
        guard !facts.isEmpty else { return nil }
        let who = subject.prefix(64)
        guard facts.contains(where: { $0.kind == .banned }) else {
            return Problem(
                .conflict, "the admission of \(who) has ended; nothing was changed",
                next: "enrol the machine anew with a token of the group: boltctl envoy token create --group NAME")
        }
        return Problem(
            .conflict, "\(who) is banned, for ever; nothing was changed", next: "boltctl envoy explain \(who)")
    }
}
