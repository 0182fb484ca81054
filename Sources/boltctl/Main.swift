import ArgumentParser
import BoltAPI
import Foundation

/// The operator's program.
struct BoltCtl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "boltctl", abstract: "Operate a mesh of bolts.",
        discussion: """
            EXAMPLES
              boltctl demo
              boltctl mesh up -f topology/local.yaml --dir /tmp/mesh
              boltctl status
              boltctl envoy token create --uses 10 --expires 24h
              boltctl envoy ban web-7 --wait --reason "stolen"

            Exit codes: 0 done, 1 error, 2 there are differences, 3 still running, 4 refused by a safety rule, \
            5 done but redundancy is not restored, 64 usage, 69 nothing reachable, 77 not permitted.
            """,
        version: "boltctl \(BoltVersion.text)",
        subcommands: [
            DemoCommand.self, MeshCommand.self, StatusCommand.self, BoltCommand.self, EnvoyCommand.self,
            RosterCommand.self, TopologyCommand.self, ContextCommand.self,
        ])
}

/// Runs the command and turns every ending into an exit code.
@main enum Main {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            var command = try BoltCtl.parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as ExitCode {
            Foundation.exit(error.rawValue)
        } catch {
            end(error, arguments)
        }
    }

    private static func end(_ error: any Error, _ arguments: [String]) -> Never {
        let own = BoltCtl.exitCode(for: error)
        let isOurs = BoltCtl.fullMessage(for: error).isEmpty || !isParserError(error)
        if !isOurs {
            // Help and version are asked for and go to standard output; usage errors do not.
            if own == .success { BoltCtl.exit(withError: error) }
            let hint = CommandHints.suggestion(for: arguments, in: BoltCtl.self)
            report(
                CommandFailure(
                    "usage", BoltCtl.message(for: error), next: hint ?? "boltctl \(path(arguments))--help",
                    status: .usage), arguments)
            Foundation.exit(ExitStatus.usage.rawValue)
        }
        let failure = CommandFailure(error)
        report(failure, arguments)
        Foundation.exit(failure.status.rawValue)
    }

    private static func isParserError(_ error: any Error) -> Bool {
        // ArgumentParser's own errors are not public; what is ours or the libraries' is told apart by type.
        String(reflecting: type(of: error)).hasPrefix("ArgumentParser.")
    }

    private static func path(_ arguments: [String]) -> String {
        CommandHints.knownPath(arguments, in: BoltCtl.self).map { $0 + " " }.joined()
    }

    private static func report(_ failure: CommandFailure, _ arguments: [String]) {
        guard wantsJSON(arguments), let json = try? APIJSON.encode(["error": failure], pretty: true) else {
            return Console.note(failure.text)
        }
        Console.note(String(decoding: json, as: UTF8.self))
    }

    private static func wantsJSON(_ arguments: [String]) -> Bool {
        for (index, argument) in arguments.enumerated() {
            if argument == "-ojson" || argument == "--output=json" || argument == "-o=json" { return true }
            if argument == "-o" || argument == "--output" { return arguments.dropFirst(index + 1).first == "json" }
        }
        return false
    }
}

/// Finds the command that somebody mistyped.
enum CommandHints {
    /// How far a line's words name commands.
    private struct Walk {
        var path: [String] = []
        var known: [any ParsableCommand.Type]
        var rest: String?
    }

    /// The words of the line that name commands, as far as they are known.
    static func knownPath(_ arguments: [String], in root: any ParsableCommand.Type) -> [String] {
        walk(arguments, root).path
    }

    /// What was probably meant, as a command to type; nil where nothing is near.
    static func suggestion(for arguments: [String], in root: any ParsableCommand.Type) -> String? {
        let walk = walk(arguments, root)
        guard let word = walk.rest, !word.hasPrefix("-"), !walk.known.isEmpty else { return nil }
        let names = walk.known.compactMap { $0.configuration.commandName }
        guard let near = NearestName.suggest(word, among: names) else { return nil }
        return "did you mean: " + (["boltctl"] + walk.path + [near]).joined(separator: " ")
    }

    private static func walk(_ arguments: [String], _ root: any ParsableCommand.Type) -> Walk {
        var walk = Walk(known: root.configuration.subcommands)
        for word in arguments {
            guard let next = walk.known.first(where: { $0.configuration.commandName == word }) else {
                walk.rest = word
                return walk
            }
            walk.path.append(word)
            walk.known = next.configuration.subcommands
        }
        return walk
    }
}
