import ArgumentParser
import BoltAPI
import Spanner

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
