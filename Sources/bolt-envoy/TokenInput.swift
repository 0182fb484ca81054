import BoltAPI
import BoltClient
import Foundation
import Identity

/// Where a join token comes from. One that is missing or is none ends a command as wrong usage, with what is wrong.
enum TokenInput {
    /// Bytes of a file that is read for a token.
    private static let fileBytesMax = 64 * 1024

    /// The token of `--token`, else of the file (`-` is standard input), else of `BOLT_TOKEN`. `takesFile`: whether the
    /// command has an option for a file, so that a refusal names none that it has not.
    static func read(
        _ argument: String?, file: String? = nil, takesFile: Bool = true
    ) throws(CommandFailure) -> JoinToken {
        let (text, source) = try find(argument, file: file, takesFile: takesFile)
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw refusal(
                code: "token_missing", "\(source) is empty", next: "set it to a token of: boltctl envoy token create")
        }
        do {
            return try JoinToken(text)
        } catch {
            throw refusal(code: "token_malformed", "\(source): \(error.why)", next: error.next)
        }
    }

    private static func find(
        _ argument: String?, file: String?, takesFile: Bool
    ) throws(CommandFailure) -> (text: String, source: String) {
        if let argument { return (argument, "--token") }
        if let file { return (try content(of: file), file == "-" ? "standard input" : file) }
        if let text = ProcessInfo.processInfo.environment["BOLT_TOKEN"] { return (text, "BOLT_TOKEN") }
        throw refusal(
            code: "token_missing", "neither --token\(takesFile ? ", --token-file" : "") nor BOLT_TOKEN gives one",
            next: "make one with: boltctl envoy token create")
    }

    private static func content(of file: String) throws(CommandFailure) -> String {
        do {
            let handle =
                file == "-" ? FileHandle.standardInput : try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
            return String(decoding: try handle.read(upToCount: fileBytesMax) ?? Data(), as: UTF8.self)
        } catch {
            throw refusal(code: "token_missing", "\(file) cannot be read", next: "check the path")
        }
    }

    private static func refusal(code: String, _ reason: String, next: String) -> CommandFailure {
        CommandFailure(code, "read the join token", reason: reason, next: next, status: .usage)
    }

    /// Refuses an address that no bolt can have.
    static func check(_ addresses: [String], of option: String) throws(CommandFailure) {
        for address in addresses where HostPort(address) == nil {
            throw CommandFailure(
                "bad_argument", "\(option) \(address)", reason: "it is not host:port, nor [IPv6]:port",
                next: "correct the address", status: .usage)
        }
    }
}
