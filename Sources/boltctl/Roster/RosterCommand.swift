import ArgumentParser
import BoltAPI
import BoltClient
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
        var table = TextTable("EVENT", "TIME", "AUTHOR", "KIND", "IN FORCE", "WHAT", "WHY")
        for fact in facts {
            table.row(
                "\(fact.dot)", Console.time(milliseconds: fact.at.milliseconds), fact.author, fact.kind,
                fact.inForce ? "yes" : "no", fact.text, fact.why)
        }
        return table.text
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
struct RosterList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Principals of the roster, a page at a time.",
        discussion: "EXAMPLES\n  boltctl roster list --role operator")

    @Option(name: .long, help: "Only bolt, envoy or operator.")
    var role: String?
    @Option(name: .long, help: "Principals to show at most.")
    var limit: Int = 1000
    @Option(name: .long, help: "Begin after this id.")
    var after: String?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        if let role, PrincipalRole(apiText: role) == nil {
            throw CommandFailure("bad_role", "“\(role)” is not \(PrincipalRole.apiKind)", status: .usage)
        }
        let answer: RosterResponse = try await connection.session().client.call(
            .roster, query: [("role", role), ("after", after), ("limit", "\(limit)")])
        let more = answer.nextAfter.map { "\nmore: boltctl roster list --after \($0)" } ?? ""
        try connection.output.emit(answer, table: PrincipalTable.text(answer.principals) + more)
    }
}

/// `boltctl roster log`
struct RosterLog: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Events of the roster, by history and place in it.",
        discussion: "EXAMPLES\n  boltctl roster log --limit 50")

    @Option(name: .long, help: "Events to show at most.")
    var limit: Int = 100
    @Option(name: .long, help: "Begin after this event: the next_after of the page before.")
    var after: String?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let answer: RosterLogResponse = try await connection.session().client.call(
            .rosterLog, query: [("after", after), ("limit", "\(limit)")])
        let more = answer.nextAfter.map { "\nmore: boltctl roster log --after \($0.apiText)" } ?? ""
        try connection.output.emit(answer, table: FactTable.text(answer.events) + more)
    }
}

/// `boltctl roster digest`
struct RosterDigest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "digest", abstract: "What each bolt holds. Exit 2 where two bolts differ, 69 where none answers.",
        discussion: "EXAMPLES\n  boltctl roster digest")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let answers = try await BoltDigests.all(connection.session())
        var table = TextTable("BOLT", "ADDRESS", "DIGEST", "EVENTS", "HISTORIES", "NOTE")
        for line in answers {
            table.row(
                line.answer?.bolt, line.address, line.answer?.digest.shortHex, line.answer.map { "\($0.events)" },
                line.answer.map { "\($0.replicas.count)" }, line.error)
        }
        try connection.output.emit(["bolts": answers], table: table.text)
        let held = answers.compactMap(\.answer?.digest)
        guard !held.isEmpty else { throw ExitCode(ExitStatus.unavailable.rawValue) }
        if Set(held).count > 1 { throw ExitCode(ExitStatus.changes.rawValue) }
    }
}

/// What each bolt of the context holds.
enum BoltDigests {
    /// One bolt's answer, or why there is none.
    struct Line: Encodable, Sendable {
        let address: String
        let answer: RosterDigestResponse?
        let error: String?
    }

    static func all(_ session: Session) async throws -> [Line] {
        var lines: [Line] = []
        for address in session.context.bolts {
            let client = try session.client(of: address)
            defer { client.close() }
            do throws(ClientError) {
                let answer: RosterDigestResponse = try await client.call(.rosterDigest)
                lines.append(Line(address: address, answer: answer, error: nil))
            } catch { lines.append(Line(address: address, answer: nil, error: error.description)) }
        }
        return lines
    }
}

/// `boltctl roster diff`
struct RosterDiff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Which events two bolts do not share. Exit 2 where they differ.",
        discussion: "EXAMPLES\n  boltctl roster diff 127.0.0.1:7440 127.0.0.1:7450")

    @Argument(help: "Address of one bolt.")
    var first: String
    @Argument(help: "Address of the other.")
    var second: String
    @OptionGroup var connection: ConnectionOptions

    /// One history in which they differ.
    struct Line: Encodable {
        let replica: ReplicaID
        let author: String
        let first: UInt64
        let second: UInt64
        /// The same counters with other hashes: a fork.
        let forked: Bool
    }

    func run() async throws {
        let session = try connection.session()
        let (left, right): (RosterDigestResponse, RosterDigestResponse) = (
            try await session.client(of: first).call(.rosterDigest),
            try await session.client(of: second).call(.rosterDigest)
        )
        let lines = Self.compare(left, right)
        var table = TextTable("HISTORY", "AUTHOR", left.bolt, right.bolt, "NOTE")
        for line in lines {
            table.row("\(line.replica)", line.author, "\(line.first)", "\(line.second)", line.forked ? "forked" : nil)
        }
        try connection.output.emit(
            ["differences": lines], table: lines.isEmpty ? "\(left.bolt) and \(right.bolt) hold the same" : table.text)
        if !lines.isEmpty { throw ExitCode(ExitStatus.changes.rawValue) }
    }

    static func compare(_ left: RosterDigestResponse, _ right: RosterDigestResponse) -> [Line] {
        let (a, b) = (byReplica(left), byReplica(right))
        return Set(a.keys).union(b.keys).sorted().compactMap { replica in
            let (one, two) = (a[replica], b[replica])
            guard one?.counter != two?.counter || one?.head != two?.head else { return nil }
            return Line(
                replica: replica, author: one?.author ?? two?.author ?? "", first: one?.counter ?? 0,
                second: two?.counter ?? 0, forked: one?.counter == two?.counter)
        }
    }

    private static func byReplica(_ answer: RosterDigestResponse) -> [ReplicaID: ReplicaHead] {
        Dictionary(answer.replicas.map { ($0.replica, $0) }, uniquingKeysWith: { first, _ in first })
    }
}

/// `boltctl roster conflicts`
struct RosterConflicts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conflicts", abstract: "Names that several keys were admitted under.",
        discussion: "EXAMPLES\n  boltctl roster conflicts")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let answer: ConflictsResponse = try await connection.session().client.call(.rosterConflicts)
        var table = TextTable("ROLE", "NAME", "STANDING", "ID", "KEY")
        for conflict in answer.conflicts {
            for holder in conflict.holders {
                table.row(
                    conflict.role.apiText, conflict.name.text, holder.standing.rawValue, holder.id.description,
                    holder.fingerprint.description)
            }
        }
        let next = "\nnext: boltctl roster resolve NAME --keep KEY"
        try connection.output.emit(
            answer, table: answer.conflicts.isEmpty ? "no name is contested" : table.text + next)
    }
}

/// `boltctl roster resolve`
struct RosterResolve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Give a contested name to one key; the other admissions end.",
        discussion: "EXAMPLES\n  boltctl roster resolve web-7 --keep 3f…64 digits… --reason \"the new disk\"")

    @Argument(help: "The contested name.")
    var name: String
    @Option(name: .long, help: "Fingerprint of the key that keeps it, or at least 8 digits of it.")
    var keep: String
    @Option(name: .long, help: "Role of the name.")
    var role: String = "envoy"
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard let role = PrincipalRole(apiText: role), let wanted = PrincipalName(name) else {
            throw CommandFailure("bad_name", "--role or the name is not one", status: .usage)
        }
        let poster = ActPoster(session: try connection.session(), mutation: mutation)
        let conflicts: ConflictsResponse = try await poster.session.client.call(.rosterConflicts)
        guard let conflict = conflicts.conflicts.first(where: { $0.role == role && $0.name == wanted }) else {
            throw CommandFailure("not_found", "\(wanted) is not contested", next: "boltctl roster conflicts")
        }
        let kept = conflict.holders.filter {
            keep.count >= 8 && $0.fingerprint.description.hasPrefix(keep.lowercased())
        }
        guard kept.count == 1 else {
            throw CommandFailure(
                "not_found", "\(kept.count) keys of \(wanted) begin with \(keep)", next: "boltctl roster conflicts")
        }
        let targets = conflict.holders.filter { $0.fingerprint != kept[0].fingerprint }.flatMap(\.admissions).sorted()
        if !mutation.dryRun {
            try Console.confirm("Give \(wanted) to \(kept[0].fingerprint)?", yes: mutation.yes)
        }
        let change = try await poster.post(
            .resolve(role: role, name: wanted, keep: kept[0].fingerprint, targets: targets))
        try connection.output.emit(change, table: ActPoster.line(change))
    }
}
