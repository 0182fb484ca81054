internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Spanner
internal import SpannerStore
internal import Synchronization

extension BoltEndpoints {
    /// What envoys, other bolts and git forges ask about policy, and operators of one partition's stack.
    func policyRequest(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        try await requireServing()
        switch request.endpoint {
        case .policyBody: return try await policyBody(request)
        case .policyWait: return try await policyWait(request)
        case .peerPolicy: return try await peerPolicy(request)
        case .peerPolicyBody: return try await peerPolicyBody(request)
        case .peerPolicyWake: return try await hearWake(request)
        case .policyWebhook: return try await hearForge(request)
        // Reading and compiling stacks takes long.
        case _: return try await EventLoopTasks.elsewhere(true) { try await stackRequest(request) }
        }
    }

    // MARK: - Check-ins

    /// What a check-in is told of policy, in JSON; nil where there is none. One look where nothing changed: a box is
    /// read only for an envoy that is given one.
    func policyWord(for envoy: PrincipalID, _ body: IncomingCheckIn, isContested: Bool) async throws -> String? {
        // What was kept for hours says nothing of what the machine holds now.
        guard body.keptAt == nil else { return nil }
        let checked = body.checked
        let place = checked.results.last?.sequence ?? (checked.firstHeld - 1)
        let word = policy.board.word(
            for: envoy, holding: checked.policy, isContested: isContested, through: place, now: WallClock.now())
        guard var word else { return nil }
        guard word.needsBox, let grant = word.grant else { return word.json(box: []) }
        let box = try await readStore { try $0.store.tables.policy.box(of: envoy) } ?? []
        // A newer version is on its way into the tables: what is shown has to be of one version.
        if policy.witness.hash(box) != grant.leaf.box {
            (word.state, word.grant, word.reason) = (.withheld, nil, "another version is being made")
            return word.json(box: [])
        }
        return word.json(box: box)
    }

    /// Hands on what an envoy told of its passes, where somebody waits for that: after what was told before.
    func tellPasses(of envoy: PrincipalID, _ results: [SequencedResult]) async {
        guard !results.isEmpty, policy.board.isWatched(envoy) else { return }
        let passes = policy.board.counted(HeardPass.passes(in: results), of: envoy)
        guard !passes.isEmpty else { return }
        await policy.tellings.tell(envoy, passes) { [policy] in await policy.heard($0, $1) }
    }

    // MARK: - Bodies

    /// A body for an envoy whose leaf names it: from this bolt's tables or copies, else from its owner.
    private func policyBody(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        guard let envoy = request.principal, let peer = request.peer else {
            throw Problem(.notAuthenticated, "a body is for an envoy's certificate")
        }
        let digest = try bodyDigest(request)
        let owner = await grounds.grounds(of: peer).owner
        if let body = try await ownBody(digest, for: envoy.id, owner: owner) { return served(body) }
        let route = await node.read { $0.route(to: owner) }
        guard !route.isSelf, let address = route.address else { throw noBody(digest) }
        let path = Endpoint.peerPolicyBody.path(digest.apiText) + "?envoy=\(envoy.id.apiText)"
        let answer = try await forwarder.get(path, at: address)
        guard answer.status == 200 else {
            if let problem = try? APIJSON.decode(Problem.self, from: answer.body) { throw problem }
            throw noBody(digest)
        }
        return served(Array(answer.body))
    }

    /// What this bolt has of it by itself.
    private func ownBody(_ digest: Bytes32, for envoy: PrincipalID, owner: PartitionName) async throws -> [UInt8]? {
        guard owner == configuration.partition else { return await cover?.body(digest, for: envoy, of: owner) }
        if policy.board.names(digest, for: envoy), let body = policy.board.body(digest) { return body }
        let body = try await readStore { partition -> [UInt8]? in
            let tables = partition.store.tables.policy
            return try tables.leaf(of: envoy)?.body == digest ? try tables.body(digest) : nil
        }
        if let body { policy.board.keep(body, as: digest) }
        return body
    }

    private func peerPolicyBody(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let digest = try bodyDigest(request)
        let envoy = try request.item("envoy", as: PrincipalID.self)
        if envoy == nil, let body = policy.board.body(digest) { return served(body) }
        let body = try await readStore { partition -> [UInt8]? in
            let tables = partition.store.tables.policy
            if let envoy, try tables.leaf(of: envoy)?.body != digest { return nil }
            return try tables.body(digest)
        }
        guard let body else { throw noBody(digest) }
        policy.board.keep(body, as: digest)
        return served(body)
    }

    private func bodyDigest(_ request: HTTPRequestContext) throws -> Bytes32 {
        guard let digest = Bytes32(apiText: request.arguments[0]) else {
            throw Problem(.badRequest, "a body is named by \(Bytes32.apiKind)")
        }
        return digest
    }

    private func noBody(_ digest: Bytes32) -> Problem {
        Problem(
            .notFound, "no body \(digest.shortHex) is for this envoy here",
            next: "nothing to do: the next check-in says which body is the envoy's")
    }

    private func served(_ body: [UInt8]) -> HTTPAnswer {
        metrics.add(.policyBodies)
        return HTTPAnswer(status: 200, contentType: "application/octet-stream", body: Data(body))
    }

    // MARK: - Waiting

    /// Holds a request until there is something for the envoy, at its owner's primary; 204 where nothing came.
    private func policyWait(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        guard let envoy = request.principal?.id, let peer = request.peer else {
            throw Problem(.notAuthenticated, "waiting is for an envoy's certificate")
        }
        let held = try request.item("held", as: Bytes32.self)
        let order = try request.number("order") ?? 0
        let ground = await grounds.grounds(of: peer)
        let reigns = ground.owner == configuration.partition && partition.board.withLock { $0.standing.reigns }
        if !reigns {
            let route = await node.read { $0.route(to: ground.owner) }
            if !route.isSelf, let address = route.address {
                return .elsewhere(
                    "the primary of partition \(ground.owner) knows what is new", address: address,
                    target: request.target)
            }
        }
        let isContested = if case .contested = ground.standing { true } else { false }
        let board = policy.board
        let answer = await policy.waiters.wait(for: envoy, until: .now + PolicyWaiters.patience) {
            reigns && !isContested && board.isDue(envoy, holding: held, order: order)
        }
        switch answer {
        case .some(true): return try .json(PolicyWaitResponse(changed: true))
        case .some(false): return HTTPAnswer(status: 204, contentType: "application/json", body: Data())
        case nil:
            throw Problem(
                .tooManyRequests, "\(PolicyWaiters.countMax) envoys wait here already", status: 503,
                next: "nothing to do: it checks in at its interval")
        }
    }

    // MARK: - Other bolts

    /// How other partitions' primaries are asked for what their envoys were given.
    var coverWays: PolicyCovering.Ways {
        let (node, forwarder, own) = (node, forwarder, configuration.partition)
        return PolicyCovering.Ways(
            primaries: {
                await node.read { node in
                    Set(node.bolts.compactMap(\.partition)).subtracting([own]).sorted().compactMap { name in
                        let route = node.route(to: name)
                        return route.isPrimary ? route.address.map { (name, $0) } : nil
                    }
                }
            }, get: { path, address in try await forwarder.get(path, at: address) },
            left: { envoys, partition in await node.read { $0.departed(envoys, from: partition) } })
    }

    /// What this partition's envoys were given, for bolts that cover it.
    private func peerPolicy(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        if let name = request.query["partition"], name != configuration.partition.text {
            throw Problem(.notFound, "this bolt is of partition \(configuration.partition)")
        }
        let (after, from) = (try request.number("after"), try request.item("from", as: PrincipalID.self))
        let page = try await policy.coveredPage(after: after ?? 0, from: from, limit: try request.limit())
        return try .json(page)
    }
}
