import ArgumentParser
import BoltAPI
import Envoy
import Foundation
import Identity
import Spanner

/// `bolt-envoy results`
struct Results: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what came of this machine's passes over its policy, the newest last.",
        discussion: """
            Reads the agent's folder alone; asks nobody. The mesh has all of them: boltctl envoy results NAME.

              bolt-envoy results
              bolt-envoy results --limit 3 --diff
              bolt-envoy results -o json
            """)

    @Option(help: "How many passes, at most 1000.")
    var limit = 20
    @Flag(help: "With what each changed.")
    var diff = false
    @OptionGroup var state: StateOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit is 1 to 1000") }
    }

    func run() throws {
        let directory = EnvoyDirectory(state.state)
        do {
            try directory.requireEnrolled()
        } catch {
            throw CommandFailure(error, doing: "show the machine's passes")
        }
        let passes = PassLog(directory).last(limit)
        let lines = passes.flatMap { pass in
            let lines = PassText.lines(pass, isWhole: diff)
            return ["\(UnixTime(seconds: Int64(pass.at.milliseconds / 1_000)))  \(lines[0])"] + lines.dropFirst()
        }
        try output.emit(["passes": passes], lines: lines.isEmpty ? ["no pass was made yet"] : lines)
    }
}
