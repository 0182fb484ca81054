import Foundation
import LoopbackKit
import NIOSSL

/// Members of an etcd of one's own on loopback, with certificates made for the run: clients and peers show one to each
/// other. Stopped at the end.
final class EtcdCluster {
    /// Members' client ports.
    let ports: [Int]
    private(set) var pids: [Int] = []
    private let scratch: ScratchDirectory
    private let curl: String
    private var certificate: String { scratch.file("etcd.crt") }
    private var key: String { scratch.file("etcd.key") }
    private var authority: String { scratch.file("etcd-ca.crt") }

    /// The programs that it takes; nil where one is missing.
    struct Tools {
        let etcd: String
        let openssl: String
        let curl: String

        init?() {
            guard let etcd = Program.find("etcd"), let openssl = Program.find("openssl"),
                let curl = Program.find("curl")
            else { return nil }
            (self.etcd, self.openssl, self.curl) = (etcd, openssl, curl)
        }
    }

    /// Starts so many members and waits until they have a leader.
    init(_ count: Int, tools: Tools, scratch: ScratchDirectory) throws {
        (self.scratch, curl) = (scratch, tools.curl)
        let all = try FreePorts.take(count * 2)
        ports = Array(all[..<count])
        try makeCertificates(tools.openssl)
        let cluster = (0..<count).map { "m\($0)=https://127.0.0.1:\(all[count + $0])" }.joined(separator: ",")
        for number in 0..<count {
            let (client, peer) = ("https://127.0.0.1:\(all[number])", "https://127.0.0.1:\(all[count + number])")
            var arguments = ["--name", "m\(number)", "--data-dir", scratch.file("etcd-\(number)")]
            arguments += ["--listen-client-urls", client, "--advertise-client-urls", client]
            arguments += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
            arguments += ["--initial-cluster", cluster, "--initial-cluster-state", "new"]
            arguments += ["--cert-file", certificate, "--key-file", key, "--trusted-ca-file", authority]
            arguments += ["--client-cert-auth", "--peer-client-cert-auth", "--peer-trusted-ca-file", authority]
            arguments += ["--peer-cert-file", certificate, "--peer-key-file", key]
            arguments += ["--logger", "zap", "--log-level", "error"]
            let log = scratch.file("etcd-\(number).log")
            pids.append(Int(try Program.start(tools.etcd, arguments, output: log, errors: log + ".err")))
        }
        guard RealMesh.wait(seconds: 30, every: 100, { self.leader() != nil }) else {
            throw BenchFailure("etcd has no leader: see \(scratch.path)")
        }
    }

    deinit {
        for pid in pids {
            kill(pid_t(pid), SIGKILL)
            _ = Program.wait(pid_t(pid))
        }
    }

    private func makeCertificates(_ openssl: String) throws {
        let extensions = scratch.file("etcd.ext")
        try "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"
            .write(toFile: extensions, atomically: true, encoding: .utf8)
        let request = scratch.file("etcd.csr")
        for file in [scratch.file("etcd-ca.key"), key] {
            _ = try Program.output(openssl, ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", file])
        }
        let commands = [
            ["req", "-x509", "-new", "-key", scratch.file("etcd-ca.key"), "-subj", "/CN=bench CA", "-days", "2"]
                + ["-out", authority],
            ["req", "-new", "-key", key, "-subj", "/CN=bench", "-out", request],
            ["x509", "-req", "-in", request, "-CA", authority, "-CAkey", scratch.file("etcd-ca.key")]
                + ["-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate],
        ]
        for command in commands { _ = try Program.output(openssl, command) }
    }

    /// How a writer is known here.
    func context() throws -> NIOSSLContext {
        try Credential(chain: certificate, key: key, root: authority, protocols: ["h2"]).context()
    }

    private func ask(_ member: Int, _ path: String, _ body: String?) -> String {
        let post = body.map { ["-d", $0] } ?? []
        let answer = try? Program.output(
            curl,
            ["-s", "--max-time", "2", "--cacert", authority, "--cert", certificate, "--key", key]
                + post + ["https://127.0.0.1:\(ports[member])\(path)"])
        return answer ?? ""
    }

    /// The member that leads; nil while none does.
    func leader() -> Int? {
        ports.indices.first { member in
            let answer = JSON(ask(member, "/v3/maintenance/status", "{}"))
            guard let own = answer["header"]["member_id"].text, let leader = answer["leader"].text else { return false }
            return own == leader
        }
    }

    /// The sum of a counter over all members.
    func counter(_ name: String) -> Double {
        ports.indices.reduce(0) { $0 + PlainHTTP.metric(name, in: ask($1, "/metrics", nil)) }
    }

    /// A counter of one member.
    func counter(_ name: String, of member: Int) -> Double {
        PlainHTTP.metric(name, in: ask(member, "/metrics", nil))
    }
}

/// Files by which a writer is known, and knows whom it writes to.
struct Credential {
    let chain: String
    let key: String
    let root: String
    let protocols: [String]

    /// TLS 1.3 with both certificates. Who is meant is known by the address of loopback alone.
    func context() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(chain).map { .certificate($0) }
        configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
        configuration.trustRoots = .file(root)
        configuration.certificateVerification = .noHostnameVerification
        configuration.minimumTLSVersion = .tlsv13
        configuration.applicationProtocols = protocols
        return try NIOSSLContext(configuration: configuration)
    }
}
