import Dispatch
import Foundation

/// The one clock of a run: monotonic, so that instants of all writers and of the nemesis can be compared.
enum RunClock {
    /// Nanoseconds.
    static var now: UInt64 { DispatchTime.now().uptimeNanoseconds }
}

/// Looks again and again until something is there.
enum Waiting {
    /// What `look` found; nil when the time is over. Throws where the task is cancelled.
    static func until<Value: Sendable>(
        isolation: isolated (any Actor)? = #isolation, seconds: Double,
        every pause: Duration = .milliseconds(100), _ look: () async throws -> Value?
    ) async throws -> Value? {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            if let value = try await look() { return value }
            guard ContinuousClock.now < deadline else { return nil }
            try await Task.sleep(for: pause)
        }
    }
}
