internal import Synchronization

/// Whether this process is to be given requests: what readiness says and what the health codes begin with.
final class Readiness: Sendable {
    /// Where the process is in its life.
    enum Phase: Int, Sendable {
        /// Reading its state; listeners may not stand yet.
        case starting
        /// Serving.
        case serving
        /// Shutting down: takes nothing new.
        case draining
    }

    private let state = Mutex(Phase.starting)

    /// Where it is now.
    var phase: Phase { state.withLock { $0 } }

    /// Goes on to a later phase; never back.
    func advance(to phase: Phase) { state.withLock { $0 = $0.rawValue < phase.rawValue ? phase : $0 } }

    /// Whether it is shutting down.
    var isDraining: Bool { phase == .draining }
}
