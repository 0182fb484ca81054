internal import BoltAPI
internal import Foundation
public import Logging
internal import Spanner
internal import Synchronization

/// Log lines on standard error: `key=value` text or JSON, one line an event, each written with one call.
public struct LineLogHandler: LogHandler {
    /// Metadata of every line.
    public var metadata: Logger.Metadata = [:]
    /// Least level that is written.
    public var logLevel: Logger.Level
    private let label: String
    private let json: Bool

    /// A handler for one logger.
    public init(label: String, level: Logger.Level, json: Bool) {
        (self.label, logLevel, self.json) = (label, level, json)
    }

    /// Metadata of every line.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line.
    public func log(event: LogEvent) {
        // A log that cannot be written is no reason to stop serving: the line is lost.
        StandardStream.error.write(line(event, at: LineLogHandler.timestamp()) + "\n")
    }

    /// The line of an event. Whoever's words are in it: it is one line, and nothing in it is obeyed by a terminal.
    func line(_ event: LogEvent, at time: String) -> String {
        var fields = metadata
        if let more = event.metadata { fields.merge(more) { _, new in new } }
        var line = json ? "{\"time\":\"\(time)\",\"level\":\"\(event.level)\"" : "\(time) \(event.level) "
        if json {
            line += ",\"message\":\(LineLogHandler.quoted(event.message.description))"
            for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
                line += ",\(LineLogHandler.quoted(key)):\(LineLogHandler.quoted(value.description))"
            }
            line += "}"
        } else {
            line += TerminalText.line(event.message.description)
            for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
                let text = value.description
                let plain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x3D }
                line += " \(key)=\(plain ? text : LineLogHandler.quoted(text))"
            }
        }
        // What JSON would let stand as it is, and a terminal would obey, can only be within quotes now.
        return TerminalText.json(line)
    }

    private static func timestamp() -> String {
        let milliseconds = WallClock.now().milliseconds
        var parts = tm()
        var seconds = time_t(clamping: milliseconds / 1000)
        gmtime_r(&seconds, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let fraction = String(milliseconds % 1000 + 1000).dropFirst()
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(fraction)Z"
    }

    /// JSON text; control characters are escaped, so that nothing logged can forge a line.
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
