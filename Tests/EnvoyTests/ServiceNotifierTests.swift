import Foundation
import Glibc
import Testing

@testable import Envoy

/// What a service manager is told, over both kinds of sockets.
@Suite struct ServiceNotifierTests {
    /// A socket of a manager; `name` begins with @ for one in no directory.
    private func listen(_ name: String) throws -> Int32 {
        let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(name.utf8)
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let room = MemoryLayout.size(ofValue: address.sun_path)
        let length = MemoryLayout<sockaddr_un>.size - room + path.count + (path.first == 0 ? 0 : 1)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(number, $0, socklen_t(length)) }
        }
        try #require(bound == 0, "\(String(cString: strerror(errno)))")
        return number
    }

    private func received(_ socket: Int32) -> String? {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = recv(socket, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    @Test("the manager hears that the agent is ready, lives and ends, at a path and in no directory")
    func told() throws {
        let scratch = try Scratch()
        for name in [scratch.file("notify"), "@bolt-envoy-test-\(UUID().uuidString)"] {
            let socket = try listen(name)
            defer { close(socket) }
            let manager = ServiceNotifier(["NOTIFY_SOCKET": name])
            manager.ready("applying its policy")
            #expect(received(socket) == "READY=1\nSTATUS=applying its policy")
            manager.alive()
            #expect(received(socket) == "WATCHDOG=1")
            manager.stopping()
            #expect(received(socket)?.hasPrefix("STOPPING=1") == true)
        }
    }

    @Test("without a manager, or with one that is gone, nothing happens")
    func nobody() {
        let places: [[String: String]] = [
            [:], ["NOTIFY_SOCKET": ""], ["NOTIFY_SOCKET": "relative"], ["NOTIFY_SOCKET": "/nowhere/notify"],
            ["NOTIFY_SOCKET": "/" + String(repeating: "x", count: 300)],
        ]
        for environment in places {
            let manager = ServiceNotifier(environment)
            manager.ready("x")
            #expect(manager.patience == nil)
        }
    }

    @Test("signs of life are asked for in microseconds, of the process that is named")
    func watchdog() {
        let own = "\(getpid())"
        #expect(ServiceNotifier(["WATCHDOG_USEC": "30000000"]).patience == .seconds(30))
        #expect(ServiceNotifier(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": own]).patience == .seconds(30))
        #expect(ServiceNotifier(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"]).patience == nil)
        #expect(ServiceNotifier(["WATCHDOG_USEC": "soon"]).patience == nil)
    }
}
