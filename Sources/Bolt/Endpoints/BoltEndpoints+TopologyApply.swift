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
        /// Whether an apply is to be told: topology or drains change, or a task is passed over.
        let changes: Bool
        let job: RebalanceJob
        let limits: HandoffBudget.Limits
        let reason: String
        /// Tasks that have nobody to go on with them.
        let passed: [PrincipalID]

        var effects: [String] {
            var effects: [String] = []
            if changes { effects.append("the topology \(body.plan.leadsTo.shortHex) comes into force at every bolt") }
            effects += groups.map { "the group \($0.name) begins with \(Plural.text($0.slices, "slice"))" }
            if !job.moves.isEmpty {
                let envoys = Plural.text(body.plan.movedEnvoys, "envoy")
                effects.append("\(Plural.text(job.moves.count, "slice")) with \(envoys) to another partition")
            }
            return effects + passed.map { "task \($0) holds itself, should its driver return" }
        }

        /// What the audit log says that was applied.
        var object: String {
            let tasks = passed.prefix(4).map { " despite task \($0)" }.joined(separator: ",")
            return "plan \(body.plan.id.shortHex)" + tasks
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
        return try await applying.pass { try await applyTopology(body, request) }
    }

    /// One at a time: nothing that is judged here changes by another request before it is carried out.
    private func applyTopology(
        _ body: ApplyTopologyRequest, _ request: HTTPRequestContext
    ) async throws -> HTTPAnswer {
        if let again = try await knownApply(body) { return try .json(again) }
        let wish = try await judge(body)
        guard !request.isDryRun else {
            return try .json(
                ApplyTopologyResponse(apply: nil, task: nil, level: .local, dryRun: true, effects: wish.effects))
        }
        try await requireSafeWrites("a topology")
        let actor = "operator/\(request.principal?.name.text ?? "unknown")"
        let apply = wish.changes ? try made(wish, actor: actor) : nil
        let base = apply?.id ?? board.version(askedFor: body.task)?.apply.id ?? body.base
        var note = TaskNote(
            kind: .rebalance, plan: body.plan.id, actor: actor, reason: wish.reason, at: WallClock.now())
        note.apply = base
        var level = try await writeSafely(
            [.audit(audit("topology.apply", wish.object, wish.reason, request))]
                + (wish.job.moves.isEmpty
                    ? [] : [.setting(name: TaskNote.name(of: body.task), value: Array(try APIJSON.encode(note)))]))
        if let apply { level = try await spread(apply) }
        // Another bolt may have taken an apply on the same base meanwhile: then one of the two is lost.
        if let base, let why = board.outdated(base) { throw SliceProblems.lost(base, why) }
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
        if let again, let why = board.outdated(again.apply.id) { throw SliceProblems.lost(again.apply.id, why) }
        let passed = try await passedOver(body)
        let drains = (body.drains ?? current?.note.drains ?? []).sorted()
        let isNew = again == nil && (current?.digest != body.plan.leadsTo || current?.note.drains ?? [] != drains)
        return Wish(
            body: body, desired: desired, drains: drains,
            groups: isNew ? try await newGroups(body, desired, drains: drains) : [],
            // A task that is passed over stands on the apply in force: only a newer one keeps it from going on.
            changes: isNew || (again == nil && !passed.isEmpty), job: try job(body), limits: limits, reason: reason,
            passed: passed)
    }

    /// Tasks that are not over and keep nobody from applying: nobody drives them any more, or the operator named the
    /// one and nobody was heard to drive it for long. Throws `task_runs` where there is any other.
    private func passedOver(_ body: ApplyTopologyRequest) async throws -> [PrincipalID] {
        let running = await allTasks().filter { !$0.isOver && $0.id != body.task }
        for task in running where task.orphaned == nil {
            guard task.id == body.despiteTask else { throw SliceProblems.taskRuns(task.id) }
            guard await driver(task.driver).isSilent else { throw SliceProblems.driverHeard(task) }
        }
        return running.map(\.id)
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
        return Problem(code, "\(refusal); nothing was changed", next: refusal.next)
    }

    /// Groups that come to be, with those who may own their slices at first: as the plan has it, worked out anew. What
    /// can never be is refused whatever the plan says.
    private func newGroups(
        _ body: ApplyTopologyRequest, _ desired: Topology, drains: [PartitionName]
    ) async throws -> [TopologyApply.Group] {
        let planning = SlicePlanning(views: views, board: board)
        let state = try await node.read { try planning.state($0, desired: desired, drains: Set(drains)) }
        let never = TopologyPlanner().diff(to: desired, from: state).refused
        if !never.isEmpty { throw BoltEndpoints.problem(TopologyPlan.Refusal.refused(never)) }
        let (groups, blockers) = TopologyPlanner().beginning(of: desired, from: state)
        guard blockers.isEmpty || body.despiteBlockers else {
            throw BoltEndpoints.problem(TopologyPlan.Refusal.blocked(blockers))
        }
        guard groups == body.plan.begins else {
            throw Problem(
                .topologyMoved,
                "who can own slices of new groups has changed since the plan was made; nothing was changed")
        }
        if let nobodys = groups.first(where: { $0.owners.isEmpty }) {
            throw Problem(
                .planBlocked, "nobody can own slices of the group \(nobodys.group) now; nothing was changed",
                next: "start a partition that serves it, or join its bolts: boltctl bolt join")
        }
        return groups.map {
            TopologyApply.Group(name: $0.group, slices: UInt32(clamping: $0.slices), candidates: $0.candidates)
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

    /// The apply, on the base that was looked at: whatever came into force since makes it a lost one, not the next.
    private func made(_ wish: Wish, actor: String) throws -> TopologyApply {
        let note = AppliedTopology(
            topology: wish.desired, drains: wish.drains, bolt: configuration.fullName, reason: wish.reason,
            task: wish.body.task, moves: !wish.job.moves.isEmpty, summary: wish.body.plan.diff.summary)
        let apply = TopologyApply(
            base: wish.body.base ?? .zero, plan: wish.body.plan.id, at: WallClock.now(), actor: actor,
            document: Array(try APIJSON.encode(note)), groups: wish.groups, hashedBy: board.witness)
        guard let apply else {
            throw Problem(.tooLarge, "the topology is over \(TopologyApplyLimits.documentBytesMax) bytes")
        }
        return apply
    }

    /// Tells every bolt of the apply. Its last part makes it whole, so that until then nothing is in force.
    private func spread(_ apply: TopologyApply) async throws -> BoltAPI.AckLevel {
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
