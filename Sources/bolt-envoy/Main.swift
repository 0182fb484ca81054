import ArgumentParser
import BoltAPI
import BoltClient
import Foundation
import Identity
import Spanner

/// Runs the command and turns every ending into an exit code; under `-o json` an error is one JSON object.
@main enum Main {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        // Whoever began it may have left it ignored: then nobody learns how a child ended.
        signal(SIGCHLD, SIG_DFL)
        do { try ProcessSecrecy.begin() } catch {
            end(CommandFailure(error, doing: "starting"), arguments)
        }
        do {
            var command = try BoltEnvoy.parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as ExitCode {
            Foundation.exit(error.rawValue)
        } catch let failure as CommandFailure {
            end(failure, arguments)
        } catch {
            // Help and version are asked for and go to standard output; usage errors do not.
            if BoltEnvoy.exitCode(for: error) == .success { BoltEnvoy.exit(withError: error) }
            end(
                CommandFailure(
                    "usage", BoltEnvoy.message(for: error), next: suggestion(arguments), status: .usage), arguments)
        }
    }

    private static func end(_ failure: CommandFailure, _ arguments: [String]) -> Never {
        if wantsJSON(arguments), let json = try? OutputOptions.json(["error": failure]) {
            note(json)
        } else {
            note(failure.text)
        }
        Foundation.exit(failure.status.rawValue)
    }

    private static func suggestion(_ arguments: [String]) -> String {
        let names = BoltEnvoy.configuration.subcommands.compactMap {
            $0.configuration.commandName ?? "\($0)".lowercased()
        }
        guard let word = arguments.first, !word.hasPrefix("-"), !names.contains(word) else {
            return "bolt-envoy \(arguments.first.flatMap { names.contains($0) ? $0 + " " : nil } ?? "")--help"
        }
        return NearestName.suggest(word, among: names).map { "did you mean: bolt-envoy \($0)" } ?? "bolt-envoy --help"
    }

    private static func wantsJSON(_ arguments: [String]) -> Bool {
        for (index, argument) in arguments.enumerated() {
            if ["-ojson", "-o=json", "--output=json"].contains(argument) { return true }
            if argument == "-o" || argument == "--output" { return arguments.dropFirst(index + 1).first == "json" }
        }
        return false
    }
}
