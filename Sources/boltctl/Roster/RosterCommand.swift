import ArgumentParser
import BoltAPI
import CRDT
import Spanner

/// `boltctl roster …`
struct RosterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roster", abstract: "Who is admitted, and the history of it.",
        subcommands: [
            RosterList.self, RosterLog.self, RosterDigest.self, RosterDiff.self, RosterConflicts.self,
            RosterResolve.self,
        ])
}

/// Events as a table.
enum FactTable {
    static func text(_ facts: [RosterFactView]) -> String {
        var table = TextTable("EVENT", "TIME", "AUTHOR", "KIND", "IN FORCE")
        for fact in facts {
            table.row(
                "\(fact.dot)", Console.time(milliseconds: fact.at.milliseconds), fact.author, fact.kind,
                fact.inForce ? "yes" : "no")
        }
        return DetailedTable.text(
            table, facts.map { fact in [fact.text, fact.why].compactMap { $0 }.joined(separator: ": ") })
    }
}

/// Principals as a table.
enum PrincipalTable {
    static func text(_ principals: [PrincipalView]) -> String {
        var table = TextTable("ROLE", "NAME", "ID", "STANDING", "PARTITION", "GROUP", "KEY")
        for principal in principals {
            table.row(
                principal.role.apiText, principal.name.text, principal.id.description, principal.standing.rawValue,
                principal.partition?.text, principal.group?.text, principal.fingerprint.bytes.shortHex)
        }
        return table.text
    }
}

/// `boltctl roster list`
struct RosterList: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Principals of the roster, a page at a time.",
        discussion: "EXAMPLES\n  boltctl roster list --role operator")

    @Option(name: .long, help: "Only bolt, envoy or operator.")
    var role: String?
    @OptionGroup var page: PageOptions
    @OptionGroup var connection: ConnectionOptions

    func question() throws -> Question<RosterResponse> {
        let role = try role.map { try PrincipalRole(argument: $0) }
        return Question(endpoint: .roster, query: [("role", role?.apiText)] + page.query())
    }

    func table(_ answer: RosterResponse) -> String {
        PrincipalTable.text(answer.principals) + PageOptions.more("roster list", after: answer.nextAfter?.apiText)
    }
}

/// `boltctl roster log`
struct RosterLog: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Events of the roster, by history and place in it.",
        discussion: "EXAMPLES\n  boltctl roster log --limit 50")

    @OptionGroup var page: PageOptions
    @OptionGroup var connection: ConnectionOptions

    func question() throws -> Question<RosterLogResponse> {
        Question(endpoint: .rosterLog, query: page.query(default: 100))
    }

    func table(_ answer: RosterLogResponse) -> String {
        FactTable.text(answer.events) + PageOptions.more("roster log", after: answer.nextAfter?.apiText)
    }
}

/// `boltctl roster conflicts`
struct RosterConflicts: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "conflicts", abstract: "Names that several keys were admitted under.",
        discussion: "EXAMPLES\n  boltctl roster conflicts")

    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<ConflictsResponse> { Question(endpoint: .rosterConflicts) }

    func table(_ answer: ConflictsResponse) -> String {
        guard !answer.conflicts.isEmpty else { return "no name is contested" }
        var table = TextTable("ROLE", "NAME", "STANDING", "ID", "KEY")
        for conflict in answer.conflicts {
            for holder in conflict.holders {
                table.row(
                    conflict.role.apiText, conflict.name.text, holder.standing.rawValue, holder.id.description,
                    holder.fingerprint.description)
            }
        }
        return table.text + "\nnext: boltctl roster resolve NAME --keep KEY"
    }
}
