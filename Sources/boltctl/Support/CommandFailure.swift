import BoltAPI
import BoltClient
import Identity

/// Why a command ended without doing what it was asked for: one line of what, one of why, one of what to do next.
struct CommandFailure: Error, Encodable {
    let code: String
    let message: String
    let reason: String?
    let next: String?
    let changed: Bool
    let status: ExitStatus
    let attempts: [ClientError.Attempt]

    init(
        _ code: String, _ message: String, reason: String? = nil, next: String? = nil, changed: Bool = false,
        status: ExitStatus = .error, attempts: [ClientError.Attempt] = []
    ) {
        (self.code, self.message, self.reason, self.next) = (code, message, reason, next)
        (self.changed, self.status, self.attempts) = (changed, status, attempts)
    }

    /// Any error that a command can end with.
    init(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as ClientError:
            self.init(
                error.code, error.detail, next: error.next, changed: error.problem?.changed ?? error.mayHaveChanged,
                status: error.exitStatus, attempts: error.attempts)
        case let error as IdentityError:
            let status: ExitStatus = error.code == .wrongPassphrase ? .notPermitted : .error
            self.init(
                error.code.rawValue, error.what, reason: error.why, next: error.next, changed: error.stateChanged,
                status: status)
        case is CancellationError: self.init("cancelled", "cancelled", status: .error)
        default: self.init("error", "\(error)")
        }
    }

    /// The lines for people.
    var text: String {
        var lines = ["Error: \(message) [\(code)]"]
        if let reason { lines.append("  why:  \(reason)") }
        for attempt in attempts { lines.append("  tried \(attempt.address): \(attempt.reason)") }
        if changed { lines.append("  note: something may have been changed before it failed") }
        if let next { lines.append("  next: \(next)") }
        return lines.joined(separator: "\n")
    }

    enum CodingKeys: String, CodingKey { case code, message, reason, next, changed, exit, attempts }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(code, forKey: .code)
        try container.encode(message, forKey: .message)
        try container.encodeIfPresent(reason, forKey: .reason)
        try container.encodeIfPresent(next, forKey: .next)
        try container.encode(changed, forKey: .changed)
        try container.encode(status.rawValue, forKey: .exit)
        if !attempts.isEmpty { try container.encode(attempts, forKey: .attempts) }
    }
}
