import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl mesh up`
struct MeshUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Start the bolts of a topology on this machine.",
        discussion: """
            Makes what is missing below --dir (authority, operator, identities), starts each bolt that does not run, \
            waits until all are healthy, linked to each other and hold the same roster, and makes the mesh the current \
            context. Running it again leaves running bolts alone, also those that were started by hand.

            Bolts of a partition with a keyring start sealed: where no key file is named for them it does not wait for \
            them to be unsealed, says what to type, and ends with 5.

            EXAMPLES
              boltctl mesh up -f topology/local.yaml --dir /tmp/mesh
              boltctl mesh up -f topology/local.yaml --dir /tmp/mesh --dry-run
              boltctl mesh up -f topology/local.yaml --dir /tmp/mesh --set lease.engine=etcd \\
                  --set etcd.endpoints=http://127.0.0.1:2379
            """)

    @Option(name: .shortAndLong, help: "The topology.")
    var file: String
    @Option(name: .long, help: "Directory of the mesh.")
    var dir: String
    @Option(name: .long, help: "Seconds to wait for health, and as many for links and the same roster.")
    var timeout: Double = 30
    @Flag(name: .long, help: "Give each partition a keyring; its key file is kept below --dir, for trials only.")
    var sealed = false
    @Option(name: .customLong("set"), help: "A setting of every bolt, as section.key=value; may be repeated.")
    var settings: [String] = []
    @Flag(name: .customLong("dry-run"), help: "Say what would be made and started.")
    var dryRun = false
    @OptionGroup var output: OutputOptions

    /// One bolt in the answer.
    struct Line: Encodable {
        let bolt: String
        let address: String
        let ops: String
        let pid: Int32?
        /// `started`, `running`, `running_by_hand`, `to_start`.
        let action: String
        let log: String
    }

    /// What the command answers.
    struct Answer: Encodable {
        let mesh: String
        let directory: String
        let context: String
        let bolts: [Line]
        let digest: Bytes32?
        let dryRun: Bool

        enum CodingKeys: String, CodingKey {
            case mesh, directory, context, bolts, digest
            case dryRun = "dry_run"
        }
    }

    func validate() throws {
        for setting in settings where LocalSetting(setting) == nil {
            throw ValidationError("--set takes section.key=value, not \(setting)")
        }
    }

    func run() async throws {
        var mesh = LocalMesh(directory: dir, topology: try TopologyFile.topology(file))
        mesh.document = try TopologyFile.text(file)
        mesh.isSealed = sealed
        mesh.settings = settings.compactMap { LocalSetting($0) }
        let program = try ChildProcess.find("bolt")
        guard !dryRun else {
            return try answer(mesh, mesh.bolts.map { running($0) ?? line($0, nil, "to_start") }, nil)
        }
        try mesh.provision { Console.note($0) }
        var lines: [Line] = []
        for bolt in mesh.bolts {
            if let running = running(bolt) {
                if running.action == Self.byHand {
                    Console.note("\(bolt.fullName) runs as \(running.pid ?? 0), which was not started by mesh up")
                }
                lines.append(running)
                continue
            }
            Console.note("starting \(bolt.fullName) at \(bolt.bolt.address)")
            lines.append(line(bolt, try bolt.start(program), "started"))
        }
        let health = try await mesh.waitForHealth(seconds: timeout)
        let sick = health.sick
        guard sick.isEmpty else {
            throw CommandFailure(
                "not_healthy", "\(sick.map { $0.bolt.fullName }.joined(separator: ", ")) did not become healthy",
                reason: sick.map { "\($0.bolt.fullName): \($0.reason)\n\($0.bolt.logTail())" }.joined(separator: "\n"),
                next: "read \(sick[0].bolt.logPath)", changed: true)
        }
        try refuseEnded(mesh, lines)
        try Contexts.register(mesh.context)
        let (digest, gaps) = try await mesh.waitForWholeness(seconds: timeout, stopped: health.stopped)
        if sealed { try await mesh.sealAll(seconds: timeout) { Console.note($0) } }
        try answer(mesh, lines, digest)
        guard digest != nil else {
            throw CommandFailure(
                "not_converged", "all bolts are healthy but are not linked to each other with one roster yet",
                reason: gaps.joined(separator: "\n        "), next: "boltctl status", changed: true, status: .redundancy
            )
        }
        guard let unsealing = health.unsealing else { return }
        Console.warn(unsealing)
        throw ExitCode(ExitStatus.redundancy.rawValue)
    }

    private static let byHand = "running_by_hand"

    private func line(_ bolt: LocalBolt, _ pid: Int32?, _ action: String) -> Line {
        Line(
            bolt: bolt.fullName, address: bolt.bolt.address, ops: bolt.bolt.ops, pid: pid, action: action,
            log: bolt.logPath)
    }

    /// The line of a bolt that runs, by whomever it was started; nil where it does not.
    private func running(_ bolt: LocalBolt) -> Line? {
        if let pid = bolt.runningPID { return line(bolt, pid, "running") }
        if !dryRun { bolt.forgetEnded() }
        return bolt.strangerPID.map { line(bolt, $0, Self.byHand) }
    }

    /// A process that ended at once did not start the bolt, also where another one answers in its place.
    private func refuseEnded(_ mesh: LocalMesh, _ lines: [Line]) throws {
        let started = Set(lines.filter { $0.action == "started" }.map(\.bolt))
        let ended = mesh.bolts.filter { started.contains($0.fullName) && $0.hasEnded }
        guard let first = ended.first else { return }
        let reason = ended.map { "\($0.fullName):\n\($0.logTail(lines: 2))" }.joined(separator: "\n")
        for bolt in ended { bolt.forgetEnded() }
        throw CommandFailure(
            "start_failed",
            "the process of \(ended.map(\.fullName).joined(separator: ", ")) ended at once; another one answers there",
            reason: reason, next: "read \(first.logPath)", changed: true)
    }

    private func answer(_ mesh: LocalMesh, _ lines: [Line], _ digest: Bytes32?) throws {
        var table = TextTable("BOLT", "ADDRESS", "OPS", "PID", "ACTION")
        for line in lines { table.row(line.bolt, line.address, line.ops, line.pid.map { "\($0)" }, line.action) }
        let answer = Answer(
            mesh: mesh.topology.mesh, directory: mesh.directory, context: mesh.topology.mesh, bolts: lines,
            digest: digest, dryRun: dryRun)
        let tail =
            digest.map { "\nall bolts are linked and hold the roster \($0.shortHex); next: boltctl status" } ?? ""
        try output.emit(answer, table: table.text + tail)
    }
}
