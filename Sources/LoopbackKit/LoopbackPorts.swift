import Foundation
import Synchronization

/// Ports of loopback that nobody listens on, and that nobody is given who does not ask for them by number: the range is
/// to be below that of the kernel, of which a connection may take one while the program that had it is down.
public final class LoopbackPorts: Sendable {
    private let range: Range<Int>
    private let next: Mutex<Int>

    /// Ports of a range; where it begins differs from process to process.
    public init(_ range: Range<Int>) {
        self.range = range
        next = Mutex(Int(getpid()) * 37 % max(1, range.count))
    }

    /// So many, all different; nil where fewer are free. Each is handed out once before any is again.
    public func take(_ count: Int) -> [Int]? {
        var ports: [Int] = []
        for _ in range where ports.count < count {
            let port = next.withLock { next in
                next = (next + 1) % range.count
                return range.lowerBound + next
            }
            if LoopbackPorts.isFree(port) { ports.append(port) }
        }
        return ports.count == count ? ports : nil
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = LoopbackAddress.socket(host: "127.0.0.1", port: UInt16(truncatingIfNeeded: port))
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// Addresses of IPv4 as the kernel has them.
enum LoopbackAddress {
    static func socket(host: String, port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        return address
    }
}
