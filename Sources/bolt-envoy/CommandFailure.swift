import BoltAPI
import BoltClient
import Envoy
import Identity
import SpannerStore

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

    /// Any error that a command can end with, doing `what`. `status` is that of an error which has none of its own.
    init(_ error: any Error, doing what: String, status: ExitStatus = .error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as ClientError:
            self.init(
                error.code, what, reason: error.description, next: error.next,
                changed: error.problem?.changed ?? error.mayHaveChanged, status: error.exitStatus)
        case let error as IdentityError:
            self.init(
                error.code.rawValue, what, reason: "\(error.what): \(error.why)", next: error.next,
                changed: error.stateChanged, status: error.code == .badArgument ? .usage : status)
        case let error as StoreError:
            self.init(
                error.code.rawValue, what, reason: "\(error.what): \(error.why)", next: error.next,
                changed: error.stateChanged, status: status)
        case is CancellationError:
            self = CommandFailure("cancelled", what, reason: "it was interrupted", status: status)
        default:
            self.init("internal", what, reason: "\(error)", next: "report it with this text", status: status)
        }
    }

    /// A report that no bolt took: everything is kept.
    init(report failure: EnvoyPortFailure, doing what: String, attempts: [ClientError.Attempt] = []) {
        let status: ExitStatus =
            switch failure.kind {
            case .unavailable: .unavailable
            case .refused: .notPermitted
            case .rejected, .contradicted: .error
            }
        self.init(
            failure.code, what, reason: failure.reason, next: failure.next, status: status, attempts: attempts)
    }
}
