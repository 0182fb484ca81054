import Foundation
import Testing

/// A bare TCP connection, for clients that behave badly.
final class TCPSocket {
    private let descriptor: Int32

    /// Connects to `host:port` of IPv4.
    init(_ address: String) throws {
        let parts = address.split(separator: ":")
        let port = try #require(parts.last.flatMap { UInt16($0) })
        descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = port.bigEndian
        target.sin_addr.s_addr = inet_addr(String(parts[0]))
        let status = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0, "connect to \(address): errno \(errno)")
    }

    deinit { close(descriptor) }

    /// Sends what the other side takes; an error is its answer.
    func write(_ bytes: [UInt8]) { _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    /// No more will come from here.
    func finishWriting() { shutdown(descriptor, Int32(SHUT_WR)) }
}
