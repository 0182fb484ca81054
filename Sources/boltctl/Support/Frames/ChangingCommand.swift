import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// A change that was looked up and can be made.
struct PlannedChange {
    /// Asked before it is made.
    let question: String
    /// Makes it, or on a dry run has it checked.
    let make: (ActPoster) async throws -> ChangeResponse

    /// A change by any request.
    init(_ question: String, make: @escaping (ActPoster) async throws -> ChangeResponse) {
        (self.question, self.make) = (question, make)
    }

    /// A change by an operator's act.
    init(_ question: String, _ operation: OperatorAct.Operation) {
        self.init(question) { try await $0.post(operation) }
    }
}

/// A command that changes the roster: it looks up, asks, does and tells. A dry run asks nobody and changes nothing.
protocol ChangingCommand: AsyncParsableCommand {
    var mutation: MutationOptions { get }
    var connection: ConnectionOptions { get }
    /// Refuses bad arguments before anybody is asked.
    func check() throws
    /// What exactly would change.
    func plan(_ poster: ActPoster) async throws -> PlannedChange
}

extension ChangingCommand {
    func check() throws {}

    func run() async throws {
        try check()
        let poster = ActPoster(session: try connection.session(), mutation: mutation)
        let change = try await poster.carryOut(plan(poster))
        try connection.output.emit(change, table: ActPoster.line(change))
    }
}

extension ActPoster {
    /// Asks for a confirmation, unless it is a dry run, and makes the change.
    func carryOut(_ change: PlannedChange) async throws -> ChangeResponse {
        if !mutation.dryRun { try Console.confirm(change.question, yes: mutation.yes) }
        return try await change.make(self)
    }
}

/// Options of every command that changes something.
struct MutationOptions: ParsableArguments {
    @Flag(name: .customLong("dry-run"), help: "Say what would be done and change nothing.")
    var dryRun = false

    @Flag(name: [.customShort("y"), .long], help: "Do not ask for a confirmation.")
    var yes = false

    @Option(name: .long, help: "Why, for the audit log.")
    var reason: String = ""

    /// The query that makes a request a dry run.
    var query: [(String, String?)] { [("dry_run", dryRun ? "true" : nil)] }
}
