import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// How a plan is carried out.
struct ApplyOptions: ParsableArguments {
    @OptionGroup var budget: BudgetOptions

    @Flag(name: .customLong("despite-blockers"), help: "Do what can be done while something stands in the way.")
    var despiteBlockers = false

    @Option(
        name: .customLong("despite-task"),
        help: "A task to go on despite of: its driver was not heard for a minute. Should that return, it holds still.")
    var despiteTask: String?

    @Option(name: .long, help: "The partition whose primary drives the task. Default: that of the bolt that planned.")
    var driver: String?

    @Option(name: .long, help: "Id of an apply that was asked for before: it is looked up, not done twice.")
    var task: String?

    @OptionGroup var following: FollowOptions

    /// How long an apply is looked for whose answer was lost, in seconds.
    static let lookSeconds = 30.0

    /// Refuses bad values before anybody is asked.
    func check() throws {
        _ = try budget.limits()
        _ = try id()
        _ = try passedOver()
        try following.check()
        if let driver { _ = try NamedArgument.name(driver, "the partition", as: PartitionName.self) }
    }

    /// The id of the task: the one that was given, or a fresh one.
    func id() throws -> PrincipalID {
        guard let task else { return try RandomID.principal() }
        guard let id = PrincipalID(apiText: task) else {
            throw CommandFailure("bad_id", "--task “\(task)” is not \(PrincipalID.apiKind)", status: .usage)
        }
        return id
    }

    /// The partition that is to drive. Only a primary takes an apply.
    func driver(_ session: Session, near bolt: String) async throws -> PartitionName {
        if let driver { return try NamedArgument.name(driver, "the partition") }
        let known: PartitionsResponse = try await session.client.call(.partitions)
        guard let name = Self.driver(known.partitions, near: bolt) else {
            throw CommandFailure(
                "no_primary", "no partition has a primary that could drive the moves", reason: "nothing was changed",
                next: "boltctl partition list", status: .unavailable)
        }
        return name
    }

    /// The task that is gone on despite of.
    func passedOver() throws -> PrincipalID? {
        guard let despiteTask else { return nil }
        guard let id = PrincipalID(apiText: despiteTask) else {
            throw CommandFailure(
                "bad_id", "--despite-task “\(despiteTask)” is not \(PrincipalID.apiKind)",
                next: "boltctl rebalance status", status: .usage)
        }
        return id
    }

    /// The partition of a bolt, where it has a primary; else the first that has one.
    static func driver(_ partitions: [PartitionView], near bolt: String) -> PartitionName? {
        let reigning = partitions.filter { $0.primary != nil }
        return (reigning.first { $0.bolts.contains(bolt) } ?? reigning.first)?.name
    }
}

/// Shows a plan, asks, carries it out, follows what it began: what `topology apply`, `rebalance apply` and
/// `partition drain` have in common.
struct PlanApplication {
    let desk: PlanDesk
    let options: ApplyOptions
    let mutation: MutationOptions
    let output: OutputOptions
    /// Moves that are listed one by one before the question.
    static let movesShown = 10

    /// What the commands answer.
    struct Answer: Encodable {
        /// The plan that was carried out, or on a dry run would be.
        let plan: TopologyPlan
        /// Partitions drained when it is done.
        let drains: [PartitionName]
        /// What became of it; missing where there was nothing to do.
        let result: ApplyTopologyResponse?
        /// The task as it was seen last.
        let task: TaskView?
    }

    /// Carries a wish out; `saved`: a plan that was looked at before.
    func run(_ wish: PlanWish, saved: PlanTopologyResponse? = nil) async throws {
        let planned: PlanTopologyResponse
        if let saved { planned = saved } else { planned = try await desk.plan(wish) }
        let plan = planned.plan
        guard !plan.isEmpty || wish.changesDrains || !plan.blockers.isEmpty else {
            let answer = Answer(plan: plan, drains: planned.drains, result: nil, task: nil)
            return try output.emit(answer, table: "nothing to do: the mesh is as it is wanted to be")
        }
        try PlanDesk.refuse(plan, despiteBlockers: options.despiteBlockers)
        let request = ApplyTopologyRequest(
            task: try options.id(), document: wish.topology?.document, drains: wish.drains, base: planned.base,
            plan: plan, limits: try options.budget.limits(), despiteBlockers: options.despiteBlockers,
            despiteTask: try options.passedOver(), reason: mutation.reason)
        let driver = try await options.driver(desk.session, near: planned.bolt)
        try await ask(plan, request, driver)
        let result = try await carryOut(request, driver)
        let end = try await result.task.asyncMap { try await options.following.follow($0, desk.session) }
        let outcome = TaskOutcome(result.task, end ?? nil)
        let answer = Answer(plan: plan, drains: planned.drains, result: result, task: outcome.task)
        try output.emit(answer, table: Self.text(plan, result, outcome.task))
        try await outcome.conclude(desk.session)
    }

    /// Asks for it. Until it is answered nobody else tells the task's id, so it is told before.
    private func carryOut(
        _ request: ApplyTopologyRequest, _ driver: PartitionName
    ) async throws -> ApplyTopologyResponse {
        guard !mutation.dryRun else { return try await desk.apply(request, driver, dryRun: true) }
        if !request.plan.moves.isEmpty {
            Console.note(
                "asking \(driver) for task \(request.task); whatever becomes of this terminal: boltctl rebalance "
                    + "status \(request.task)")
        }
        return try await desk.applyUnlessInterrupted(request, driver)
    }

    /// Shows the plan and asks for a yes. Whoever is asked is not to hear of a refusal after it.
    private func ask(
        _ plan: TopologyPlan, _ request: ApplyTopologyRequest, _ driver: PartitionName
    ) async throws {
        guard !mutation.dryRun, !mutation.yes else { return }
        let client = try await TaskDesk(session: desk.session).primary(of: driver)
        defer { client.close() }
        let _: ApplyTopologyResponse = try await client.call(
            .applyTopology, query: [("dry_run", "true")], body: request)
        Console.note(plan.text(moves: Self.movesShown))
        try Console.confirm(Self.question(plan), yes: false)
    }

    static func question(_ plan: TopologyPlan) -> String {
        let moves =
            plan.moves.isEmpty
            ? "no slice moves"
            : "\(Plural.text(plan.moves.count, "slice")) with \(Plural.text(plan.movedEnvoys, "envoy")) move"
        return "Carry the plan \(plan.id.shortHex) out: \(plan.diff.summary); \(moves)?"
    }

    static func text(_ plan: TopologyPlan, _ result: ApplyTopologyResponse, _ task: TaskView?) -> String {
        var lines = result.dryRun ? [plan.text(moves: movesShown), ""] : []
        lines += result.effects.map { result.dryRun ? "would be so: \($0)" : $0 }
        if let apply = result.apply { lines.append("apply \(apply.apply.shortHex): \(apply.summary)") }
        if let task { lines.append("task \(task.id): \(TaskText.line(task))") }
        lines.append(result.dryRun ? "dry run: nothing was changed" : "acknowledged at \(result.level)")
        return lines.joined(separator: "\n")
    }
}

extension Optional {
    /// `map` for work that waits.
    func asyncMap<Value>(_ body: (Wrapped) async throws -> Value) async rethrows -> Value? {
        guard let value = self else { return nil }
        return try await body(value)
    }
}
