import ArgumentParser
import BoltAPI
import CRDT
import BoltClient
import Spanner

/// `boltctl envoy …`
struct EnvoyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "envoy", abstract: "The managed machines.",
        subcommands: [
            TokenCommand.self, EnvoyList.self, EnvoyShow.self, EnvoyExplain.self, EnvoyRemove.self, EnvoyBan.self,
        ])
}

/// Envoys as a table.
enum EnvoyTable {
    static func text(_ envoys: [EnvoyView]) -> String {
        var table = TextTable("NAME", "ID", "STANDING", "GROUP", "OWNER", "ISSUER", "LABELS", "KEY")
        for envoy in envoys {
            let labels = envoy.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            table.row(
                envoy.name.text, envoy.id.description, envoy.standing.rawValue, envoy.group?.text, envoy.owner?.text,
                envoy.issuer?.text, labels.joined(separator: ","), envoy.fingerprint.bytes.shortHex)
        }
        return table.text
    }
}

/// `boltctl envoy list`
struct EnvoyList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Envoys of the roster, a page at a time.",
        discussion: "EXAMPLES\n  boltctl envoy list\n  boltctl envoy list --name web-7 -o json")

    @Option(name: .long, help: "Only those of this name.")
    var name: String?
    @Option(name: .long, help: "Envoys to show at most.")
    var limit: Int = 1000
    @Option(name: .long, help: "Begin after this id: the next_after of the page before.")
    var after: String?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let answer: EnvoysResponse = try await connection.session().client.call(
            .envoys, query: [("name", name), ("after", after), ("limit", "\(limit)")])
        let more = answer.nextAfter.map { "\nmore: boltctl envoy list --after \($0)" } ?? ""
        try connection.output.emit(answer, table: EnvoyTable.text(answer.envoys) + more)
    }
}

/// `boltctl envoy show`
struct EnvoyShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One envoy, with what its owner knows of it.",
        discussion: "EXAMPLES\n  boltctl envoy show web-7")

    @Argument(help: "Name, id or fingerprint.")
    var name: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let answer: EnvoyResponse = try await connection.session().client.call(.envoy, [name])
        let envoy = answer.envoy
        var lines = [
            ("name", envoy.name.text), ("id", envoy.id.description), ("standing", envoy.standing.rawValue),
            ("group", envoy.group?.text ?? "-"), ("owner", envoy.owner?.text ?? "-"),
            ("issuer", envoy.issuer?.text ?? "-"), ("key", envoy.fingerprint.description),
            ("admitted", "\(Console.time(milliseconds: envoy.admittedAt.milliseconds)) by \(envoy.admission)"),
        ]
        for (key, value) in envoy.labels.sorted(by: { $0.key < $1.key }) { lines.append(("label \(key)", value)) }
        if let seen = envoy.lastSeenAt { lines.append(("last seen", Console.time(milliseconds: seen.milliseconds))) }
        if let stored = envoy.storedThrough { lines.append(("stored", "results through \(stored)")) }
        if let traits = envoy.traits, !traits.isEmpty { lines.append(("traits", "\(traits.count) facts; -o json")) }
        let width = lines.map(\.0.count).max() ?? 0
        let text = lines.map { $0.0 + String(repeating: " ", count: width - $0.0.count + 2) + $0.1 }
        try connection.output.emit(answer, table: text.joined(separator: "\n"))
    }
}

/// `boltctl envoy explain`
struct EnvoyExplain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Why an envoy stands as it does, event by event.",
        discussion: "EXAMPLES\n  boltctl envoy explain web-7")

    @Argument(help: "Name, id or fingerprint.")
    var name: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let answer: ExplainResponse = try await connection.session().client.call(.envoyExplain, [name])
        var lines = ["\(answer.subject) is \(answer.standing.rawValue)", "", FactTable.text(answer.facts)]
        if !answer.ownership.isEmpty { lines += ["", "owner:"] + answer.ownership.map { "  \($0)" } }
        try connection.output.emit(answer, table: lines.joined(separator: "\n"))
    }
}

/// `boltctl envoy remove`
struct EnvoyRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "End an envoy's admission. It may enrol again; to shut it out, ban it.",
        discussion: "EXAMPLES\n  boltctl envoy remove web-7 --reason \"scrapped\" --yes")

    @Argument(help: "Name, id or fingerprint.")
    var name: String
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let session = try connection.session()
        if !mutation.dryRun { try Console.confirm("Remove the envoy \(name)?", yes: mutation.yes) }
        let change: ChangeResponse = try await session.client.call(
            .removeEnvoy, [name], query: [("dry_run", mutation.dryRun ? "true" : nil)],
            body: RemoveEnvoyRequest(reason: mutation.reason))
        try connection.output.emit(change, table: ActPoster.line(change))
    }
}
