import Foundation

/// Waits for SIGTERM or SIGINT.
struct SignalWait: Sendable {
    private let stream: AsyncStream<Void>

    init() {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        self.stream = stream
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // The handler holds its source, which is to live as long as the process.
            source.setEventHandler {
                withExtendedLifetime(source) { _ = continuation.yield() }
            }
            source.resume()
        }
    }

    /// Returns at the first signal, or when the task is cancelled.
    func wait() async {
        for await _ in stream { return }
    }
}
