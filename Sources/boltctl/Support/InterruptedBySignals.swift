import Dispatch
import Foundation

/// Work that SIGINT and SIGTERM cancel instead of ending the program at once, so that it can tidy up.
enum InterruptedBySignals {
    /// Runs `body`; gives the error that it ended with, if any.
    @MainActor
    static func run(_ body: @escaping @MainActor () async throws -> Void) async -> (any Error)? {
        let task = Task { @MainActor in try await body() }
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { @Sendable in task.cancel() }
            source.resume()
            return source
        }
        defer {
            for source in sources { source.cancel() }
            for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
        }
        do {
            try await task.value
            return nil
        } catch { return error }
    }
}
