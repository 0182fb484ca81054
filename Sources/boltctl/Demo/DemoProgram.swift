import BoltAPI
import Foundation
import Spanner

/// The demo from directory to score.
@MainActor enum DemoProgram {
    /// What was asked for.
    struct Plan: Sendable {
        let dir: String?
        let network: DemoCommand.Network
        let admissions: Int
        let keep: Bool
        let stack: String?
    }

    /// Each partition's bolts: the first founds it, the other stands by.
    private static let boltNames = ["a", "b"]
    /// The partition that owns nothing at first: it gets a third of the fleet later.
    private static let joining = "west"

    static func run(_ plan: Plan) async throws -> (DemoScore, CommandFailure?) {
        let (bolt, envoy) = (try ChildProcess.find("bolt"), try ChildProcess.find("bolt-envoy"))
        let directory = try makeDirectory(plan.dir)
        let partitions = ["north", "south", "east", joining]
        let names = partitions.flatMap { partition in boltNames.map { "\($0).\(partition)" } }
        let network = try makeNetwork(plan.network, names)
        if plan.keep, network is RelayNetwork {
            Console.warn("--keep: the relay ends with this program, so the bolts will not reach each other after it")
        }
        let lines = try lines(partitions, network)
        let mesh = try mesh(document(lines), network, directory)
        guard let west = PartitionName(joining) else { throw CommandFailure("bad_name", "\(joining) is no name") }
        let demo = DemoRun(
            network: network, mesh: mesh, boltProgram: bolt, envoyProgram: envoy, admissions: plan.admissions,
            joining: west, firstDocument: document(lines.dropLast()), stack: plan.stack)
        let failure = await InterruptedBySignals.run {
            try await scenario(demo)
        }
        if let failure {
            demo.record("stopped", "the scenario ran to its end", false, 0, "\(CommandFailure(failure).message)")
        }
        // A task of its own: what was started is ended also after ctrl-c.
        let failed = failure != nil || !demo.score.passed
        try await Task { try await finish(demo, network, keep: plan.keep, failed: failed) }.value
        return (demo.score, failure.map { CommandFailure($0) })
    }

    private static func scenario(_ demo: DemoRun) async throws {
        try await UpStep.run(demo)
        try await TopologyStep.run(demo)
        try await EnrolStep.run(demo)
        try await KillStep.run(demo)
        try await SwitchoverStep.run(demo)
        try await FailoverStep.run(demo)
        try await CoverStep.run(demo)
        try await RebalanceStep.run(demo)
        try await PolicyStep.run(demo)
        try await SplitStep.run(demo)
        try await BanStep.run(demo)
    }

    /// Ends what was started. After a failure the files stay: they are the evidence.
    private static func finish(_ demo: DemoRun, _ network: any DemoNetwork, keep: Bool, failed: Bool) async throws {
        try? network.heal()
        for agent in demo.agents { try await agent.stop() }
        if keep {
            demo.keep()
            try Contexts.register(demo.mesh.context)
            Console.note("left running in \(demo.mesh.directory); boltctl mesh down --dir \(demo.mesh.directory)")
            return
        }
        for bolt in demo.mesh.bolts where try await !bolt.stop(seconds: 10) { try await demo.kill9(bolt) }
        network.tearDown()
        if failed {
            Console.note("the logs are in \(demo.mesh.directory)/bolts, those of agents in roots")
        } else {
            try? FileManager.default.removeItem(atPath: demo.mesh.directory)
        }
    }

    private static func makeDirectory(_ dir: String?) throws -> String {
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

    private static func makeNetwork(_ network: DemoCommand.Network, _ bolts: [String]) throws -> any DemoNetwork {
        if network != .relay, let spaces = NamespaceNetwork(count: bolts.count, port: 7440) { return spaces }
        guard network != .namespaces else {
            throw CommandFailure(
                "no_namespaces", "network namespaces cannot be made here",
                next: "run as root with iproute2 and nftables installed, or take --network relay")
        }
        return try RelayNetwork(bolts: bolts)
    }

    /// One line of the topology a partition.
    private static func lines(_ partitions: [String], _ network: any DemoNetwork) throws -> [String] {
        let ops = try FreePorts.take(partitions.count * boltNames.count)
        return partitions.enumerated().map { place, partition in
            let bolts = boltNames.enumerated().map { number, name in
                let index = place * boltNames.count + number
                // Zones are only named here: the demo cuts networks, not zones.
                return
                    "{name: \(name), zone: z\((place + number) % 2 + 1), address: \"\(network.address(of: index))\", "
                    + "ops: \"127.0.0.1:\(ops[index])\"}"
            }
            // Half as much again as each of the others: of all four a third.
            let weight = partition == joining ? 150 : 100
            return "  - {name: \(partition), weight: \(weight), groups: [default], "
                + "bolts: [\(bolts.joined(separator: ", "))]}"
        }
    }

    private static func document(_ lines: some Sequence<String>) -> String {
        "version: 1\nmesh: {name: demo}\ngroups: [{name: default}]\npartitions:\n"
            + lines.joined(separator: "\n")
    }

    private static func mesh(
        _ text: String, _ network: any DemoNetwork, _ directory: String
    ) throws -> LocalMesh {
        let document = TopologyDocument(parsing: text, file: "demo")
        guard let topology = document.topology else {
            throw CommandFailure("bad_topology", document.findings.map(\.description).joined(separator: "; "))
        }
        var mesh = LocalMesh(
            directory: directory, topology: topology,
            listen: topology.bolts.indices.map { network.listenAddress(of: $0) })
        mesh.document = text
        return mesh
    }
}
