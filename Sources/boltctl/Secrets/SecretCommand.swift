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
            OPENS says whether the bolt that answers can open the value: “no” tells of damage.

            EXAMPLES
              boltctl secret list --partition north
              boltctl secret list --partition north --at b.north -o json
            """)

    @Option(name: .long, help: "The partition. Default: the only one.")
    var partition: String?
    @Option(name: .long, help: "The copy of this bolt, NAME.PARTITION. Default: the primary's.")
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
            address = try await PartitionSeals.primary(of: name, session).address
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
        let whose = answer.isPrimary ? "" : "\ncopy of \(answer.bolt), position \(answer.position): not the primary's"
        return table.text + whose
            + PageOptions.more("secret list --partition \(answer.partition)", after: answer.nextAfter)
    }
}

/// `boltctl secret remove`
struct SecretRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Keep a secret no longer.",
        discussion: "EXAMPLES\n  boltctl secret remove db/password --partition north --reason \"the database is gone\"")

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
        if !mutation.dryRun { try Console.confirm("Remove the secret \(name) of \(partition)?", yes: mutation.yes) }
        let client = try session.client(of: primary.address)
        defer { client.close() }
        let answer: SecretChangeResponse = try await client.call(
            .removeSecret, query: mutation.query,
            body: RemoveSecretRequest(partition: partition, name: name.text, reason: mutation.reason))
        try connection.output.emit(answer, table: SecretArgument.text(answer))
    }
}
