import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// `boltctl stack history`
struct StackHistory: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "What was published in a partition, newest first.",
        discussion: """
            A revision that was rolled back to has another version of its own. KEPT says whether its files are there \
            still: only such ones can be compared, previewed and rolled back to.

            EXAMPLES
              boltctl stack history
              boltctl stack history --partition north --limit 5 -o json
            """)

    @OptionGroup var whose: StackPartitionOptions
    @OptionGroup var page: PageOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let desk = StackDesk(session: try connection.session())
        let name = try await desk.partition(whose.partition)
        let answer: StackHistoryResponse = try await desk.ask(
            .stackHistory, of: name, query: [("partition", name.text)] + page.query(default: 100))
        try connection.output.emit(answer, table: Self.table(answer))
    }

    static func table(_ answer: StackHistoryResponse) -> String {
        guard !answer.revisions.isEmpty else { return "nothing was published in \(answer.partition) yet" }
        var table = TextTable("VERSION", "REVISION", "TIME", "BY", "FILES", "BYTES", "KEPT", "REASON")
        for revision in answer.revisions {
            table.row(
                "\(revision.version)" + (revision.isInForce ? " *" : ""), StackText.short(revision.revision),
                Console.time(milliseconds: revision.at.milliseconds), revision.actor, "\(revision.files)",
                ByteText.text(revision.bytes), revision.isKept ? "yes" : "no", revision.reason)
        }
        let inForce = answer.revisions.contains(where: \.isInForce) ? "\n* in force" : ""
        let whose = answer.isPrimary ? "" : "\ncopy of \(answer.bolt), not the primary's: what came last may be missing"
        return table.text(columns: Screen.tableColumns) + inForce + whose
            + PageOptions.more(
                "stack history --partition \(answer.partition)", after: answer.nextAfter.map { "\($0)" })
    }
}
