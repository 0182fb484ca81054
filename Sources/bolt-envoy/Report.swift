import ArgumentParser
import BoltAPI
import BoltClient
import Foundation
import Identity
import SpannerStore

/// Writes to standard output and standard error, and ends with the contract's codes.
enum Report {
    /// Data: JSON under `-o json`, else the lines.
    static func data(_ value: some Encodable, _ format: OutputOptions.Format, lines: [String]) throws {
        switch format {
        case .json: print(String(decoding: try APIJSON.encode(value, pretty: true), as: UTF8.self))
        case .text: for line in lines { print(line) }
        }
    }

    /// Progress and warnings.
    static func note(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }

    /// What failed, why, and what to do next; then the exit code that belongs to it.
    static func failure(_ error: any Error, doing what: String, _ format: OutputOptions.Format) -> ExitCode {
        let shown = Shown(error, what: what)
        if format == .json, let json = try? APIJSON.encode(shown, pretty: true) {
            note(String(decoding: json, as: UTF8.self))
        } else {
            note("error: \(shown.what): \(shown.why)")
            note("  code: \(shown.code)")
            note("  next: \(shown.next)")
        }
        return ExitCode(shown.status.rawValue)
    }

    /// An error as it is shown.
    private struct Shown: Encodable {
        var what: String
        var why: String
        var code: String
        var next: String
        var status: ExitStatus

        enum CodingKeys: String, CodingKey { case what, why, code, next }

        init(_ error: any Error, what: String) {
            self.what = what
            switch error {
            case let error as ClientError:
                (why, code, next, status) = (error.description, error.code, error.next, error.exitStatus)
            case let error as IdentityError:
                (why, code, next) = ("\(error.what): \(error.why)", error.code.rawValue, error.next)
                status = .error
            case let error as StoreError:
                (why, code, next) = ("\(error.what): \(error.why)", error.code.rawValue, error.next)
                status = .error
            default:
                (why, code, next, status) = ("\(error)", "internal", "report it with this text", .error)
            }
        }
    }
}
