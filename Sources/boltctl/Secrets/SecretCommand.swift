import ArgumentParser
import BoltAPI
import BoltClient
import Spanner
import Vault

/// `boltctl secret …`
struct SecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "Values that a partition keeps sealed. They are never printed.",
        subcommands: [SecretPut.self, SecretList.self, SecretRemove.self])
}

/// `boltctl secret list`
struct SecretList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Names, versions and sizes of a partition's secrets.",
        discussion: """
            OPENS says whether the bolt that answers can open the value: “no” tells of damage, “sealed” that it has no \
            key. Where nobody is primary, sealed or not, a bolt that answers shows its copy, and says how old it may be.

            EXAMPLES
              boltctl secret list --partition north
              boltctl secret list --partition north --at b.north -o json
            """)

    @Option(name: .long, help: "The partition. Default: the only one.")
    var partition: String?
    @Option(name: .long, help: "The copy of this bolt, NAME.PARTITION. Default: the primary's, else that of any.")
    var at: String?
    @OptionGroup var page: PageOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let session = try connection.session()
        let name = try await PartitionSeals.partition(partition, session)
        let address: String
        if let at {
            guard let bolt = try await PartitionSeals.bolts(of: name, session).first(where: { $0.fullName == at })
            else {
                throw CommandFailure("not_found", "partition \(name) has no bolt \(at)", next: "boltctl bolt list")
            }
            address = bolt.address
        } else {
            address = try await PartitionSeals.holder(of: name, session).address
        }
        let client = try session.client(of: address)
        defer { client.close() }
        let answer: SecretsResponse = try await client.call(.secrets, query: page.query(default: 100))
        try connection.output.emit(answer, table: Self.table(answer))
    }

    static func table(_ answer: SecretsResponse) -> String {
        var table = TextTable("SECRET", "VERSION", "BYTES", "POSITION", "OPENS")
        for secret in answer.secrets {
            table.row(
                secret.name, "\(secret.version)", "\(secret.bytes)", "\(secret.position)",
                secret.opens.map { $0 ? "yes" : "no" } ?? "sealed")
        }
        let age = answer.ageSeconds.map { "\(Int($0.rounded())) s after it last heard the primary" }
        let whose =
            answer.isPrimary
            ? ""
            : "\ncopy of \(answer.bolt), position \(answer.position), not the primary's: "
                + (age ?? "it heard no primary since it started")
        return table.text + whose
            + PageOptions.more("secret list --partition \(answer.partition)", after: answer.nextAfter)
    }
}

/// `boltctl secret remove`
struct SecretRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Keep a secret no longer.",
        discussion: """
            Before it asks it says for how many machines the stack in force needs the secret: they keep what they have \
            until it is put again, or until a stack without it is published.

            EXAMPLES
              boltctl secret remove db/password --partition north --dry-run
              boltctl secret remove db/password --partition north --reason "the database is gone"
            """)

    @Argument(help: "The secret.")
    var name: String
    @Option(name: .long, help: "The partition. Default: the only one.")
    var partition: String?
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let name = try SecretArgument.name(name)
        let session = try connection.session()
        let partition = try await PartitionSeals.partition(partition, session)
        let primary = try await PartitionSeals.primary(of: partition, session)
        let client = try session.client(of: primary.address)
        defer { client.close() }
        let body = RemoveSecretRequest(partition: partition, name: name.text, reason: mutation.reason)
        if !mutation.dryRun, !mutation.yes {
            let plan: SecretChangeResponse = try await client.call(
                .removeSecret, query: [("dry_run", "true")], body: body)
            try Console.confirm(Self.question(plan), yes: false)
        }
        let answer: SecretChangeResponse = try await client.call(.removeSecret, query: mutation.query, body: body)
        try connection.output.emit(answer, table: SecretArgument.text(answer))
    }

    /// What is asked, with what a dry run said of it.
    static func question(_ plan: SecretChangeResponse) -> String {
        (plan.effects + ["Remove the secret \(plan.name) of \(plan.partition)?"]).joined(separator: "\n")
    }
}
