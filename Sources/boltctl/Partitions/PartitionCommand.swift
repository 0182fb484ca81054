import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl partition …`
struct PartitionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "partition", abstract: "Who is primary, who stands by, and how to change it.",
        subcommands: [
            PartitionList.self, PartitionShow.self, PartitionSwitchover.self, PartitionPromote.self,
            PartitionHistory.self, PartitionSalvage.self, PartitionDrain.self, PartitionUndrain.self,
        ])
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

/// `boltctl partition show`
struct PartitionShow: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One partition: its primary, its standbys and how far each is.",
        discussion: "EXAMPLES\n  boltctl partition show north")

    @Argument(help: "The partition.")
    var name: String
    @OptionGroup var connection: ConnectionOptions

    func question() throws -> Question<PartitionResponse> {
        let name: PartitionName = try NamedArgument.name(name, "the partition")
        return Question(endpoint: .partition, arguments: [name.text])
    }

    /// A bolt with its address.
    struct Place: Encodable {
        let bolt: String
        let address: String
    }

    func data(_ answer: PartitionResponse) -> any Encodable {
        let places = zip(answer.partition.bolts, answer.addresses).map { Place(bolt: $0, address: $1) }
        return Extended(answer: answer, more: ["places": places])
    }

    func table(_ answer: PartitionResponse) -> String {
        let partition = answer.partition
        var fields = TextFields([
            ("partition", partition.name.text), ("primary", partition.primary ?? "none is known"),
            ("epoch", partition.epoch.map { "\($0.shortText) of \($0.minter)" }),
            ("in sync", partition.inSync == 0 ? nil : Plural.text(partition.inSync, "disk")),
            ("may fail", partition.inSync == 0 ? nil : Plural.text(partition.faultTolerance, "more disk")),
            ("envoys", "\(partition.envoys)"),
        ])
        for (bolt, address) in zip(partition.bolts, answer.addresses) { fields.add("address of \(bolt)", address) }
        return [fields.text, PartitionTable.members([partition])].compactMap { $0 }.joined(separator: "\n\n")
    }
}

/// `boltctl partition history`
struct PartitionHistory: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Epochs of a partition: who reigned, since when, why, and who promised.",
        discussion: """
            TIME, WHO and REASON are those of the operator who asked, by the audit log; a dash where nobody asked: a \
            first epoch, one that a lease began, one that a primary took up again after a restart.

            LOSS says what an operator accepted to lose; a dash means that the promises excluded a loss of anything \
            acknowledged as paired.

            EXAMPLES
              boltctl partition history north
              boltctl partition history north --at b.north -o json
            """)

    @Argument(help: "The partition.")
    var name: String
    @Option(name: .long, help: "Whose journal to read, NAME.PARTITION. Default: the primary's.")
    var at: String?
    @OptionGroup var connection: ConnectionOptions

    func question() throws -> Question<PartitionHistoryResponse> {
        let name: PartitionName = try NamedArgument.name(name, "the partition")
        return Question(endpoint: .partitionHistory, arguments: [name.text], query: [("bolt", at)])
    }

    func table(_ answer: PartitionHistoryResponse) -> String {
        var table = TextTable(
            "EPOCH", "FROM", "TIME", "CAUSE", "PRIMARY", "PROMISED BY", "MEMBERS", "WHO", "REASON", "OPERATION", "LOSS")
        for epoch in answer.epochs {
            table.row(
                epoch.point.epoch.shortText, "\(epoch.point.position)",
                epoch.at.map { Console.time(milliseconds: $0.milliseconds) }, epoch.cause.rawValue, epoch.minter.text,
                epoch.promisedBy.map(\.text).joined(separator: ", "),
                epoch.members.map(\.text).joined(separator: ", "), epoch.actor, epoch.reason,
                epoch.operation.description, epoch.acceptedLoss)
        }
        return table.text
            + "\n\(answer.bolt) holds the journal up to \(answer.tip.shortText); safe up to \(answer.safe)"
    }
}

/// `boltctl partition salvage`
struct PartitionSalvage: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "salvage", abstract: "What was cut off a bolt's journal because its partition went on without it.",
        discussion: """
            Nothing in it was ever safe. Results among it are sent to the primary again by the bolt itself; the rest \
            is kept for you to decide about. Each bolt keeps its own. --dismiss lets go of what is kept up to the \
            number that a list ended with: the audit log says so first, and it stays readable with --fate dismissed \
            until the disk needs the room. There is listed too what the bolt dropped by itself, because nothing of it \
            could be sent again: check-ins without results, changes of members, other records about replication.

            RECORD is where it stood in the journal that was cut, EPOCH:POSITION:HASH; PLACE its number among the \
            commands of that record, from 0; a dash for a record that holds none.

            --fate stranded lists what stands in the journal of a bolt that is fenced because its partition went on \
            without it, after an accepted loss: some of that was safe, and is on that disk alone. Nothing is changed.

            EXAMPLES
              boltctl partition salvage north --at a.north
              boltctl partition salvage north --at a.north --fate replayed
              boltctl partition salvage north --at b.north --fate stranded
              boltctl partition salvage north --at a.north --dismiss 12 --reason "exported" --dry-run
            """)

    @Argument(help: "The partition.")
    var name: String
    @Option(
        name: .long, help: "On whose disk, NAME.PARTITION. Default: the bolt that answers, or one of the partition.")
    var at: String?
    @Option(name: .long, help: "Only those that were kept, replayed or dismissed, or are stranded.")
    var fate: String = SalvageView.Fate.kept.rawValue
    @Option(name: .long, help: "Let go of what is kept up to this number, as a list showed it.")
    var dismiss: UInt64?
    @OptionGroup var page: PageOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func question() throws -> Question<SalvageResponse> {
        let name: PartitionName = try NamedArgument.name(name, "the partition")
        guard SalvageView.Fate(rawValue: fate) != nil else {
            let words = SalvageView.Fate.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandFailure("bad_fate", "--fate takes one of \(words), not “\(fate)”", status: .usage)
        }
        return Question(
            endpoint: .partitionSalvage, arguments: [name.text],
            query: [("bolt", at), ("fate", fate)] + page.query(default: 100))
    }

    func table(_ answer: SalvageResponse) -> String {
        guard !answer.commands.isEmpty else {
            return "\(answer.bolt) holds nothing that \(fate == "stranded" ? "is" : "was") \(fate)"
        }
        var table = TextTable("NUMBER", "RECORD", "PLACE", "FATE", "WHAT")
        for command in answer.commands {
            table.row(
                "\(command.number)", command.point.shortText, command.index.map { "\($0)" }, command.fate.rawValue,
                command.text)
        }
        let more = PageOptions.more("partition salvage \(name)", after: answer.nextAfter.map { "\($0)" })
        return "on the disk of \(answer.bolt):\n" + table.text + more
    }
}
