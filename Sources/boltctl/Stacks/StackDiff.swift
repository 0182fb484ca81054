import ArgumentParser
import BoltAPI
import BoltClient
import Policy
import Spanner

/// `boltctl stack diff`
struct StackDiff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "How two revisions differ, or a directory and what is in force: file by file.",
        discussion: """
            Without arguments the revision before is compared with the one in force; with FROM alone, that one with \
            what is in force; with --dir, what is in force (or FROM) with the directory. It also tells how many \
            machines of which layers would get another body, and what differs in how old a \
            policy may become.

            Exit 0 where they are the same, 2 where they differ, 1 where the later one has faults.

            EXAMPLES
              boltctl stack diff
              boltctl stack diff 9c41d2 4f2a01 --partition north
              boltctl stack diff --dir examples/stack --brief
            """)

    @Argument(help: "The earlier revision: its name, the start of its digest, or its version.")
    var from: String?
    @Argument(help: "The later revision. Default: what is in force.")
    var to: String?
    @Option(name: .long, help: "A directory as the later one.")
    var dir: String?
    @Flag(name: .long, help: "Name the files, and leave their lines out.")
    var brief = false
    @OptionGroup var whose: StackPartitionOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try check()
        let files = try dir.map { try StackDirectory.bodies(LocalStack($0).require().canonicalFiles) }
        let desk = StackDesk(session: try connection.session())
        let partition = try await desk.partition(whose.partition)
        let request = try await request(partition, files: files, desk)
        let answer: StackDiffResponse = try await desk.ask(.stackDiff, of: partition, body: request)
        try connection.output.emit(answer, table: Self.table(answer, brief: brief))
        if let status = Self.status(of: answer) { throw ExitCode(status.rawValue) }
    }

    /// Refuses bad arguments before anybody is asked.
    func check() throws {
        guard dir == nil || to == nil else {
            throw CommandFailure(
                "two_contents", "--dir and a second revision say two things", next: "leave one of them out",
                status: .usage)
        }
    }

    private func request(
        _ partition: PartitionName, files: [StackFileBody]?, _ desk: StackDesk
    ) async throws -> StackDiffRequest {
        if from == nil, files == nil {
            let history: StackHistoryResponse = try await desk.ask(
                .stackHistory, of: partition, query: [("partition", partition.text), ("limit", "2")])
            return StackDiffRequest(partition: partition, from: try Self.before(history))
        }
        return StackDiffRequest(partition: partition, from: from, to: to, files: files)
    }

    /// The version before the one in force, as an argument.
    static func before(_ history: StackHistoryResponse) throws -> String {
        guard let before = history.revisions.dropFirst().first else {
            throw CommandFailure(
                "no_such_revision", "\(history.partition) has no revision before the one in force",
                next: "boltctl stack diff --dir DIR; or see what there is: boltctl stack history")
        }
        return "\(before.version)"
    }

    /// How the command ends; nil where there is no difference.
    static func status(of answer: StackDiffResponse) -> ExitStatus? {
        answer.faults.isEmpty ? answer.hasChanges ? .changes : nil : .error
    }

    static func table(_ answer: StackDiffResponse, brief: Bool) -> String {
        let (from, to) = (answer.from.map { StackText.short($0) } ?? "nothing", answer.to.map { StackText.short($0) })
        let later = to ?? "the directory"
        guard answer.hasChanges || !answer.faults.isEmpty else { return "\(from) and \(later) are the same" }
        var lines: [String] = ["\(from) → \(later)", ""]
        for file in answer.files {
            let counts = file.added + file.removed > 0 ? "  +\(file.added) -\(file.removed)" : ""
            lines.append("\(letter(file.kind)) \(TerminalText.line(file.path))\(counts)")
            if !brief, let text = file.text {
                lines += TerminalText.lines(text).map { "    \($0)" }
            }
        }
        if answer.omitted > 0 { lines.append("and \(Plural.text(answer.omitted, "file")) more") }
        lines += answer.terms.isEmpty ? [] : [""] + answer.terms.map { TerminalText.line($0) }
        lines += ["", machines(answer)]
        return lines.joined(separator: "\n")
    }

    private static func letter(_ kind: StackFileDiffView.Kind) -> String {
        switch kind {
        case .added: "A"
        case .removed: "D"
        case .changed: "M"
        }
    }

    private static func machines(_ answer: StackDiffResponse) -> String {
        guard answer.faults.isEmpty else {
            let faults = answer.faults.map { "  \(StackText.fault($0))" }
            return (["it cannot be published: \(Plural.text(answer.faults.count, "fault"))"] + faults)
                .joined(separator: "\n")
        }
        let sum = "\(answer.changed) of \(Plural.text(answer.envoys, "machine")) would get another policy"
        guard !answer.layers.isEmpty else { return sum }
        var table = TextTable("LAYER", "WOULD CHANGE", "MACHINES")
        for layer in answer.layers { table.row(layer.layer, "\(layer.changed)", "\(layer.envoys)") }
        return table.text + "\n\n" + sum
    }
}
