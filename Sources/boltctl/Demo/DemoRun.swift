import BoltAPI
import BoltClient
import CRDT
import Foundation
import Spanner

/// One run of the demo: a mesh below a directory, a network that can be split, envoys, and the score.
@MainActor final class DemoRun {
    /// Which network the bolts talk over.
    let network: any DemoNetwork
    let mesh: LocalMesh
    let boltProgram: String
    let envoyProgram: String
    let admissions: Int
    /// The partition that joins later, and the topology before that.
    let joining: PartitionName
    let firstDocument: String
    private(set) var score: DemoScore
    /// Envoys by name, with the directory of their state.
    var envoys: [(name: String, directory: String)] = []
    /// Names of envoys that a bolt acknowledged.
    var acknowledged: Set<String> = []
    /// Copy of the second bolt's state from before the ban.
    var oldCopy: String?

    init(
        network: any DemoNetwork, mesh: LocalMesh, boltProgram: String, envoyProgram: String, admissions: Int,
        joining: PartitionName, firstDocument: String
    ) {
        (self.network, self.mesh, self.admissions) = (network, mesh, admissions)
        (self.joining, self.firstDocument) = (joining, firstDocument)
        (self.boltProgram, self.envoyProgram) = (boltProgram, envoyProgram)
        score = DemoScore(network: network.name, directory: mesh.directory)
    }

    /// Notes a claim with what was found.
    func record(_ step: String, _ claim: String, _ passed: Bool, _ seconds: Double, _ detail: String) {
        score.lines.append(
            .init(step: step, claim: claim, passed: passed, seconds: seconds, detail: detail))
        Console.note("\(passed ? "ok    " : "FAILED") \(step): \(claim) (\(DemoScore.time(seconds))) \(detail)")
    }

    func keep() { score.kept = true }

    /// Waits until all bolts tell the same digest, and notes it.
    func recordConvergence(_ step: String, _ claim: String = "equal digests", within seconds: Double = 30) async throws
    {
        let (digest, wait) = try await timed { try await mesh.waitForConvergence(seconds: seconds) }
        record(step, claim, digest != nil, wait, digest.map { "\($0)" } ?? "not in time")
    }

    // MARK: What steps are made of

    /// Starts a bolt in its network.
    func start(_ bolt: LocalBolt) throws {
        _ = try bolt.start(boltProgram, prefix: network.prefix(for: bolt.fullName))
        network.started(mesh)
    }

    /// Kills a bolt as a power cut would.
    func kill9(_ bolt: LocalBolt) async throws {
        guard let pid = bolt.runningPID else { return }
        kill(pid, SIGKILL)
        _ = try await Waiting.until(seconds: 5, every: .milliseconds(5)) { bolt.runningPID == nil ? true : nil }
    }

    /// Enrols a real agent at one bolt.
    func enrol(_ name: String, at bolt: LocalBolt, token: String) async throws -> Bool {
        let directory = "\(mesh.directory)/envoys/\(name)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let (code, out) = try await ForegroundProgram.run(
            envoyProgram,
            [
                "enroll", "--mesh", bolt.bolt.address, "--token", token, "--name", name, "--state", directory, "-o",
                "json",
            ])
        guard code == 0 else {
            Console.note("enrolling \(name) at \(bolt.fullName) ended with \(code): \(out)")
            return false
        }
        envoys.append((name, directory))
        acknowledged.insert(name)
        return true
    }

    /// One check-in of an agent at one bolt: its exit code.
    func checkIn(_ directory: String, at bolt: LocalBolt) async throws -> Int32 {
        let (code, _) = try await ForegroundProgram.run(
            envoyProgram,
            [
                "run", "--once", "--report-only", "--bolt", bolt.bolt.address, "--state", directory, "-o", "json",
            ])
        return code
    }

    /// A join token from one bolt, good for many.
    func token(uses: UInt32, from bolt: LocalBolt) async throws -> String {
        let client = try mesh.session().client(of: bolt.bolt.address)
        defer { client.close() }
        let answer: CreateTokenResponse = try await client.call(
            .createToken,
            body: CreateTokenRequest(kind: .multiUse, uses: uses, expiresSeconds: 3600, group: nil, labels: [:]))
        guard let token = answer.token else { throw CommandFailure("no_token", "the bolt gave no token") }
        return token
    }

    /// Names of the envoys in force, as one bolt has them.
    func names(at bolt: LocalBolt) async throws -> Set<String> {
        let client = try mesh.session().client(of: bolt.bolt.address)
        defer { client.close() }
        var names: Set<String> = []
        var after: PrincipalID?
        repeat {
            let page: EnvoysResponse = try await client.call(
                .envoys, query: [("limit", "\(APILimits.pageCountMax)"), ("after", after?.apiText)])
            names.formUnion(page.envoys.filter { $0.standing == .active }.map(\.name.text))
            after = page.nextAfter
        } while after != nil
        return names
    }

    /// Seconds that an action took.
    func timed<Value>(_ action: () async throws -> Value) async rethrows -> (value: Value, seconds: Double) {
        let clock = ContinuousClock()
        let start = clock.now
        let value = try await action()
        let span = (clock.now - start).components
        return (value, Double(span.seconds) + Double(span.attoseconds) / 1e18)
    }
}
