import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// `boltctl stack status`
struct StackStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What is in force, where it comes from, how old it may be, how far it is.",
        discussion: """
            Without --partition all of them. Exit 1 where one of them cannot be asked.

            EXAMPLES
              boltctl stack status
              boltctl stack status --partition north -o json
            """)

    @Option(name: .long, help: "The partition. Default: all of them.")
    var partition: String?
    @OptionGroup var connection: ConnectionOptions

    /// What the command answers.
    struct Answer: Encodable {
        /// A partition that could not be asked.
        struct Silence: Encodable {
            let partition: PartitionName
            let code: String
            let error: String
        }

        /// By partition.
        let stacks: [StackStatusResponse]
        let unanswered: [Silence]

        /// How the command ends; nil where all answered.
        var status: ExitStatus? { unanswered.isEmpty ? nil : stacks.isEmpty ? .unavailable : .error }
    }

    func run() async throws {
        let desk = StackDesk(session: try connection.session())
        let names: [PartitionName]
        if let one = partition {
            names = [try NamedArgument.name(one, "--partition")]
        } else {
            names = try await desk.partitions().map(\.name)
        }
        var (stacks, unanswered) = ([StackStatusResponse](), [Answer.Silence]())
        for name in names {
            do { stacks.append(try await desk.status(of: name)) } catch {
                try Task.checkCancellation()
                // Of one partition alone the error is the command's own.
                if names.count == 1 { throw error }
                let failure = CommandFailure(error)
                unanswered.append(.init(partition: name, code: failure.code, error: failure.message))
            }
        }
        let answer = Answer(stacks: stacks, unanswered: unanswered)
        try connection.output.emit(answer, table: Self.table(answer))
        if let status = answer.status { throw ExitCode(status.rawValue) }
    }

    static func table(_ answer: Answer, now: WallTime = .now) -> String {
        let screens = answer.stacks.map { StackText.screen($0, now: now) }
        let silent = answer.unanswered.map { "partition \($0.partition): \($0.error) [\($0.code)]" }
        return (screens + silent).joined(separator: "\n\n")
    }
}
