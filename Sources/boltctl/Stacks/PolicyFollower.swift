import BoltAPI
import BoltClient
import Synchronization

/// Follows something that a partition drives by itself until it ends or holds, and tells how far it is. It does not
/// need the follower: whoever stops following leaves it running.
struct PolicyFollower<View: Sendable>: Sendable {
    /// What is followed, for people: `the roll-out of north`.
    let what: String
    /// Seconds to follow it; nil for as long as it takes.
    let timeout: Double?
    /// How it stands now.
    let look: @Sendable () async throws -> View
    /// Whether nothing more is to be waited for.
    let isEnd: @Sendable (View) -> Bool
    /// How far it is, in one line.
    let line: @Sendable (View) -> String

    /// Why the following ended.
    enum End: Sendable {
        /// It ended, or holds until somebody says so.
        case ended(View)
        /// The time is over.
        case late(View?)
        /// Somebody wanted the terminal back.
        case detached(View?)

        /// It as it was seen last.
        var view: View? {
            switch self {
            case .ended(let view): view
            case .late(let view), .detached(let view): view
            }
        }
    }

    private final class Latest: Sendable {
        private let state: Mutex<View?>
        init(_ view: View?) { state = Mutex(view) }
        func see(_ view: View) { state.withLock { $0 = view } }
        var view: View? { state.withLock { $0 } }
    }

    /// Follows it. SIGINT and SIGTERM end the following, never what is followed.
    func follow(from first: View?) async throws -> End {
        let latest = Latest(first)
        let error = await InterruptedBySignals.run { try await watch(latest) }
        if let view = latest.view, isEnd(view) { return .ended(view) }
        guard let error else { return .late(latest.view) }
        guard error is CancellationError else { throw error }
        return .detached(latest.view)
    }

    private func watch(_ latest: Latest) async throws {
        var progress = Progress()
        let clock = ContinuousClock()
        let deadline = timeout.map { clock.now.advanced(by: .seconds($0)) }
        while true {
            do {
                let view = try await look()
                latest.see(view)
                if isEnd(view) { return }
                progress.say(line(view))
            } catch {
                try Task.checkCancellation()
                guard Self.mayPass(error) else { throw error }
                progress.say("nobody says how \(what) stands: \(CommandFailure(error).message)")
            }
            if let deadline, clock.now >= deadline { return }
            try await Task.sleep(for: .milliseconds(300))
        }
    }

    /// Whether a later answer may be another: nobody was reached, nobody is ready, or a failover is under way.
    static func mayPass(_ error: any Error) -> Bool {
        if let error = error as? ClientError { return TaskFollower.mayPass(error) }
        return (error as? CommandFailure)?.code == Problem.Code.noPrimary.rawValue
    }
}
