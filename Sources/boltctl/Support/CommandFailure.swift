import BoltAPI
import BoltClient
import Identity
import Vault

/// Why a command ended without doing what it was asked for: one line of what, one of why, one of what to do next.
struct CommandFailure: ReportedFailure {
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
        case let error as VaultError:
            self.init(error.code.rawValue, error.what, reason: error.why, next: error.next)
        case is CancellationError: self = CommandFailure("cancelled", "it was interrupted before it was done")
        default: self = CommandFailure("error", "\(error)")
        }
    }
}
