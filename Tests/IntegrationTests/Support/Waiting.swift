import Foundation
import LoopbackKit
import Testing

/// A condition that did not come true in time.
struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

/// Asks again and again until a condition holds. The only place that does, because what is waited for is in other
/// processes: most of them have nothing that becomes readable when an answer of theirs changes, and are asked each
/// 25 ms. Changes of a watched folder are looked at as they come. A condition that throws does not hold yet.
func waitUntil(
    _ what: String, seconds: TimeInterval = 15, watching folder: FolderWatch? = nil,
    location: SourceLocation = #_sourceLocation, _ condition: () throws -> Bool
) throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    var last = ""
    while true {
        do { if try condition() { return } } catch { last = ": \(error)" }
        let left = deadline - .now
        guard left > .zero else {
            Issue.record("not within \(seconds) s: \(what)\(last)", sourceLocation: location)
            throw TimedOut(description: "not within \(seconds) s: \(what)\(last)")
        }
        waitForChange(folder, min(.milliseconds(25), left))
    }
}

/// Returns once something changed in the folder, or after this time; without a folder after this time.
private func waitForChange(_ folder: FolderWatch?, _ limit: Duration) {
    // A negative descriptor never becomes readable: what is left is the time-out.
    var change = pollfd(fd: folder?.descriptor ?? -1, events: Int16(POLLIN), revents: 0)
    poll(&change, 1, Int32(limit / .milliseconds(1)) + 1)
    folder?.forget()
}

/// Tells that files were put into their places in one folder.
final class FolderWatch {
    /// Readable from a change until it is forgotten.
    let descriptor: Int32

    /// A folder that is there.
    init(_ path: String) throws {
        descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        try #require(descriptor >= 0, "\(String(cString: strerror(errno)))")
        let watch = inotify_add_watch(descriptor, path, UInt32(IN_MOVED_TO))
        try #require(watch >= 0, "\(path): \(String(cString: strerror(errno)))")
    }

    deinit { close(descriptor) }

    /// Takes what was told so far.
    func forget() {
        var events = [UInt8](repeating: 0, count: 4096)
        while read(descriptor, &events, events.count) > 0 {}
    }
}

/// Looks at processes that are not our children.
enum ProcessTable {
    /// Whether there is no such process, or only what waits to be collected by its parent.
    static func isGone(_ pid: pid_t) -> Bool {
        guard let stat = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return true }
        let text = String(decoding: stat, as: UTF8.self)
        guard let close = text.lastIndex(of: ")") else { return true }
        guard text[text.index(after: close)...].split(separator: " ").first == "Z" else { return false }
        // Its first thread may have ended before another that still has its files and ports open.
        return (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").count) ?? 0 <= 1
    }
}

/// Ports for bolts and etcd under test.
enum FreePorts {
    private static let ports = LoopbackPorts(14_000..<20_000)

    /// So many, all different.
    static func take(_ count: Int) throws -> [Int] { try #require(ports.take(count), "\(count) ports are not free") }
}
