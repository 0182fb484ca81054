import ArgumentParser
import BoltAPI
import BoltClient
import Foundation
import Policy
import Spanner

/// `boltctl stack validate`
struct StackValidate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check a directory and show every fault with file and line.",
        discussion: """
            Reads the directory and asks no bolt. With --partition that one is asked too: whether it keeps the secrets \
            that are named, and whether the roll-out policy would block itself with its machines. Exit 1 where there \
            is any fault, and where a secret is missing: such a stack is taken, and the machines that need the secret \
            keep what they have until it is put.

            EXAMPLES
              boltctl stack validate examples/stack
              boltctl stack validate . --partition north
              boltctl stack validate examples/stack -o json
            """)

    @Argument(help: "The directory that holds stack.yaml.")
    var directory: String
    @Option(name: .long, help: "Ask this partition too.")
    var partition: String?
    @OptionGroup var connection: ConnectionOptions

    /// What the command answers.
    struct Answer: Encodable {
        let valid: Bool
        /// The stack's name; missing where it has faults.
        let stack: String?
        let files: Int
        let bytes: Int
        /// Secrets that it names.
        let secrets: [String]
        let faults: [StackFaultView]
        /// Faults that are not listed.
        let omitted: Int
        /// What the partition says that was asked; missing where none was.
        let partition: ValidateStackResponse?

        /// Faults with what to do, then the sum.
        var table: String {
            var lines = faults.map { "\(StackText.fault($0))\n  next: \($0.next)" }
            if omitted > 0 { lines.append("and \(omitted) more") }
            if let partition { lines += StackValidate.lines(partition) }
            let count = faults.count + omitted
            let sum = "\(Plural.text(files, "file")), \(ByteText.text(UInt64(bytes)))"
            guard count == 0 else {
                lines.append("not valid: \(Plural.text(count, "fault")) in \(sum)")
                return lines.joined(separator: "\n")
            }
            let names = secrets.isEmpty ? "" : "; secrets: \(secrets.joined(separator: ", "))"
            lines.append("\(judgement): \(stack ?? ""), \(sum)\(names)")
            return lines.joined(separator: "\n")
        }

        /// What becomes of it as it is.
        private var judgement: String {
            guard !valid, let partition else { return "valid" }
            let isTaken = partition.faults.isEmpty && partition.rolloutBlocked == nil
            return isTaken
                ? "valid, and machines that need a missing secret would keep what they have" : "would be refused there"
        }
    }

    func run() async throws {
        let name: PartitionName? = try partition.map { try NamedArgument.name($0, "--partition") }
        let local = try LocalStack(directory)
        var remote: ValidateStackResponse?
        if let name, local.faults == nil {
            let desk = StackDesk(session: try connection.session())
            remote = try await desk.ask(
                .validateStack, of: name,
                body: ValidateStackRequest(partition: name, files: try StackDirectory.bodies(local.files)))
        }
        let answer = Self.answer(local, remote)
        try connection.output.emit(answer, table: answer.table)
        if !answer.valid { throw ExitCode(ExitStatus.error.rawValue) }
    }

    static func answer(_ local: LocalStack, _ remote: ValidateStackResponse?) -> Answer {
        Answer(
            valid: local.faults == nil && remote?.isFine ?? true, stack: local.stack?.name, files: local.files.count,
            bytes: local.files.reduce(0) { $0 + $1.bytes.count }, secrets: local.stack?.secretNames ?? [],
            faults: local.faults?.faults.map { StackFaultView($0) } ?? [], omitted: local.faults?.omitted ?? 0,
            partition: remote)
    }

    fileprivate static func lines(_ answer: ValidateStackResponse) -> [String] {
        var lines = answer.faults.map { "\(answer.bolt): \(StackText.fault($0))" }
        lines += answer.missingSecrets.map {
            "\(answer.partition) does not keep the secret \($0)\n  next: boltctl secret put \($0) --partition "
                + "\(answer.partition)"
        }
        if let why = answer.rolloutBlocked {
            lines.append("its roll-out would block itself at \(answer.partition): \(TerminalText.line(why))")
        }
        return lines
    }
}

/// A directory, read and judged here.
struct LocalStack {
    let directory: String
    let files: [StackFile]
    /// The stack; nil where it has faults.
    let stack: Stack?
    /// Its faults, those of the directory included; nil where it has none.
    let faults: StackFaults?

    /// Reads a directory; fails where there is none.
    init(_ directory: String) throws {
        let content = try StackDirectory(directory).read()
        (self.directory, files) = (directory, content.files)
        switch Stack.read(content.files) {
        case .success(let read):
            faults = StackFaults(content.faults)
            stack = faults == nil ? read : nil
        case .failure(let found):
            (faults, stack) = (StackFaults(content.faults + found.faults) ?? found, nil)
        }
    }

    /// The stack, or a failure with every fault.
    func require() throws -> Stack {
        if let stack { return stack }
        guard let faults else { throw CommandFailure("invalid_stack", "\(directory) is no valid stack") }
        throw StackFailure.invalid(directory, faults)
    }
}

extension StackFaultView {
    /// A fault in the API's words.
    init(_ fault: StackFault) {
        self.init(
            code: fault.code.rawValue, file: fault.file, line: fault.line, reason: fault.reason, next: fault.next)
    }
}
