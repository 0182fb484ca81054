import ArgumentParser
import BoltAPI
import Foundation
import Testing

@testable import boltctl

/// One command as it is typed.
struct Verb: CustomTestStringConvertible, Sendable {
    let path: [String]
    let type: any ParsableCommand.Type

    var testDescription: String { path.joined(separator: " ") }

    /// Every command that does something, from the tree itself.
    static let all: [Verb] = below(BoltCtl.self, [])

    private static func below(_ type: any ParsableCommand.Type, _ path: [String]) -> [Verb] {
        let subcommands = type.configuration.subcommands
        guard !subcommands.isEmpty else { return [Verb(path: path, type: type)] }
        return subcommands.flatMap { below($0, path + [$0.configuration.commandName ?? "?"]) }
    }
}

/// The command line as a whole: help, examples, refusals and their forms.
@Suite struct CommandLineTests {
    /// How the program would end on a line that does not parse.
    private func ending(_ arguments: [String]) throws -> Ending {
        do {
            var command = try BoltCtl.parseAsRoot(arguments)
            // Help is a command of the parser's own, which ends with what it shows.
            if String(reflecting: type(of: command)).hasPrefix("ArgumentParser.") { try command.run() }
        } catch { return Ending(error, arguments) }
        Issue.record("\(arguments) parses")
        throw CancellationError()
    }

    @Test func theTreeIsThatOfTheContract() {
        let paths = Set(Verb.all.map(\.testDescription))
        let contract: Set = [
            "demo", "status", "mesh init", "mesh up", "mesh down", "bolt invite", "bolt join", "bolt list", "bolt show",
            "bolt remove", "bolt step-down", "partition list", "partition show", "partition switchover",
            "partition promote", "partition history", "partition salvage", "audit log", "audit verify",
            "envoy token create", "envoy token list", "envoy token revoke", "envoy list", "envoy show", "envoy results",
            "envoy explain", "envoy remove", "envoy ban", "roster list", "roster log", "roster digest", "roster diff",
            "roster conflicts", "roster resolve", "topology validate", "topology diff", "topology plan",
            "topology apply", "topology export", "topology history", "slice list", "slice explain", "slice verify",
            "slice takeover", "rebalance plan", "rebalance apply", "rebalance status", "rebalance pause",
            "rebalance resume", "rebalance throttle", "rebalance cancel", "rebalance reverse", "rebalance verify",
            "bolt drain", "bolt undrain", "partition drain", "envoy reassign", "envoy push", "stack validate",
            "stack publish", "stack history", "stack rollback", "stack diff", "stack freeze", "stack unfreeze",
            "stack preview", "stack status",
            "topology render systemd", "topology render kubernetes", "context list", "context use", "context show",
            "context refresh",
        ]
        #expect(contract.subtracting(paths) == [])
    }

    @Test(arguments: Verb.all) func helpRendersWithAbstractAndExamples(verb: Verb) throws {
        let help = try ending(verb.path + ["--help"])
        #expect(help.status == 0 && help.complaint.isEmpty)
        // Lines are broken to fit the terminal.
        let text = help.output.replacing("\n", with: " ")
        #expect(text.hasPrefix("OVERVIEW: \(verb.type.configuration.abstract) "), "\(help.output)")
        #expect(help.output.contains("USAGE: boltctl \(verb.testDescription)"), "\(help.output)")
        #expect(help.output.contains("EXAMPLES"), "\(help.output)")
        #expect(!verb.type.configuration.abstract.isEmpty)
    }

    /// What help tells people to type is taken.
    @Test(arguments: Verb.all) func examplesParse(verb: Verb) throws {
        let text = verb.type.configuration.discussion.replacing("\\\n", with: " ")
        let lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { $0.hasPrefix("boltctl ") }
        // A verb that stands in two places shows the shorter way.
        let last = verb.path.last ?? ""
        #expect(
            lines.contains { $0.hasPrefix("boltctl \(verb.testDescription)") || $0.hasPrefix("boltctl \(last)") },
            "\(text)")
        for line in lines where !line.contains(": boltctl") {
            let words = Self.words(line)
            #expect(throws: Never.self, "\(line)") { _ = try BoltCtl.parseAsRoot(Array(words.dropFirst())) }
        }
    }

    /// A line's words, with quotes taken off and `3f…64 digits…` as the one word that it stands for.
    private static func words(_ line: String) -> [String] {
        let filled = line.replacing(#/…\d+ digits…/#, with: "000000")
        var (words, current, quoted) = ([String](), "", false)
        for character in filled {
            if character == "\"" {
                quoted.toggle()
            } else if character == " ", !quoted {
                if !current.isEmpty { words.append(current) }
                current = ""
            } else {
                current.append(character)
            }
        }
        return words + (current.isEmpty ? [] : [current])
    }

    @Test(arguments: Verb.all) func unknownFlagsEndWith64(verb: Verb) throws {
        let ending = try ending(verb.path + ["--no-such-flag"])
        #expect(ending.status == 64 && ending.output.isEmpty)
        #expect(ending.complaint.hasPrefix("Error: ") && ending.complaint.contains("\n  next: "), "\(ending.complaint)")
    }

    @Test(arguments: Verb.all) func errorsAreJSONWhereJSONIsAskedFor(verb: Verb) throws {
        let ending = try ending(verb.path + ["-o", "json", "--no-such-flag"])
        let answer = try APIJSON.decode([String: JSONValue].self, from: Data(ending.complaint.utf8))
        guard case .object(let error)? = answer["error"] else {
            Issue.record("\(ending.complaint)")
            return
        }
        #expect(error["code"] == .string("usage") && error["exit"] == .integer(64))
        #expect(error["changed"] == .bool(false) && error["message"] != nil)
    }

    @Test func theFormOfAnErrorIsThatWhichTheLineAsksFor() throws {
        let failure = CommandFailure("x", "no")
        for form in [["-o", "json"], ["--output", "json"], ["--output=json"], ["-ojson"], ["-o=json"]] {
            let text = Ending(failure, ["status"] + form + ["x"]).complaint
            #expect(try APIJSON.decode([String: JSONValue].self, from: Data(text.utf8))["error"] != nil, "\(form)")
        }
        let yaml = Ending(failure, ["status", "-o", "yaml"]).complaint
        guard case .object(let document) = try YAMLText.value(of: yaml) else {
            Issue.record("\(yaml)")
            return
        }
        #expect(document["error"] != nil)
        for form in [["-o", "table"], ["-o"], ["-o", "xml"], ["--", "-o", "json"], ["-output", "json"]] {
            #expect(Ending(failure, ["status"] + form).complaint == "Error: no [\(failure.code)]", "\(form)")
        }
    }

    @Test func missingArgumentsAndUnknownWordsAreUsage() throws {
        for line in [
            ["envoy", "show"], ["envoy", "ban"], ["roster", "diff", "a.north"], ["roster", "resolve", "web"],
            ["mesh", "init"], ["mesh", "up", "--dir", "x"], ["mesh", "down"], ["bolt", "invite"], ["context", "use"],
            ["topology", "validate"], ["bolt", "join", "--dir", "x"],
            ["bolt", "join", "--dir", "x", "--request", "a", "--invitation", "b"],
            ["envoy", "list", "--limit", "many"], ["envoy", "token", "create", "--uses", "-1"],
            ["status", "-o", "xml"], ["status", "extra"], ["mesh", "up", "-f", "x", "--dir", "y", "--timeout", "soon"],
        ] { #expect(try ending(line).status == 64, "\(line)") }
        let near = try ending(["envoi", "list"])
        #expect(near.status == 64 && near.complaint.hasSuffix("next: did you mean: boltctl envoy"), "\(near.complaint)")
        let nearer = try ending(["envoy", "lst"])
        #expect(nearer.complaint.hasSuffix("next: did you mean: boltctl envoy list"), "\(nearer.complaint)")
    }

    @Test func versionAndBareProgramAreAnswers() throws {
        let version = try ending(["--version"])
        #expect(version.status == 0 && version.output == "boltctl \(BoltVersion.text)")
        #expect(try ending(["--help"]).output.contains("SUBCOMMANDS"))
    }

    @Test func endingsOfCommandsKeepTheirCodes() {
        let silent = Ending(ExitCode(2), [])
        #expect(silent.status == 2 && silent.output.isEmpty && silent.complaint.isEmpty)
        let refused = Ending(CommandFailure("x", "no", reason: "so", next: "do", changed: true, status: .refused), [])
        #expect(refused.status == 4)
        #expect(
            refused.complaint == """
                Error: no [x]
                  why:  so
                  note: something may have been changed before it failed
                  next: do
                """)
        #expect(Ending(CancellationError(), []).status == 1)
    }
}
