import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// A command that changes one task: it finds it, asks, changes it at its driver, tells.
protocol TaskChangingCommand: AsyncParsableCommand {
    var task: String? { get }
    var mutation: MutationOptions { get }
    var connection: ConnectionOptions { get }
    /// What the task is asked for, given how it stands; refuses bad arguments.
    func request(_ task: TaskView) throws -> ChangeTaskRequest
    /// What is asked before it is done.
    func question(_ task: TaskView) -> String
    /// Refuses bad arguments before anybody is asked.
    func check() throws
    /// How the change is followed; nil where there is nothing to follow.
    var follow: FollowOptions? { get }
    /// Whether the task is to end before everything is where the plan wanted it.
    var endsEarly: Bool { get }
    /// The command by which a task that is over is changed; nil where it cannot be.
    var verbAfterEnd: String? { get }
}

extension TaskChangingCommand {
    func check() throws {}
    var follow: FollowOptions? { nil }
    var endsEarly: Bool { false }
    var verbAfterEnd: String? { nil }

    func run() async throws {
        try check()
        try follow?.check()
        let session = try connection.session()
        let desk = TaskDesk(session: session)
        let found = try await desk.find(task, orLatest: false, verb: verbAfterEnd)
        let request = try request(found)
        if !mutation.dryRun, !mutation.yes {
            // Whoever is asked for a yes is not to hear of a refusal after it.
            _ = try await desk.change(found, request, dryRun: true)
        }
        if !mutation.dryRun { try Console.confirm(question(found), yes: mutation.yes) }
        let answer = try await desk.change(found, request, dryRun: mutation.dryRun)
        var outcome: TaskOutcome?
        if let follow, !answer.dryRun {
            outcome = TaskOutcome(
                answer.task, try await follow.follow(answer.task, session), endsEarly: endsEarly)
        }
        let last = outcome?.task ?? answer.task
        try connection.output.emit(
            Extended(answer: answer, more: ["last": last]), table: TaskChangeText.text(answer, last))
        try await outcome?.conclude(session)
    }
}

/// Changes of tasks for people.
enum TaskChangeText {
    static func text(_ answer: ChangeTaskResponse, _ last: TaskView) -> String {
        let effects = answer.effects.map { answer.dryRun ? "would be so: \($0)" : $0 }
        let tail = answer.dryRun ? "dry run: nothing was changed" : "acknowledged at \(answer.level)"
        return (effects + ["task \(last.id): \(TaskText.line(last))", tail]).joined(separator: "\n")
    }
}

/// `boltctl rebalance pause`
struct RebalancePause: TaskChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Hold a task still: nothing begins, what is on its way waits.",
        discussion: """
            Slices on their way wait, and are served where they were; those that are sealed or handed on already may \
            still end. The task stays held over restarts and failovers, until \
            boltctl rebalance resume.

            EXAMPLES
              boltctl rebalance pause --reason "month's end"
              boltctl rebalance pause 3f2a --dry-run
            """)

    @Argument(help: "The task. Default: the one that runs.")
    var task: String?
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func request(_ task: TaskView) -> ChangeTaskRequest { .init(action: .pause, reason: mutation.reason) }
    func question(_ task: TaskView) -> String { "Hold the task \(task.id) still?" }
}

/// `boltctl rebalance resume`
struct RebalanceResume: TaskChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let a held task go on, and try again what was given up.",
        discussion: """
            The task is followed until it is over, as by apply, cancel and reverse; --no-wait ends at once, with 3.

            EXAMPLES
              boltctl rebalance resume
              boltctl rebalance resume 3f2a --yes --no-wait
            """)

    @Argument(help: "The task. Default: the one that runs.")
    var task: String?
    @OptionGroup var following: FollowOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    var follow: FollowOptions? { following }
    func request(_ task: TaskView) -> ChangeTaskRequest { .init(action: .resume, reason: mutation.reason) }
    func question(_ task: TaskView) -> String { "Let the task \(task.id) go on?" }
}

/// `boltctl rebalance throttle`
struct RebalanceThrottle: TaskChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "throttle", abstract: "Change what a running task may take, from now on.",
        discussion: """
            What is not named stays as it is. Fewer slices at once: those on their way go on, none begins until there \
            is room.

            EXAMPLES
              boltctl rebalance throttle --slices-in-flight 4
              boltctl rebalance throttle 3f2a --bytes-per-second 20M --added-latency-ms 5
              boltctl rebalance throttle --bytes-per-second none --yes
            """)

    @Argument(help: "The task. Default: the one that runs.")
    var task: String?
    @OptionGroup var budget: BudgetOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func check() throws {
        guard !budget.isEmpty else {
            throw CommandFailure(
                "nothing_to_change", "no limit is named", reason: "nothing was changed",
                next: "name --slices-in-flight, --bytes-per-second or --added-latency-ms", status: .usage)
        }
        _ = try budget.limits()
    }

    func request(_ task: TaskView) throws -> ChangeTaskRequest {
        .init(action: .throttle, limits: try budget.limits(from: task.limits), reason: mutation.reason)
    }

    func question(_ task: TaskView) -> String {
        let limits = (try? budget.limits(from: task.limits)) ?? task.limits
        return "Let the task \(task.id) take \(limits.text)? It may take \(task.limits.text) now."
    }
}

/// `boltctl rebalance cancel`
struct RebalanceCancel: TaskChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "End a task: what has moved stays there, what has not stays where it is.",
        discussion: """
            A slice that was handed on already arrives; every other one on its way is served where it was. To put back \
            what has moved: boltctl rebalance reverse.

            EXAMPLES
              boltctl rebalance cancel --reason "wrong file"
              boltctl rebalance cancel 3f2a --dry-run
            """)

    @Argument(help: "The task. Default: the one that runs.")
    var task: String?
    @OptionGroup var following: FollowOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    var follow: FollowOptions? { following }
    var endsEarly: Bool { true }
    func request(_ task: TaskView) -> ChangeTaskRequest { .init(action: .cancel, reason: mutation.reason) }
    func question(_ task: TaskView) -> String {
        "End the task \(task.id) with \(task.progress.done) of \(Plural.text(task.progress.moves, "slice")) moved?"
    }
}

/// `boltctl rebalance reverse`
struct RebalanceReverse: TaskChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "reverse", abstract: "Put back what a task has moved.",
        discussion: """
            Each slice goes back to where the plan found it, by a handoff the other way: nothing is lost of what came \
            meanwhile. A slice that somebody else moved on since is left alone. A task that is over can be reversed by \
            its id.

            EXAMPLES
              boltctl rebalance reverse --reason "south is too slow"
              boltctl rebalance reverse 3f2a --dry-run
            """)

    @Argument(help: "The task. Default: the one that runs.")
    var task: String?
    @OptionGroup var following: FollowOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    var follow: FollowOptions? { following }
    var verbAfterEnd: String? { "boltctl rebalance reverse" }
    func request(_ task: TaskView) -> ChangeTaskRequest { .init(action: .reverse, reason: mutation.reason) }
    func question(_ task: TaskView) -> String {
        "Put back what the task \(task.id) has moved: \(Plural.text(task.progress.done, "slice"))?"
    }
}

extension FollowOptions {
    /// Follows for so many seconds; nil: as long as it takes.
    init(seconds: Double?) {
        self.init()
        (wait, timeout) = (true, seconds)
    }
}
