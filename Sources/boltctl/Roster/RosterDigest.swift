import ArgumentParser
import BoltAPI
import CRDT

/// `boltctl roster digest`
struct RosterDigest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "digest", abstract: "What each bolt holds.",
        discussion: """
            Exit 2 where two bolts differ, 1 where those asked agree but a bolt could not be asked, 69 where none could.

            EXAMPLES
              boltctl roster digest
            """)

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let session = try connection.session()
        let lines = try await BoltDigests.ask(session.context.bolts, session)
        try connection.output.emit(["bolts": lines], table: Self.table(lines))
        if Self.differ(lines) {
            BoltDigests.warnOfMissing(lines)
            throw ExitCode(ExitStatus.changes.rawValue)
        }
        try BoltDigests.requireAll(lines)
    }

    /// Whether two bolts hold different events.
    static func differ(_ lines: [BoltDigests.Line]) -> Bool { Set(lines.compactMap(\.answer?.digest)).count > 1 }

    static func table(_ lines: [BoltDigests.Line]) -> String {
        var table = TextTable("BOLT", "ADDRESS", "DIGEST", "EVENTS", "HISTORIES", "NOTE")
        for line in lines {
            table.row(
                line.answer?.bolt, line.address, line.answer?.digest.shortHex, line.answer.map { "\($0.events)" },
                line.answer.map { "\($0.replicas.count)" }, line.error)
        }
        return table.text
    }
}
