import ArgumentParser
import BoltAPI
import Spanner

/// `boltctl context …`
struct ContextCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "context", abstract: "Which mesh boltctl talks to.",
        subcommands: [ContextList.self, ContextUse.self, ContextShow.self, ContextRefresh.self])
}

/// `boltctl context list`
struct ContextList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Known contexts; the current one is marked.",
        discussion: "EXAMPLES\n  boltctl context list")

    @OptionGroup var output: OutputOptions

    func run() throws {
        let file = try Contexts.load()
        var table = TextTable("CURRENT", "NAME", "BOLTS", "IDENTITY")
        for context in file.contexts {
            table.row(
                context.name == file.current ? "*" : "", context.name, context.bolts.joined(separator: ","),
                context.identity)
        }
        try output.emit(file, table: table.text)
    }
}

/// `boltctl context use`
struct ContextUse: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "use", abstract: "Make a context the current one; with --bolt and --identity, define it first.",
        discussion: """
            EXAMPLES
              boltctl context use local
              boltctl context use prod --bolt 10.0.0.1:7440 --bolt 10.0.1.1:7440 --identity ~/operators/alice
            """)

    @Argument(help: "Its name.")
    var name: String
    @Option(name: .long, help: "A bolt of it, host:port; may be repeated.")
    var bolt: [String] = []
    @Option(name: .long, help: "Directory of the operator's identity.")
    var identity: String?
    @Flag(name: .customLong("dry-run"), help: "Check and change nothing.")
    var dryRun = false
    @OptionGroup var output: OutputOptions

    func run() throws {
        var file = try Contexts.load()
        if !bolt.isEmpty || identity != nil {
            let old = file.context(name)
            let bolts = bolt.isEmpty ? old?.bolts ?? [] : bolt
            guard !bolts.isEmpty, let identity = identity.map(LocalMesh.absolute) ?? old?.identity else {
                throw CommandFailure(
                    "incomplete_context", "a new context needs --bolt and --identity", status: .usage)
            }
            file.put(ContextFile.Context(name: name, bolts: bolts, identity: identity), use: true)
        }
        guard let context = file.context(name) else {
            let hint = NearestName.suggest(name, among: file.contexts.map(\.name)).map { "; did you mean \($0)?" } ?? ""
            throw CommandFailure(
                "unknown_context", "there is no context \(name)\(hint)", next: "boltctl context list", status: .usage)
        }
        file.current = name
        if !dryRun { try Contexts.save(file) }
        try output.emit(context, table: dryRun ? "would use \(name)" : "using \(name)")
    }
}

/// `boltctl context show`
struct ContextShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One context; the current one where none is named.",
        discussion: "EXAMPLES\n  boltctl context show")

    @Argument(help: "Its name.")
    var name: String?
    @OptionGroup var output: OutputOptions

    func run() throws {
        guard let context = try Contexts.load().context(name) else {
            throw CommandFailure(
                "unknown_context", name.map { "there is no context \($0)" } ?? "no context is in use",
                next: "boltctl context list", status: .usage)
        }
        try output.emit(
            context,
            table: TextFields([
                ("name", context.name), ("bolts", context.bolts.joined(separator: ", ")),
                ("identity", context.identity), ("file", Contexts.path),
            ]).text)
    }
}
