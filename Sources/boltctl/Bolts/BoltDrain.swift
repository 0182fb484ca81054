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

            Waits until another bolt is primary: exit 0 then, 3 where it is drained and still primary. Only after 0 \
            is its machine to be switched off.

            EXAMPLES
              boltctl bolt drain a.north --dry-run
              boltctl bolt drain a.north --reason "kernel update"
              boltctl bolt drain a.north --yes --timeout 120
            """)

    @Argument(help: "The bolt, NAME.PARTITION.")
    var name: String
    @Flag(name: .long, inversion: .prefixedNo, help: "Wait until another bolt is primary.")
    var wait = true
    @Option(name: .long, help: "Seconds to wait for that.")
    var timeout: Double = 60
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard timeout >= 0, timeout <= 3600 else {
            throw CommandFailure("bad_timeout", "--timeout takes 0 to 3600 seconds", status: .usage)
        }
        try await BoltDrainChange(name: name, endpoint: .drainBolt, patience: wait ? timeout : 0).run(
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
    /// Seconds for which a handover is waited for.
    var patience = 0.0

    /// What is told beside the bolt's answer.
    private struct More: Encodable {
        /// Whether the bolt was to hand over being primary, and is primary still.
        let handoverPending: Bool

        enum CodingKeys: String, CodingKey { case handoverPending = "handover_pending" }
    }

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
        var answer: DrainBoltResponse = try await call(client, bolt, mutation, body)
        let reigned = known.partition.primary == bolt || answer.primary == bolt
        var isPending = false
        if reigned, answer.isDrained, !answer.dryRun {
            answer.primary = try await heir(of: bolt, answer.primary, partition, client)
            isPending = Self.isPending(answer)
        }
        try connection.output.emit(
            Extended(answer: answer, more: More(handoverPending: isPending)), table: Self.text(answer))
        guard isPending else { return }
        Console.note("\(bolt) is drained and still primary, or nobody is: do not switch it off yet")
        Console.note("watch it: boltctl partition show \(partition); or hand over: boltctl bolt step-down \(bolt)")
        throw ExitCode(ExitStatus.running.rawValue)
    }

    /// Whether the drained bolt is primary still, or nobody is in its place yet.
    static func isPending(_ answer: DrainBoltResponse) -> Bool {
        answer.primary == nil || answer.primary == answer.bolt
    }

    /// Who is primary in the bolt's place; what was known last where nobody is in time.
    private func heir(
        of bolt: String, _ known: String?, _ partition: PartitionName, _ client: BoltClient
    ) async throws -> String? {
        guard known == nil || known == bolt else { return known }
        var (last, progress) = (known, Progress())
        let found: String? = try await Waiting.until(seconds: patience, every: .milliseconds(200)) {
            do throws(ClientError) {
                let answer: PartitionResponse = try await client.call(.partition, [partition.text])
                last = answer.partition.primary
                if let last, last != bolt { return last }
            } catch {
                guard TaskFollower.mayPass(error) else { throw error }
            }
            progress.say("waiting for another bolt of \(partition) to be primary")
            return nil
        }
        return found ?? last
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
