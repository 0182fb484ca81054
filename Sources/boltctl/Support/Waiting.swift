import Foundation

/// Waits for a condition with a deadline. Polls, because what is waited for is in other processes.
enum Waiting {
    /// The first value that `probe` gives, or nil when `seconds` are over. Asks at least once.
    static func until<Value: Sendable>(
        seconds: Double, every pause: Duration = .milliseconds(50),
        isolation: isolated (any Actor)? = #isolation,
        _ probe: () async throws -> Value?
    ) async throws -> Value? {
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: .seconds(seconds))
        while true {
            if let value = try await probe() { return value }
            guard clock.now < deadline else { return nil }
            try await Task.sleep(for: pause)
        }
    }
}
