import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// `boltctl bolt …`
struct BoltCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bolt", abstract: "The servers of the mesh.",
        subcommands: [BoltInvite.self, BoltJoin.self, BoltList.self, BoltShow.self, BoltRemove.self])
}

/// `boltctl bolt list`
struct BoltList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "All bolts, as one of them sees them.",
        discussion: "EXAMPLES\n  boltctl bolt list -o json")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let answer: BoltsResponse = try await connection.session().client.call(.bolts)
        try connection.output.emit(answer, table: BoltTable.text(answer.bolts))
    }
}

/// `boltctl bolt show`
struct BoltShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One bolt, and why its standing is what it is.",
        discussion: "EXAMPLES\n  boltctl bolt show a.north")

    @Argument(help: "NAME.PARTITION, id or fingerprint.")
    var name: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let answer: BoltResponse = try await connection.session().client.call(.bolt, [name])
        try connection.output.emit(
            answer, table: BoltTable.text([answer.bolt]) + "\n\n" + FactTable.text(answer.facts))
    }
}

/// `boltctl bolt remove`
struct BoltRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "End a bolt's admission and cut its histories where they stand now.",
        discussion: """
            What the answering bolt has seen of its histories stays; anything later is inert on every bolt. A removed \
            bolt returns only with new keys.

            EXAMPLES
              boltctl bolt remove a.north --reason "decommissioned" --dry-run
            """)

    @Argument(help: "NAME.PARTITION, id or fingerprint.")
    var name: String
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let poster = ActPoster(session: try connection.session(), mutation: mutation)
        let (bolt, context) = try await poster.subject(name, role: .bolt)
        if !mutation.dryRun {
            try Console.confirm("Remove the bolt \(bolt.name)?", yes: mutation.yes)
        }
        let change = try await poster.post(
            .remove(
                principal: bolt.id, targets: bolt.admissions.sorted(),
                cut: OperatorAct.Cut(seen: context.versionVector)))
        try connection.output.emit(change, table: ActPoster.line(change))
    }
}
