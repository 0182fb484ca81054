import BoltAPI
import BoltClient
import Foundation
import Spanner

/// A real agent that puts its policy in force below a scratch root, with a fact of its own.
@MainActor final class DemoAgent {
    /// Seconds between its rounds.
    private static let interval = "0.3"
    private let program: String
    let name: String
    private let state: String
    private let root: String
    private let facts: String
    private let log: String
    private var pid: pid_t?

    /// The agent of an enrolled machine, with an empty root.
    init(_ program: String, name: String, state: String, below directory: String) throws {
        (self.program, self.name, self.state) = (program, name, state)
        (root, facts) = ("\(directory)/roots/\(name)", "\(directory)/traits/\(name)")
        log = "\(directory)/roots/\(name).log"
        for folder in [root, facts] {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        }
    }

    /// Starts it.
    func start() throws {
        pid = try ChildProcess.start(
            program, ["run", "--state", state, "--root", root, "--traits", facts, "--interval", Self.interval],
            log: log)
    }

    /// Ends it as a service manager does; killed where it takes long.
    func stop() async throws {
        guard let pid else { return }
        kill(pid, SIGTERM)
        let ended: Bool? = try await Waiting.until(seconds: 15, every: .milliseconds(10)) {
            ChildProcess.isGone(pid) ? true : nil
        }
        if ended == nil { kill(pid, SIGKILL) }
        self.pid = nil
    }

    /// Whether it runs: no outage ends it.
    var isRunning: Bool { pid.map { !ChildProcess.isGone($0) } ?? false }

    // MARK: The machine

    /// The machine is another one from now on: an executable tells it, as JSON.
    func tell(_ trait: String, _ value: String) throws {
        // In place whole: the agent may be about to run it.
        let (draft, path) = ("\(facts)/.draft", "\(facts)/\(trait)")
        try "#!/bin/sh\necho '\"\(value)\"'\n".write(toFile: draft, atomically: false, encoding: .utf8)
        guard chmod(draft, 0o755) == 0, rename(draft, path) == 0 else {
            throw CommandFailure("file_failed", "\(path) cannot be made", reason: String(cString: strerror(errno)))
        }
    }

    /// A file below its root; nil where there is none.
    func content(_ path: String) -> String? {
        FileManager.default.contents(atPath: root + path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Removes a file below its root behind its agent's back.
    func remove(_ path: String) { try? FileManager.default.removeItem(atPath: root + path) }

    /// How many files and links its agent made.
    var files: Int {
        let all = FileManager.default.enumerator(atPath: root)?.allObjects ?? []
        return all.count { ($0 as? String).map { content("/" + $0) != nil } ?? false }
    }

    /// How many results wait on its disk; nil where that cannot be told.
    func waiting() async throws -> Int64? {
        let (code, out) = try await ForegroundProgram.run(program, ["status", "--state", state, "-o", "json"])
        guard code == 0, let answer = try? APIJSON.decode([String: JSONValue].self, from: Data(out.utf8)),
            case .integer(let count)? = answer["waiting"]
        else { return nil }
        return count
    }

    // MARK: What the mesh has of it

    /// How many results there are; nil with a reason where one is missing, twice, or out of order.
    func told(by client: BoltClient) async throws -> (count: Int, fault: String?) {
        let reader = ResultReader(client: client, envoy: name, queue: nil, raw: false)
        let results = try await reader.all(most: EnvoyResults.shownMax).results
        var seen: Set<JSONValue> = []
        for (place, result) in results.enumerated() {
            let number = UInt64(place + 1)
            guard result.kind == .result, result.sequence == number, result.through == number,
                result.queue == results[0].queue
            else { return (results.count, "\(name): place \(number) is \(result.kind.rawValue) \(result.sequence)") }
            if let record = result.record, !seen.insert(record).inserted {
                return (results.count, "\(name): place \(number) is there twice")
            }
        }
        return (results.count, nil)
    }
}
