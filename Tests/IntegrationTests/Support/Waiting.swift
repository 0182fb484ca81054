import Foundation
import Synchronization
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

/// Ports of loopback that nobody listens on, and that nobody is given who does not ask for them by number: they are
/// below those of the kernel, of which a connection may take one while the bolt that had it is down.
enum FreePorts {
    private static let (from, range) = (14_000, 6_000)
    private static let next = Mutex(Int(getpid()) % range)

    /// So many, all different.
    static func take(_ count: Int) throws -> [Int] {
        var ports: [Int] = []
        for _ in 0..<range where ports.count < count {
            let port = next.withLock { next in
                next = (next + 1) % range
                return from + next
            }
            if isFree(port) { ports.append(port) }
        }
        try #require(ports.count == count, "\(ports.count) of \(count) ports are free")
        return ports
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
