import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl envoy …`
struct EnvoyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "envoy", abstract: "The managed machines.",
        subcommands: [
            TokenCommand.self, EnvoyList.self, EnvoyShow.self, EnvoyExplain.self, EnvoyResults.self, EnvoyPush.self,
            EnvoyReassign.self, EnvoyRemove.self, EnvoyBan.self,
        ])
}

/// `boltctl envoy list`
struct EnvoyList: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Envoys of the roster, a page at a time.",
        discussion: """
            ID and KEY are first digits: all of them with boltctl envoy show, or -o json.

            EXAMPLES
              boltctl envoy list
              boltctl envoy list --name web-7 -o json
            """)

    @Option(name: .long, help: "Only those of this name.")
    var name: String?
    @OptionGroup var page: PageOptions
    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<EnvoysResponse> {
        Question(endpoint: .envoys, query: [("name", name)] + page.query())
    }

    func table(_ answer: EnvoysResponse) -> String { Self.table(answer, columns: Screen.tableColumns) }

    /// Nothing is cut where `columns` is nil.
    static func table(_ answer: EnvoysResponse, columns: Int?) -> String {
        var table = TextTable("NAME", "ID", "STANDING", "GROUP", "OWNER", "ISSUER", "KEY", "LABELS")
        for envoy in answer.envoys {
            let labels = envoy.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            table.row(
                envoy.name.text, String(envoy.id.apiText.prefix(8)), envoy.standing.rawValue, envoy.group?.text,
                envoy.owner?.text, envoy.issuer?.text, envoy.fingerprint.bytes.shortHex,
                labels.joined(separator: ","))
        }
        return table.text(columns: columns) + PageOptions.more("envoy list", after: answer.nextAfter?.apiText)
    }
}

/// `boltctl envoy explain`
struct EnvoyExplain: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Why an envoy stands as it does, event by event.",
        discussion: "EXAMPLES\n  boltctl envoy explain web-7")

    @Argument(help: "Name, id or fingerprint.")
    var name: String
    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<ExplainResponse> { Question(endpoint: .envoyExplain, arguments: [name]) }

    func table(_ answer: ExplainResponse) -> String {
        var lines = ["\(answer.subject) is \(answer.standing.rawValue)", "", FactTable.text(answer.facts)]
        if !answer.ownership.isEmpty { lines += ["", "owner:"] }
        for step in answer.ownership {
            lines += DetailedTable.wrapped(step, columns: Screen.columns, indent: "  ")
        }
        return lines.joined(separator: "\n")
    }
}

/// `boltctl envoy remove`
struct EnvoyRemove: ChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "End an envoy's admission. It may enrol again; to shut it out, ban it.",
        discussion: "EXAMPLES\n  boltctl envoy remove web-7 --reason \"scrapped\" --yes")

    @Argument(help: "Name, id or fingerprint.")
    var name: String
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func plan(_ poster: ActPoster) -> PlannedChange {
        PlannedChange("Remove the envoy \(name)?") { poster in
            try await poster.session.client.call(
                .removeEnvoy, [name], query: poster.mutation.query, body: RemoveEnvoyRequest(reason: mutation.reason))
        }
    }
}
