internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore

extension BoltEndpoints {
    // MARK: - Reads

    func topologyInForce() async throws -> TopologyResponse {
        let hash = board.witness
        let freshness = await freshness()
        guard let version = board.version else {
            let empty = Topology.empty(mesh: configuration.meshName.text)
            return TopologyResponse(
                bolt: configuration.fullName, version: try empty.digest { hash.hash($0) }, topology: empty, apply: nil,
                drains: [], groups: [], rivals: [], freshness: freshness)
        }
        let applies = board.applies
        let path = Set(applies.path.map(\.id))
        let bases = Set(applies.path.map(\.base))
        // Whoever changed what others changed too, and lost.
        let rivals = applies.others.filter { bases.contains($0.base) && !path.contains($0.id) }
        let censuses = board.censuses
        let groups = board.geneses.map { genesis in
            let registers = board.registers(of: genesis)
            let known = registers.compactMap { register in
                censuses[register.owner].map { $0.entry(of: register.slice)?.envoys ?? 0 }
            }
            return SliceGroupView(
                name: genesis.name, id: genesis.id, slices: genesis.slices, apply: genesis.apply,
                envoys: known.isEmpty ? nil : known.reduce(0, +), displaced: displaced(genesis, applies.others))
        }
        return TopologyResponse(
            bolt: configuration.fullName, version: version.digest, topology: version.topology,
            apply: view(version, .inForce), drains: version.note.drains, groups: groups,
            rivals: rivals.sorted { ($0.at, $0.id) < ($1.at, $1.id) }.compactMap { board.version($0.id) }.map {
                view($0, .lost)
            }, freshness: freshness)
    }

    private func displaced(_ genesis: SliceGenesis, _ others: [TopologyApply]) -> [GroupID] {
        others.flatMap { $0.geneses(hashedBy: board.witness) }.filter { $0.name == genesis.name && $0.id != genesis.id }
            .map(\.id).sorted()
    }

    private func view(
        _ version: OwnershipBoard.Version, _ standing: TopologyApplyView.Standing
    ) -> TopologyApplyView {
        let (apply, note) = (version.apply, version.note)
        return TopologyApplyView(
            apply: apply.id, version: version.digest, base: apply.base == .zero ? nil : apply.base, plan: apply.plan,
            at: apply.at, actor: apply.actor, bolt: note.bolt, reason: note.reason, standing: standing,
            drains: note.drains, created: apply.groups.map(\.name), task: note.moves ? note.task : nil,
            summary: note.summary)
    }

    func topologyHistory(_ request: HTTPRequestContext) async throws -> TopologyHistoryResponse {
        let limit = try request.limit()
        let applies = board.applies
        let last = applies.path.last?.id
        let path = Set(applies.path.map(\.id))
        let all = (applies.path + applies.others).sorted { ($0.at, $0.id) > ($1.at, $1.id) }
        var rest = all[...]
        if let text = request.query["after"] {
            guard let id = Bytes32(hex: text), let place = all.firstIndex(where: { $0.id == id }) else {
                throw Problem(.badRequest, "after names no apply", next: "list from the start")
            }
            rest = all[(place + 1)...]
        }
        let page = rest.prefix(limit)
        let views = page.compactMap { board.version($0.id) }.map { version in
            let id = version.apply.id
            return view(version, id == last ? .inForce : path.contains(id) ? .superseded : .lost)
        }
        return TopologyHistoryResponse(
            applies: views, nextAfter: rest.count > page.count ? page.last?.id : nil, freshness: await freshness())
    }

    func topologyVersion(_ request: HTTPRequestContext) throws -> TopologyVersionResponse {
        guard let id = Bytes32(hex: request.arguments[0]), let version = board.version(id) else {
            throw Problem(.notFound, "there is no such apply", next: "boltctl topology history")
        }
        let applies = board.applies
        let isOf = applies.path.contains { $0.id == id }
        let standing: TopologyApplyView.Standing =
            applies.path.last?.id == id ? .inForce : isOf ? .superseded : .lost
        return TopologyVersionResponse(apply: view(version, standing), topology: version.topology)
    }

    // MARK: - Plans

    /// The topology that a document says; the one in force where nil.
    func wanted(_ document: String?) throws -> Topology {
        guard let document else { return try requireTopology().topology }
        let read = TopologyDocument(parsing: document, file: "topology")
        guard let topology = read.topology else {
            let errors = read.findings.filter { $0.severity == .error }.prefix(5).map { "\($0)" }
            throw Problem(.invalidTopology, errors.joined(separator: "; "))
        }
        guard topology.mesh == configuration.meshName.text else {
            throw Problem.otherMesh(topology, than: configuration.meshName.text)
        }
        return topology
    }

    func plan(_ request: HTTPRequestContext) async throws -> PlanTopologyResponse {
        let body = try request.decode(PlanTopologyRequest.self)
        let desired = try wanted(body.document)
        let current = board.version
        let drains = body.drains ?? current?.note.drains ?? []
        if let unknown = drains.first(where: { name in !desired.partitions.contains { $0.name == name } }) {
            throw Problem(.badRequest, "\(unknown) is drained, and is no partition of the topology")
        }
        var terms = TopologyPlanner.Terms(now: WallClock.now().milliseconds)
        if let tolerance = body.tolerance {
            guard (0...RebalanceLimits.toleranceMax).contains(tolerance) else {
                throw Problem(.badRequest, "tolerance must be from 0 to \(RebalanceLimits.toleranceMax)")
            }
            terms.tolerance = tolerance
        }
        if let seconds = body.lifetimeSeconds {
            guard (1...(TopologyPlanner.lifetimeMax / 1000)).contains(seconds) else {
                throw Problem(.badRequest, "lifetime_seconds must be from 1 to \(TopologyPlanner.lifetimeMax / 1000)")
            }
            terms.lifetime = seconds * 1000
        }
        let planning = SlicePlanning(views: views, board: board)
        let state = try await node.read { try planning.state($0, desired: desired, drains: Set(drains)) }
        let witness = board.witness
        let plan: TopologyPlan
        do { plan = try TopologyPlanner().plan(to: desired, from: state, terms) { witness.hash($0) } } catch {
            throw Problem(.internalError, "the planner refuses what is known of the mesh: \(error)")
        }
        let running = await allTasks().filter { !$0.isOver && $0.orphaned == nil }.map(\.id)
        return PlanTopologyResponse(
            bolt: configuration.fullName, plan: plan, base: current?.apply.id, drains: drains, running: running,
            freshness: await freshness())
    }
}
