import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl partition …`
struct PartitionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "partition", abstract: "Who is primary, who stands by, and how to change it.",
        subcommands: [PartitionList.self])
}

/// `boltctl partition list`
struct PartitionList: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "All partitions, as one bolt hears of them.",
        discussion: """
            REPORTED is what a bolt says to be, ASSIGNED what the latest epoch makes of it: where the two differ, \
            something is under way or wrong.

            EXAMPLES
              boltctl partition list
              boltctl partition list -o json
            """)

    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<PartitionsResponse> { Question(endpoint: .partitions) }

    func table(_ answer: PartitionsResponse) -> String { PartitionTable.text(answer.partitions) }
}
