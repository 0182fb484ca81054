public import BoltAPI

/// Why a command of one of the programs ended without doing what it was asked for, as people and scripts are told it:
/// the same lines and the same JSON object from each program.
public protocol ReportedFailure: Error, Encodable {
    /// Stable; a row of `docs/errors.md`.
    var code: String { get }
    /// What failed, in one line.
    var message: String { get }
    /// Why; nil where the message says it.
    var reason: String? { get }
    /// What to do next.
    var next: String? { get }
    /// Whether something may have been changed before it failed.
    var changed: Bool { get }
    /// How the program ends.
    var status: ExitStatus { get }
    /// Whom it asked in vain.
    var attempts: [ClientError.Attempt] { get }
}

extension ReportedFailure {
    /// The lines for people. An only attempt that came to the very reason is not told twice.
    public var text: String {
        var lines = ["Error: \(message) [\(code)]"]
        if let reason { lines.append("  why:  \(reason)") }
        for attempt in attempts where attempt.reason != reason || attempts.count > 1 {
            lines.append("  tried \(attempt.address): \(attempt.reason)")
        }
        if changed { lines.append("  note: something may have been changed before it failed") }
        if let next { lines.append("  next: \(next)") }
        return lines.joined(separator: "\n")
    }

    /// The members for scripts; `attempts` only where there are some.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: ReportedFailureKeys.self)
        try container.encode(code, forKey: .code)
        try container.encode(message, forKey: .message)
        try container.encodeIfPresent(reason, forKey: .reason)
        try container.encodeIfPresent(next, forKey: .next)
        try container.encode(changed, forKey: .changed)
        try container.encode(status.rawValue, forKey: .exit)
        if !attempts.isEmpty { try container.encode(attempts, forKey: .attempts) }
    }
}

private enum ReportedFailureKeys: String, CodingKey { case code, message, reason, next, changed, exit, attempts }
