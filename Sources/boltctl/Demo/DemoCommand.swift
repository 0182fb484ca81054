import ArgumentParser
import BoltAPI
import Foundation

/// `boltctl demo`
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "A mesh of real processes: converge, kill, split, heal, ban; prints a score.",
        discussion: """
            Starts three bolts below a temporary directory, enrols real agents at each, kills one bolt with -9 during \
            admissions, splits the network in two and heals it, bans a machine, and verifies after each step what was \
            claimed. Ends 0 only if all of it was verified. Touches no process and no file but its own.

            EXAMPLES
              boltctl demo
              boltctl demo --keep
              boltctl demo --network relay -o json
            """)

    /// What the bolts talk over.
    enum Network: String, ExpressibleByArgument, CaseIterable {
        case auto, namespaces, relay
    }

    @Option(name: .long, help: "Directory of the mesh; it must not exist. Default: a temporary one.")
    var dir: String?
    @Option(name: .long, help: "namespaces (needs root), relay, or auto: the first that works.")
    var network: Network = .auto
    @Option(name: .long, help: "Machines that are admitted while a bolt is killed.")
    var admissions: Int = 60
    @Flag(name: .long, help: "Leave the mesh running and its files in place.")
    var keep = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (4...10_000).contains(admissions) else { throw ValidationError("--admissions takes 4 to 10000") }
    }

    func run() async throws {
        let (bolt, envoy) = (try ChildProcess.find("bolt"), try ChildProcess.find("bolt-envoy"))
        let directory = try makeDirectory()
        let partitions = ["north", "south", "east"]
        let network = try makeNetwork(partitions.map { "a.\($0)" })
        if keep, network is RelayNetwork {
            Console.warn("--keep: the relay ends with this program, so the bolts will not reach each other after it")
        }
        let mesh = try Self.mesh(partitions, network, directory)
        let demo = DemoRun(
            network: network, mesh: mesh, boltProgram: bolt, envoyProgram: envoy, admissions: admissions)
        let failure = await InterruptedBySignals.run {
            try await Self.scenario(demo)
        }
        if let failure {
            demo.record("stopped", "the scenario ran to its end", false, 0, "\(CommandFailure(failure).message)")
        }
        // A task of its own: what was started is ended also after ctrl-c.
        let failed = failure != nil || !demo.score.passed
        try await Task { try await finish(demo, network, failed: failed) }.value
        try output.emit(demo.score, table: demo.score.text)
        if let failure { throw CommandFailure(failure) }
        if !demo.score.passed { throw ExitCode(ExitStatus.error.rawValue) }
    }

    private static func scenario(_ demo: DemoRun) async throws {
        try await UpStep.run(demo)
        try await EnrolStep.run(demo)
        try await KillStep.run(demo)
        try await SplitStep.run(demo)
        try await BanStep.run(demo)
    }

    /// Ends what was started. After a failure the files stay: they are the evidence.
    private func finish(_ demo: DemoRun, _ network: any DemoNetwork, failed: Bool) async throws {
        try? network.heal()
        if keep {
            demo.keep()
            try Contexts.register(demo.mesh.context)
            Console.note("left running in \(demo.mesh.directory); boltctl mesh down --dir \(demo.mesh.directory)")
            return
        }
        for bolt in demo.mesh.bolts where try await !bolt.stop(seconds: 10) { try await demo.kill9(bolt) }
        network.tearDown()
        if failed {
            Console.note("the logs are in \(demo.mesh.directory)/bolts")
        } else {
            try? FileManager.default.removeItem(atPath: demo.mesh.directory)
        }
    }

    private func makeDirectory() throws -> String {
        if let dir {
            let path = LocalMesh.absolute(dir)
            guard !FileManager.default.fileExists(atPath: path) else {
                throw CommandFailure("exists", "\(path) is there already", next: "name another --dir", status: .usage)
            }
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            return path
        }
        let path = "\(NSTemporaryDirectory())/bolt-demo-\(getpid())"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return LocalMesh.absolute(path)
    }

    private func makeNetwork(_ bolts: [String]) throws -> any DemoNetwork {
        if network != .relay, let spaces = NamespaceNetwork(count: bolts.count, port: 7440) { return spaces }
        guard network != .namespaces else {
            throw CommandFailure(
                "no_namespaces", "network namespaces cannot be made here",
                next: "run as root with iproute2 and nftables installed, or take --network relay")
        }
        return try RelayNetwork(bolts: bolts)
    }

    private static func mesh(
        _ partitions: [String], _ network: any DemoNetwork, _ directory: String
    ) throws -> LocalMesh {
        let ops = try FreePorts.take(partitions.count)
        let entries = partitions.enumerated().map { index, name in
            "  - {name: \(name), groups: [default], bolts: [{name: a, address: \"\(network.address(of: index))\", "
                + "ops: \"127.0.0.1:\(ops[index])\"}]}"
        }
        let text =
            "version: 1\nmesh: {name: demo}\ngroups: [{name: default}]\npartitions:\n"
            + entries.joined(separator: "\n")
        let document = TopologyDocument(parsing: text, file: "demo")
        guard let topology = document.topology else {
            throw CommandFailure("bad_topology", document.findings.map(\.description).joined(separator: "; "))
        }
        return LocalMesh(
            directory: directory, topology: topology, listen: partitions.indices.map { network.listenAddress(of: $0) })
    }
}
