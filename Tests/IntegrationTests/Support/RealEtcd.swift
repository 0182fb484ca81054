import Foundation
import Testing

/// A real etcd of one member, on ports of loopback and in a directory of its own.
final class RealEtcd {
    static let program: String? = ["/usr/bin/etcd", "/usr/local/bin/etcd"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }
    static let absence: Comment = "there is no etcd: script/bootstrap installs the package etcd-server"

    let endpoint: String
    private let peer: String
    private let data: String
    private var process: Background?

    init(in folder: String) throws {
        let ports = try FreePorts.take(2)
        (endpoint, peer) = ("http://127.0.0.1:\(ports[0])", "http://127.0.0.1:\(ports[1])")
        data = folder + "/etcd"
    }

    /// Starts it and waits until it serves.
    func start() throws {
        let process = try Background(
            try #require(Self.program),
            [
                "--data-dir", data, "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster",
                "default=\(peer)", "--heartbeat-interval", "20", "--election-timeout", "200",
            ])
        self.process = process
        try waitUntil("etcd serves", seconds: 30) { process.text.contains("ready to serve client requests") }
    }

    func pause() { process?.signal(SIGSTOP) }
    func resume() { process?.signal(SIGCONT) }

    /// Ends it without a goodbye. What it stored stays.
    func kill() {
        process?.signal(SIGKILL)
        _ = process?.wait(seconds: 10)
        process = nil
    }

    /// All that it stored is gone.
    func erase() throws { try FileManager.default.removeItem(atPath: data) }
}
