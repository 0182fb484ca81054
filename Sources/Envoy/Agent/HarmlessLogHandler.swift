internal import BoltAPI
public import Logging

/// Hands log events on with words that a terminal obeys nothing of, each within one line: what bolts, programs and
/// files say stands in an agent's log, and cannot stand as a line of its own.
public struct HarmlessLogHandler<Inner: LogHandler>: LogHandler {
    private var inner: Inner

    /// A handler before another one.
    public init(_ inner: Inner) { self.inner = inner }

    /// Least level that is handed on.
    public var logLevel: Logger.Level {
        get { inner.logLevel }
        set { inner.logLevel = newValue }
    }

    /// Metadata of every event.
    public var metadata: Logger.Metadata {
        get { inner.metadata }
        set { inner.metadata = Self.harmless(newValue) }
    }

    /// Where more metadata comes from.
    public var metadataProvider: Logger.MetadataProvider? {
        get { inner.metadataProvider }
        set { inner.metadataProvider = newValue }
    }

    /// Metadata of every event.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { inner[metadataKey: key] }
        set { inner[metadataKey: key] = newValue.map { Self.harmless($0) } }
    }

    /// Hands one event on.
    public func log(event: LogEvent) {
        var event = event
        event.message = "\(TerminalText.line(event.message.description))"
        event.metadata = event.metadata.map { Self.harmless($0) }
        if let error = event.error {
            // Told by whoever writes the line: as words here, so that they are harmless too.
            event.error = nil
            event.metadata = (event.metadata ?? [:]).merging(["error": Self.harmless("\(error)")]) { told, _ in told }
        }
        inner.log(event: event)
    }

    private static func harmless(_ metadata: Logger.Metadata) -> Logger.Metadata { metadata.mapValues { harmless($0) } }

    private static func harmless(_ value: Logger.MetadataValue) -> Logger.MetadataValue {
        .string(TerminalText.line(value.description))
    }
}
