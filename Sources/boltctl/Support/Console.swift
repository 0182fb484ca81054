import ArgumentParser
import BoltAPI
import Foundation

/// Form of a command's data on standard output.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json, yaml
}

/// The `-o` option, and what it decides.
struct OutputOptions: ParsableArguments {
    @Option(name: [.customShort("o"), .long], help: "Form of the output: table, json or yaml.")
    var output: OutputFormat = .table

    /// Writes a command's data: the value itself, or its table.
    func emit(_ value: some Encodable, table: @autoclosure () -> String) throws {
        Console.out(try text(value, table: table()), terminator: output == .yaml ? "" : "\n")
    }

    /// What is written. Nothing in it is obeyed by a terminal, whoever's words it holds; as JSON and YAML it parses to
    /// the very value.
    func text(_ value: some Encodable, table: @autoclosure () -> String) throws -> String {
        switch output {
        case .table: return TerminalText.block(table())
        case .json: return TerminalText.json(String(decoding: try APIJSON.encode(value, pretty: true), as: UTF8.self))
        case .yaml: return YAMLText.text(of: try APIJSON.decode(JSONValue.self, from: APIJSON.encode(value)))
        }
    }
}

/// Data goes to standard output; everything else, and every question, to standard error.
enum Console {
    /// Writes data. Where it can't be written the command ends with 1: whoever reads on must not take a part for all.
    static func out(_ text: String, terminator: String = "\n") {
        guard !StandardStream.output.write(text + terminator) else { return }
        let reason = String(cString: strerror(errno))
        note("Error: the output cannot be written: \(reason); what was asked for was done as far as it says")
        exit(ExitStatus.error.rawValue)
    }

    /// Writes a document exactly as it is, but to a terminal: that is shown what it would obey.
    static func document(_ text: String) { out(isatty(STDOUT_FILENO) == 1 ? TerminalText.block(text) : text) }

    /// Says something beside the data. Words of others that are in it are not obeyed by the terminal.
    static func note(_ text: String) { StandardStream.error.write(TerminalText.block(text) + "\n") }

    static func warn(_ text: String) { note("warning: \(text)") }

    /// Whether somebody can be asked.
    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Asks for a `yes` on the terminal. Without one it refuses: scripts say `--yes`.
    static func confirm(_ question: String, yes: Bool) throws {
        if yes { return }
        guard isInteractive else {
            throw CommandFailure(
                "confirmation_required", "this needs a confirmation and there is no terminal to ask",
                next: "add --yes, or look at it first with --dry-run", status: .usage)
        }
        StandardStream.error.write(TerminalText.block(question) + " [y/N] ")
        let answer = readLine()?.trimmingCharacters(in: .whitespaces).lowercased()
        guard answer == "y" || answer == "yes" else {
            throw CommandFailure("declined", "declined; nothing was changed", status: .error)
        }
    }

    /// A moment as people read it.
    static func time(milliseconds: UInt64) -> String {
        TimeText.text(milliseconds: milliseconds)
    }
}
