import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl bolt drain`
struct BoltDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Have a bolt serve nobody, before work on its machine.",
        discussion: """
            It hands over being primary, is not chosen again, leaves the lists that envoys are given, and its \
            readiness fails, so that load balancers leave it out. It stays a standby and keeps its copy; a restart \
            does not end it. Refused where no other bolt of its partition could be primary.

            EXAMPLES
              boltctl bolt drain a.north --dry-run
              boltctl bolt drain a.north --reason "kernel update"
            """)

    @Argument(help: "The bolt, NAME.PARTITION.")
    var name: String
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await BoltDrainChange(name: name, endpoint: .drainBolt).run(
            "Have \(name) serve nobody?", mutation, connection)
    }
}

/// `boltctl bolt undrain`
struct BoltUndrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain", abstract: "Let a drained bolt serve again.",
        discussion: """
            It may become primary again, and does not do so by itself.

            EXAMPLES
              boltctl bolt undrain a.north --dry-run
              boltctl bolt undrain a.north --yes
            """)

    @Argument(help: "The bolt, NAME.PARTITION.")
    var name: String
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await BoltDrainChange(name: name, endpoint: .undrainBolt).run(
            "Let \(name) serve again?", mutation, connection)
    }
}

/// One bolt begins to be drained, or ends to be: asked of that bolt itself.
struct BoltDrainChange {
    let name: String
    let endpoint: Endpoint

    func run(_ question: String, _ mutation: MutationOptions, _ connection: ConnectionOptions) async throws {
        let partition = try BoltName.partition(of: name)
        let session = try connection.session()
        let known: PartitionResponse = try await session.client.call(.partition, [partition.text])
        let bolt = try PartitionOperator.bolt(name, in: known)
        let client = try session.client(of: PartitionOperator.address(of: bolt, in: known))
        defer { client.close() }
        let body = DrainBoltRequest(operation: try PartitionOperator.newOperation(), reason: mutation.reason)
        if !mutation.dryRun, !mutation.yes {
            // Whoever is asked for a yes is not to hear of a refusal after it.
            let _: DrainBoltResponse = try await client.call(
                endpoint, [bolt], query: [("dry_run", "true")], body: body)
        }
        if !mutation.dryRun { try Console.confirm(question, yes: mutation.yes) }
        let answer: DrainBoltResponse = try await call(client, bolt, mutation, body)
        try connection.output.emit(answer, table: Self.text(answer))
    }

    /// Asks again where the answer is lost: with the same id it is the same drain.
    private func call(
        _ client: BoltClient, _ bolt: String, _ mutation: MutationOptions, _ body: DrainBoltRequest
    ) async throws -> DrainBoltResponse {
        do throws(ClientError) {
            return try await client.call(endpoint, [bolt], query: mutation.query, body: body)
        } catch {
            guard error.mayHaveChanged, !mutation.dryRun else { throw error }
            Console.note("the connection to \(bolt) broke off: asking again, with the same id")
            return try await client.call(endpoint, [bolt], query: mutation.query, body: body)
        }
    }

    static func text(_ answer: DrainBoltResponse) -> String {
        let effects = answer.effects.map { answer.dryRun ? "would be so: \($0)" : $0 }
        let state = answer.isDrained ? "drained" : "not drained"
        var lines = effects + ["\(answer.bolt) \(answer.dryRun ? "would be" : "is") \(state)"]
        lines.append("primary: \(answer.primary ?? "none is known")")
        if !answer.candidates.isEmpty { lines.append("may take over: \(answer.candidates.joined(separator: ", "))") }
        if answer.isDrained, answer.envoys > 0 {
            lines.append("\(Plural.text(answer.envoys, "envoy")) still here: they leave with their next check-in")
        }
        lines.append(answer.dryRun ? "dry run: nothing was changed" : "acknowledged at \(answer.level)")
        return lines.joined(separator: "\n")
    }
}
