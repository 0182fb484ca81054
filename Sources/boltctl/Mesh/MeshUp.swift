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

            What --set says is kept in settings.json below --dir and holds for every later start without it; \
            --set section.key= keeps that setting no longer. A bolt that runs takes a change of its configuration up \
            when it starts again: it is shown as restart_needed, with what is not in force yet.

            Bolts of a partition with a keyring start sealed: where no key file is named for them it does not wait for \
            them to be unsealed, says what to type, and ends with 5.

            EXAMPLES
              boltctl mesh up -f topology/local.yaml --dir /tmp/mesh
              boltctl mesh up -f topology/local.yaml --dir /tmp/mesh --dry-run
              boltctl mesh up -f topology/local.yaml --dir /tmp/mesh --set lease.engine=etcd \\
                  --set etcd.endpoints=http://127.0.0.1:2379
              boltctl mesh up -f topology/local.yaml --dir /tmp/mesh --set etcd.endpoints= --set lease.engine=
            """)

    @Option(name: .shortAndLong, help: "The topology.")
    var file: String
    @Option(name: .long, help: "Directory of the mesh.")
    var dir: String
    @Option(name: .long, help: "Seconds to wait for health, and as many for links and the same roster.")
    var timeout: Double = 30
    @Flag(name: .long, help: "Give each partition a keyring; its key file is kept below --dir, for trials only.")
    var sealed = false
    @Option(name: .customLong("set"), help: "A setting of every bolt, section.key=value; may be repeated; kept.")
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
        /// `started`, `running`, `restart_needed`, `running_by_hand`, `to_start`.
        let action: String
        let log: String
        /// The keys of its configuration, `section.key`, that its process was not started with: in force once it starts
        /// again.
        var notInForce: [String] = []

        enum CodingKeys: String, CodingKey {
            case bolt, address, ops, pid, action, log
            case notInForce = "not_in_force"
        }
    }

    /// What the command answers.
    struct Answer: Encodable {
        let mesh: String
        let directory: String
        let context: String
        let bolts: [Line]
        /// The settings of every bolt beside those that follow from the topology.
        let settings: [KeptSettings.Line]
        let digest: Bytes32?
        let dryRun: Bool

        enum CodingKeys: String, CodingKey {
            case mesh, directory, context, bolts, settings, digest
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
        mesh.settings = try KeptSettings(directory: mesh.directory)
        let kept = mesh.settings.take(settings.compactMap { LocalSetting($0) })
        let program = try ChildProcess.find("bolt")
        let before = mesh.bolts.map(\.configured)
        Self.dropped(before, mesh, kept).forEach { Console.warn($0) }
        guard !dryRun else {
            let lines = zip(mesh.bolts, before).map { running($0, $1, mesh) ?? line($0, nil, "to_start") }
            return try answer(mesh, lines, kept, nil)
        }
        try mesh.provision { Console.note($0) }
        let lines = try start(mesh, program, before)
        let health = try await mesh.waitForHealth(seconds: timeout)
        try Self.require(health.sick, kept)
        try refuseEnded(mesh, lines)
        try Contexts.register(mesh.context)
        let (digest, gaps) = try await mesh.waitForWholeness(seconds: timeout, stopped: health.stopped)
        if sealed { try await mesh.sealAll(seconds: timeout) { Console.note($0) } }
        try answer(mesh, lines, kept, digest)
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

    /// Starts each bolt that does not run.
    private func start(_ mesh: LocalMesh, _ program: String, _ before: [String?]) throws -> [Line] {
        var lines: [Line] = []
        for (bolt, before) in zip(mesh.bolts, before) {
            if let running = running(bolt, before, mesh) {
                if running.action == Self.byHand {
                    Console.note("\(bolt.fullName) runs as \(running.pid ?? 0), which was not started by mesh up")
                }
                lines.append(running)
                continue
            }
            Console.note("starting \(bolt.fullName) at \(bolt.bolt.address)")
            lines.append(line(bolt, try bolt.start(program), "started"))
        }
        return lines
    }

    /// The line of a bolt that runs, by whomever it was started; nil where it does not. `before` is what its
    /// configuration said before this command.
    private func running(_ bolt: LocalBolt, _ before: String?, _ mesh: LocalMesh) -> Line? {
        let inForce = bolt.inForce(before: before)
        let changed = inForce.map { ConfigurationChange.keys(from: $0, to: mesh.configuration(of: bolt)) } ?? []
        var found: Line?
        if let pid = bolt.runningPID {
            found = line(bolt, pid, changed.isEmpty ? "running" : "restart_needed")
        } else {
            if !dryRun { bolt.forgetEnded() }
            found = bolt.strangerPID.map { line(bolt, $0, Self.byHand) }
        }
        found?.notInForce = changed
        return found
    }

    /// What stood in a configuration and follows neither from the topology nor from a setting that is kept.
    static func dropped(_ before: [String?], _ mesh: LocalMesh, _ kept: [KeptSettings.Line]) -> [String] {
        let meant = kept.filter { $0.origin == .removed }.map(\.setting)
        return zip(mesh.bolts, before).compactMap { bolt, before in
            let all = before.map { ConfigurationChange.dropped(from: $0, to: mesh.configuration(of: bolt)) } ?? []
            let keys = all.filter { !meant.contains($0) }
            guard !keys.isEmpty else { return nil }
            return "\(bolt.fullName) loses \(keys.joined(separator: ", ")), which its bolt.yaml had and no --set says"
        }
    }

    private static func require(_ sick: [MeshHealth.Finding], _ kept: [KeptSettings.Line]) throws {
        guard let first = sick.first else { return }
        let keys = kept.filter { $0.origin != .removed }.map(\.setting)
        let hint = keys.first.map { "; of a setting that it does not take: --set \($0)= removes it" } ?? ""
        throw CommandFailure(
            "not_healthy", "\(sick.map { $0.bolt.fullName }.joined(separator: ", ")) did not become healthy",
            reason: sick.map { "\($0.bolt.fullName): \($0.reason)\n\($0.bolt.logTail())" }.joined(separator: "\n"),
            next: "read \(first.bolt.logPath)\(hint)", changed: true)
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

    private func answer(
        _ mesh: LocalMesh, _ lines: [Line], _ kept: [KeptSettings.Line], _ digest: Bytes32?
    ) throws {
        var table = TextTable("BOLT", "ADDRESS", "OPS", "PID", "ACTION")
        for line in lines { table.row(line.bolt, line.address, line.ops, line.pid.map { "\($0)" }, line.action) }
        let answer = Answer(
            mesh: mesh.topology.mesh, directory: mesh.directory, context: mesh.topology.mesh, bolts: lines,
            settings: kept, digest: digest, dryRun: dryRun)
        let tail =
            digest.map { "\nall bolts are linked and hold the roster \($0.shortHex); next: boltctl status" } ?? ""
        let words = kept.map { "\nsetting \($0.text)" } + Self.notInForce(lines, file, mesh.directory).map { "\n" + $0 }
        try output.emit(answer, table: table.text + words.joined() + tail)
    }

    /// For each bolt that runs with another configuration than its file's: what is not in force, and how to get it so.
    static func notInForce(_ lines: [Line], _ file: String, _ directory: String) -> [String] {
        let waiting = lines.filter { !$0.notInForce.isEmpty }
        guard !waiting.isEmpty else { return [] }
        let told = waiting.map { line in
            let keys = line.notInForce.joined(separator: ", ")
            let how = line.action == byHand ? "; it was started by hand: end it by hand" : ""
            return "\(line.bolt) does not run with \(keys) as in its bolt.yaml: in force after a restart\(how)"
        }
        return told + [
            "to restart them: boltctl mesh down --dir \(directory), then boltctl mesh up -f \(file) --dir \(directory)"
        ]
    }
}
