import Foundation
import Testing

/// A machine under policy: an enrolled agent whose root is a scratch directory, with facts and handlers of its own.
final class PolicyMachine {
    let mesh: RealMesh
    let name: String
    /// The partition that owns it.
    let owner: String
    private var agent: Background?

    var state: String { mesh.file(name) }
    var root: String { mesh.file("\(name).root") }
    /// Executables that tell facts.
    var facts: String { mesh.file("\(name).traits") }
    /// Executables that apply what the agent itself does not know.
    var handlers: String { mesh.file("\(name).handlers") }

    /// A machine that is enrolled.
    init(_ mesh: RealMesh, name: String, owner: String) throws {
        (self.mesh, self.name, self.owner) = (mesh, name, owner)
        for folder in [root, facts, handlers] {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        }
    }

    // MARK: What it is

    /// Makes a trait `custom.NAME` from now on: an executable that prints JSON.
    func tell(_ trait: String, _ json: String) throws {
        try script("cat <<'END'\n\(json)\nEND", at: "\(facts)/\(trait)")
    }

    /// An executable of the shell.
    func script(_ text: String, at path: String) throws {
        // Put in place whole: the agent may be about to run it. And written by a process of its own: a descriptor of
        // this one may go to a program that another thread starts meanwhile, and what is open for writing can't be run.
        let draft = (path as NSString).deletingLastPathComponent + "/.\(UUID().uuidString)"
        let written = try Command.run(
            "/bin/sh",
            [
                "-c", "printf '%s' \"$1\" >\"$0\" && chmod 755 \"$0\" && mv -f \"$0\" \"$2\"", draft,
                "#!/bin/sh\n\(text)\n", path,
            ])
        try #require(written.status == 0, "\(path): \(written)")
    }

    /// A file below its root; nil where there is none.
    func content(_ path: String) -> String? {
        FileManager.default.contents(atPath: root + path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Writes a file below its root behind the agent's back.
    func overwrite(_ path: String, _ text: String) throws {
        try text.write(toFile: root + path, atomically: true, encoding: .utf8)
    }

    // MARK: Its agent

    /// The arguments of its agent.
    func arguments(_ more: [String] = []) -> [String] {
        ["run", "--state", state, "--root", root, "--traits", facts, "--handlers", handlers] + more
    }

    /// One pass, to its end.
    @discardableResult
    func pass(
        _ more: String..., environment: [String: String] = [:], deadline: TimeInterval = 45
    ) throws -> Command.Output {
        try Command.run(
            "bolt-envoy", arguments(["--once", "-o", "json"] + more),
            environment: mesh.environment.merging(environment) { $1 }, deadline: deadline)
    }

    /// One pass that has to be taken by a bolt.
    func passed(location: SourceLocation = #_sourceLocation) throws {
        let output = try pass()
        try #require(output.status == 0, "\(name): \(output)", sourceLocation: location)
    }

    /// Makes passes until one ends so and a file below its root has this content: a new machine is given its policy
    /// within seconds.
    func converge(
        _ path: String, _ text: String, status: Int32 = 0, seconds: TimeInterval = 30,
        location: SourceLocation = #_sourceLocation
    ) throws {
        try waitUntil("\(name) has \(text.debugDescription) in \(path)", seconds: seconds, location: location) {
            let output = try pass()
            guard output.status != status || content(path) != text else { return true }
            throw Unheard(what: "\(content(path)?.debugDescription ?? "nothing"); \(output)")
        }
    }

    /// Starts its agent, which makes passes all the time.
    func start(_ more: String...) throws {
        agent = try Background(
            "bolt-envoy", arguments(["--interval", "0.2"] + more), environment: mesh.environment)
    }

    /// Ends its agent as a service manager does.
    func stop(location: SourceLocation = #_sourceLocation) {
        guard let agent else { return }
        agent.signal(SIGTERM)
        let status = agent.wait(seconds: 20)
        #expect(status == 0, "\(name): \(agent.text)", sourceLocation: location)
        self.agent = nil
    }

    /// kill −9 of its agent.
    func crash() {
        agent?.signal(SIGKILL)
        _ = agent?.wait(seconds: 10)
        agent = nil
    }

    var isRunning: Bool { agent?.isRunning ?? false }
    /// What its agent wrote so far.
    var log: String { agent?.text ?? "" }

    /// Waits until a file below its root has this content.
    func waitFor(
        _ path: String, _ text: String, seconds: TimeInterval = 20, location: SourceLocation = #_sourceLocation
    ) throws {
        try waitUntil("\(name) has \(text.debugDescription) in \(path)", seconds: seconds, location: location) {
            guard content(path) != text else { return true }
            throw Unheard(what: "\(content(path)?.debugDescription ?? "nothing"); \(log.suffix(300))")
        }
    }

    /// What it says of itself.
    func status() throws -> [String: Any] {
        try #require(try mesh.envoy("status", "--state", state, "-o", "json").json)
    }

    /// How many results wait on its disk.
    func waiting() throws -> Int { try status()["waiting"] as? Int ?? 0 }

    // MARK: What it told

    /// All that its owner has of it.
    func results(at bolt: RealMesh.Bolt? = nil) throws -> [[String: Any]] {
        var line = ["envoy", "results", name, "--all", "-o", "json"]
        if let bolt { line += ["--bolt", bolt.address] }
        let output = try Command.run("boltctl", line, environment: mesh.environment)
        return try #require(output.json?["results"] as? [[String: Any]], "\(output)")
    }

    /// The passes among them.
    func passes() throws -> [[String: Any]] { try results().compactMap { $0.passRecord } }

    /// The last pass that its owner knows of.
    func lastPass() throws -> [String: Any] { try #require(try passes().last, "\(name) told of no pass") }

    /// P5: each result is there once, in the order in which it was made, without a hole, and at least so many passes.
    /// Gives those. `isTimed` is false for a machine whose clock was turned back.
    @discardableResult
    func expectOnceInOrder(
        atLeast count: Int = 1, isTimed: Bool = true, location: SourceLocation = #_sourceLocation
    ) throws -> [[String: Any]] {
        let results = try results()
        let kinds = Set(results.compactMap { $0["kind"] as? String })
        #expect(kinds == ["result"], "\(name): \(kinds)", sourceLocation: location)
        #expect(Set(results.compactMap { $0["queue"] as? String }).count == 1, sourceLocation: location)
        let sequences = results.compactMap { $0["sequence"] as? Int }
        #expect(
            sequences == Array(1...max(1, sequences.count)), "\(name): \(sequences)", sourceLocation: location)
        let records = results.compactMap { $0["record"] as? [String: Any] }
        // Were one told twice, it would stand there twice with the same time and content.
        let texts = try records.map { try JSONSerialization.data(withJSONObject: $0, options: .sortedKeys) }
        #expect(Set(texts).count == results.count, "\(name): two are the same", sourceLocation: location)
        let times = records.compactMap { (($0["pass"] as? [String: Any] ?? $0)["at_ms"] as? NSNumber)?.uint64Value }
        #expect(
            !isTimed || times.count == records.count && zip(times, times.dropFirst()).allSatisfy { $0 <= $1 },
            "\(name): \(times)", sourceLocation: location)
        let passes = results.compactMap { $0.passRecord }
        #expect(passes.count >= count, "\(name): \(passes.count) of \(count)", sourceLocation: location)
        return passes
    }
}

extension [String: Any] {
    /// The pass that a result tells of.
    var passRecord: [String: Any]? { (self["record"] as? [String: Any])?["pass"] as? [String: Any] }

    /// What became of a resource of a pass: `file:/etc/motd`.
    func resource(_ id: String) -> [String: Any]? {
        let resources = (self["report"] as? [String: Any])?["resources"] as? [[String: Any]]
        return resources?.first { $0["id"] as? String == id }
    }

    /// How a resource of a pass ended.
    func outcome(_ id: String) -> String? { resource(id)?["outcome"] as? String }

    /// Whether no server was heard.
    var isOffline: Bool { self["offline"] as? Bool ?? false }
}
