import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl bolt …`
struct BoltCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bolt", abstract: "The servers of the mesh.",
        subcommands: [
            BoltInvite.self, BoltJoin.self, BoltList.self, BoltShow.self, BoltDrain.self,
            BoltUndrain.self, BoltStepDown.self, BoltRemove.self,
        ])
}

/// Bolts as a table.
enum BoltTable {
    static func text(_ bolts: [BoltView]) -> String {
        var table = TextTable("BOLT", "ADDRESS", "ZONE", "STANDING", "REACH", "DIGEST", "LAG", "HEARD")
        for bolt in bolts {
            table.row(
                bolt.fullName, bolt.address, bolt.zone, bolt.standing.rawValue, bolt.reach.rawValue,
                bolt.digest?.shortHex, bolt.lagEvents.map { Plural.text($0, "event") },
                bolt.lastHeardSeconds.map { "\(Int($0.rounded())) s ago" })
        }
        return DetailedTable.text(table, bolts.map { $0.reason ?? "" })
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
