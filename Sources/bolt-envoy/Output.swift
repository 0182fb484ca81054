import ArgumentParser
import BoltAPI
import Envoy
import Foundation
import Logging

/// How output is written; data goes to standard output, everything else to standard error.
struct OutputOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Option(name: [.customShort("o"), .customLong("output")], help: "text or json; errors too.")
    var format = Format.text

    /// Writes a command's data: the value itself, or its lines.
    func emit(_ value: some Encodable, lines: [String]) throws {
        switch format {
        case .json: print(try OutputOptions.json(value))
        case .text: for line in lines { print(TerminalText.block(line)) }
        }
    }

    /// A value as JSON that a terminal obeys nothing of.
    static func json(_ value: some Encodable) throws -> String {
        TerminalText.json(String(decoding: try APIJSON.encode(value, pretty: true), as: UTF8.self))
    }

    /// Progress, for people: under `-o json` nothing but an error is written to standard error.
    func progress(_ line: String) {
        if format == .text { note(line) }
    }
}

/// Writes a line to standard error. Words of others that are in it are not obeyed by a terminal.
func note(_ line: String) { StandardStream.error.write(TerminalText.block(line) + "\n") }

extension Logger {
    /// To standard error, in logfmt.
    static func agent(verbose: Bool) -> Logger {
        var logger = Logger(label: "bolt-envoy") { label in
            HarmlessLogHandler(StreamLogHandler.standardError(label: label))
        }
        logger.logLevel = verbose ? .debug : .info
        return logger
    }

    /// Of a single pass the program itself tells: it logs only where it was asked to.
    static func singlePass(verbose: Bool) -> Logger {
        verbose ? agent(verbose: true) : Logger(label: "bolt-envoy") { _ in SwiftLogNoOpLogHandler() }
    }
}

/// A span of time as people read it.
func age(_ seconds: Double) -> String {
    let whole = Int64(max(0, min(seconds, 1e12)))
    return switch whole {
    case ..<120: "\(whole) s"
    case ..<7_200: "\(whole / 60) min"
    case ..<172_800: "\(whole / 3_600) h"
    case _: "\(whole / 86_400) days"
    }
}
