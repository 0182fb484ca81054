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
        /// The time is over.
        case late(TaskView?)
        /// Somebody wanted the terminal back.
        case detached(TaskView?)

        /// The task as it was seen last.
        var task: TaskView? {
            switch self {
            case .over(let task), .standstill(let task): task
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
        if latest.isEnd, let task = latest.task { return task.isOver ? .over(task) : .standstill(task) }
        guard let error else { return .late(latest.task) }
        guard error is CancellationError else { throw error }
        return .detached(latest.task)
    }

    /// After how long a task that nobody has heard of is none.
    private static let newsTime: Duration = .seconds(15)

    private func watch(_ latest: Latest) async throws {
        var progress = Progress()
        let clock = ContinuousClock()
        var heardAt = clock.now
        let deadline = timeout.map { clock.now.advanced(by: .seconds($0)) }
        while true {
            if let task = try await look(&progress, isNews: clock.now - heardAt < Self.newsTime) {
                heardAt = clock.now
                let isEnd = task.isOver || Self.isStandstill(task)
                latest.see(task, isEnd: isEnd)
                if isEnd { return }
                progress.say(TaskText.line(task))
            }
            if let deadline, clock.now >= deadline { return }
            try await Task.sleep(for: .milliseconds(300))
        }
    }

    /// The task, where anybody says how it stands: bolts may come and go while it runs. `isNews`: whether the bolt that
    /// answers may not have heard of it yet.
    private func look(_ progress: inout Progress, isNews: Bool) async throws -> TaskView? {
        do throws(ClientError) {
            let answer: TaskResponse = try await session.client.call(.task, [id.apiText])
            return answer.task
        } catch {
            try Task.checkCancellation()
            guard Self.mayPass(error) || (isNews && error.problem?.code == .notFound) else { throw error }
            progress.say("nobody says how task \(id) stands: \(error.detail)")
            return nil
        }
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
            && task.stuck.count >= min(left, APILimits.stuckShown)
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
        Console.note("task \(task.id) runs; ctrl-c leaves it running. \(TaskText.commands(task.id))")
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
        let how = TaskText.commands(last.id)
        switch end {
        case .over,
            nil where last.isOver:
            (status, notes) = Self.over(last, endsEarly: endsEarly)
        case .standstill:
            let first = last.stuck.first.map { "; \(TaskText.stuck($0))" } ?? ""
            status = .running
            notes = [
                "nothing gets on: \(Plural.text(last.stuck.count, "slice")) given up\(first)",
                "remove the cause, then try again: boltctl rebalance resume \(last.id); or end it: boltctl rebalance "
                    + "cancel \(last.id)",
            ]
        case .late: (status, notes) = (.running, ["still running: \(TaskText.line(last))", how])
        case .detached: (status, notes) = (.running, ["left running: \(TaskText.line(last))", how])
        case nil: (status, notes) = (.running, ["accepted: task \(last.id) runs", how])
        }
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

    /// Says the notes, and ends the command where all is not done.
    func conclude() throws {
        for note in notes { Console.note(note) }
        if let status { throw ExitCode(status.rawValue) }
    }
}
