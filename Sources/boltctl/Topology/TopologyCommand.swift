import ArgumentParser
import BoltAPI

/// `boltctl topology …`
struct TopologyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topology", abstract: "What the mesh is to be: documents, plans, and the one in force.",
        subcommands: [
            TopologyValidate.self, TopologyDiffCommand.self, TopologyPlanCommand.self, TopologyApply.self,
            TopologyExport.self, TopologyHistory.self, TopologyRender.self,
        ])
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

        /// Findings with what to do, then the sum.
        func table(files: Int) -> String {
            let errors = findings.filter { $0.severity == .error }.count
            let warnings = Plural.text(findings.count - errors, "warning")
            let sum = "\(Plural.text(errors, "error")), \(warnings) in \(Plural.text(files, "file"))"
            return (findings.map { "\($0)\n  next: \($0.next)" } + ["\(valid ? "valid" : "not valid"): \(sum)"])
                .joined(separator: "\n")
        }
    }

    func run() throws {
        var findings: [TopologyFinding] = []
        var valid = true
        for file in files {
            let document = try TopologyFile.document(file)
            findings += document.findings
            if !document.isValid || (strict && !document.findings.isEmpty) { valid = false }
        }
        let answer = Answer(valid: valid, findings: findings)
        try output.emit(answer, table: answer.table(files: files.count))
        if !valid { throw ExitCode(ExitStatus.error.rawValue) }
    }
}
