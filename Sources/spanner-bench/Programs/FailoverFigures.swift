import Foundation
import LoopbackKit

/// How long writers wait where the primary is killed and a lease in etcd decides that its standby takes over.
struct FailoverFigures {
    let settings: BenchSettings
    private let writers = 16
    private let rounds = 6
    private let lease = 2.0

    func measure(_ report: inout Report) throws {
        guard let etcd = Program.find("etcd") else {
            report.note("SKIPPED: needs etcd (etcd-server)")
            return
        }
        let scratch = try ScratchDirectory(in: settings.directory)
        let server = try PlainEtcd(etcd, scratch)
        let mesh = try RealMesh(
            bolts: 1, each: 2,
            set: [
                "lease.engine=etcd", "lease.ttl_ms=\(Int(lease * 1000))", "etcd.endpoints=\(server.endpoint)",
                "etcd.accept_old_etcd=true",
            ], settings: settings)
        var primary = try mesh.waitForSync(2)
        let fleet = try LoadFleet(LoadFleet.envoys(writers, of: mesh, first: primary, allToFirst: false))
        _ = try fleet.run(rate: 500, seconds: 1)
        var (silences, first) = (Series(), Series())
        for _ in 0..<rounds {
            // The lease is renewed in its own time: it is killed at any place between two renewals.
            usleep(UInt32.random(in: 1_000_000...2_000_000))
            try fleet.start(rate: 500)
            usleep(500_000)
            let killed = LoadFleet.now
            try mesh.crash(primary)
            let standby = 1 - primary
            let reigns = RealMesh.wait(seconds: 30) {
                PlainHTTP.get(mesh.members[standby].ops, "/v1/health")?.status == 200
            }
            guard reigns else { throw BenchFailure("\(mesh.members[standby].name) did not take over") }
            usleep(1_000_000)
            let outcome = try fleet.stop()
            silences.values.append(outcome.longestSilence(from: killed, to: outcome.ended))
            // What was answered on its way when the primary died is not its successor's.
            let late = outcome.instants.first { $0 > killed + 200_000_000 } ?? outcome.ended
            first.values.append(Double(late - killed) / 1e9)
            try mesh.start(primary)
            primary = try mesh.waitForSync(2)
        }
        report.value("lease", lease, "s")
        report.times("kill −9 until a write is answered", first, aim: .atMost(lease + 0.5, "lease + 0.5 s"))
        report.value("  longest of \(rounds)", first.most, "s", aim: .atMost(lease + 0.5, "lease + 0.5 s"))
        report.times("  longest silence", silences)
    }
}

/// An etcd of one member without TLS, for leases.
final class PlainEtcd {
    let endpoint: String
    private let pid: pid_t

    init(_ program: String, _ scratch: ScratchDirectory) throws {
        let ports = try FreePorts.take(2)
        let (endpoint, peer) = ("http://127.0.0.1:\(ports[0])", "http://127.0.0.1:\(ports[1])")
        self.endpoint = endpoint
        pid = try Program.start(
            program,
            [
                "--data-dir", scratch.file("etcd"), "--listen-client-urls", endpoint, "--advertise-client-urls",
                endpoint, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster",
                "default=\(peer)", "--logger", "zap", "--log-level", "error",
            ], output: scratch.file("etcd.log"), errors: scratch.file("etcd.err"))
        guard
            RealMesh.wait(seconds: 30, every: 50, { PlainHTTP.get("127.0.0.1:\(ports[0])", "/health")?.status == 200 })
        else { throw BenchFailure("etcd does not serve") }
    }

    deinit {
        kill(pid, SIGKILL)
        _ = Program.wait(pid)
    }
}
