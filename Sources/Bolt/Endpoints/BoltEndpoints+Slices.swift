internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Spanner
internal import SpannerStore

extension BoltEndpoints {
    /// What is asked about the topology, slices and tasks.
    func sliceRequest(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        try await requireServing()
        switch request.endpoint {
        case .topology: return try .json(await topologyInForce())
        case .topologyHistory: return try .json(await topologyHistory(request))
        case .topologyVersion: return try .json(topologyVersion(request))
        case .planTopology: return try .json(await plan(request))
        case .applyTopology: return try await applyTopology(request)
        case .slices: return try .json(await slicePage(request))
        case .slice: return try .json(await slice(request))
        case .sliceDigest: return try .json(await sliceDigest())
        case .tasks: return try .json(await tasks())
        case .task, .taskMoves, .changeTask: return try await taskRequest(request)
        case .takeoverPreview: return try .json(await takeoverPreview(request))
        case .takeOver: return try await takeOver(request)
        case .drainBolt, .undrainBolt: return try await drainBolt(request)
        case .reassignEnvoy: return try await reassign(request)
        case _: throw Problem(.notFound, "no such path")
        }
    }

    var views: NodeViews { NodeViews(configuration: configuration) }

    /// The topology in force. Throws `no_topology` before the first.
    func requireTopology() throws -> OwnershipBoard.Version {
        guard let version = board.version else {
            throw Problem(.noTopology, "no topology was applied to this mesh")
        }
        return version
    }

    // MARK: - Slices

    private func slicePage(_ request: HTTPRequestContext) async throws -> SlicesResponse {
        _ = try requireTopology()
        let limit = try request.limit()
        let group = try request.query["group"].map { try named($0).name }
        let owner = try request.query["owner"].map { text in
            guard let name = PartitionName(apiText: text) else {
                throw Problem(.badRequest, "“\(text.prefix(64))” is no partition's name")
            }
            return name
        }
        let after = try request.query["after"].map { try self.after($0) }
        let states = try await readStore { try $0.sliceStates() }
        let censuses = board.censuses
        var page: [SliceView] = []
        var isMore = false
        pages: for genesis in board.geneses where group.map({ $0 == genesis.name }) ?? true {
            if let after, genesis.name < after.group { continue }
            for register in board.registers(of: genesis) where owner.map({ $0 == register.owner }) ?? true {
                if let after, genesis.name == after.group, register.slice.index <= after.index { continue }
                guard page.count < limit else {
                    isMore = true
                    break pages
                }
                page.append(view(register, genesis.name, states[register.slice], censuses))
            }
        }
        return SlicesResponse(
            bolt: configuration.fullName, slices: page, nextAfter: isMore ? page.last?.name : nil,
            freshness: await freshness())
    }

    func freshness() async -> Freshness { await node.read { [views] in views.freshness($0) } }

    private func view(
        _ register: SliceRegister, _ group: GroupName, _ state: HandoffSliceState?,
        _ censuses: [PartitionName: SliceCensus]
    ) -> SliceView {
        let census = censuses[register.owner]
        let entry = census?.entry(of: register.slice)
        return SliceView(
            group: group, slice: register.slice.index, owner: register.owner, position: register.position,
            register: register.hash, envoys: census.map { _ in entry?.envoys ?? 0 },
            bytes: census.map { _ in entry?.bytes ?? 0 }, state: state, destination: entry?.destination)
    }

    private func after(_ text: String) throws -> (group: GroupName, index: UInt32) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let group = GroupName(String(parts[0])), let index = UInt32(parts[1]) else {
            throw Problem(.badRequest, "“\(text.prefix(64))” is no slice's name, as web/17")
        }
        return (group, index)
    }

    private func named(_ text: String) throws -> SliceGenesis {
        let all = board.geneses
        if let found = all.first(where: { $0.name.text == text }) { return found }
        let hint = NearestName.suggest(text, among: all.map(\.name.text)).map { "; did you mean \($0)?" } ?? ""
        throw Problem(.notFound, "there is no group “\(text.prefix(64))”\(hint)", next: "boltctl topology export")
    }

    private func slice(_ request: HTTPRequestContext) async throws -> SliceResponse {
        let version = try requireTopology()
        let genesis = try named(request.arguments[0])
        guard let index = UInt32(request.arguments[1]), index < genesis.slices else {
            throw Problem(
                .notFound, "the group \(genesis.name) has slices 0 to \(genesis.slices - 1)",
                next: "boltctl slice list --group \(genesis.name)")
        }
        let id = SliceID(group: genesis.id, index: index)
        guard let walk = board.walk(of: id) else { throw Problem(.notFound, "slice \(id) has no register here") }
        let states = try await readStore { try $0.sliceStates() }
        let shown = view(walk.register, genesis.name, states[id], board.censuses)
        let planning = SlicePlanning(views: views, board: board)
        let drains = Set(version.note.drains)
        let state = try await node.read { try planning.state($0, desired: version.topology, drains: drains) }
        let explanation: SliceExplanation?
        do {
            explanation = try RebalancePlanner().explain(
                id,
                in: TopologyPlanner().input(
                    to: version.topology, from: state, tolerance: RebalanceLimits.toleranceDefault))
        } catch { throw Problem(.internalError, "the planner refuses what is known of the mesh: \(error)") }
        guard let explanation else { throw Problem(.notFound, "slice \(id) is not part of the topology in force") }
        return SliceResponse(
            bolt: configuration.fullName, slice: shown, walk: walk, explanation: explanation,
            freshness: await freshness())
    }

    private func sliceDigest() async throws -> SliceDigestResponse {
        let version = try requireTopology()
        let board = board
        // A group that left the topology has no envoys: nobody has to serve its slices.
        let wanted = Set(version.topology.groups.map(\.name))
        let groups = board.geneses.filter { wanted.contains($0.name) }.map { genesis in
            let walks = board.walks(of: genesis)
            var owners: [PartitionName: [UInt32]] = [:]
            for walk in walks { owners[walk.owner, default: []].append(walk.register.slice.index) }
            return SliceDigestResponse.Group(
                name: genesis.name, id: genesis.id, slices: genesis.slices, root: genesis.root,
                registers: SliceDigestResponse.digest(of: walks.map(\.register)) { board.witness.hash($0) },
                owners: owners.sorted { $0.key < $1.key }.map { owner, slices in
                    .init(partition: owner, slices: UInt32(slices.count), digest: digest(of: slices))
                },
                equivocations: walks.reduce(0) { $0 + $1.equivocations.count },
                losers: walks.reduce(0) { $0 + $1.losers.count }, inert: walks.reduce(0) { $0 + $1.inert.count })
        }
        let names = Dictionary(board.geneses.map { ($0.id, $0.name) }) { first, _ in first }
        let (states, isPrimary) = try await readStore { (try $0.sliceStates(), $0.machine.role.reigns) }
        var holdings: [GroupName: [HandoffSliceState: UInt32]] = [:]
        var served: [GroupName: [UInt32]] = [:]
        for (slice, state) in states {
            guard let name = names[slice.group] else { continue }
            holdings[name, default: [:]][state, default: 0] += 1
            if isPrimary, state.isServed { served[name, default: []].append(slice.index) }
        }
        let listed = holdings.sorted { $0.key < $1.key }.flatMap { name, states in
            states.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                SliceDigestResponse.Holding(group: name, state: $0.key, slices: $0.value)
            }
        }
        return SliceDigestResponse(
            bolt: configuration.fullName, partition: configuration.partition, isPrimary: isPrimary,
            version: version.digest, groups: groups, holdings: listed,
            served: served.sorted { $0.key < $1.key }.map { name, slices in
                .init(group: name, slices: UInt32(slices.count), digest: digest(of: slices))
            }, freshness: await freshness())
    }

    private func digest(of slices: [UInt32]) -> Bytes32 {
        SliceDigestResponse.digest(ofSlices: slices) { board.witness.hash($0) }
    }
}
