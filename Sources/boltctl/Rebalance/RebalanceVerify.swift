import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl rebalance verify`
struct RebalanceVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check that a task's slices are where it put them, and that all bolts agree.",
        discussion: """
            What boltctl slice verify checks, and beside that each move of the task: of one that was reversed that \
            every slice is back. Exit 0 where all is as it should be, 3 where the task still runs and nothing is wrong \
            that will not be over in a moment, 1 otherwise.

            EXAMPLES
              boltctl rebalance verify
              boltctl rebalance verify 3f2a -o json
            """)

    @Argument(help: "The task. Default: the one that runs, else the latest.")
    var task: String?
    @Option(name: .long, help: "Seconds to wait for what can be over in a moment.")
    var timeout: Double = 10
    @OptionGroup var connection: ConnectionOptions

    /// What the command answers.
    struct Answer: Encodable {
        let task: TaskView
        /// Moves whose slice is not where the task wants it.
        let misplaced: [TaskMoveView]
        let verification: SliceVerification
        /// Moves whose slice others have moved elsewhere.
        let movedOn: Int
        /// Whether the task is over and all is where it should be.
        let isVerified: Bool

        init(task: TaskView, misplaced: [TaskMoveView], movedOn: Int = 0, verification: SliceVerification) {
            (self.task, self.misplaced, self.verification) = (task, misplaced, verification)
            self.movedOn = movedOn
            isVerified = task.isOver && misplaced.isEmpty && verification.isVerified
        }

        enum CodingKeys: String, CodingKey {
            case task, misplaced, verification
            case movedOn = "moved_on"
            case isVerified = "verified"
        }
    }

    func run() async throws {
        guard timeout >= 0, timeout <= 3600 else {
            throw CommandFailure("bad_timeout", "--timeout takes 0 to 3600 seconds", status: .usage)
        }
        let session = try connection.session()
        let desk = TaskDesk(session: session)
        let found = try await desk.find(task, orLatest: true)
        let (verification, _) = try await SliceVerifier(session: session).verify(seconds: timeout)
        let moves = try await desk.moves(found)
        let answer = Answer(
            task: found, misplaced: Self.misplaced(moves, of: found),
            movedOn: moves.count(where: { $0.state == .overtaken }), verification: verification)
        try connection.output.emit(answer, table: Self.table(answer))
        if let status = Self.status(answer) { throw ExitCode(status.rawValue) }
    }

    /// Moves whose slice is not where the task wants it. What a task that was cancelled has not moved stays where it
    /// was; what others moved elsewhere since is theirs.
    static func misplaced(_ moves: [TaskMoveView], of task: TaskView) -> [TaskMoveView] {
        moves.filter { move in
            if move.state == .overtaken { return false }
            if task.isOver, task.isCancelled { return ![move.from, move.to].contains(move.owner) }
            return move.owner != (task.isReversed ? move.from : move.to)
        }
    }

    static func status(_ answer: Answer) -> ExitStatus? {
        let findings = answer.verification.findings
        // Slices that change hands are what a running task is about: only what does not pass is an error then.
        guard answer.task.isOver else { return findings.allSatisfy(\.mayPass) ? .running : .error }
        return answer.isVerified ? nil : .error
    }

    static func table(_ answer: Answer) -> String {
        var parts = [TaskText.line(answer.task)]
        if !answer.misplaced.isEmpty { parts.append(TaskText.moves(answer.misplaced)) }
        parts += answer.verification.findings.map { "\($0.what)\n  next: \($0.next)" }
        parts.append(SliceVerify.verdict(answer.verification))
        switch (answer.task.isOver, answer.misplaced.count) {
        case (true, 0):
            let whose = answer.task.isCancelled ? "where it left them" : "where they should be"
            parts.append(
                answer.movedOn == 0
                    ? "all slices of the task are \(whose)"
                    : "all slices of the task are \(whose), but for \(answer.movedOn) that others have moved since")
        case (let isOver, let count):
            parts.append(
                "\(Plural.text(count, "slice")) of the task not where it wants them"
                    + (isOver ? "" : ": it still runs (boltctl rebalance status \(answer.task.id) --wait)"))
        }
        return parts.joined(separator: "\n\n")
    }
}
