import Foundation

/// Check-ins over mutual TLS beside nginx with OpenSSL, by the same client with the same certificate: a new connection
/// for each (`ab`), and many over one (`curl`). nginx answers at once and stores nothing.
///
/// Client and server share the machine, so rates are compared by a second of the server's processor time.
struct CheckInFigures {
    let settings: BenchSettings
    private let seconds = 4
    /// Connections that are kept alive, and requests over each.
    private let kept = (connections: 4, requests: 2500)

    /// What one server did.
    struct Outcome {
        var rate: Double
        var processorSeconds: Double
        var failed: Int

        /// Requests for each second of processor time of the server.
        var perCore: Double { processorSeconds > 0 ? rate / processorSeconds : .nan }
    }

    /// The request that is sent, and by whom.
    struct Client {
        let identity: String
        let body: String
        let scratch: ScratchDirectory

        /// The envoy that was enrolled in a folder; it holds no policy.
        init(state: String, scratch: ScratchDirectory) throws {
            (identity, body) = (scratch.file("client.pem"), scratch.file("body.json"))
            self.scratch = scratch
            let parts = try ["tls.crt", "tls.key"].map {
                try String(contentsOfFile: "\(state)/identity/\($0)", encoding: .utf8)
            }
            try parts.joined().write(toFile: identity, atomically: true, encoding: .utf8)
            try write("")
        }

        /// It holds this policy from now on.
        func say(held: String, sequence: Int) throws {
            try write(",\"held_digest\":\"\(held)\",\"policy_sequence\":\(sequence)")
        }

        private func write(_ more: String) throws {
            let traits = (0..<30).map { "\"trait_\($0)\":\"\(String(repeating: "x", count: 20))\"" }
            let queue = "00112233445566778899aabbccddeeff"
            let text =
                "{\"traits\":{\(traits.joined(separator: ","))},\"queue_incarnation\":\"\(queue)\",\"first_held\":1,"
                + "\"results\":[]\(more)}"
            try text.write(toFile: body, atomically: true, encoding: .utf8)
        }
    }

    func measure(_ report: inout Report) throws {
        guard let ab = Program.find("ab"), let curl = Program.find("curl"), let nginx = Program.find("nginx") else {
            report.note("SKIPPED: needs ab (apache2-utils), curl and nginx (nginx-light)")
            return
        }
        let mesh = try RealMesh(bolts: 1, settings: settings)
        let bolt = mesh.members[0]
        let token = try mesh.control(["envoy", "token", "create"])
        guard let text = token["token"].text else { throw BenchFailure("no token in the answer") }
        let state = mesh.scratch.path
        _ = try mesh.envoy(["enroll", "--token", text, "--state", state, "--name", "bench-1"])
        let peer = try Nginx(nginx, mesh.scratch, root: "\(state)/identity/root.crt")
        let client = try Client(state: state, scratch: mesh.scratch)
        try compare(
            client, (ab, curl), bolt: ("https://\(bolt.address)/v1/checkin", bolt.pid), peer, aims: (2.5, 0.4), &report)
        report.value("resident memory of the bolt after it", Program.memoryBytes(bolt.pid, "VmRSS") / 1_048_576, "MiB")
    }

    /// The same check-ins at a bolt and at nginx, in turns; by new connections first, then by kept ones.
    func compare(
        _ client: Client, _ programs: (ab: String, curl: String), bolt: (url: String, pid: Int), _ peer: Nginx,
        aims: (anew: Double, kept: Double), _ report: inout Report
    ) throws {
        for keepAlive in [false, true] {
            var (ours, theirs): ([Outcome], [Outcome]) = ([], [])
            for _ in 0..<3 {
                for (url, pids) in [
                    ("https://127.0.0.1:\(peer.port)/", peer.workers),
                    (bolt.url, [bolt.pid]),
                ] {
                    let outcome =
                        keepAlive
                        ? try over(programs.curl, client, url, pids) : try anew(programs.ab, client, url, pids)
                    if pids == [bolt.pid] { ours.append(outcome) } else { theirs.append(outcome) }
                }
            }
            let name = keepAlive ? "keep-alive" : "new connection"
            let least = keepAlive ? aims.kept : aims.anew
            tell("nginx, \(name)", theirs, &report)
            tell("check-in, \(name)", ours, &report)
            let ratio = Series(values: ours.map(\.perCore)).median / Series(values: theirs.map(\.perCore)).median
            report.value("  ratio a core-second", ratio, "× nginx", aim: .atLeast(least, "\(least)"))
        }
    }

    private func tell(_ name: String, _ outcomes: [Outcome], _ report: inout Report) {
        report.value(name, Series(values: outcomes.map(\.rate)).median, "a second")
        report.value("  a second of the server's processor time", Series(values: outcomes.map(\.perCore)).median, "")
        let failed = outcomes.reduce(0) { $0 + $1.failed }
        if failed > 0 { report.note("  \(failed) FAILED") }
    }

    private func used(_ pids: [Int]) -> Double { pids.reduce(0) { $0 + Program.processorSeconds($1) } }

    /// A new connection for each request, eight at a time: half of what one identity may have.
    private func anew(_ ab: String, _ client: Client, _ url: String, _ pids: [Int]) throws -> Outcome {
        let before = used(pids)
        let text = try Program.output(
            ab,
            [
                "-q", "-t", "\(seconds)", "-n", "10000000", "-c", "8", "-f", "TLS1.3", "-H", "Connection: close",
                "-T", "application/json", "-E", client.identity, "-p", client.body, url,
            ])
        func field(_ name: String) -> Double {
            let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
            return line?.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }.first ?? 0
        }
        let time = field("Time taken for tests")
        let seconds = max(time, 0.001)
        let failed = field("Failed requests") + field("Non-2xx responses")
        // Those that were refused cost a server little: they are no check-ins.
        return Outcome(
            rate: (field("Complete requests") - failed) / seconds, processorSeconds: (used(pids) - before) / seconds,
            failed: Int(failed))
    }

    /// Many requests over each of some connections.
    func over(_ curl: String, _ client: Client, _ url: String, _ pids: [Int]) throws -> Outcome {
        let before = used(pids)
        let clock = ContinuousClock()
        let begun = clock.now
        let outputs = (0..<kept.connections).map { client.scratch.file("curl\($0)") }
        let clients = try outputs.map { output in
            try Program.start(
                curl,
                [
                    "-sS", "-k", "--http1.1", "--cert", client.identity, "-H", "content-type: application/json",
                    "-d", "@\(client.body)", "-o", "/dev/null", "-w", "%{http_code}\\n", "\(url)#[1-\(kept.requests)]",
                ], output: output, errors: "/dev/null")
        }
        for pid in clients { _ = Program.wait(pid) }
        let time = Series.seconds(begun.duration(to: clock.now))
        let total = kept.connections * kept.requests
        let good = outputs.reduce(0) { sum, output in
            let codes = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
            return sum + codes.split(separator: "\n").count { $0 == "200" }
        }
        return Outcome(
            rate: Double(total) / time, processorSeconds: (used(pids) - before) / time, failed: total - good)
    }
}

/// An nginx of one's own on loopback that asks for certificates of the mesh and answers each request with a line, and
/// `/file` with a file, where there is one.
final class Nginx {
    let port: Int
    /// What it proves itself by: nobody but itself signed it.
    let certificate: String
    private(set) var workers: [Int] = []
    private let master: pid_t

    init(_ program: String, _ scratch: ScratchDirectory, root: String, file: String? = nil) throws {
        guard let openssl = Program.find("openssl") else { throw BenchFailure("needs openssl") }
        port = 20_000 + Int(getpid() % 20_000)
        let folder = scratch.file("nginx")
        certificate = "\(folder)/cert.pem"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = try Program.output(
            openssl,
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-keyout", "\(folder)/key.pem", "-out", "\(folder)/cert.pem",
            ])
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(folder)/\($0);" }.joined(separator: " ")
        let configuration = """
            \(getuid() == 0 ? "user root;" : "")
            worker_processes 2; daemon off; pid \(folder)/pid; error_log \(folder)/error.log;
            events { worker_connections 2000; }
            http { access_log off; \(temporary)
            server { listen 127.0.0.1:\(port) ssl; ssl_protocols TLSv1.3; keepalive_requests 10000000;
            ssl_certificate \(folder)/cert.pem; ssl_certificate_key \(folder)/key.pem;
            ssl_client_certificate \(root); ssl_verify_client on; ssl_verify_depth 4;
            default_type application/json; \(file.map { "location = /file { alias \($0); }" } ?? "")
            location / { return 200 '{"stored_through":0,"release_through":0}'; } } }
            """
        try configuration.write(toFile: "\(folder)/nginx.conf", atomically: true, encoding: .utf8)
        master = try Program.start(
            program, ["-c", "\(folder)/nginx.conf", "-e", "\(folder)/error.log"], output: "\(folder)/out",
            errors: "\(folder)/err")
        let deadline = ContinuousClock.now + .seconds(10)
        let children = "/proc/\(master)/task/\(master)/children"
        while workers.count < 2, ContinuousClock.now < deadline {
            let text = (try? String(contentsOfFile: children, encoding: .utf8)) ?? ""
            workers = text.split(separator: " ").compactMap { Int($0) }
            usleep(20_000)
        }
        guard workers.count == 2 else { throw BenchFailure("nginx did not start: see \(folder)/error.log") }
    }

    deinit {
        kill(master, SIGTERM)
        _ = Program.wait(master)
    }
}
