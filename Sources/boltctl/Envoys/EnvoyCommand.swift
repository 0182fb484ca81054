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
            TokenCommand.self, EnvoyList.self, EnvoyShow.self, EnvoyExplain.self, EnvoyReassign.self, EnvoyRemove.self,
            EnvoyBan.self,
        ])
}

/// `boltctl envoy list`
struct EnvoyList: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Envoys of the roster, a page at a time.",
        discussion: "EXAMPLES\n  boltctl envoy list\n  boltctl envoy list --name web-7 -o json")

    @Option(name: .long, help: "Only those of this name.")
    var name: String?
    @OptionGroup var page: PageOptions
    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<EnvoysResponse> {
        Question(endpoint: .envoys, query: [("name", name)] + page.query())
    }

    func table(_ answer: EnvoysResponse) -> String {
        var table = TextTable("NAME", "ID", "STANDING", "GROUP", "OWNER", "ISSUER", "LABELS", "KEY")
        for envoy in answer.envoys {
            let labels = envoy.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            table.row(
                envoy.name.text, envoy.id.description, envoy.standing.rawValue, envoy.group?.text, envoy.owner?.text,
                envoy.issuer?.text, labels.joined(separator: ","), envoy.fingerprint.bytes.shortHex)
        }
        return table.text + PageOptions.more("envoy list", after: answer.nextAfter?.apiText)
    }
}

/// `boltctl envoy show`
struct EnvoyShow: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One envoy, with what its owner knows of it.",
        discussion: "EXAMPLES\n  boltctl envoy show web-7")

    @Argument(help: "Name, id or fingerprint.")
    var name: String
    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<EnvoyResponse> { Question(endpoint: .envoy, arguments: [name]) }

    func table(_ answer: EnvoyResponse) -> String {
        let envoy = answer.envoy
        var fields = TextFields([
            ("name", envoy.name.text), ("id", envoy.id.description), ("standing", envoy.standing.rawValue),
            ("group", envoy.group?.text), ("owner", envoy.owner?.text), ("issuer", envoy.issuer?.text),
            ("key", envoy.fingerprint.description),
            ("admitted", "\(Console.time(milliseconds: envoy.admittedAt.milliseconds)) by \(envoy.admission)"),
        ])
        for (key, value) in envoy.labels.sorted(by: { $0.key < $1.key }) { fields.add("label \(key)", value) }
        if let seen = envoy.lastSeenAt { fields.add("last seen", Console.time(milliseconds: seen.milliseconds)) }
        if let stored = envoy.storedThrough { fields.add("stored", "results through \(stored)") }
        if let traits = envoy.traits, !traits.isEmpty {
            fields.add("traits", "\(Plural.text(traits.count, "fact")); -o json")
        }
        return fields.text
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
        if !answer.ownership.isEmpty { lines += ["", "owner:"] + answer.ownership.map { "  \($0)" } }
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
