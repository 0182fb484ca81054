import Logging
import Synchronization

/// Keeps what is logged, as it is written; copies write into the same book.
struct LogBook: LogHandler {
    struct Line: Hashable, Sendable {
        var level: Logger.Level
        var message: String
        var metadata: [String: String]
        var error: String?
    }

    private final class Pages: Sendable {
        let lines = Mutex<[Line]>([])
    }

    var logLevel = Logger.Level.trace
    var metadata = Logger.Metadata()
    private let pages = Pages()

    /// What was logged by now, in order.
    var lines: [Line] { pages.lines.withLock { $0 } }

    /// A logger that writes here.
    var logger: Logger { Logger(label: "test") { _ in self } }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, told in told }
        let line = Line(
            level: event.level, message: event.message.description, metadata: all.mapValues(\.description),
            error: event.error.map { "\($0)" })
        pages.lines.withLock { $0.append(line) }
    }
}
