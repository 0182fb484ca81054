import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// `boltctl seal …`
struct SealCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal", abstract: "What opens a partition's secrets, and which bolts can.",
        subcommands: [SealInit.self, SealUnseal.self, SealSeal.self, SealStatus.self])
}

/// `boltctl seal status`
struct SealStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Which bolts are sealed, asked of each bolt itself.",
        discussion: """
            Exit 2 where a bolt is sealed, 1 where one could not be asked, 69 where none could.

            EXAMPLES
              boltctl seal status
              boltctl seal status --partition north -o json
            """)

    @Option(name: .long, help: "Only the bolts of this partition.")
    var partition: String?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let name: PartitionName? = try partition.map { try NamedArgument.name($0, "--partition") }
        let session = try connection.session()
        let lines = try await PartitionSeals.ask(PartitionSeals.bolts(of: name, session), session)
        try connection.output.emit(["bolts": lines], table: PartitionSeals.table(lines))
        let silent = lines.count { $0.answer == nil }
        guard !lines.contains(where: { $0.answer?.state == .sealed }) else {
            throw ExitCode(ExitStatus.changes.rawValue)
        }
        guard silent == 0 else {
            throw ExitCode((silent == lines.count ? ExitStatus.unavailable : .error).rawValue)
        }
    }
}

/// `boltctl seal seal`
struct SealSeal: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal", abstract: "Have one bolt overwrite its keys; a primary hands over first.",
        discussion: """
            Sealed, a bolt gossips and enforces bans, and serves nothing of its partition until it is unsealed. A \
            primary without an unsealed standby in sync is not sealed, because its partition would stop: \
            --stop-partition says that this is wanted.

            EXAMPLES
              boltctl seal seal a.north --reason "the machine leaves the house"
              boltctl seal seal a.north --dry-run
            """)

    @Argument(help: "The bolt, NAME.PARTITION.")
    var name: String
    @Flag(name: .customLong("stop-partition"), help: "Seal it although nobody can take over.")
    var stopPartition = false
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let partition = try BoltName.partition(of: name)
        let session = try connection.session()
        let bolts = try await PartitionSeals.bolts(of: partition, session)
        guard let bolt = bolts.first(where: { $0.fullName == name }) else {
            let hint = NearestName.suggest(name, among: bolts.map(\.fullName)).map { "; did you mean \($0)?" } ?? ""
            throw CommandFailure("not_found", "there is no bolt \(name)\(hint)", next: "boltctl bolt list")
        }
        let client = try session.client(of: bolt.address)
        defer { client.close() }
        let body = SealRequest(
            operation: try PartitionOperator.newOperation(), stopPartition: stopPartition, reason: mutation.reason)
        if !mutation.dryRun, !mutation.yes {
            // Whoever is asked for a yes is not to hear of a refusal after it.
            let _: SealChangeResponse = try await client.call(.seal, query: [("dry_run", "true")], body: body)
            try Console.confirm("Seal \(name)?", yes: false)
        }
        let answer: SealChangeResponse = try await client.call(.seal, query: mutation.query, body: body)
        try connection.output.emit(answer, table: SealText.text(answer))
    }
}

/// What came of a change of a seal, for people.
enum SealText {
    static func text(_ answer: SealChangeResponse) -> String {
        let tail: String
        if answer.dryRun {
            tail = "dry run: nothing was changed"
        } else if let level = answer.level {
            tail = "\(answer.seal.bolt) is \(answer.seal.state.rawValue); acknowledged at \(level)"
        } else {
            tail = "\(answer.seal.bolt) is \(answer.seal.state.rawValue)"
        }
        return (answer.effects + [tail]).joined(separator: "\n")
    }
}
