internal import BoltAPI
internal import Foundation

/// What an agent reports of each of its own runs.
struct RunRecord: Codable, Hashable, Sendable {
    /// Always `run`.
    var kind = "run"
    /// When, by the machine's clock, in milliseconds since 1970.
    var atMilliseconds: UInt64
    /// The machine's name for itself at that time.
    var hostname: String?

    init(traits: [String: JSONValue], at: Date = Date()) {
        atMilliseconds = UInt64(max(0, at.timeIntervalSince1970 * 1000))
        hostname = traits["hostname"]?.text
    }

    enum CodingKeys: String, CodingKey {
        case kind, hostname
        case atMilliseconds = "at_ms"
    }
}
