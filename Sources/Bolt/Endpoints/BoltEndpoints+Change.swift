internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerTransport

extension BoltEndpoints {
    /// What operators decide. Each answer says how safe it is and on which bolts.
    func change(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        try await requireServing()
        switch request.endpoint {
        case .createToken: return try await createToken(request)
        case .postAct: return try await postAct(request)
        case .removeEnvoy: return try await removeEnvoy(request)
        case _: throw Problem(.notFound, "no such path")
        }
    }

    // MARK: Tokens

    private func createToken(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        guard !partition.sealing.isSealed else { throw sealedProblem() }
        let body = try request.decode(CreateTokenRequest.self)
        guard (1...APILimits.tokenExpiresSecondsMax).contains(body.expiresSeconds) else {
            throw Problem(.badRequest, "expires_seconds must be from 1 to \(APILimits.tokenExpiresSecondsMax)")
        }
        guard (1...APILimits.tokenUsesMax).contains(body.uses), body.kind == .multiUse || body.uses == 1 else {
            throw Problem(.badRequest, "uses must be from 1 to \(APILimits.tokenUsesMax), and 1 for a one-shot token")
        }
        let home = body.home ?? configuration.partition
        if let group = body.group, let topology, !topology.groups.contains(where: { $0.name == group }) {
            let known = topology.groups.map(\.name.text)
            let hint = NearestName.suggest(group.text, among: known).map { "; did you mean \($0)?" } ?? ""
            throw Problem(.badRequest, "the topology has no group \(group)\(hint)")
        }
        let (bolts, _) = await addresses()
        guard bolts.contains(where: { $0.partition == home }) else {
            throw Problem(.badRequest, "no bolt is of partition \(home)")
        }
        let near = bolts.filter { $0.partition == home } + bolts.filter { $0.partition != home }
        let addresses = Array(near.map(\.address).prefix(IdentityLimits.tokenAddressesMax))
        let expires = WallTime(milliseconds: WallClock.now().milliseconds + body.expiresSeconds * 1000)
        let labels = try NodeService.labels(body.labels)
        let mesh = identity.credential.mesh
        guard !request.isDryRun else {
            return try .json(
                CreateTokenResponse(
                    id: nil, token: nil, meshID: mesh, addresses: addresses, expiresAt: expires, level: .local,
                    dryRun: true))
        }
        let token: JoinToken
        do throws(IdentityError) {
            token = try JoinToken(
                mesh: mesh, kind: body.kind == .oneShot ? .oneShot : .multiUse, home: home, addresses: addresses)
        } catch { throw Problem(.badRequest, "\(error.what): \(error.why)") }
        let record = JoinTokenRecord(
            id: token.id, secretHash: token.secretHash,
            kind: body.kind == .oneShot ? .oneShot(home: home) : .multiUse(uses: body.uses), expires: expires,
            group: body.group, labels: labels)
        let outcome = try await node.createToken(record)
        let level = try NodeService.level(outcome)
        audit("token made", request, [LogKeys.token: "\(token.id)", LogKeys.level: "\(level)"])
        await note(
            .tokenCreated, of: "\(token.id), \(body.uses) uses, for \(body.group?.text ?? "any group")", reason: "",
            request)
        return try .json(
            CreateTokenResponse(
                id: token.id, token: token.text, meshID: mesh, addresses: addresses, expiresAt: expires, level: level,
                dryRun: false))
    }

    // MARK: Acts

    private func postAct(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let body = try request.decode(PostActRequest.self)
        let dryRun = request.isDryRun
        let rank = request.principal.map { Authorisation.rank(of: $0) } ?? .viewer
        let act = body.act
        let verified = try await node.read { node in
            do throws(RosterDraftError) {
                return try node.machine.roster.carriable(act, beside: node.machine.pendingPayloads)
            } catch { throw NodeService.problem(error) }
        }
        // A ban is never turned away: whoever is to be kept out should not stay in for want of a key.
        if partition.sealing.isSealed, !ActRank.isBan(verified.act.operation) { throw sealedProblem() }
        if ActRank.needed(for: verified.act.operation) > rank {
            throw Problem(
                .notPermitted, "this act needs the rank \(ActRank.needed(for: verified.act.operation).rawValue)")
        }
        // The signer is judged as well as the caller: an act that nobody will honour is not worth carrying.
        let standing = await node.read { $0.machine.roster.standing(of: verified.signer.tlsKey, as: .operator) }
        if case .operator = verified.signer.standing {
            guard case .active(let signer) = standing else {
                throw Problem(.badAct, "the operator who signed it is not in force")
            }
            guard ActRank.needed(for: verified.act.operation) <= Authorisation.rank(of: signer) else {
                throw Problem(.notPermitted, "the operator who signed it has not the rank for it")
            }
        }
        let effects = await node.read { ActRank.effects(of: verified.act.operation, in: $0.machine.roster) }
        guard !dryRun else {
            return try .json(ChangeResponse(dot: nil, level: .local, spread: [], dryRun: true, effects: effects))
        }
        let outcome = await node.command([.act(act)], level: .spread(2))
        let carried = try await answer(outcome, effects: effects, said: "act carried", request)
        // The act is its own record, signed and at every bolt: nobody waits for this line.
        Task { await note(.actCarried, of: effects.joined(separator: "; "), reason: verified.act.reason, request) }
        return carried
    }

    // MARK: Envoys

    private func removeEnvoy(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        guard !partition.sealing.isSealed else { throw sealedProblem() }
        let body = try request.decode(RemoveEnvoyRequest.self)
        guard body.reason.utf8.count <= RosterLimits.reasonBytesMax else {
            throw Problem(.badRequest, "a reason has at most \(RosterLimits.reasonBytesMax) bytes")
        }
        let views = NodeViews(configuration: configuration)
        let envoy = try await node.read { try views.envoyPrincipal($0, request.arguments[0]) }
        let effects = ["the admission of \(envoy.name) (\(envoy.id)) ends", "its live connections are cut"]
        guard !request.isDryRun else {
            return try .json(ChangeResponse(dot: nil, level: .local, spread: [], dryRun: true, effects: effects))
        }
        let outcome = try await node.remove(envoy.id)
        audit("envoy removed", request, [LogKeys.name: "\(envoy.name)", LogKeys.why: "\(body.reason)"])
        let removed = try await answer(outcome, effects: effects, said: "removal written", request)
        await note(.envoyRemoved, of: "\(envoy.name) (\(envoy.id))", reason: body.reason, request)
        return removed
    }

    private func answer(
        _ outcome: CommandOutcome, effects: [String], said: Logger.Message, _ request: HTTPRequestContext
    ) async throws -> HTTPAnswer {
        let level = try NodeService.level(outcome)
        let dot: Dot? = if case .done(let dots, _) = outcome { dots.first } else { nil }
        let holders = await node.read { node -> [String] in
            guard let dot else { return [] }
            let names = node.machine.holders(of: dot).compactMap { node.machine.roster.principal($0)?.name.text }
            return ([node.machine.roster.principal(node.machine.own.bolt)?.name.text].compactMap { $0 } + names)
                .sorted()
        }
        audit(said, request, [LogKeys.dot: "\(dot.map { $0.description } ?? "-")", LogKeys.level: "\(level)"])
        return try .json(ChangeResponse(dot: dot, level: level, spread: holders, dryRun: false, effects: effects))
    }

    /// A line for every act of security: who, what, with which request.
    private func audit(_ message: Logger.Message, _ request: HTTPRequestContext, _ more: Logger.Metadata) {
        var metadata = more
        metadata[LogKeys.request] = "\(request.requestID)"
        metadata[LogKeys.principal] = "\(request.peer.map { "\($0.verified.id)" } ?? "none")"
        logger.notice(message, metadata: metadata)
    }
}

extension NodeService {
    /// Writes a token's record.
    func createToken(_ record: JoinTokenRecord) async throws -> CommandOutcome {
        let payload: RosterEvent.Payload
        do { payload = try machine.roster.draftToken(record) } catch { throw NodeService.problem(error) }
        return await command([payload], level: .spread(2))
    }

    /// Ends an envoy's admissions.
    func remove(_ envoy: PrincipalID) async throws -> CommandOutcome {
        let payload: RosterEvent.Payload
        do { payload = try machine.roster.draftRemoval(of: envoy) } catch { throw NodeService.problem(error) }
        return await command([payload], level: .spread(2))
    }
}

/// Who may carry which act, and what it does.
enum ActRank {
    /// The least rank: bolts and operators come and go by admins.
    static func needed(for operation: OperatorAct.Operation) -> OperatorRank {
        switch operation {
        case .admit, .remove, .unknown: .admin
        case .ban(_, _, let cut): cut.seen.entries.isEmpty ? .operator : .admin
        case .resolve, .revokeToken: .operator
        }
    }

    /// Whether it shuts somebody out for good.
    static func isBan(_ operation: OperatorAct.Operation) -> Bool {
        if case .ban = operation { true } else { false }
    }

    /// What it will do, in lines for people.
    static func effects(of operation: OperatorAct.Operation, in roster: Roster) -> [String] {
        switch operation {
        case .admit(let admission): return ["\(admission.role) \(admission.name) is admitted"]
        case .remove(let id, _, _):
            return ["\(roster.principal(id)?.name.text ?? "\(id)") is removed", "its live connections are cut"]
        case .ban(let keys, let id, _):
            let name = id.flatMap { roster.principal($0)?.name.text }
            let subject = name ?? "\(keys.count) key\(keys.count == 1 ? "" : "s")"
            return [
                "\(subject) banned for ever, with all keys of the lineage",
                "its live connections are cut",
            ]
        case .resolve(let role, let name, let keep, let targets):
            return ["\(role) \(name) goes to key \(keep)", "\(targets.count) other admissions end"]
        case .revokeToken(let token): return ["token \(token) admits nobody any more"]
        case .unknown(let kind, _): return ["an act of kind \(kind) is carried; this version gives it no effect"]
        }
    }
}
