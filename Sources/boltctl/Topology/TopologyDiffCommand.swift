import ArgumentParser
import BoltAPI
import CRDT

/// `boltctl topology diff`
struct TopologyDiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "What one document has that another has not, deletions above all.",
        discussion: """
            Exit 0 where both say the same, 2 where they differ, 4 where the second wants what can never be: another \
            number of slices, another mesh. Which slices would move depends on the envoys of a mesh, and is not told.

            EXAMPLES
              boltctl topology diff topology/three-partitions.yaml topology/four-partitions.yaml
            """)

    @Argument(help: "The document as it was.")
    var old: String
    @Argument(help: "The document as it becomes.")
    var new: String
    @OptionGroup var output: OutputOptions

    /// What the command answers.
    struct Answer: Encodable {
        let from: Bytes32
        let to: Bytes32
        let changes: [TopologyDiff.Change]
        let summary: String
        let refused: Bool
    }

    func run() throws {
        let (before, after) = (try TopologyFile.topology(old), try TopologyFile.topology(new))
        let diff = TopologyDiff(from: before, to: after)
        let answer = Answer(
            from: try before.digest(hashedBy: TopologyFile.hash), to: try after.digest(hashedBy: TopologyFile.hash),
            changes: diff.changes, summary: diff.summary, refused: !diff.refused.isEmpty)
        try output.emit(answer, table: Self.table(diff, answer))
        if let status = Self.status(of: diff) { throw ExitCode(status.rawValue) }
    }

    /// How the command ends; nil where there is no difference.
    static func status(of diff: TopologyDiff) -> ExitStatus? {
        diff.isEmpty ? nil : diff.refused.isEmpty ? .changes : .refused
    }

    static func table(_ diff: TopologyDiff, _ answer: Answer) -> String {
        guard !diff.isEmpty else { return "both say the same (\(answer.from.shortHex))" }
        let lines = diff.changes.map(\.description)
        return (lines + ["", "\(answer.summary)   \(answer.from.shortHex) → \(answer.to.shortHex)"])
            .joined(separator: "\n")
    }
}
