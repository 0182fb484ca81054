import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl topology export`
struct TopologyExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "The topology in force, as a document that can be applied again.",
        discussion: """
            Write it to a file with > FILE. With --apply that of an earlier apply, or of one that lost against \
            another: applied again it is made on what is in force now. Comments are not kept. -o json has beside the \
            document who is drained and what was applied; -o yaml is the document, as without -o.

            EXAMPLES
              boltctl topology export
              boltctl topology export --apply 9c41d2
            """)

    @Option(name: .long, help: "An apply: its id, or the first 4 digits of it or more. Default: the one in force.")
    var apply: String?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let client = try connection.session().client
        if let apply {
            let id = try await ApplyFinder.find(apply, client)
            let answer: TopologyVersionResponse = try await client.call(.topologyVersion, [id.apiText])
            return try emit(answer, answer.topology)
        }
        let answer: TopologyResponse = try await client.call(.topology)
        guard answer.apply != nil || !answer.topology.isEmpty else {
            throw CommandFailure(
                "no_topology", "no topology was applied to the mesh \(answer.topology.mesh) yet",
                next: "boltctl topology apply FILE", status: .refused)
        }
        for rival in answer.rivals { Console.warn(ApplyFinder.lost(rival)) }
        try emit(answer, answer.topology)
    }

    /// The answer as JSON, else the document: YAML too is what apply takes.
    private func emit(_ answer: some Encodable, _ topology: Topology) throws {
        switch connection.output.output {
        case .json: try connection.output.emit(answer, table: "")
        case .table, .yaml: Console.document(Self.text(topology))
        }
    }

    /// The document, without the line end that whoever writes it adds.
    static func text(_ topology: Topology) -> String { topology.document.trimmingLineEnds }
}

extension String {
    /// Without the line ends at its end: whoever writes it adds one.
    var trimmingLineEnds: String { String(reversed().drop { $0.isNewline }.reversed()) }
}

/// Finds applies by their ids.
enum ApplyFinder {
    /// The apply that an argument names: an id, or the beginning of one.
    static func find(_ argument: String, _ client: BoltClient) async throws -> Bytes32 {
        if let id = Bytes32(hex: argument) { return id }
        guard argument.count >= 4, argument.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            throw CommandFailure(
                "bad_id", "“\(argument)” is no apply's id, nor the first 4 digits of one or more",
                next: "boltctl topology history", status: .usage)
        }
        var after: Bytes32?
        var found: Set<Bytes32> = []
        repeat {
            let page: TopologyHistoryResponse = try await client.call(
                .topologyHistory, query: [("after", after?.apiText), ("limit", "\(APILimits.pageCountMax)")])
            found.formUnion(page.applies.map(\.apply).filter { $0.apiText.hasPrefix(argument.lowercased()) })
            guard !page.applies.isEmpty, page.nextAfter != after else { break }
            after = page.nextAfter
        } while after != nil
        return try one(of: found, argument)
    }

    /// The one id that was found.
    static func one(of found: Set<Bytes32>, _ argument: String) throws -> Bytes32 {
        guard let first = found.first else {
            throw CommandFailure("not_found", "no apply has the id \(argument)", next: "boltctl topology history")
        }
        guard found.count == 1 else {
            throw CommandFailure(
                "ambiguous", "\(found.count) applies begin with \(argument)",
                reason: found.sorted().map(\.hex).joined(separator: "; "), next: "name one by its id", status: .usage)
        }
        return first
    }

    /// What is said of an apply that lost.
    static func lost(_ apply: TopologyApplyView) -> String {
        "the apply \(apply.apply.shortHex) of \(apply.actor) lost against another that was made at the same time: "
            + "see it with boltctl topology export --apply \(apply.apply.shortHex), and apply it again if it is wanted"
    }
}

/// `boltctl topology history`
struct TopologyHistory: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "All applies, latest first: who, when, why, and what became of each.",
        discussion: """
            STANDING is lost where two operators applied at once, or on two sides of a network split, and the other \
            won: boltctl topology export --apply shows it, so that it can be applied again.

            EXAMPLES
              boltctl topology history
              boltctl topology history --limit 5 -o json
            """)

    @OptionGroup var page: PageOptions
    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<TopologyHistoryResponse> {
        Question(endpoint: .topologyHistory, query: page.query(default: 100))
    }

    func table(_ answer: TopologyHistoryResponse) -> String {
        var table = TextTable("APPLY", "TIME", "WHO", "AT", "STANDING", "TASK")
        for apply in answer.applies {
            table.row(
                apply.apply.shortHex, Console.time(milliseconds: apply.at.milliseconds), apply.actor, apply.bolt,
                apply.standing.rawValue.replacing("_", with: " "), apply.task.map { String($0.apiText.prefix(8)) })
        }
        return DetailedTable.text(table, answer.applies.map(Self.detail))
            + PageOptions.more("topology history", after: answer.nextAfter?.apiText)
    }

    /// What an apply changed, from what to what, and why.
    static func detail(_ apply: TopologyApplyView) -> String {
        var parts = ["topology \(apply.version.shortHex)" + (apply.base.map { " made on \($0.shortHex)" } ?? "")]
        if !apply.drains.isEmpty { parts.append("drained \(apply.drains.map(\.text).joined(separator: ", "))") }
        parts += [apply.summary, apply.reason].filter { !$0.isEmpty }
        return parts.joined(separator: "; ")
    }
}
