import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl bolt …`
struct BoltCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bolt", abstract: "The servers of the mesh.",
        subcommands: [BoltInvite.self, BoltJoin.self, BoltList.self, BoltShow.self, BoltRemove.self])
}

/// Bolts as a table.
enum BoltTable {
    static func text(_ bolts: [BoltView]) -> String {
        var table = TextTable("BOLT", "ADDRESS", "ZONE", "STANDING", "REACH", "DIGEST", "LAG", "HEARD", "NOTE")
        for bolt in bolts {
            table.row(
                bolt.fullName, bolt.address, bolt.zone, bolt.standing.rawValue, bolt.reach.rawValue,
                bolt.digest?.shortHex, bolt.lagEvents.map { Plural.text($0, "event") },
                bolt.lastHeardSeconds.map { "\(Int($0.rounded())) s ago" }, bolt.reason)
        }
        return table.text
    }
}

/// `boltctl bolt list`
struct BoltList: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "All bolts, as one of them sees them.",
        discussion: "EXAMPLES\n  boltctl bolt list -o json")

    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<BoltsResponse> { Question(endpoint: .bolts) }

    func table(_ answer: BoltsResponse) -> String { BoltTable.text(answer.bolts) }
}

/// `boltctl bolt show`
struct BoltShow: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One bolt, and why its standing is what it is.",
        discussion: "EXAMPLES\n  boltctl bolt show a.north")

    @Argument(help: "NAME.PARTITION, id or fingerprint.")
    var name: String
    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<BoltResponse> { Question(endpoint: .bolt, arguments: [name]) }

    func table(_ answer: BoltResponse) -> String {
        BoltTable.text([answer.bolt]) + "\n\n" + FactTable.text(answer.facts)
    }
}

/// `boltctl bolt remove`
struct BoltRemove: ChangingCommand {
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

    func plan(_ poster: ActPoster) async throws -> PlannedChange {
        let (bolt, context) = try await poster.subject(name, role: .bolt)
        return PlannedChange(
            "Remove the bolt \(bolt.name)?",
            .remove(
                principal: bolt.id, targets: bolt.admissions.sorted(),
                cut: OperatorAct.Cut(seen: context.versionVector)))
    }
}
