import Foundation
import LoopbackKit

/// The mesh under test, started by `boltctl mesh up` and kept running as a service manager would: a bolt that ends is
/// started again, unless the nemesis holds it down.
actor ChaosMesh {
    nonisolated let directory: String
    nonisolated let network: ChaosNetwork
    nonisolated let bolts: [ChaosBolt]
    nonisolated let partitions: [String]
    nonisolated let programs: String
    nonisolated let environment: [String: String]
    nonisolated let disks: [SmallDisk]
    nonisolated let etcd: EtcdServer?
    private let isSealed: Bool
    private let settings: [String]
    private var held: Set<Int> = []
    private(set) var restarts = 0
    /// What could not be healed.
    private(set) var complaints: [String] = []

    /// What of a mesh there is to be.
    struct Shape: Sendable {
        /// Numbers of bolts of each partition.
        var partitions: [Int]
        /// Whether each bolt's state is on a small disk of its own.
        var hasSmallDisks: Bool
        /// A library that sets the bolts' wall clock; nil for the real one.
        var clockLibrary: String?
        /// Whether leases of an etcd say who tries to be primary.
        var hasEtcd: Bool
        /// Whether each partition has a keyring, which its bolts open by a key file.
        var isSealed: Bool
        /// Settings of all bolts, as `section.key=value`.
        var settings: [String]
    }

    private static let names = ["north", "south", "east", "west"]
    private static let diskMebibytes = 96

    /// Lays everything out; starts nothing.
    init(_ shape: Shape, in directory: String, network: ChaosNetwork, programs: String) async throws {
        (self.directory, self.network) = (directory, network)
        self.programs = directory + "/programs"
        environment = ["BOLTCTL_CONFIG": directory + "/contexts.yaml"]
        partitions = Array(ChaosMesh.names.prefix(shape.partitions.count))
        var bolts: [ChaosBolt] = []
        for (partition, count) in shape.partitions.enumerated() {
            for letter in ["a", "b", "c", "d"].prefix(count) {
                let (number, name) = (bolts.count, ChaosMesh.names[partition])
                bolts.append(
                    ChaosBolt(
                        number: number, partition: partition, name: "\(letter).\(name)",
                        address: network.addresses[number], ops: network.ops[number],
                        directory: "\(directory)/mesh/bolts/\(name)-\(letter)"))
            }
        }
        self.bolts = bolts
        var disks: [SmallDisk] = []
        for bolt in bolts where shape.hasSmallDisks {
            disks.append(try await SmallDisk(at: bolt.state, mebibytes: ChaosMesh.diskMebibytes))
        }
        self.disks = disks
        (isSealed, settings) = (shape.isSealed, shape.settings)
        etcd = shape.hasEtcd ? try EtcdServer(in: directory) : nil
        try ChaosMesh.layOut(shape, directory, network, bolts, partitions, from: programs)
    }

    /// Writes the topology and, beside a link to `boltctl`, a `bolt` that runs the real one in its network: `mesh up`
    /// starts what stands beside it.
    private static func layOut(
        _ shape: Shape, _ directory: String, _ network: ChaosNetwork, _ bolts: [ChaosBolt], _ partitions: [String],
        from programs: String
    ) throws {
        let files = FileManager.default
        try files.createDirectory(atPath: directory + "/programs", withIntermediateDirectories: true)
        for name in ["boltctl", "bolt-envoy"] {
            let (from, to) = ("\(programs)/\(name)", "\(directory)/programs/\(name)")
            if link(from, to) != 0 { try files.copyItem(atPath: from, toPath: to) }
        }
        let wrapper = """
            #!/bin/sh
            # Runs a bolt where and how the file beside its configuration says.
            . "$(dirname "$3")/chaos.sh"
            exec $prefix '\(programs)/bolt' "$@" $arguments

            """
        try wrapper.write(toFile: directory + "/programs/bolt", atomically: true, encoding: .utf8)
        chmod(directory + "/programs/bolt", 0o755)
        for bolt in bolts {
            try files.createDirectory(atPath: bolt.directory, withIntermediateDirectories: true)
            var prefix = network.prefix(bolt.number) + ["env", "CHAOS_FAULT_FILE=\(bolt.faultFile)"]
            if let library = shape.clockLibrary {
                prefix += ClockLibrary.environment(library: library, seconds: clockFile(directory))
                    .map { "\($0.key)=\($0.value)" }.sorted()
            }
            let arguments = shape.hasSmallDisks ? "--set limits.reserve_mib=8" : ""
            try "prefix='\(prefix.joined(separator: " "))'\narguments='\(arguments)'\n"
                .write(toFile: bolt.directory + "/chaos.sh", atomically: true, encoding: .utf8)
        }
        try "0".write(toFile: clockFile(directory), atomically: true, encoding: .utf8)
        var topology = "version: 1\nmesh: {name: chaos}\ngroups:\n  - name: default\n    slices: 64\npartitions:\n"
        for (partition, name) in partitions.enumerated() {
            topology += "  - name: \(name)\n    groups: [default]\n    bolts:\n"
            for bolt in bolts where bolt.partition == partition {
                let own = bolt.name.split(separator: ".")[0]
                topology += "      - {name: \(own), address: \"\(bolt.address)\", ops: \"\(bolt.ops)\"}\n"
            }
        }
        try topology.write(toFile: directory + "/topology.yaml", atomically: true, encoding: .utf8)
    }

    private static func clockFile(_ directory: String) -> String { directory + "/clock" }

    /// All bolts' wall clock differs by so many hours from now on.
    nonisolated func setClock(hours: Int) throws {
        try "\(hours * 3600)".write(toFile: ChaosMesh.clockFile(directory), atomically: true, encoding: .utf8)
    }

    // MARK: Programs

    /// Starts all bolts and waits until the mesh is whole.
    func up() async throws {
        try await etcd?.start()
        let settings = (settings + (etcd?.settings ?? [])).flatMap { ["--set", $0] } + (isSealed ? ["--sealed"] : [])
        _ = try await Program.done(
            [programs + "/boltctl", "mesh", "up", "-f", directory + "/topology.yaml", "--dir", directory + "/mesh"]
                + ["--timeout", "90", "-o", "json"] + settings, environment: environment, seconds: 240)
    }

    /// What `boltctl` ends with.
    nonisolated func control(_ arguments: [String], seconds: Double = 60) async throws -> Program.Output {
        try await Program.run(
            [programs + "/boltctl"] + arguments + ["-o", "json"], environment: environment, seconds: seconds)
    }

    // MARK: Processes

    /// Starts what has ended and is not held down, again and again, until cancelled.
    func supervise() async {
        while !Task.isCancelled {
            for bolt in bolts where !held.contains(bolt.number) && bolt.pid == nil {
                restarts += 1
                try? bolt.start(programs + "/bolt")
            }
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    /// kill −9, and the bolt stays down until it is let go.
    func killAndHold(_ bolt: ChaosBolt) {
        held.insert(bolt.number)
        bolt.signal(SIGKILL)
    }

    /// The same, and its process is gone when this returns: its files are nobody's.
    func killAndCollect(_ bolt: ChaosBolt) async throws {
        killAndHold(bolt)
        let gone: Bool? = try await Waiting.until(seconds: 10, every: .milliseconds(10)) {
            bolt.pid == nil ? true : nil
        }
        guard gone == true else { throw ChaosFailure("\(bolt.name) does not end by kill -9") }
    }

    /// The bolt may be started again.
    func letGo(_ bolt: ChaosBolt) { held.remove(bolt.number) }

    /// Everything runs again, and everybody reaches everybody.
    func heal() async {
        await network.heal()
        do { try await etcd?.start() } catch { complaints.append("\(error)") }
        for disk in disks { disk.makeRoom() }
        try? setClock(hours: 0)
        for bolt in bolts {
            unlink(bolt.faultFile)
            bolt.signal(SIGCONT)
        }
        held = []
    }

    /// Ends all processes at once, as a power cut would.
    func end() async {
        held = Set(bolts.map(\.number))
        for bolt in bolts {
            bolt.signal(SIGCONT)
            bolt.signal(SIGKILL)
        }
        let bolts = bolts
        await etcd?.end(SIGKILL)
        _ = try? await Waiting.until(seconds: 10) { bolts.allSatisfy { $0.pid == nil } ? true : nil }
    }
}
