import Foundation
import Synchronization
import Testing

/// A load balancer of the simplest kind: one address of loopback, behind which is another one, until it is taken down.
final class TCPRelay: Sendable {
    let address: String
    private let target: UInt16
    private let listener: Int32
    private let sockets = Mutex<(open: Set<Int32>, isDown: Bool)>(([], false))

    /// Passes on what comes to a port of its own to `host:port` of loopback.
    init(to target: String, port: Int) throws {
        self.target = try #require(target.split(separator: ":").last.flatMap { UInt16($0) })
        address = "127.0.0.1:\(port)"
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        try #require(listener >= 0)
        var one: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        let bound = Self.with(port: UInt16(port)) { bind(listener, $0, $1) }
        try #require(bound == 0 && listen(listener, 64) == 0, "port \(port): errno \(errno)")
        Thread.detachNewThread { [self] in accept() }
    }

    deinit { close(listener) }

    /// Cuts all connections; nobody is answered at its address any more.
    func takeDown() {
        shutdown(listener, Int32(SHUT_RDWR))
        sockets.withLock { sockets in
            sockets.isDown = true
            for socket in sockets.open { shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    private static func with(
        port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private func accept() {
        while case let near = Glibc.accept(listener, nil, nil), near >= 0 {
            let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            _ = fcntl(near, F_SETFD, FD_CLOEXEC)
            guard far >= 0, Self.with(port: target, { connect(far, $0, $1) }) == 0 else {
                close(near)
                if far >= 0 { close(far) }
                continue
            }
            let isDown = sockets.withLock { sockets in
                sockets.open.formUnion([near, far])
                return sockets.isDown
            }
            if isDown { for socket in [near, far] { shutdown(socket, Int32(SHUT_RDWR)) } }
            Thread.detachNewThread { [self] in
                let isBackDone = DispatchSemaphore(value: 0)
                Thread.detachNewThread {
                    Self.copy(from: far, to: near)
                    isBackDone.signal()
                }
                Self.copy(from: near, to: far)
                isBackDone.wait()
                sockets.withLock { $0.open.subtract([near, far]) }
                for socket in [near, far] { close(socket) }
            }
        }
    }

    /// Until either end has enough; then both do.
    private static func copy(from source: Int32, to target: Int32) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = recv(source, &buffer, buffer.count, 0), count > 0 {
            var sent = 0
            while sent < count {
                let wrote = buffer[sent..<count].withUnsafeBytes {
                    send(target, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard wrote > 0 else { break }
                sent += wrote
            }
            guard sent == count else { break }
        }
        for socket in [source, target] { shutdown(socket, Int32(SHUT_RDWR)) }
    }
}
