import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner
import Synchronization

/// Follows a task until it is over, and tells how far it is. The task does not need it: whoever stops following leaves
/// it running.
struct TaskFollower: Sendable {
    let session: Session
    let id: PrincipalID
    /// Seconds to follow it; nil for as long as it takes.
    let timeout: Double?

    /// Why the following ended.
    enum End: Sendable {
        /// The task is over.
        case over(TaskView)
        /// What is left was given up, until an operator says so.
        case standstill(TaskView)
        /// It is held, and does not get on until that is over.
        case held(TaskView)
        /// The time is over.
        case late(TaskView?)
        /// Somebody wanted the terminal back.
        case detached(TaskView?)

        /// The task as it was seen last.
        var task: TaskView? {
            switch self {
            case .over(let task), .standstill(let task), .held(let task): task
            case .late(let task), .detached(let task): task
            }
        }
    }

    private final class Latest: Sendable {
        private let state: Mutex<(task: TaskView?, isEnd: Bool)>
        init(_ task: TaskView?) { state = Mutex((task, false)) }
        func see(_ task: TaskView, isEnd: Bool) { state.withLock { $0 = (task, isEnd) } }
        var task: TaskView? { state.withLock { $0.task } }
        var isEnd: Bool { state.withLock { $0.isEnd } }
    }

    /// Follows it. SIGINT and SIGTERM end the following, never the task.
    func follow(from first: TaskView?) async throws -> End {
        let latest = Latest(first)
        let error = await InterruptedBySignals.run { try await watch(latest) }
        if latest.isEnd, let task = latest.task {
            guard !task.isOver else { return .over(task) }
            return Self.isStandstill(task) ? .standstill(task) : .held(task)
        }
        guard let error else { return .late(latest.task) }
        guard error is CancellationError else { throw error }
        return .detached(latest.task)
    }

    /// For how long bolts that answer may know nothing of a task: after a restart of them all they hear of it anew.
    static let newsTime: Duration = .seconds(15)

    /// For how long a task may be held by an operator before whoever follows it is told so: an answer of a moment ago
    /// may be from before it was let go on.
    static let heldTime: Duration = .seconds(2)

    /// For how long the bolt that is asked may go on to list a task as running that its driver ended.
    static let agreementTime: Duration = .seconds(5)

    /// For how long a task must be seen held for nothing to be expected of it; nil where it is not held. What holds it
    /// without an operator may be over in a moment.
    static func patience(with task: TaskView) -> Duration? {
        guard !task.isOver, task.phase != .cancelling || task.orphaned != nil else { return nil }
        if task.isHeld { return heldTime }
        return task.hold == nil && task.orphaned == nil ? nil : newsTime
    }

    /// What a bolt says of the task.
    enum Look: Sendable {
        case task(TaskView)
        /// It has not heard of it.
        case unknown(String)
        /// Nobody answers, or is ready to.
        case silence(String)

        /// Why there is no task; nil where there is one.
        var why: String? {
            switch self {
            case .task: nil
            case .unknown(let why), .silence(let why): why
            }
        }
    }

    /// Since when every bolt that answered knew nothing of the task; nil while one knows it, or none answers.
    static func unknownSince(
        _ look: Look, at now: ContinuousClock.Instant, before: ContinuousClock.Instant?
    ) -> ContinuousClock.Instant? {
        guard case .unknown = look else { return nil }
        return before ?? now
    }

    private func watch(_ latest: Latest) async throws {
        var progress = Progress()
        let clock = ContinuousClock()
        var unknownSince: ContinuousClock.Instant?
        var heldSince: ContinuousClock.Instant?
        let deadline = timeout.map { clock.now.advanced(by: .seconds($0)) }
        while true {
            let look = try await look()
            unknownSince = Self.unknownSince(look, at: clock.now, before: unknownSince)
            if let why = look.why {
                if let since = unknownSince, clock.now - since >= Self.newsTime { throw forgotten(why) }
                progress.say("nobody says how task \(id) stands: \(why)")
            }
            if case .task(let task) = look {
                let patience = Self.patience(with: task)
                heldSince = patience == nil ? nil : heldSince ?? clock.now
                let isHeld = patience.flatMap { patience in heldSince.map { clock.now - $0 >= patience } } ?? false
                let isEnd = task.isOver || isHeld || Self.isStandstill(task)
                latest.see(task, isEnd: isEnd)
                if task.isOver { await agree() }
                if isEnd { return }
                progress.say(TaskText.line(task))
            }
            if let deadline, clock.now >= deadline { return }
            try await Task.sleep(for: .milliseconds(300))
        }
    }

    /// The driver said that the task is over: waits until the bolt that is asked has heard so too. Whoever plans next
    /// asks that one, and is not to be told that the task still runs.
    private func agree() async {
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: Self.agreementTime)
        while clock.now < deadline, !Task.isCancelled {
            do {
                let answer: TasksResponse = try await session.client.call(.tasks)
                guard Self.isListedAsRunning(id, answer.tasks) else { return }
                try await Task.sleep(for: .milliseconds(100))
            } catch { return }
        }
    }

    /// Whether a bolt has not heard yet that a task is over.
    static func isListedAsRunning(_ id: PrincipalID, _ tasks: [TaskView]) -> Bool {
        tasks.contains { $0.id == id && !$0.isOver }
    }

    /// How the task stands, where anybody says: bolts may come and go while it runs.
    private func look() async throws -> Look {
        do throws(ClientError) {
            let answer: TaskResponse = try await session.client.call(.task, [id.apiText])
            return .task(answer.task)
        } catch {
            try Task.checkCancellation()
            if error.problem?.code == .notFound { return .unknown(error.detail) }
            guard Self.mayPass(error) else { throw error }
            return .silence(error.detail)
        }
    }

    /// The bolts that answer have not heard of the task, though it was there: its driver may be away.
    private func forgotten(_ why: String) -> CommandFailure {
        CommandFailure(
            "task_unknown", "no bolt that answers knows task \(id) any more", reason: why,
            next: "it goes on when the partition that drives it is back: boltctl rebalance status \(id)", changed: true,
            status: .running)
    }

    /// Whether a later answer may be another: nobody was reached, or nobody is ready.
    static func mayPass(_ error: ClientError) -> Bool {
        error.kind == .unreachable || error.problem.map { $0.status == 503 || $0.status == 429 } ?? false
    }

    /// Whether nothing is on its way and all that is left was given up.
    static func isStandstill(_ task: TaskView) -> Bool {
        let progress = task.progress
        let left = progress.moves - progress.done - progress.overtaken
        return !task.isOver && !task.isPaused && task.phase != .cancelling && progress.inFlight == 0 && left > 0
            && progress.givenUp >= left
    }
}

/// How long a task is followed.
struct FollowOptions: ParsableArguments {
    @Flag(
        name: .long, inversion: .prefixedNo,
        help: "Follow the task until it is over, and tell how far it is. Ctrl-c leaves it running.")
    var wait = true

    @Option(name: .long, help: "Seconds to follow the task. Default: as long as it takes.")
    var timeout: Double?

    /// Refuses bad values before anybody is asked.
    func check() throws {
        guard timeout.map({ $0 > 0 && $0 <= 604_800 }) ?? true else {
            throw CommandFailure("bad_timeout", "--timeout takes 0 to 604800 seconds", status: .usage)
        }
    }

    /// Follows a task where that is asked for; nil where it is not.
    func follow(_ task: TaskView, _ session: Session) async throws -> TaskFollower.End? {
        guard wait, !task.isOver else { return nil }
        let isEnding = task.phase == .cancelling
        let state = isEnding ? "is being cancelled, with or without this terminal" : "runs; ctrl-c leaves it running"
        Console.note("task \(task.id) \(state). \(TaskText.commands(task))")
        return try await TaskFollower(session: session, id: task.id, timeout: timeout).follow(from: task)
    }
}

/// How a command ends that has begun or followed a task.
struct TaskOutcome {
    /// The task as it was seen last; nil where there is none.
    let task: TaskView?
    /// How the command ends; nil where all is done.
    let status: ExitStatus?
    /// For standard error: why it ends so, and what to do.
    let notes: [String]

    /// `end`: nil where nobody followed. `wanted`: whether the task was to be ended early by this very command.
    init(_ task: TaskView?, _ end: TaskFollower.End?, endsEarly: Bool = false) {
        let last = end?.task ?? task
        self.task = last
        guard let last else {
            (status, notes) = (nil, [])
            return
        }
        let how = TaskText.commands(last)
        switch end {
        case .over,
            nil where last.isOver:
            (status, notes) = Self.over(last, endsEarly: endsEarly)
        case .standstill:
            let first = last.stuck.first.map { "; \(TaskText.stuck($0))" } ?? ""
            status = .running
            notes = [
                "nothing gets on: \(Plural.text(last.progress.givenUp, "slice")) given up\(first)",
                "remove the cause, then try again: boltctl rebalance resume \(last.id); or end it: boltctl rebalance "
                    + "cancel \(last.id)",
            ]
        case .held: (status, notes) = (.running, Self.held(last))
        case .late: (status, notes) = (.running, ["still running: \(TaskText.line(last))", how])
        case .detached: (status, notes) = (.running, ["left running: \(TaskText.line(last))", how])
        case nil:
            let state = last.phase == .cancelling ? "is being cancelled" : "runs"
            (status, notes) = (.running, ["accepted: task \(last.id) \(state)", how])
        }
    }

    /// Who holds it, and what lets it go on.
    private static func held(_ task: TaskView) -> [String] {
        let done = "\(task.progress.done) of \(Plural.text(task.progress.moves, "slice")) moved"
        guard task.isHeld else {
            let why = task.orphaned ?? task.hold ?? "no reason given"
            let next =
                task.orphaned == nil
                ? "boltctl rebalance cancel \(task.id)" : "make a new plan, and apply it: boltctl rebalance plan"
            return ["nothing gets on: \(why); \(done)", "next: \(next)"]
        }
        let who = task.held.map { TaskText.holder($0) } ?? "by an operator; who and since when was not kept"
        return ["held \(who); \(done)", "next: boltctl rebalance resume \(task.id)"]
    }

    private static func over(_ task: TaskView, endsEarly: Bool) -> (ExitStatus?, [String]) {
        let progress = task.progress
        let left = progress.moves - progress.done
        guard left > 0, !endsEarly else { return (nil, []) }
        guard left > progress.overtaken else {
            return (nil, ["\(Plural.text(left, "slice")) moved elsewhere by others since the plan was made"])
        }
        return (
            .error,
            [
                "the task ended early (\(TaskText.state(task))): \(Plural.text(left, "slice")) not where it wants them",
                "see which: boltctl rebalance status \(task.id) --moves; make a new plan: boltctl rebalance plan",
            ]
        )
    }

    /// Says the notes, and ends the command where all is not done, or what was moved is not safe yet where it is.
    func conclude(_ session: Session) async throws {
        for note in notes { Console.note(note) }
        if let status { throw ExitCode(status.rawValue) }
        guard let task, task.isOver else { return }
        try await TaskRedundancy(session: session).require(after: task)
    }
}
