import ArgumentParser
import BoltAPI

/// `boltctl topology …`
struct TopologyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topology", abstract: "Work with topology documents.", subcommands: [TopologyValidate.self])
}

/// `boltctl topology validate`
struct TopologyValidate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check documents and show every mistake with its place.",
        discussion: """
            Warnings do not refuse a document; with --strict they do.

            EXAMPLES
              boltctl topology validate topology/local.yaml
            """)

    @Argument(help: "The documents.")
    var files: [String]
    @Flag(name: .long, help: "Warnings refuse too.")
    var strict = false
    @OptionGroup var output: OutputOptions

    /// What the command answers.
    struct Answer: Encodable {
        let valid: Bool
        let findings: [TopologyFinding]
    }

    func run() throws {
        var findings: [TopologyFinding] = []
        var valid = true
        for file in files {
            let document = try TopologyFile.document(file)
            findings += document.findings
            if !document.isValid || (strict && !document.findings.isEmpty) { valid = false }
        }
        let summary = valid ? "valid" : "not valid"
        let errors = findings.filter { $0.severity == .error }.count
        let lines =
            findings.map(\.description)
            + ["\(summary): \(errors) errors, \(findings.count - errors) warnings in \(files.count) file(s)"]
        try output.emit(Answer(valid: valid, findings: findings), table: lines.joined(separator: "\n"))
        if !valid { throw ExitCode(ExitStatus.error.rawValue) }
    }
}
