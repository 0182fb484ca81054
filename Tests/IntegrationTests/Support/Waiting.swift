import Foundation
import LoopbackKit
import Testing

/// A condition that did not come true in time.
struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

/// Asks again and again until a condition holds. The only place that waits, because what is waited for is in other
/// processes. A condition that throws does not hold yet.
func waitUntil(
    _ what: String, seconds: TimeInterval = 15, location: SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
) throws {
    let deadline = Date(timeIntervalSinceNow: seconds)
    var last = ""
    while true {
        do { if try condition() { return } } catch { last = ": \(error)" }
        guard Date() < deadline else {
            Issue.record("not within \(seconds) s: \(what)\(last)", sourceLocation: location)
            throw TimedOut(description: "not within \(seconds) s: \(what)\(last)")
        }
        pauseBetweenLooks(microseconds: 25_000)
    }
}

/// Between two looks at another process, by whoever has a deadline.
func pauseBetweenLooks(microseconds: UInt32) { usleep(microseconds) }

/// Looks at processes that are not our children.
enum ProcessTable {
    /// Whether there is no such process, or only what waits to be collected by its parent.
    static func isGone(_ pid: pid_t) -> Bool {
        guard let stat = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return true }
        let text = String(decoding: stat, as: UTF8.self)
        guard let close = text.lastIndex(of: ")") else { return true }
        return text[text.index(after: close)...].split(separator: " ").first == "Z"
    }
}

/// Ports for bolts and etcd under test.
enum FreePorts {
    private static let ports = LoopbackPorts(14_000..<20_000)

    /// So many, all different.
    static func take(_ count: Int) throws -> [Int] { try #require(ports.take(count), "\(count) ports are not free") }
}
