import Foundation
import LoopbackKit

/// Bolts of one's own on loopback, started by `boltctl mesh up` and stopped at the end.
final class RealMesh {
    /// One bolt.
    struct Member {
        /// NAME.PARTITION.
        let name: String
        let address: String
        let ops: String
        /// Its configuration, identity and state.
        let directory: String
        var pid: Int

        var port: Int { address.split(separator: ":").last.flatMap { Int($0) } ?? 0 }
        var database: String { directory + "/state/partition.db" }
    }

    let scratch: ScratchDirectory
    private(set) var members: [Member]
    private let programs: String
    private let environment: [String: String]
    private let up: [String]
    /// Processes that were started here, not by `mesh up`.
    private var children: [pid_t] = []

    /// Starts as many partitions of one bolt each, or of as many as are said; `set` goes to every bolt's configuration.
    /// The last `absent` bolts are neither made nor started until `join`.
    init(bolts: Int, each: Int = 1, absent: Int = 0, set: [String] = [], settings: BenchSettings) throws {
        guard let programs = settings.programs else {
            throw BenchFailure("real processes need --programs DIRECTORY with bolt, boltctl and bolt-envoy")
        }
        self.programs = programs
        let scratch = try ScratchDirectory(in: settings.directory)
        self.scratch = scratch
        environment = ["BOLTCTL_CONFIG": scratch.file("contexts.yaml")]
        let ports = try FreePorts.take(bolts * each * 2)
        members = (0..<bolts * each).map { index in
            let (partition, letter) = (index / each, Array("abcd")[index % each])
            return Member(
                name: "\(letter).p\(partition)", address: "127.0.0.1:\(ports[index * 2])",
                ops: "127.0.0.1:\(ports[index * 2 + 1])",
                directory: scratch.file("mesh/bolts/p\(partition)-\(letter)"), pid: 0)
        }
        up =
            ["mesh", "up", "-f", scratch.file("mesh.yaml"), "--dir", scratch.file("mesh"), "-o", "json"]
            + set.flatMap { ["--set", $0] }
        try writeTopology(members.count - absent)
        do {
            let answer = JSON(try Program.output("\(programs)/boltctl", up, environment: environment))
            for bolt in answer["bolts"].list {
                guard let index = members.firstIndex(where: { $0.address == bolt["address"].text }) else { continue }
                members[index].pid = bolt["pid"].number.map { Int($0) } ?? 0
            }
        } catch {
            // Those that did start must not outlive a failed start.
            RealMesh.stop(programs, scratch, environment)
            throw error
        }
        guard members.dropLast(absent).allSatisfy({ $0.pid > 1 }) else {
            RealMesh.stop(programs, scratch, environment)
            throw BenchFailure("mesh up did not say which processes the bolts are")
        }
    }

    private func writeTopology(_ count: Int) throws {
        try topology(of: count).write(toFile: scratch.file("mesh.yaml"), atomically: true, encoding: .utf8)
    }

    /// Slices of the mesh's one group.
    static let slices = 64

    /// The topology of the first `count` bolts; `weights` are those of the partitions in order, where they are not the
    /// usual ones.
    func topology(of count: Int, weights: [Int] = []) -> String {
        var topology = "version: 1\nmesh:\n  name: bench\ngroups:\n  - name: default\n    slices: \(RealMesh.slices)\n"
        topology += "partitions:\n"
        for member in members.prefix(count) {
            let parts = member.name.split(separator: ".")
            if parts[0] == "a" {
                topology += "  - name: \(parts[1])\n"
                if let number = Int(parts[1].dropFirst()), weights.indices.contains(number) {
                    topology += "    weight: \(weights[number])\n"
                }
                topology += "    groups: [default]\n    bolts:\n"
            }
            topology += "      - {name: \(parts[0]), address: \"\(member.address)\", ops: \"\(member.ops)\"}\n"
        }
        return topology
    }

    /// Makes and starts the absent bolts; goes on while this returns.
    func join() throws {
        try writeTopology(members.count)
        children.append(
            try Program.start(
                "\(programs)/boltctl", up, environment: environment, output: scratch.file("join.out"),
                errors: scratch.file("join.err")))
    }

    deinit {
        RealMesh.stop(programs, scratch, environment)
        for pid in children {
            kill(pid, SIGKILL)
            _ = Program.wait(pid)
        }
    }

    private static func stop(_ programs: String, _ scratch: ScratchDirectory, _ environment: [String: String]) {
        _ = try? Program.output(
            "\(programs)/boltctl", ["mesh", "down", "--dir", scratch.file("mesh"), "-o", "json"],
            environment: environment)
    }

    // MARK: Programs

    /// What `boltctl` answers in JSON.
    func control(_ arguments: [String]) throws -> JSON {
        JSON(
            try Program.output(
                "\(programs)/boltctl", arguments + ["-o", "json"], environment: environment, ending: [0, 5]))
    }

    /// What `bolt-envoy` answers in JSON.
    func envoy(_ arguments: [String], ending: Set<Int32> = [0], seconds: Double? = nil) throws -> JSON {
        JSON(
            try Program.output(
                "\(programs)/bolt-envoy", arguments + ["-o", "json"], environment: environment, ending: ending,
                seconds: seconds))
    }

    /// Starts `bolt-envoy`; whoever starts it ends it.
    func startEnvoy(_ arguments: [String]) throws -> pid_t {
        try Program.start(
            "\(programs)/bolt-envoy", arguments, environment: environment, output: scratch.file("envoy.out"),
            errors: scratch.file("envoy.err"))
    }

    /// Where the state of envoys of a prefix is kept.
    func fleet(_ prefix: String) -> String { scratch.file("fleet-\(prefix)") }

    /// Enrols envoys, so many at a time; gives the folders of their identities.
    func enrol(_ count: Int, prefix: String, concurrency: Int = 4) throws -> [String] {
        let token = try control(["envoy", "token", "create", "--uses", "\(count)"])
        guard let text = token["token"].text else { throw BenchFailure("no token in the answer") }
        let folder = fleet(prefix)
        let answer = try envoy(
            ["simulate", "--count", "\(count)", "--passes", "0", "--concurrency", "\(concurrency)", "--dir", folder]
                + ["--prefix", prefix, "--token", text]
                + members.filter { $0.pid > 1 }.flatMap { ["--mesh", $0.address] }, seconds: 150)
        guard answer["enrolled"].number == Double(count) else { throw BenchFailure("not all envoys were enrolled") }
        return (1...count).map { "\(folder)/\(prefix)-\($0)/identity" }
    }

    // MARK: Bolts

    /// kill −9, and the process is gone when this returns.
    func crash(_ index: Int) throws {
        let pid = pid_t(members[index].pid)
        kill(pid, SIGKILL)
        if let child = children.firstIndex(of: pid) {
            _ = Program.wait(pid)
            children.remove(at: child)
        }
        guard (RealMesh.wait(seconds: 10) { kill(pid, 0) != 0 || Program.isZombie(Int(pid)) }) else {
            throw BenchFailure("\(members[index].name) does not end")
        }
    }

    /// Starts a bolt that does not run.
    func start(_ index: Int) throws {
        let member = members[index]
        let pid = try Program.start(
            "\(programs)/bolt", ["run", "--config", member.directory + "/bolt.yaml"],
            output: member.directory + "/bench.log", errors: member.directory + "/bench.err")
        children.append(pid)
        members[index].pid = Int(pid)
        try "\(pid)\n".write(toFile: member.directory + "/bolt.pid", atomically: true, encoding: .utf8)
    }

    /// The metrics of a bolt.
    func metrics(_ index: Int) throws -> String {
        guard let answer = PlainHTTP.get(members[index].ops, "/metrics") else {
            throw BenchFailure("\(members[index].name) gives no metrics")
        }
        return answer.body
    }

    /// The bolt that reigns alone among those that answer; nil where none does.
    func primary() -> Int? {
        let reigning = members.indices.filter { PlainHTTP.get(members[$0].ops, "/v1/health")?.status == 200 }
        return reigning.count == 1 ? reigning[0] : nil
    }

    /// Waits until one bolt reigns and has so many in sync; gives it.
    @discardableResult
    func waitForSync(_ count: Int, seconds: Double = 60) throws -> Int {
        var found: Int?
        _ = RealMesh.wait(seconds: seconds) {
            guard let primary = self.primary(), let text = try? self.metrics(primary) else { return false }
            guard PlainHTTP.metric("bolt_partition_in_sync", in: text) == Double(count) else { return false }
            found = primary
            return true
        }
        guard let found else { throw BenchFailure("\(count) bolts are not in sync after \(Int(seconds)) s") }
        return found
    }

    /// Looks every few milliseconds until something is so; false when the time is over.
    static func wait(seconds: Double, every milliseconds: UInt32 = 5, _ look: () -> Bool) -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !look() {
            guard ContinuousClock.now < deadline else { return false }
            usleep(milliseconds * 1000)
        }
        return true
    }
}

/// Ports for bolts and etcd.
enum FreePorts {
    private static let ports = LoopbackPorts(20_000..<32_000)

    static func take(_ count: Int) throws -> [Int] {
        guard let taken = ports.take(count) else { throw BenchFailure("\(count) free ports are not to be had") }
        return taken
    }
}
