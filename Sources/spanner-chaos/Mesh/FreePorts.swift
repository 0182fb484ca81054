import Foundation
import Synchronization

/// Ports of loopback that nobody listens on, and that nobody is given who does not ask for them by number: they are
/// below those of the kernel, of which a connection may take one while the program that had it is down.
enum FreePorts {
    private static let (from, range) = (20_000, 12_000)
    private static let next = Mutex(Int(getpid()) * 37 % range)

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
        guard ports.count == count else { throw ChaosFailure("only \(ports.count) of \(count) ports are free") }
        return ports
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
