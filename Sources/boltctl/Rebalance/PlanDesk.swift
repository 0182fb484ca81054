import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner
import Synchronization

/// What an operator wants the mesh to become.
struct PlanWish {
    /// The wanted topology with its text; nil where the one in force stays.
    var topology: (value: Topology, document: String)?
    /// All partitions that are to hand on all that they own; nil where those in force stay.
    var drains: [PartitionName]?
    /// Whether these are others than those in force.
    var changesDrains = false
    /// Distance from its share that a partition may have, in ten-thousandths.
    var tolerance: Int?
    /// Seconds for which the plan is taken.
    var lifetimeSeconds: UInt64?

    /// The wish of a topology file, or where there is none to balance what is in force.
    init(file: String?, _ options: PlanOptions) throws {
        topology = try file.map { (try TopologyFile.topology($0), try TopologyFile.text($0)) }
        tolerance = try options.parts()
        lifetimeSeconds = try options.seconds()
    }

    /// The wish that these partitions, and no others, hand on all that they own.
    init(drains: [PartitionName], isChange: Bool, _ options: PlanOptions) throws {
        try self.init(file: nil, options)
        (self.drains, changesDrains) = (drains, isChange)
    }
}

/// How exact a plan is, and how long it is taken.
struct PlanOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "Percent by which a partition's load may be off its share, 0 to 50; by 1 it always may. Default: 2.")
    var tolerance: Double?

    @Option(name: .long, help: "How long the plan is taken: 90s, 15m, 24h at most. Default: 15m.")
    var expires: String?

    /// The tolerance in ten-thousandths.
    func parts() throws -> Int? {
        guard let tolerance else { return nil }
        guard tolerance >= 0, tolerance * 100 <= Double(RebalanceLimits.toleranceMax) else {
            throw CommandFailure(
                "bad_tolerance", "--tolerance takes 0 to \(RebalanceLimits.toleranceMax / 100) percent", status: .usage)
        }
        return Int((tolerance * 100).rounded())
    }

    /// Refuses options of a plan that is to be made where one is there already: they would be without effect.
    func requireNone(beside plan: String?) throws {
        guard let plan, tolerance != nil || expires != nil else { return }
        throw CommandFailure(
            "plan_is_made", "--tolerance and --expires say how a plan is made, and \(plan) is one",
            next: "leave them out, or make a new plan with them", status: .usage)
    }

    /// The lifetime in seconds.
    func seconds() throws -> UInt64? {
        guard let expires else { return nil }
        guard let seconds = SpanText.seconds(expires), seconds <= TopologyPlanner.lifetimeMax / 1000 else {
            throw CommandFailure(
                "bad_span", "--expires “\(expires)” is no span of 1s to 24h", next: "write 90s, 15m or 2h",
                status: .usage)
        }
        return seconds
    }
}

/// Has plans made and carried out.
struct PlanDesk {
    let session: Session

    /// The wish with who is drained, where it names a topology that lacks some of those: whoever leaves it is no longer
    /// drained, but gone.
    func completed(_ wish: PlanWish) async throws -> PlanWish {
        guard let topology = wish.topology?.value, wish.drains == nil else { return wish }
        let inForce: TopologyResponse = try await session.client.call(.topology)
        return Self.completed(wish, topology, drained: inForce.drains)
    }

    static func completed(_ wish: PlanWish, _ topology: Topology, drained: [PartitionName]) -> PlanWish {
        let names = Set(topology.partitions.map(\.name))
        let kept = drained.filter { names.contains($0) }
        guard kept != drained else { return wish }
        var wish = wish
        (wish.drains, wish.changesDrains) = (kept.sorted(), true)
        return wish
    }

    /// The plan for a wish.
    func plan(_ wish: PlanWish) async throws -> PlanTopologyResponse {
        var planned: PlanTopologyResponse = try await session.client.call(
            .planTopology,
            body: PlanTopologyRequest(
                document: wish.topology?.document, drains: wish.drains, tolerance: wish.tolerance,
                lifetimeSeconds: wish.lifetimeSeconds))
        try Self.require(planned, for: wish)
        // The bolt that planned hears of other partitions' tasks a moment later; their drivers know.
        var over: Set<PrincipalID> = []
        for id in planned.running {
            do {
                let answer: TaskResponse = try await session.client.call(.task, [id.apiText])
                if answer.task.isOver { over.insert(id) }
            } catch { try Task.checkCancellation() }
        }
        planned.running = Self.running(planned.running, over: over)
        return planned
    }

    /// Tasks that still run, without those that their drivers say are over.
    static func running(_ told: [PrincipalID], over: Set<PrincipalID>) -> [PrincipalID] {
        told.filter { !over.contains($0) }
    }

    /// A bolt that reads the document otherwise, or that hands out a plan with another id, is not believed.
    static func require(_ planned: PlanTopologyResponse, for wish: PlanWish) throws {
        let plan = planned.plan
        let isWhole = plan.refusal(
            mesh: plan.mesh, version: plan.madeOn, at: plan.madeMilliseconds, despiteBlockers: true,
            hashedBy: TopologyFile.hash)
        if case .altered? = isWhole { throw altered("its id is not the hash of what it says", planned) }
        guard let topology = wish.topology?.value else { return }
        guard try topology.digest(hashedBy: TopologyFile.hash) == plan.leadsTo else {
            throw altered("it leads to another topology than the file's", planned)
        }
    }

    private static func altered(_ why: String, _ planned: PlanTopologyResponse) -> CommandFailure {
        CommandFailure(
            "plan_altered", "the plan \(planned.plan.id.shortHex) of \(planned.bolt) cannot be taken", reason: why,
            next: "make a new plan; check that boltctl and the bolts have the same version", status: .refused)
    }

    /// How a command ends that shows a plan: 0 nothing to do, 2 changes, 4 an apply would be refused.
    static func status(
        of plan: TopologyPlan, changesDrains: Bool = false, despiteBlockers: Bool = false, isRunning: Bool = false
    ) -> ExitStatus? {
        if !plan.diff.refused.isEmpty || (!plan.blockers.isEmpty && !despiteBlockers) { return .refused }
        if plan.isEmpty, !changesDrains { return nil }
        // One task at a time.
        return isRunning ? .refused : .changes
    }

    /// Refuses a plan that cannot be carried out, before anybody is asked for a yes.
    static func refuse(_ plan: TopologyPlan, despiteBlockers: Bool) throws {
        let never = plan.diff.refused
        guard never.isEmpty else {
            throw CommandFailure(
                "topology_refused", "the topology wants what can never be",
                reason: never.map(\.description).joined(separator: "\n        "),
                next: "change the topology; nothing was changed here", status: .refused)
        }
        guard plan.blockers.isEmpty || despiteBlockers else {
            let ways = plan.blockers.map { "\($0.what): \($0.next)" }
            throw CommandFailure(
                "plan_blocked", "\(Plural.text(plan.blockers.count, "thing")) in the way of the plan",
                reason: ways.joined(separator: "\n        "),
                next: "remove the cause, or do what can be done meanwhile: --despite-blockers", status: .refused)
        }
    }

    /// Carries a plan out at the primary of the partition that is to drive it. Where the answer is lost it is asked for
    /// again there: with the same id it is the same apply, at that partition alone.
    func apply(
        _ request: ApplyTopologyRequest, _ driver: PartitionName, dryRun: Bool = false
    ) async throws -> ApplyTopologyResponse {
        let first = try await TaskDesk(session: session).primary(of: driver)
        defer { first.close() }
        do throws(ClientError) {
            return try await first.call(
                .applyTopology, query: [("dry_run", dryRun ? "true" : nil)], body: request)
        } catch {
            try Task.checkCancellation()
            guard error.mayHaveChanged, !dryRun else { throw error }
        }
        Console.note("the connection broke off: looking whether the plan \(request.plan.id.shortHex) was taken")
        var progress = Progress()
        let found: ApplyTopologyResponse? = try await Waiting.until(
            seconds: ApplyOptions.lookSeconds, every: .milliseconds(300)
        ) {
            do {
                let client = try await TaskDesk(session: session).primary(of: driver)
                defer { client.close() }
                let answer: ApplyTopologyResponse = try await client.call(.applyTopology, body: request)
                return answer
            } catch {
                try Task.checkCancellation()
                let why = CommandFailure(error)
                if why.code == Problem.Code.topologyMoved.rawValue, let taken = try? await taken(request) {
                    return taken
                }
                guard Self.mayPass(error) else { throw error }
                progress.say("whether the plan was taken is not known yet: \(why.message)")
                return nil
            }
        }
        guard let found else {
            let why = "no primary of \(driver) answered within \(Int(ApplyOptions.lookSeconds)) s"
            throw Self.open(request, driver, why)
        }
        return found
    }

    /// The same, where somebody may want the terminal back before there is an answer: then it is said how to find out.
    func applyUnlessInterrupted(
        _ request: ApplyTopologyRequest, _ driver: PartitionName
    ) async throws -> ApplyTopologyResponse {
        let awaited = Awaited()
        let error = await InterruptedBySignals.run { awaited.keep(try await apply(request, driver)) }
        if let answer = awaited.answer { return answer }
        if let error, !(error is CancellationError) { throw error }
        throw Self.open(request, driver, "interrupted before an answer came")
    }

    private final class Awaited: Sendable {
        private let state = Mutex(ApplyTopologyResponse?.none)
        func keep(_ answer: ApplyTopologyResponse) { state.withLock { $0 = answer } }
        var answer: ApplyTopologyResponse? { state.withLock { $0 } }
    }

    /// Nobody says yet whether a plan was taken.
    static func open(_ request: ApplyTopologyRequest, _ driver: PartitionName, _ why: String) -> CommandFailure {
        CommandFailure(
            "still_open", "whether the plan \(request.plan.id.shortHex) was taken is not known", reason: why,
            next: "boltctl topology history and boltctl rebalance status \(request.task) tell; asked again with "
                + "--task \(request.task) --driver \(driver) it is the same apply",
            changed: true, status: .running)
    }

    /// Whether a later answer may be another: nobody reigns or answers for a moment, or the reign changed hands.
    static func mayPass(_ error: any Error) -> Bool {
        if let error = error as? ClientError {
            return TaskFollower.mayPass(error) || error.mayHaveChanged || error.problem?.code == .askElsewhere
        }
        return (error as? CommandFailure)?.code == Problem.Code.noPrimary.rawValue
    }

    /// The apply of a request, where it is in force: another bolt than the one that took it calls that another base.
    private func taken(_ request: ApplyTopologyRequest) async throws -> ApplyTopologyResponse? {
        let inForce: TopologyResponse = try await session.client.call(.topology)
        guard let apply = inForce.apply, apply.plan == request.plan.id else { return nil }
        var task: TaskView?
        if let id = apply.task {
            let answer: TaskResponse = try await session.client.call(.task, [id.apiText])
            task = answer.task
        }
        return ApplyTopologyResponse(
            apply: apply, task: task, level: .local, dryRun: false, effects: [apply.summary])
    }
}
