import Glibc
public import NIOCore
import Synchronization

/// A TCP port that this process holds before anything is served on it.
///
/// A program that claims its ports first, and then touches its files, finds a port taken while nothing is changed yet.
/// Nobody can connect before a listener takes the claim over. A claim that no listener took is given back with its last
/// reference.
public final class ClaimedPort: Sendable {
    /// The address that was asked for.
    public let host: String
    /// The port: where 0 was asked for, the free one that was found.
    public let port: Int
    private let descriptor: Mutex<CInt?>

    /// Claims `host:port`; port 0 finds a free one. Throws `IOError` where it is taken or not allowed, and what the
    /// resolver says where the host is not known.
    public init(host: String, port: Int) throws {
        let address = try SocketAddress.makeAddressResolvingHost(host, port: port)
        let isV6 = address.protocol == .inet6
        let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let socket = Glibc.socket(isV6 ? AF_INET6 : AF_INET, kind, 0)
        guard socket >= 0 else { throw ClaimedPort.failure("making a socket") }
        do {
            var yes: CInt = 1
            let size = socklen_t(MemoryLayout<CInt>.size)
            // A port whose last connections are still fading away is free; one that somebody listens on is not.
            guard setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, size) == 0 else {
                throw ClaimedPort.failure("setting a socket up")
            }
            let bound = address.withSockAddr { pointer, length in
                Glibc.bind(socket, pointer, socklen_t(length))
            }
            guard bound == 0 else { throw ClaimedPort.failure("claiming \(host):\(port)") }
            self.port = try port > 0 ? port : ClaimedPort.port(of: socket)
        } catch {
            _ = close(socket)
            throw error
        }
        self.host = host
        descriptor = Mutex(socket)
    }

    deinit { if let number = descriptor.withLock({ $0 }) { _ = close(number) } }

    /// Listens and hands the socket over: it is the caller's from here on. Throws `IOError` where another process that
    /// had claimed the same port listens already, or the socket was handed over before.
    func listen(backlog: CInt) throws -> CInt {
        try descriptor.withLock { descriptor in
            guard let number = descriptor else { throw IOError(errnoCode: EBADF, reason: "the claim was used before") }
            guard Glibc.listen(number, backlog) == 0 else { throw ClaimedPort.failure("listening on \(host):\(port)") }
            descriptor = nil
            return number
        }
    }

    /// Connections that may wait to be accepted: a listener that took the socket over may have set its own number.
    static func setBacklog(_ backlog: CInt, of number: CInt) { _ = Glibc.listen(number, backlog) }

    private static func port(of socket: CInt) throws -> Int {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
        }
        guard status == 0 else { throw failure("asking for the port") }
        // Both families have the port behind the family's two bytes, in the network's order.
        return withUnsafeBytes(of: &storage) { Int($0[2]) << 8 | Int($0[3]) }
    }

    private static func failure(_ what: String) -> IOError { IOError(errnoCode: errno, reason: what) }
}

extension ClaimedPort {
    /// Binds what a bootstrap makes to this port. `bind` gets the listening socket, which is its own from then on.
    public func serve<Accepted: Sendable>(
        backlog: CInt,
        _ bind: (NIOBSDSocket.Handle) async throws -> NIOAsyncChannel<Accepted, Never>
    ) async throws -> NIOAsyncChannel<Accepted, Never> {
        let socket = try listen(backlog: backlog)
        let channel = try await bind(socket)
        ClaimedPort.setBacklog(backlog, of: socket)
        return channel
    }
}
