import Foundation
import Testing

/// A mesh of real processes below a directory of its own, reached through the programs alone.
///
/// Nothing of the user's is touched: contexts, state and logs are below the directory, ports are free ones of loopback.
final class RealMesh {
    /// One bolt of it.
    struct Bolt {
        let letter: String
        let partition: String
        let zone: String?
        let address: String
        let ops: String
        /// Identity, state, configuration, log.
        let directory: String

        var name: String { "\(letter).\(partition)" }
        var state: String { directory + "/state" }
        var identity: String { directory + "/identity" }
        var config: String { directory + "/bolt.yaml" }

        /// The process that `mesh up` started last.
        var pid: pid_t? {
            guard let text = try? String(contentsOfFile: directory + "/bolt.pid", encoding: .utf8) else { return nil }
            return pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines))
        }

        /// Whether that process lives.
        var isRunning: Bool { pid.map { !ProcessTable.isGone($0) } ?? false }

        var log: String { (try? String(contentsOfFile: directory + "/bolt.log", encoding: .utf8)) ?? "" }
    }

    let folder: String
    let directory: String
    let topology: String
    let bolts: [Bolt]
    let environment: [String: String]
    private var children: [Background] = []
    /// The last process of each bolt that was started here, not by `mesh up`.
    private(set) var launched: [String: Background] = [:]

    /// Writes the topology; starts nothing. A partition that is named several times has as many bolts: a, b, c.
    convenience init(_ partitions: [String] = ["north", "south", "east"]) throws {
        try self.init(
            places: partitions.enumerated().map { index, partition in
                let before = partitions[..<index].count { $0 == partition }
                return (partition, String(UnicodeScalar(UInt8(97 + before))), nil)
            })
    }

    /// Bolts of partitions, each with its letter and zone.
    init(places: [(partition: String, letter: String, zone: String?)]) throws {
        folder = NSTemporaryDirectory() + "bolt-mesh-" + UUID().uuidString.prefix(8)
        directory = folder + "/mesh"
        topology = folder + "/topology.yaml"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        environment = ["BOLTCTL_CONFIG": folder + "/contexts.yaml"]
        let ports = try FreePorts.take(places.count * 2)
        bolts = places.enumerated().map { [directory] index, place in
            Bolt(
                letter: place.letter, partition: place.partition, zone: place.zone,
                address: "127.0.0.1:\(ports[2 * index])", ops: "127.0.0.1:\(ports[2 * index + 1])",
                directory: "\(directory)/bolts/\(place.partition)-\(place.letter)")
        }
        var text = "version: 1\nmesh: {name: trial}\ngroups:\n  - name: default\n    slices: 64\npartitions:\n"
        for bolt in bolts.sorted(by: { ($0.partition, $0.letter) < ($1.partition, $1.letter) }) {
            if bolt.letter == "a" { text += "  - name: \(bolt.partition)\n    groups: [default]\n    bolts:\n" }
            let zone = bolt.zone.map { "zone: \($0), " } ?? ""
            text += "      - {name: \(bolt.letter), \(zone)address: \"\(bolt.address)\", ops: \"\(bolt.ops)\"}\n"
        }
        try text.write(toFile: topology, atomically: true, encoding: .utf8)
    }

    func file(_ name: String) -> String { folder + "/" + name }

    // MARK: Programs

    func ctl(_ arguments: String..., deadline: TimeInterval = 45) throws -> Command.Output {
        try Command.run("boltctl", arguments, environment: environment, deadline: deadline)
    }

    /// Runs an operator's command that has to succeed.
    @discardableResult
    func done(_ arguments: String..., location: SourceLocation = #_sourceLocation) throws -> Command.Output {
        let output = try Command.run("boltctl", arguments, environment: environment, deadline: 45)
        try #require(
            output.status == 0, "boltctl \(arguments.joined(separator: " ")): \(output)", sourceLocation: location)
        return output
    }

    /// Runs the agent's program.
    func envoy(_ arguments: String...) throws -> Command.Output {
        try Command.run("bolt-envoy", arguments, environment: environment, deadline: 45)
    }

    /// Starts what does not run and waits until all are healthy and hold the same.
    func up(_ settings: [String] = [], options: [String] = []) throws {
        let output = try Command.run(
            "boltctl",
            ["mesh", "up", "-f", topology, "--dir", directory] + options + settings.flatMap { ["--set", $0] },
            environment: environment, deadline: 45)
        try #require(output.status == 0, "boltctl mesh up: \(output)")
    }

    /// Ends all processes and removes everything. Called at the end of each test, however it went.
    func remove() {
        _ = try? ctl("mesh", "down", "--dir", directory, "--timeout", "15")
        for bolt in bolts where bolt.isRunning { if let pid = bolt.pid { kill(pid, SIGKILL) } }
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: Bolts

    /// kill −9, and the process is gone when this returns.
    func crash(_ bolt: Bolt) throws {
        let pid = try #require(bolt.pid)
        kill(pid, SIGKILL)
        try waitUntil("\(bolt.name) is gone") { ProcessTable.isGone(pid) }
    }

    /// SIGTERM, and the process is gone when this returns.
    func stop(_ bolt: Bolt) throws {
        let pid = try #require(bolt.pid)
        kill(pid, SIGTERM)
        try waitUntil("\(bolt.name) has ended", seconds: 20) { ProcessTable.isGone(pid) }
    }

    /// Starts a bolt that does not run and waits until it is healthy, whatever the others do.
    func start(_ bolt: Bolt) throws {
        try spawn(bolt)
        try waitUntil("\(bolt.name) is healthy") { try self.health(bolt) == 200 }
    }

    /// Starts a bolt's process.
    func spawn(_ bolt: Bolt) throws {
        let child = try Background("bolt", ["run", "--config", bolt.config])
        children.append(child)
        launched[bolt.name] = child
        try "\(child.pid)\n".write(toFile: bolt.directory + "/bolt.pid", atomically: true, encoding: .utf8)
    }

    /// The HTTP status of a bolt's health.
    func health(_ bolt: Bolt) throws -> Int {
        try HTTP.get("http://\(bolt.ops)/v1/health").status
    }

    // MARK: The roster

    /// Each bolt's digest, where it answers.
    func digests() throws -> [String] {
        let lines = try ctl("roster", "digest", "-o", "json").json?["bolts"] as? [[String: Any]] ?? []
        return lines.compactMap { ($0["answer"] as? [String: Any])?["digest"] as? String }
    }

    /// R1, R4: all bolts hold the same events.
    func waitForEqualDigests(location: SourceLocation = #_sourceLocation) throws {
        try waitUntil("all bolts hold the same", seconds: 30, location: location) {
            let digests = try self.digests()
            return digests.count == self.bolts.count && Set(digests).count == 1
        }
    }

    /// Ids of all envoys in force at one bolt.
    func envoyIDs(at bolt: Bolt) throws -> Set<String> { Set(try envoys(at: bolt).compactMap { $0["id"] as? String }) }

    /// Names of all envoys that a bolt knows as admitted, page by page.
    func envoyNames(at bolt: Bolt) throws -> Set<String> {
        Set(try envoys(at: bolt).compactMap { $0["name"] as? String })
    }

    private func envoys(at bolt: Bolt) throws -> [[String: Any]] {
        var (envoys, after) = ([[String: Any]](), String?.none)
        repeat {
            var arguments = [
                "roster", "list", "--role", "envoy", "--limit", "1000", "--bolt", bolt.address, "-o", "json",
            ]
            if let after { arguments += ["--after", after] }
            let page = try #require(try Command.run("boltctl", arguments, environment: environment).json)
            envoys += (page["principals"] as? [[String: Any]] ?? []).filter { $0["standing"] as? String != "removed" }
            after = page["next_after"] as? String
        } while after != nil
        return envoys
    }

    // MARK: Envoys

    /// A join token's text.
    func token(_ options: String..., at bolt: Bolt? = nil) throws -> String {
        var arguments = ["envoy", "token", "create"] + options
        if let bolt { arguments += ["--bolt", bolt.address] }
        let output = try Command.run("boltctl", arguments, environment: environment)
        try #require(output.status == 0, "\(output)")
        return output.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Arguments that enrol a machine whose state is below this mesh's directory.
    func enrolment(_ name: String, token: String, at bolt: Bolt, state: String? = nil) -> [String] {
        ["enroll", "--mesh", bolt.address, "--token", token, "--name", name, "--state", file(state ?? name)]
    }

    /// Enrols a machine; it has to succeed.
    func enroll(_ name: String, token: String, at bolt: Bolt) throws {
        let output = try Command.run(
            "bolt-envoy", enrolment(name, token: token, at: bolt), environment: environment)
        try #require(output.status == 0, "\(output)")
    }

    /// One pass of an enrolled machine, at this bolt alone.
    func pass(_ name: String, at bolt: Bolt) throws -> Command.Output {
        try envoy("run", "--once", "--report-only", "--bolt", bolt.address, "--state", file(name), "-o", "json")
    }
}

/// Runs a body with a mesh that is up, and takes it down however the body ends. Logs are shown where it failed.
func withMesh<Result>(
    _ partitions: [String] = ["north", "south", "east"], _ body: (RealMesh) throws -> Result
) throws -> Result {
    try with(RealMesh(partitions), body)
}

/// The same with a mesh that is made already, whose bolts have settings of their own: `section.key=value`.
func with<Result>(
    _ mesh: RealMesh, settings: [String] = [], _ body: (RealMesh) throws -> Result
) throws -> Result {
    defer { mesh.remove() }
    do {
        try mesh.up(settings)
        return try body(mesh)
    } catch {
        for bolt in mesh.bolts {
            // What was started here, not by `mesh up`, writes to its own place.
            let text = bolt.log + (mesh.launched[bolt.name].map { "\n-- started again\n\($0.text)" } ?? "")
            print("--- \(bolt.name)\n" + text.split(separator: "\n").suffix(25).joined(separator: "\n"))
        }
        throw error
    }
}
