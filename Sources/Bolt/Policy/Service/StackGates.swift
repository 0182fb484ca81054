internal import BoltAPI

/// Operators' requests that read whole stacks have their turns here: so few at a time that check-ins have a processor.
///
/// Changes have a place of their own. Anybody who may read can have stacks judged, as often as it likes: that must not
/// hold up a rollback.
struct StackGates: Sendable {
    private let reads: AsyncGate
    private let changes = AsyncGate(busy: .tooManyRequests, waitingMax: PolicyServiceLimits.judgingWaitingMax)

    /// Gates of a machine with so many processors.
    init(cores: Int) {
        reads = AsyncGate(
            busy: .tooManyRequests, places: min(PolicyServiceLimits.judgingMax, cores - 1),
            waitingMax: PolicyServiceLimits.judgingWaitingMax)
    }

    /// Runs what an endpoint does in its turn. Throws `too_many_requests` where too many of its kind wait, and what
    /// `body` throws.
    func pass<Value: Sendable>(_ endpoint: Endpoint, _ body: () async throws -> Value) async throws -> Value {
        switch endpoint {
        case .publishStack, .rollbackStack: try await changes.pass(body)
        case _: try await reads.pass(body)
        }
    }
}
