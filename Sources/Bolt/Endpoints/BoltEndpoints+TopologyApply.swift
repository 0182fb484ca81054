internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Logging
internal import Spanner
internal import SpannerStore

extension BoltEndpoints {
    /// What an apply is made from, judged.
    private struct Wish {
        let body: ApplyTopologyRequest
        let desired: Topology
        let drains: [PartitionName]
        /// Groups that come to be.
        let groups: [TopologyApply.Group]
        /// Whether topology or drains change.
        let changes: Bool
        let job: RebalanceJob
        let limits: HandoffBudget.Limits
        let reason: String

        var effects: [String] {
            var effects: [String] = []
            if changes { effects.append("the topology \(body.plan.leadsTo.shortHex) comes into force at every bolt") }
            effects += groups.map { "the group \($0.name) begins with \($0.slices) slices" }
            if !job.moves.isEmpty {
                effects.append("\(job.moves.count) slices of \(body.plan.movedEnvoys) envoys change their partition")
            }
            return effects
        }
    }

    /// Carries a plan out, at the primary of the partition that was asked: it drives the task.
    func applyTopology(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let (views, own) = (views, configuration.partition)
        if await !partition.read({ $0.machine.role.reigns }) {
            let picture = try await node.read { try views.picture($0, of: own) }
            guard let primary = picture.reigning, primary.bolt.fullName != configuration.fullName else {
                throw noPrimary(picture)
            }
            return try await passOn(request, to: primary)
        }
        guard !partition.sealing.isSealed else { throw sealedProblem() }
        let body = try request.decode(ApplyTopologyRequest.self)
        if let again = try await knownApply(body) { return try .json(again) }
        let wish = try await judge(body)
        guard !request.isDryRun else {
            return try .json(
                ApplyTopologyResponse(apply: nil, task: nil, level: .local, dryRun: true, effects: wish.effects))
        }
        try await requireSafeWrites("a topology")
        let actor = "operator/\(request.principal?.name.text ?? "unknown")"
        let note = TaskNote(
            kind: .rebalance, plan: body.plan.id, actor: actor, reason: wish.reason, at: WallClock.now())
        var level = try await writeSafely(
            [.audit(audit("topology.apply", "plan \(body.plan.id.shortHex)", wish.reason, request))]
                + (wish.job.moves.isEmpty
                    ? [] : [.setting(name: TaskNote.name(of: body.task), value: Array(try APIJSON.encode(note)))]))
        if wish.changes { level = try await spread(wish, actor: actor) }
        if !wish.job.moves.isEmpty { try await partition.begin(task: wish.job, limits: wish.limits) }
        logger.notice(
            "topology applied",
            metadata: [
                LogKeys.request: "\(request.requestID)", LogKeys.principal: "\(actor)",
                LogKeys.version: "\(body.plan.leadsTo.shortHex)", LogKeys.count: "\(wish.job.moves.count)",
            ])
        let view = wish.changes ? board.version(askedFor: body.task).map { applyView($0) } : nil
        return try .json(
            ApplyTopologyResponse(
                apply: view, task: await named(partition.read { $0.taskView(body.task) }), level: level, dryRun: false,
                effects: wish.effects))
    }

    private func applyView(_ version: OwnershipBoard.Version) -> TopologyApplyView {
        let (apply, note) = (version.apply, version.note)
        let standing: TopologyApplyView.Standing = board.version?.apply.id == apply.id ? .inForce : .lost
        return TopologyApplyView(
            apply: apply.id, version: version.digest, base: apply.base == .zero ? nil : apply.base, plan: apply.plan,
            at: apply.at, actor: apply.actor, bolt: note.bolt, reason: note.reason, standing: standing,
            drains: note.drains, created: apply.groups.map(\.name), task: note.moves ? note.task : nil,
            summary: note.summary)
    }

    /// The answer to a repeat.
    private func knownApply(_ body: ApplyTopologyRequest) async throws -> ApplyTopologyResponse? {
        let task = await named(partition.read { $0.taskView(body.task) })
        let version = board.version(askedFor: body.task)
        // An apply that was told, whose task was not begun yet, is gone on with.
        if let version, version.note.moves, task == nil { return nil }
        guard version != nil || task != nil else { return nil }
        return ApplyTopologyResponse(
            apply: version.map { applyView($0) }, task: task, level: .local, dryRun: false,
            effects: ["it was applied before under the same id"])
    }

    // MARK: - Judging

    private func judge(_ body: ApplyTopologyRequest) async throws -> Wish {
        let (desired, current) = (try wanted(body.document), board.version)
        let reason = try checked(reason: body.reason)
        guard let limits = body.limits.limits else {
            throw Problem(
                .badRequest, "slices must be from 1 to \(HandoffLimits.slicesInFlightMax), bytes_per_second above 0")
        }
        let again = board.version(askedFor: body.task)
        let witness = board.witness
        let empty = Topology.empty(mesh: desired.mesh)
        let version = again == nil ? try (current?.topology ?? empty).digest { witness.hash($0) } : body.plan.madeOn
        let refusal = body.plan.refusal(
            mesh: desired.mesh, version: version, at: WallClock.now().milliseconds,
            despiteBlockers: body.despiteBlockers
        ) { witness.hash($0) }
        if let refusal { throw BoltEndpoints.problem(refusal) }
        guard try desired.digest(hashedBy: { witness.hash($0) }) == body.plan.leadsTo else {
            throw Problem(.planAltered, "the plan leads to another topology than the one that came with it")
        }
        guard again != nil || body.base == current?.apply.id else {
            throw Problem(.topologyMoved, "another apply came into force since the plan was made; nothing was changed")
        }
        if let running = await allTasks().first(where: { !$0.isOver && $0.id != body.task }) {
            throw SliceProblems.taskRuns(running.id)
        }
        let drains = (body.drains ?? current?.note.drains ?? []).sorted()
        let isNew = again == nil && (current?.digest != body.plan.leadsTo || current?.note.drains ?? [] != drains)
        return Wish(
            body: body, desired: desired, drains: drains, groups: isNew ? try await newGroups(desired) : [],
            changes: isNew, job: try job(body), limits: limits, reason: reason)
    }

    private static func problem(_ refusal: TopologyPlan.Refusal) -> Problem {
        let code: Problem.Code =
            switch refusal {
            case .altered: .planAltered
            case .otherMesh, .refused: .topologyRefused
            case .versionMoved: .topologyMoved
            case .expired: .planExpired
            case .blocked: .planBlocked
            }
        return Problem(code, "\(refusal); nothing was changed")
    }

    /// Groups that come to be, with those who may own their slices at first.
    private func newGroups(_ desired: Topology) async throws -> [TopologyApply.Group] {
        let known = Set(board.geneses.map(\.name))
        let fresh = desired.groups.filter { !known.contains($0.name) }
        guard !fresh.isEmpty else { return [] }
        let present = Set(await node.read { $0.bolts.compactMap(\.partition) })
        return try fresh.map { group in
            let serving = desired.partitions.filter { $0.groups.contains(group.name) && $0.weight > 0 }
            if let absent = serving.first(where: { !present.contains($0.name) }) {
                throw Problem(
                    .planBlocked,
                    "\(absent.name) would own slices of \(group.name), and none of its bolts is admitted; "
                        + "nothing was changed", next: "join its bolts first: boltctl bolt join")
            }
            let candidates = serving.map {
                Placement.Candidate(partition: $0.name, weight: UInt32(clamping: $0.weight))
            }
            return TopologyApply.Group(name: group.name, slices: UInt32(clamping: group.slices), candidates: candidates)
        }
    }

    /// The plan's moves on the registers in force.
    private func job(_ body: ApplyTopologyRequest) throws -> RebalanceJob {
        let groups = Dictionary(board.geneses.map { ($0.name, $0) }) { first, _ in first }
        let moves = try body.plan.moves.map { move in
            guard let genesis = groups[move.group],
                let register = board.register(of: SliceID(group: genesis.id, index: move.slice)),
                register.owner == move.from,
                let planned = RebalanceMove(register: register, to: move.to, envoys: move.envoys, bytes: move.bytes)
            else {
                throw Problem(
                    .topologyMoved, "slice \(move.group)/\(move.slice) is not at \(move.from); nothing was changed")
            }
            return planned
        }
        guard let job = RebalanceJob(id: body.task, topology: body.plan.leadsTo, moves: moves) else {
            throw Problem(.planAltered, "the plan moves a slice twice, or more than \(HandoffLimits.movesMax)")
        }
        return job
    }

    // MARK: - Telling

    /// Parts of an apply in one command: a run holds no more.
    private static let partsPerCommand = 12

    /// Tells every bolt of the apply. Its last part makes it whole, so that until then nothing is in force.
    private func spread(_ wish: Wish, actor: String) async throws -> BoltAPI.AckLevel {
        let note = AppliedTopology(
            topology: wish.desired, drains: wish.drains, bolt: configuration.fullName, reason: wish.reason,
            task: wish.body.task, moves: !wish.job.moves.isEmpty, summary: wish.body.plan.diff.summary)
        let apply = TopologyApply(
            base: board.version?.apply.id ?? .zero, plan: wish.body.plan.id, at: WallClock.now(), actor: actor,
            document: Array(try APIJSON.encode(note)), groups: wish.groups, hashedBy: board.witness)
        guard let apply else {
            throw Problem(.tooLarge, "the topology is over \(TopologyApplyLimits.documentBytesMax) bytes")
        }
        var parts = apply.parts[...]
        var level = BoltAPI.AckLevel.local
        while !parts.isEmpty {
            let some = parts.prefix(BoltEndpoints.partsPerCommand).map { RosterEvent.Payload.topology($0) }
            parts = parts.dropFirst(some.count)
            level = try NodeService.level(await node.command(some, level: .spread(2)))
        }
        return level
    }

    /// A task with the bolt that drives it.
    func named(_ task: TaskView?) -> TaskView? {
        guard var task else { return nil }
        task.bolt = configuration.fullName
        return task
    }
}
