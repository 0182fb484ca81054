import ArgumentParser
import BoltAPI
import BoltClient
import Foundation

/// How the program ends that did not simply succeed: exit code, what was asked for, what is complained of.
struct Ending {
    /// The exit code.
    let status: Int32
    /// For standard output: help and version, which somebody asked for.
    let output: String
    /// For standard error: the failure, in the form that `-o` asks for.
    let complaint: String

    private init(status: Int32, output: String = "", complaint: String = "") {
        (self.status, self.output, self.complaint) = (status, output, complaint)
    }

    /// The ending after an error that parsing `arguments` or running the command threw.
    init(_ error: any Error, _ arguments: [String]) {
        if let code = error as? ExitCode {
            // The command has said all there is to say.
            self.init(status: code.rawValue)
            return
        }
        guard Self.isParserError(error) else {
            self.init(CommandFailure(error), arguments)
            return
        }
        guard BoltCtl.exitCode(for: error) != .success else {
            self.init(status: ExitStatus.done.rawValue, output: BoltCtl.fullMessage(for: error))
            return
        }
        let hint = CommandHints.suggestion(for: arguments, in: BoltCtl.self)
        let path = CommandHints.knownPath(arguments, in: BoltCtl.self).map { $0 + " " }.joined()
        self.init(
            CommandFailure(
                "usage", BoltCtl.message(for: error), next: hint ?? "boltctl \(path)--help", status: .usage), arguments)
    }

    private init(_ failure: CommandFailure, _ arguments: [String]) {
        self.init(status: failure.status.rawValue, complaint: Self.text(failure, Self.form(arguments)))
    }

    private static func isParserError(_ error: any Error) -> Bool {
        // ArgumentParser's own errors are not public; what is ours or the libraries' is told apart by type.
        String(reflecting: type(of: error)).hasPrefix("ArgumentParser.")
    }

    private static func text(_ failure: CommandFailure, _ form: OutputFormat) -> String {
        let answer = ["error": failure]
        switch form {
        case .table: break
        case .json:
            if let json = try? APIJSON.encode(answer, pretty: true) {
                return TerminalText.json(String(decoding: json, as: UTF8.self))
            }
        case .yaml:
            if let json = try? APIJSON.encode(answer), let value = try? APIJSON.decode(JSONValue.self, from: json) {
                return YAMLText.text(of: value).trimmingCharacters(in: .newlines)
            }
        }
        return failure.text
    }

    /// What the line asks for, even where it does not parse.
    private static func form(_ arguments: [String]) -> OutputFormat {
        var form = OutputFormat.table
        for (index, argument) in arguments.enumerated() {
            guard argument != "--" else { break }
            for option in ["-o", "--output"] {
                if argument == option, let word = arguments.dropFirst(index + 1).first {
                    form = OutputFormat(rawValue: word) ?? form
                } else if argument.hasPrefix(option + "=") {
                    form = OutputFormat(rawValue: String(argument.dropFirst(option.count + 1))) ?? form
                }
            }
            if argument.hasPrefix("-o"), !argument.hasPrefix("-o=") {
                form = OutputFormat(rawValue: String(argument.dropFirst(2))) ?? form
            }
        }
        return form
    }
}
