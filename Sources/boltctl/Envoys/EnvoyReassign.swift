import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl envoy reassign`
struct EnvoyReassign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reassign", abstract: "Move one machine to another group, with all that is stored of it.",
        discussion: """
            Every bolt routes the machine by its new group from then on; it follows by itself and is not enrolled \
            again. Where the new group's slice belongs to another partition, what is stored is brought there in the \
            background: until then the new owner shows a hole in its results. Refused while either slice is being \
            handed over.

            EXAMPLES
              boltctl envoy reassign web-7 --group db --dry-run
              boltctl envoy reassign web-7 --group db --reason "another role" --yes
            """)

    @Argument(help: "Name, id or fingerprint.")
    var name: String
    @Option(name: .long, help: "The group.")
    var group: String
    @OptionGroup var following: FollowOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let group: GroupName = try NamedArgument.name(group, "the group")
        try following.check()
        let session = try connection.session()
        let found: EnvoyResponse = try await session.client.call(.envoy, [name])
        let envoy = found.envoy
        try Self.require(group, otherThan: envoy.group, of: envoy.name.text)
        let owner = try await envoy.owner.asyncMap { try await TaskDesk(session: session).primary(of: $0) }
        defer { owner?.close() }
        let client = owner ?? session.client
        let body = ReassignEnvoyRequest(task: try RandomID.principal(), group: group, reason: mutation.reason)
        if !mutation.dryRun {
            if !mutation.yes {
                // Whoever is asked for a yes is not to hear of a refusal after it.
                let _: ReassignEnvoyResponse = try await client.call(
                    .reassignEnvoy, [envoy.id.apiText], query: [("dry_run", "true")], body: body)
            }
            let from = envoy.group.map { " from \($0)" } ?? ""
            try Console.confirm("Move \(envoy.name)\(from) to the group \(group)?", yes: mutation.yes)
        }
        let answer = try await call(client, envoy, body)
        let end = try await answer.task.asyncMap { try await following.follow($0, session) }
        let outcome = TaskOutcome(answer.task, end ?? nil)
        try connection.output.emit(
            Extended(answer: answer, more: ["last": outcome.task]), table: Self.text(answer, outcome.task))
        try await outcome.conclude(session)
    }

    /// Refuses a group that the machine is in, as a bolt would.
    static func require(_ group: GroupName, otherThan known: GroupName?, of envoy: String) throws {
        guard known == group else { return }
        throw CommandFailure(
            "same_group", "\(envoy) is in the group \(group) already", reason: "nothing was changed",
            next: "nothing is to be done: boltctl envoy show \(envoy)", status: .refused)
    }

    /// Asks again where the answer is lost: with the same id it is the same move.
    private func call(
        _ client: BoltClient, _ envoy: EnvoyView, _ body: ReassignEnvoyRequest
    ) async throws -> ReassignEnvoyResponse {
        do throws(ClientError) {
            return try await client.call(
                .reassignEnvoy, [envoy.id.apiText], query: mutation.query, body: body)
        } catch {
            guard error.mayHaveChanged, !mutation.dryRun else { throw error }
            Console.note("the connection broke off: asking again, with the same id")
            return try await client.call(
                .reassignEnvoy, [envoy.id.apiText], query: mutation.query, body: body)
        }
    }

    static func text(_ answer: ReassignEnvoyResponse, _ task: TaskView?) -> String {
        var lines = answer.effects.map { answer.dryRun ? "would be so: \($0)" : $0 }
        lines.append("\(answer.name): \(place(answer.from)) → \(place(answer.to))")
        if let task { lines.append("task \(task.id): \(TaskText.line(task))") }
        lines.append(answer.dryRun ? "dry run: nothing was changed" : "acknowledged at \(answer.level)")
        return lines.joined(separator: "\n")
    }

    private static func place(_ place: ReassignEnvoyResponse.Place) -> String {
        let slice = place.group.map { group in place.slice.map { "\(group)/\($0)" } ?? group.text } ?? "no group"
        return place.owner.map { "\(slice) at \($0)" } ?? slice
    }
}
