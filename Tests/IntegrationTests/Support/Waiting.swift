import Foundation
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

/// Ports of loopback that nobody listens on.
enum FreePorts {
    /// So many, all different. Another process may take one before we do: small odds, and the test then says so.
    static func take(_ count: Int) throws -> [Int] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        return try (0..<count).map { _ in
            let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            try #require(descriptor >= 0)
            sockets.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let status = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
                }
            }
            try #require(status == 0)
            return Int(UInt16(bigEndian: address.sin_port))
        }
    }
}
