import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl slice …`
struct SliceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slice", abstract: "Who owns which part of the fleet, and why.",
        subcommands: [SliceList.self, SliceExplain.self, SliceVerify.self, SliceTakeover.self])
}

/// `boltctl slice list`
struct SliceList: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Slices with their owners, as one bolt knows them, a page at a time.",
        discussion: """
            STATE is what the slice is at the partition of the bolt that answers. HANDOVERS is how often the slice has \
            changed its owner.

            EXAMPLES
              boltctl slice list --group web
              boltctl slice list --owner north -o json
            """)

    @Option(name: .long, help: "Only those of this group.")
    var group: String?
    @Option(name: .long, help: "Only those that this partition owns.")
    var owner: String?
    @OptionGroup var page: PageOptions
    @OptionGroup var connection: ConnectionOptions

    func question() throws -> Question<SlicesResponse> {
        let group: GroupName? = try group.map { try NamedArgument.name($0, "the group") }
        let owner: PartitionName? = try owner.map { try NamedArgument.name($0, "the partition") }
        if let after = page.after { _ = try SliceName(after) }
        return Question(
            endpoint: .slices, query: [("group", group?.text), ("owner", owner?.text)] + page.query())
    }

    func table(_ answer: SlicesResponse) -> String {
        var table = TextTable("SLICE", "OWNER", "HANDOVERS", "REGISTER", "ENVOYS", "BYTES", "STATE", "GOES TO")
        for slice in answer.slices {
            table.row(
                slice.name, slice.owner.text, "\(slice.position)", slice.register.shortHex,
                slice.envoys.map { "\($0)" }, slice.bytes.map { ByteText.text($0) }, slice.state?.rawValue,
                slice.destination?.text)
        }
        return table.text + "\nas \(answer.bolt) knows it" + PageOptions.more("slice list", after: answer.nextAfter)
    }
}

/// How a slice is named in an argument: `web/17`.
struct SliceName: Hashable {
    let group: GroupName
    let index: UInt32

    /// The slice of an argument; a usage error where it is none.
    init(_ text: String) throws {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let group = GroupName(apiText: String(parts[0])), let index = UInt32(parts[1]),
            "\(index)" == parts[1]
        else {
            throw CommandFailure(
                "bad_slice", "“\(text)” names no slice", next: "write GROUP/NUMBER, such as web/17: boltctl slice list",
                status: .usage)
        }
        (self.group, self.index) = (group, index)
    }
}

/// `boltctl slice explain`
struct SliceExplain: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Why a slice is where it is, and what keeps it from being elsewhere.",
        discussion: """
            From the register: its first owner, and each change of owner with the seal or the operator's act that it \
            rests on. From the planner: what should be done with it, and for each partition what keeps it from owning \
            the slice. GAIN is by how many envoys all partitions together would come nearer to their shares if the \
            slice moved there; below 0 they would be farther away, and the slice is not moved for that.

            EXAMPLES
              boltctl slice explain web/17
              boltctl slice explain web/17 -o json
            """)

    @Argument(help: "The slice, GROUP/NUMBER.")
    var slice: String
    @OptionGroup var connection: ConnectionOptions

    func question() throws -> Question<SliceResponse> {
        let name = try SliceName(slice)
        return Question(endpoint: .slice, arguments: [name.group.text, "\(name.index)"])
    }

    func table(_ answer: SliceResponse) -> String {
        let slice = answer.slice
        let fields = TextFields([
            ("slice", slice.name), ("owner", slice.owner.text),
            ("register", "\(slice.register.shortHex), after \(Plural.text(slice.position, "handover"))"),
            ("envoys", slice.envoys.map { "\($0)" }), ("bytes", slice.bytes.map { ByteText.text($0) }),
            ("state at \(answer.bolt)", slice.state?.rawValue),
            ("next", "\(Self.word(answer.decision)): \(answer.decision.why)"),
        ])
        let parts = [fields.text, Self.path(answer), Self.verdicts(answer), Self.proofs(answer)]
        return parts.compactMap { $0 }.joined(separator: "\n\n")
    }

    private static func word(_ decision: SliceDecisionView) -> String {
        let to = decision.to.map { " to \($0)" } ?? ""
        switch decision.kind {
        case .moves: return "moves\(to) with the next plan"
        case .moving: return "is moving\(to)"
        case .stuck: return "is stuck"
        case .stays: return "stays"
        }
    }

    private static func path(_ answer: SliceResponse) -> String {
        var table = TextTable("NUMBER", "OWNER", "BY", "REGISTER", "FROM", "WHY")
        table.row("0", answer.firstOwner.text, "genesis", nil, nil, "drawn when the group was created")
        for step in answer.path {
            table.row("\(step.position)", step.to.text, by(step), step.register.shortHex, step.from.text, why(step))
        }
        return table.text
    }

    private static func by(_ step: SliceTransitionView) -> String {
        switch step.cause {
        case .handOn: "hand-on"
        case .takeover: "takeover"
        }
    }

    private static func why(_ step: SliceTransitionView) -> String? {
        switch step.cause {
        case .handOn: return step.seal.map { "all was there, up to \($0.shortText) in the journal of \(step.from)" }
        case .takeover:
            let time = step.at.map { Console.time(milliseconds: $0.milliseconds) } ?? "an unknown time"
            return "by an operator at \(time): \(step.reason ?? "")"
        }
    }

    private static func verdicts(_ answer: SliceResponse) -> String {
        var table = TextTable("PARTITION", "COULD OWN IT", "GAIN", "WHAT KEEPS IT FROM THAT", "WHAT WOULD HELP")
        for verdict in answer.verdicts {
            table.row(
                verdict.partition.text, verdict.isOwner ? "owns it" : verdict.refusals.isEmpty ? "yes" : "no",
                verdict.isOwner ? nil : "\(verdict.gain)", verdict.refusals.map(\.what).joined(separator: "; "),
                verdict.refusals.map(\.next).joined(separator: "; "))
        }
        return table.text
    }

    /// What lost and what is wrong; nil where nothing is.
    private static func proofs(_ answer: SliceResponse) -> String? {
        var lines = answer.losers.map { loser in
            let holders = loser.holders.map(\.text).joined(separator: ", ")
            return "lost: \(by(loser.transition)) of \(loser.transition.base.shortHex) to \(loser.transition.to); "
                + "\(holders) may hold data that \(answer.slice.owner) lacks, and hand it over"
        }
        lines += answer.equivocations.map {
            "proof: the key of \($0.partition) handed the register \($0.base.shortHex) on "
                + "\(Plural.text($0.registers.count, "time")): it was copied"
        }
        if answer.inert > 0 {
            lines.append("\(Plural.text(answer.inert, "transition")) that nothing reaches: early, or void")
        }
        return lines.isEmpty ? nil : lines.joined(separator: "\n")
    }
}
