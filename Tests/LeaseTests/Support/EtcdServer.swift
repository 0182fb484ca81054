import Foundation
import Glibc
import Lease
import Synchronization
import Testing

/// A real etcd of one member, in a directory and on ports of its own, on loopback.
final class EtcdServer {
    /// The program, where Debian's package puts it or in the search path.
    static let program: String? = {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (path.split(separator: ":").map { "\($0)/etcd" } + ["/usr/bin/etcd"])
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    /// Why a test was left out.
    static let absence: Comment = "there is no etcd: script/bootstrap installs the package etcd-server"

    /// Certificates for both ends.
    struct TLS {
        let ca: String
        let server: (certificate: String, key: String)
        let client: (certificate: String, key: String)
    }

    let directory: String
    let port: Int
    private let peerPort: Int
    private let tls: TLS?
    private var process: Process?
    private var log = Journal<String>()

    init(tls: TLS? = nil) throws {
        directory = try Scratch.directory()
        (port, peerPort) = (try Sockets.freePort(), try Sockets.freePort())
        self.tls = tls
    }

    deinit { kill() }

    var endpoint: String { "\(tls == nil ? "http" : "https")://127.0.0.1:\(port)" }

    /// Starts it and waits until it serves.
    func start() async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.program))
        let peer = "http://127.0.0.1:\(peerPort)"
        var arguments = [
            "--data-dir", directory + "/data", "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=\(peer)",
            "--heartbeat-interval", "20", "--election-timeout", "200",
        ]
        if let tls {
            arguments += [
                "--cert-file", tls.server.certificate, "--key-file", tls.server.key, "--client-cert-auth",
                "--trusted-ca-file", tls.ca,
            ]
        }
        process.arguments = arguments
        let (pipe, log) = (Pipe(), Journal<String>())
        process.standardError = pipe
        process.standardOutput = pipe
        pipe.fileHandleForReading.readabilityHandler = { handle in
            let text = String(decoding: handle.availableData, as: UTF8.self)
            if text.isEmpty { handle.readabilityHandler = nil } else { log.append(text) }
        }
        try process.run()
        (self.process, self.log) = (process, log)
        let isReady = await log.first { $0.contains("ready to serve client requests") } != nil
        try #require(isReady, "etcd did not start: \(log.all.joined().suffix(2000))")
    }

    func pause() { if let process { Glibc.kill(process.processIdentifier, SIGSTOP) } }
    func resume() { if let process { Glibc.kill(process.processIdentifier, SIGCONT) } }

    /// Ends it without a goodbye. What it stored stays.
    func kill() {
        guard let process else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    /// All that it stored is gone.
    func erase() throws { try FileManager.default.removeItem(atPath: directory + "/data") }
}

/// Loopback sockets of the tests' own.
enum Sockets {
    private static let next = Mutex(Int(getpid()) % portsCount)
    private static let (portsFrom, portsCount) = (20_000, 12_000)

    /// A port that nobody listens on at this moment, and that nobody is given who does not ask for it by number: it is
    /// below those of the kernel, of which a connection may take one before a server has it.
    static func freePort() throws -> Int {
        for _ in 0..<portsCount {
            let port = next.withLock { next in
                next = (next + 1) % portsCount
                return portsFrom + next
            }
            guard let (listener, _) = try? listen(port) else { continue }
            close(listener)
            return port
        }
        throw CancellationError()
    }

    /// How many connections wait at a listening socket; they are ended.
    static func connections(_ listener: Int32) -> Int {
        var count = 0
        while case let connection = accept(listener, nil, nil), connection >= 0 {
            close(connection)
            count += 1
        }
        return count
    }

    /// A listening socket and its port; 0: any.
    static func listen(_ port: Int = 0) throws -> (socket: Int32, port: Int) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(listener >= 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, size) == 0 && Glibc.listen(listener, 16) == 0
                    && getsockname(listener, address, &size) == 0
            }
        }
        guard isBound else {
            close(listener)
            throw CancellationError()
        }
        return (listener, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// A server that takes one connection after another, says `answer` and ends it; nothing: it never says a word.
    static func serve(_ answer: String?) throws -> (socket: Int32, port: Int) {
        let (listener, port) = try listen()
        guard let answer else {
            // Its connections are counted, not awaited.
            _ = fcntl(listener, F_SETFL, O_NONBLOCK)
            return (listener, port)
        }
        Thread.detachNewThread {
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                var request = [UInt8](repeating: 0, count: 4096)
                _ = read(connection, &request, request.count)
                let bytes = Array(answer.utf8)
                _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                close(connection)
            }
        }
        return (listener, port)
    }
}
