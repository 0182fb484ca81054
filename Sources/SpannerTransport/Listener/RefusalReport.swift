public import Logging
public import NIOCore
import Synchronization

/// Tells the log and the metrics why connections were not taken, at a bounded pace: strangers must not fill a disk.
public final class RefusalReport: Sendable {
    private struct State {
        var second: UInt64 = 0
        var lines = 0
        var suppressed: UInt64 = 0
    }

    /// Log lines of refusals in a second.
    public static let linesPerSecondMax = 20
    private let logger: Logger
    private let count: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// A report to `logger`; `count` is called with the code of every refusal.
    public init(logger: Logger, count: @escaping @Sendable (String) -> Void = { _ in }) {
        (self.logger, self.count) = (logger, count)
    }

    /// One refusal.
    public func refused(_ refusal: ConnectionRefusal, remote: SocketAddress?, dialed: Bool) {
        refused(
            refusal, remote: remote.map { "\($0.ipAddress ?? "local"):\($0.port ?? 0)" } ?? "unknown", dialed: dialed)
    }

    /// One refusal, of an address as it is configured.
    public func refused(_ refusal: ConnectionRefusal, remote: String, dialed: Bool) {
        count(refusal.code)
        guard let suppressed = admit() else { return }
        var metadata: Logger.Metadata = [
            "bolt.remote": "\(remote)", "bolt.code": "\(refusal.code)", "bolt.why": "\(refusal.why)",
            "bolt.direction": dialed ? "dialed" : "accepted",
        ]
        if suppressed > 0 { metadata["bolt.suppressed"] = "\(suppressed)" }
        logger.notice("connection refused", metadata: metadata)
    }

    /// Whether a line may be written now, and how many were not since the last.
    private func admit() -> UInt64? {
        let second = NIODeadline.now().uptimeNanoseconds / 1_000_000_000
        return state.withLock { state in
            if state.second != second { (state.second, state.lines) = (second, 0) }
            guard state.lines < RefusalReport.linesPerSecondMax else {
                state.suppressed &+= 1
                return nil
            }
            state.lines += 1
            defer { state.suppressed = 0 }
            return state.suppressed
        }
    }
}
