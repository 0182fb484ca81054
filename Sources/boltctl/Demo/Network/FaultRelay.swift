import Foundation
import Glibc
import Synchronization

/// A TCP relay in front of each bolt that can silence pairs of bolts: connections stay open and carry nothing, as when
/// a network loses every packet. Who dials is read from the system's table of sockets, so nothing has to cooperate.
final class FaultRelay: Sendable {
    /// The bolts' names with the ports that the world knows and those they listen at.
    struct Front: Sendable {
        let bolt: String
        let descriptor: Int32
        let port: Int
        let upstream: Int
    }

    private struct State {
        var cut: Set<Set<String>> = []
        var owners: [pid_t: String] = [:]
        var stopped = false
    }

    /// Connections relayed at a time; more wait in the kernel.
    static let connectionsMax = 2_000
    let fronts: [Front]
    private let state = Mutex(State())

    init(fronts: [Front]) {
        self.fronts = fronts
        let thread = Thread { [self] in loop() }
        thread.name = "fault relay"
        thread.start()
    }

    /// Tells which process is which bolt.
    func setOwners(_ owners: [pid_t: String]) { state.withLock { $0.owners = owners } }

    /// Silences each bolt of one side towards each of the other.
    func split(_ one: [String], _ other: [String]) {
        state.withLock { state in
            for near in one { for far in other { state.cut.insert([near, far]) } }
        }
    }

    /// Carries everything again, what was held back first.
    func heal() { state.withLock { $0.cut = [] } }

    /// Ends the relay and its connections.
    func stop() { state.withLock { $0.stopped = true } }

    private func loop() {
        var pipes: [RelayPipe] = []
        for front in fronts { Loopback.unblock(front.descriptor) }
        while true {
            let (cut, stopped) = state.withLock { ($0.cut, $0.stopped) }
            guard !stopped else { break }
            var polled = fronts.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            let live = pipes.filter { !$0.isSilent(cut) }
            for pipe in live { polled += pipe.interests }
            _ = poll(&polled, nfds_t(polled.count), 20)
            for (front, entry) in zip(fronts, polled) where entry.revents != 0 && pipes.count < Self.connectionsMax {
                accept(front, into: &pipes)
            }
            for pipe in live { pipe.move() }
            for pipe in pipes where pipe.isDone { pipe.end() }
            pipes.removeAll { $0.isDone }
        }
        for pipe in pipes { pipe.end() }
        for front in fronts { close(front.descriptor) }
    }

    private func accept(_ front: Front, into pipes: inout [RelayPipe]) {
        var peer = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let near = withUnsafeMutablePointer(to: &peer) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.accept(front.descriptor, $0, &length) }
        }
        guard near >= 0 else { return }
        Loopback.unblock(near)
        let owners = state.withLock { $0.owners }
        let port = Int(UInt16(bigEndian: peer.sin_port))
        let dialer = SocketOwner.find(localPort: port, remotePort: front.port, among: Array(owners.keys))
        guard let far = Loopback.connect(port: front.upstream) else {
            close(near)
            return
        }
        pipes.append(RelayPipe(near: near, far: far, pair: [front.bolt, dialer.flatMap { owners[$0] } ?? ""]))
    }
}

/// One relayed connection. Used by the relay's thread alone.
final class RelayPipe {
    private static let bufferBytesMax = 256 * 1024
    private let near: Int32
    private let far: Int32
    private let pair: Set<String>
    private var toFar: [UInt8] = []
    private var toNear: [UInt8] = []
    private var nearEnded = false
    private var farEnded = false
    private var broken = false
    private var closed = false

    init(near: Int32, far: Int32, pair: Set<String>) { (self.near, self.far, self.pair) = (near, far, pair) }

    /// Whether it belongs to a silenced pair.
    func isSilent(_ cut: Set<Set<String>>) -> Bool { cut.contains(pair) }

    var isDone: Bool { broken || (nearEnded && farEnded && toFar.isEmpty && toNear.isEmpty) }

    var interests: [pollfd] {
        func wants(_ ended: Bool, _ incoming: [UInt8], _ outgoing: [UInt8]) -> Int16 {
            let read = !ended && incoming.count < Self.bufferBytesMax ? Int16(POLLIN) : 0
            return read | (outgoing.isEmpty ? 0 : Int16(POLLOUT))
        }
        return [
            pollfd(fd: near, events: wants(nearEnded, toFar, toNear), revents: 0),
            pollfd(fd: far, events: wants(farEnded, toNear, toFar), revents: 0),
        ]
    }

    func move() {
        read(near, into: &toFar, ended: &nearEnded)
        read(far, into: &toNear, ended: &farEnded)
        write(far, from: &toFar, closing: nearEnded)
        write(near, from: &toNear, closing: farEnded)
    }

    func end() {
        guard !closed else { return }
        closed = true
        close(near)
        close(far)
    }

    private func read(_ descriptor: Int32, into buffer: inout [UInt8], ended: inout Bool) {
        guard !ended, buffer.count < Self.bufferBytesMax else { return }
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count > 0 {
            buffer += chunk[..<count]
        } else if count == 0 {
            ended = true
        } else if errno != EAGAIN && errno != EINTR && errno != ENOTCONN {
            broken = true
        }
    }

    private func write(_ descriptor: Int32, from buffer: inout [UInt8], closing: Bool) {
        if !buffer.isEmpty {
            let count = send(descriptor, buffer, buffer.count, Int32(MSG_NOSIGNAL))
            if count > 0 {
                buffer.removeFirst(count)
            } else if count < 0 && errno != EAGAIN && errno != EINTR && errno != ENOTCONN {
                broken = true
            }
        }
        if closing, buffer.isEmpty { shutdown(descriptor, Int32(SHUT_WR)) }
    }
}

/// Finds the process behind a connection of the loopback.
enum SocketOwner {
    /// Which of `pids` holds the socket with these ports; nil where none does.
    static func find(localPort: Int, remotePort: Int, among pids: [pid_t]) -> pid_t? {
        guard let inode = inode(localPort: localPort, remotePort: remotePort) else { return nil }
        let wanted = "socket:[\(inode)]"
        return pids.first { pid in
            let folder = "/proc/\(pid)/fd"
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            return names.contains { name in
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")) == wanted
            }
        }
    }

    private static func inode(localPort: Int, remotePort: Int) -> String? {
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            for line in read(table).split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ")
                guard fields.count > 9, port(fields[1]) == localPort, port(fields[2]) == remotePort else { continue }
                return String(fields[9])
            }
        }
        return nil
    }

    /// The whole of a file of the kernel's, which tells no size and gives a page at a time.
    private static func read(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
        }
    }

    private static func port(_ field: Substring) -> Int? {
        field.split(separator: ":").last.flatMap { Int($0, radix: 16) }
    }
}
