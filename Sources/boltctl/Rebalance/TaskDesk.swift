import BoltAPI
import BoltClient
import CRDT
import Spanner

/// Finds tasks, and brings changes to the bolt that drives them.
struct TaskDesk {
    let session: Session

    /// All tasks, running ones first.
    func all() async throws -> TasksResponse { try await session.client.call(.tasks) }

    /// The task that an argument names: an id, or the beginning of one. Without one the only task that runs, or where
    /// none does and `orLatest`, the latest. Where none does, the failure names the latest as an argument of `verb`.
    func find(_ argument: String?, orLatest: Bool, verb: String? = nil) async throws -> TaskView {
        if let argument, let id = PrincipalID(apiText: argument) {
            let answer: TaskResponse = try await session.client.call(.task, [id.apiText])
            return answer.task
        }
        return try Self.choose(argument, among: try await all().tasks, orLatest: orLatest, verb: verb)
    }

    /// For how long a bolt may not have heard of a task that another one has just accepted.
    static let hearingSeconds = 3.0

    /// All tasks, as soon as one of them runs; a bolt hears of a new one a moment after its driver accepted it.
    func running(for seconds: Double?) async throws -> TasksResponse {
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: .seconds(min(seconds ?? Self.hearingSeconds, Self.hearingSeconds)))
        while true {
            let answer = try await all()
            guard !answer.tasks.contains(where: Self.isRunning), clock.now < deadline else { return answer }
            try await Task.sleep(for: .milliseconds(300))
        }
    }

    /// Whether a task is not over and somebody drives it.
    static func isRunning(_ task: TaskView) -> Bool { !task.isOver && task.orphaned == nil }

    /// What is to be followed where no task is named.
    enum Following {
        /// The one that runs.
        case task(TaskView)
        /// None runs: that, in words.
        case nothing(String)

        /// The one that runs; nil where none does.
        var task: TaskView? {
            guard case .task(let task) = self else { return nil }
            return task
        }
    }

    /// The one task that runs. How an older one ended says nothing of one that was accepted since: where a bolt is not
    /// heard, whose partition may drive one, nobody can say that none runs.
    static func toFollow(_ answer: TasksResponse) throws -> Following {
        if answer.tasks.contains(where: isRunning) {
            return .task(try choose(nil, among: answer.tasks, orLatest: false))
        }
        let latest = answer.tasks.first(where: \.isOver)
        let older = latest.map { "; the latest, \($0.id), ended as \(TaskText.state($0))" } ?? ""
        let age = answer.freshness
        guard age.complete else {
            let silent = "\(age.boltsTotal - age.boltsHeard) of \(age.boltsTotal) bolts"
            throw CommandFailure(
                "no_task", "no task is known to run\(older)", reason: "\(silent) are not heard, and may know of one",
                next: "name the one to wait for: boltctl rebalance status ID --wait")
        }
        return .nothing("no task runs\(older)\(latest == nil ? "" : "; name it to wait for it")")
    }

    /// The one task that is meant; a failure that names the candidates where it is not one.
    static func choose(
        _ argument: String?, among tasks: [TaskView], orLatest: Bool, verb: String? = nil
    ) throws -> TaskView {
        let found: [TaskView]
        if let argument {
            guard argument.count >= 4, argument.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
                throw CommandFailure(
                    "bad_id", "“\(argument)” is no task's id, nor the first 4 digits of one or more",
                    next: "boltctl rebalance status", status: .usage)
            }
            found = tasks.filter { $0.id.apiText.hasPrefix(argument.lowercased()) }
            guard !found.isEmpty else {
                throw CommandFailure("not_found", "no task has the id \(argument)", next: "boltctl rebalance status")
            }
        } else {
            let running = tasks.filter(isRunning)
            found = running.isEmpty && orLatest ? Array(tasks.prefix(1)) : running
            guard !found.isEmpty else {
                if let verb, let latest = tasks.first(where: \.isOver) {
                    throw CommandFailure(
                        "no_task", "no task runs; the latest is over: \(TaskText.line(latest))",
                        reason: "one that is over has to be named", next: "\(verb) \(latest.id)")
                }
                throw CommandFailure(
                    "no_task", orLatest ? "no task was ever begun" : "no task runs",
                    next: orLatest ? "boltctl rebalance plan" : "boltctl rebalance status")
            }
        }
        guard found.count == 1 else {
            throw CommandFailure(
                "ambiguous", "\(found.count) tasks could be meant",
                reason: found.map { "\($0.id) (\(TaskText.state($0)))" }.joined(separator: "; "),
                next: "name one by its id", status: .usage)
        }
        return found[0]
    }

    /// Changes a task at the primary that drives it; on a dry run has it say what it would do, or why not.
    func change(
        _ task: TaskView, _ request: ChangeTaskRequest, dryRun: Bool
    ) async throws -> ChangeTaskResponse {
        let client = try await primary(of: task.driver)
        defer { client.close() }
        return try await client.call(
            .changeTask, [task.id.apiText], query: [("dry_run", dryRun ? "true" : nil)], body: request)
    }

    /// A client of a partition's primary.
    func primary(of name: PartitionName) async throws -> BoltClient {
        let partition: PartitionResponse = try await session.client.call(.partition, [name.text])
        guard let primary = partition.partition.primary else {
            throw CommandFailure(
                "no_primary", "partition \(name) has no primary that is known",
                reason: "nothing was changed: only its primary can take this",
                next: "boltctl partition promote \(name) --check", status: .unavailable)
        }
        return try session.client(of: PartitionOperator.address(of: primary, in: partition))
    }

    /// All moves of a task.
    func moves(_ task: TaskView) async throws -> [TaskMoveView] {
        var (moves, after) = ([TaskMoveView](), UInt32?.none)
        repeat {
            let page: TaskMovesResponse = try await session.client.call(
                .taskMoves, [task.id.apiText],
                query: [("after", after.map { "\($0)" }), ("limit", "\(APILimits.pageCountMax)")])
            moves += page.moves
            // A page that does not get on would be asked for without end.
            guard let next = page.nextAfter, after.map({ next > $0 }) ?? true else { break }
            after = next
        } while moves.count < HandoffLimits.movesMax
        return moves
    }
}
