import ArgumentParser
import BoltAPI
import CRDT

/// `boltctl roster digest`
struct RosterDigest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "digest", abstract: "What each bolt holds.",
        discussion: """
            Asks the bolts of the context, and whoever else the roster names. An address of the context that is silent \
            and that no bolt of the mesh has is shown and does not count: boltctl context refresh drops it.

            Exit 2 where two bolts differ, 1 where those asked agree but a bolt could not be asked, 69 where none could.

            EXAMPLES
              boltctl roster digest
            """)

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let session = try connection.session()
        let lines = try await BoltDigests.askAll(session)
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
                line.answer?.bolt ?? line.bolt, line.address, line.answer?.digest.shortHex,
                line.answer.map { "\($0.events)" },
                line.answer.map { "\($0.replicas.count)" },
                line.isStale ? "no bolt of the mesh is here any more: boltctl context refresh" : line.error)
        }
        return table.text
    }
}
