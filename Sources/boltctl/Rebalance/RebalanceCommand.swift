import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl rebalance …`
struct RebalanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebalance", abstract: "Move slices between partitions, and watch over it.",
        subcommands: [
            RebalancePlanCommand.self, RebalanceApply.self, RebalanceStatusCommand.self, RebalancePause.self,
            RebalanceResume.self, RebalanceThrottle.self, RebalanceCancel.self, RebalanceReverse.self,
            RebalanceVerify.self,
        ])
}

/// `boltctl rebalance plan`
struct RebalancePlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Which slices should move so that every partition has its share, and why.",
        discussion: """
            The topology stays as it is: for a changed one see boltctl topology plan. Nothing is changed. Exit 0 where \
            nothing should move, 2 where something should, 4 where something stands in the way.

            EXAMPLES
              boltctl rebalance plan
              boltctl rebalance plan --tolerance 5 --moves 100
            """)

    @OptionGroup var planning: PlanOptions
    @OptionGroup var showing: PlanShowing
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let wish = try PlanWish(file: nil, planning)
        let desk = PlanDesk(session: try connection.session())
        try showing.show(try await desk.plan(wish), connection.output)
    }
}

/// How a plan is shown and kept.
struct PlanShowing: ParsableArguments {
    @Option(name: .long, help: "Moves to list one by one; 0 for none. -o json has all.")
    var moves: Int = 20

    @Option(name: .long, help: "Write the plan to this file, for --plan of an apply.")
    var out: String?

    /// Shows a plan and ends the command as the contract says.
    func show(_ planned: PlanTopologyResponse, changesDrains: Bool = false, _ output: OutputOptions) throws {
        if let out { try PlanFile.write(planned, to: out) }
        let plan = planned.plan
        var lines = [plan.text(moves: max(0, moves))]
        if !planned.drains.isEmpty {
            lines.append("drained: \(planned.drains.map(\.text).joined(separator: ", "))")
        }
        for task in planned.running {
            lines.append("task \(task) still runs: an apply is refused until it is over (boltctl rebalance status)")
        }
        if !planned.freshness.complete {
            lines.append(
                "made without \(planned.freshness.boltsTotal - planned.freshness.boltsHeard) of "
                    + "\(planned.freshness.boltsTotal) bolts, which were not heard lately")
        }
        lines.append("taken until \(Console.time(milliseconds: plan.expiresMilliseconds))")
        try output.emit(planned, table: lines.joined(separator: "\n"))
        let status = PlanDesk.status(of: plan, changesDrains: changesDrains, isRunning: !planned.running.isEmpty)
        if let status { throw ExitCode(status.rawValue) }
    }
}

/// `boltctl rebalance apply`
struct RebalanceApply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Move slices until every partition has its share.",
        discussion: """
            The moves are a task of the partition that drives it: they go on whatever becomes of this terminal, and \
            ctrl-c leaves them running. Envoys follow by themselves. Exit 0 where all is where it should be, 3 where \
            the task still runs, 4 where it was refused, 5 where it is done and a standby is missing.

            EXAMPLES
              boltctl rebalance apply --dry-run
              boltctl rebalance apply --slices-in-flight 4 --bytes-per-second 20M --reason "a new partition"
              boltctl rebalance apply --yes --no-wait
            """)

    @Option(name: .long, help: "A plan that was written by rebalance plan --out. Default: a new one.")
    var plan: String?
    @OptionGroup var planning: PlanOptions
    @OptionGroup var options: ApplyOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try options.check()
        try planning.requireNone(beside: plan)
        let wish = try PlanWish(file: nil, planning)
        let saved = try plan.map { try PlanFile.read($0, for: wish) }
        let application = PlanApplication(
            desk: PlanDesk(session: try connection.session()), options: options, mutation: mutation,
            output: connection.output)
        try await application.run(wish, saved: saved)
    }
}

/// `boltctl rebalance status`
struct RebalanceStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "How far tasks are, what is stuck and since when.",
        discussion: """
            Without an id all tasks, and the one that runs in full. --wait follows it and ends as its apply would: 0 \
            where all is where it should be, 3 where it still runs, is held or does not get on, 5 where it is done \
            and a standby is missing. Without an id --wait follows the task that runs, never one that is over: where \
            none runs it says so, with 0 where all bolts are heard and with 1 where one may know of another.

            EXAMPLES
              boltctl rebalance status
              boltctl rebalance status --wait
              boltctl rebalance status 3f2a --moves -o json
            """)

    @Argument(help: "The task: its id, or the first 4 digits of it or more. Default: the one that runs.")
    var task: String?
    @Flag(name: .long, help: "List the task's moves.")
    var moves = false
    @Flag(name: .long, help: "Follow the task until it is over. Ctrl-c leaves it running.")
    var wait = false
    @Option(name: .long, help: "Seconds to follow the task. Default: as long as it takes.")
    var timeout: Double?
    @OptionGroup var connection: ConnectionOptions

    /// What the command answers about one task.
    struct Answer: Encodable {
        let task: TaskView?
        let moves: [TaskMoveView]?
    }

    func run() async throws {
        let following = FollowOptions(seconds: timeout)
        try following.check()
        let session = try connection.session()
        let desk = TaskDesk(session: session)
        guard task != nil || moves || wait else { return try await overview(desk) }
        guard var found = try await named(desk) else { return }
        var outcome: TaskOutcome?
        if wait {
            outcome = TaskOutcome(found, try await following.follow(found, session))
            found = outcome?.task ?? found
        }
        let list = moves ? try await desk.moves(found) : nil
        let answer = Answer(task: found, moves: list)
        let table = [TaskText.screen(found), list.map { TaskText.moves($0) }].compactMap { $0 }
        try connection.output.emit(answer, table: table.joined(separator: "\n\n"))
        try await outcome?.conclude(session)
    }

    /// The task that is meant; nil where one was to be followed, none runs, and that was said.
    private func named(_ desk: TaskDesk) async throws -> TaskView? {
        guard task == nil, wait else { return try await desk.find(task, orLatest: true) }
        let answer = try await desk.running(for: timeout)
        let verdict = try TaskDesk.toFollow(answer)
        guard case .nothing(let text) = verdict else { return verdict.task }
        try connection.output.emit(Answer(task: nil, moves: nil), table: text)
        return nil
    }

    private func overview(_ desk: TaskDesk) async throws {
        let answer = try await desk.all()
        try connection.output.emit(answer, table: Self.overview(answer.tasks))
    }

    static func overview(_ tasks: [TaskView]) -> String {
        guard !tasks.isEmpty else { return "no task was ever begun" }
        let running = tasks.filter { !$0.isOver }.map { TaskText.screen($0) }
        return ([TaskText.table(tasks)] + running).joined(separator: "\n\n")
    }
}
