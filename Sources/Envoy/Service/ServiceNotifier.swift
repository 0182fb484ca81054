internal import Foundation
internal import Glibc

/// Tells the service manager how the agent is, where there is one: datagrams to the socket of `NOTIFY_SOCKET`, as
/// systemd's `sd_notify` describes them. Where none listens, nothing happens.
public struct ServiceNotifier: Sendable {
    private let socketPath: String?
    /// How long the manager waits for a sign of life; nil where it waits for none.
    public let patience: Duration?

    /// The manager that this process's environment names.
    public init() { self.init(ProcessInfo.processInfo.environment) }

    init(_ environment: [String: String]) {
        socketPath = environment["NOTIFY_SOCKET"].flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        let isMeant = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        patience = isMeant ? environment["WATCHDOG_USEC"].flatMap { Int64($0) }.map { .microseconds(max(1, $0)) } : nil
    }

    /// The agent is ready.
    public func ready(_ status: String) { send("READY=1\nSTATUS=\(status)") }
    /// The agent ends.
    public func stopping() { send("STOPPING=1\nSTATUS=ending") }
    /// The agent lives.
    public func alive() { send("WATCHDOG=1") }

    /// Gives signs of life for as long as the agent does, until cancelled: an agent whose disk hangs gives none, and is
    /// started anew.
    public func watch(_ agent: EnvoyAgent) async {
        guard socketPath != nil, let patience else { return }
        while !Task.isCancelled {
            await agent.pulse()
            alive()
            guard (try? await Task.sleep(for: patience / 3)) != nil else { return }
        }
    }

    private func send(_ text: String) {
        guard let socketPath else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socketPath.utf8)
        // A name that begins with @ is in no directory: its first byte is 0.
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.count < room else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        // Of a path the 0 after it is part of the name; of one in no directory it would be another name.
        let length = MemoryLayout<sockaddr_un>.size - room + path.count + (path.first == 0 ? 0 : 1)
        let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return }
        defer { close(number) }
        let bytes = Array(text.utf8)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { target in
                sendto(number, bytes, bytes.count, Int32(MSG_NOSIGNAL), target, socklen_t(length))
            }
        }
    }
}
