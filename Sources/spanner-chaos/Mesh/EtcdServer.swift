import Foundation

/// A real etcd of one member on loopback, which gives the mesh under test its leases.
actor EtcdServer {
    nonisolated let endpoint: String
    private let program: String
    private let peer: String
    private let folder: String
    private var pid: pid_t?
    private var starts = 0

    private static let startSeconds = 30.0
    private static let stopSeconds = 10.0

    /// What every bolt is told of it. Debian's is older than the repair of two errors of leases.
    nonisolated var settings: [String] {
        [
            "lease.engine=etcd", "lease.ttl_ms=\(EtcdServer.ttlMilliseconds)", "etcd.endpoints=\(endpoint)",
            "etcd.accept_old_etcd=true",
        ]
    }
    static let ttlMilliseconds = 3000

    /// The program, where there is one.
    static var program: String? { Program.find("etcd") }

    /// Starts nothing yet.
    init(in folder: String) throws {
        guard let program = EtcdServer.program else {
            throw ChaosFailure("there is no etcd: script/bootstrap installs the package etcd-server")
        }
        let ports = try FreePorts.take(2)
        (self.program, self.folder) = (program, folder + "/etcd")
        (endpoint, peer) = ("http://127.0.0.1:\(ports[0])", "http://127.0.0.1:\(ports[1])")
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
    }

    /// Starts it, where it does not run, and waits until it serves.
    func start() async throws {
        if let pid, !Program.isGone(pid) {
            kill(pid, SIGCONT)
            return
        }
        starts += 1
        let log = "\(folder)/log-\(starts)"
        let started = try Program.start(
            [
                program, "--data-dir", folder + "/data", "--listen-client-urls", endpoint, "--advertise-client-urls",
                endpoint, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster",
                "default=\(peer)", "--heartbeat-interval", "50", "--election-timeout", "500",
            ], output: log)
        pid = started
        let serves: Bool? = try await Waiting.until(seconds: EtcdServer.startSeconds) {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            return text.contains("ready to serve client requests") ? true : nil
        }
        guard serves == true else { throw ChaosFailure("etcd does not serve: see \(log)") }
    }

    /// SIGSTOP.
    func pause() { if let pid { kill(pid, SIGSTOP) } }

    /// SIGCONT.
    func resume() { if let pid { kill(pid, SIGCONT) } }

    /// Ends it, by this signal, and waits until it is gone. What it stored stays.
    func end(_ signal: Int32) async {
        guard let ended = pid else { return }
        pid = nil
        kill(ended, SIGCONT)
        kill(ended, signal)
        let gone: Bool? = try? await Waiting.until(seconds: EtcdServer.stopSeconds, every: .milliseconds(20)) {
            Program.isGone(ended) ? true : nil
        }
        guard gone != true else { return }
        kill(ended, SIGKILL)
        _ = Program.isGone(ended)
    }

    /// All that it stored is lost. Only while it does not run.
    func erase() throws { try FileManager.default.removeItem(atPath: folder + "/data") }
}
