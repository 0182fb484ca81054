import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// `boltctl context refresh`
struct ContextRefresh: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "refresh", abstract: "Have a context name the bolts that the mesh has now.",
        discussion: """
            Asks a bolt of the context which bolts are admitted, and writes their addresses into the context: bolts \
            that were added are asked from then on, and those that were removed no longer. An address that answers as \
            a bolt of the mesh stays as it is, also where the mesh knows that bolt by another.

            EXAMPLES
              boltctl context refresh
              boltctl context refresh --dry-run
            """)

    @Flag(name: .customLong("dry-run"), help: "Say what the context would name and change nothing.")
    var dryRun = false
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let session = try connection.session()
        var file = try Contexts.load()
        guard let saved = file.context(connection.context) else {
            throw CommandFailure(
                "unknown_context", "no context is in use", next: "boltctl context list", status: .usage)
        }
        let known: BoltsResponse = try await session.client.call(.bolts)
        let lines = try await BoltDigests.ask(saved.bolts, session)
        let bolts = Self.bolts(lines, known.bolts.filter { $0.standing == .active })
        let context = ContextFile.Context(name: saved.name, bolts: bolts, identity: saved.identity)
        let verb = dryRun ? "would ask" : "asks"
        if !dryRun, bolts != saved.bolts {
            file.put(context, use: false)
            try Contexts.save(file)
        }
        try connection.output.emit(context, table: "\(saved.name) \(verb) \(bolts.joined(separator: ", "))")
    }

    /// Addresses to ask from now on: those that answered or that a bolt of the mesh has, in their order, then the
    /// bolts that are new. Never none.
    static func bolts(_ lines: [BoltDigests.Line], _ known: [BoltView]) -> [String] {
        let addresses = Set(known.map(\.address))
        let kept = lines.filter { $0.answer != nil || addresses.contains($0.address) }.map(\.address)
        return kept + BoltDigests.unasked(known, lines).map(\.address)
    }
}
