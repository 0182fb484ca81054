import BoltAPI
import CRDT
import ChaosKit
import Foundation
import Identity
import Spanner
import SpannerStore

/// Whole agents in one process of `bolt-envoy simulate`, started again whenever it ends, which may be killed at any
/// time. What they are told is in a journal for each life of it, what they hold on disks of their own.
actor AgentFleet {
    private static let prefix = "agent"
    /// Agents that report at a time, and how often each does in one life that nobody ends.
    private static let (concurrency, passes) = (64, 3)

    private let mesh: ChaosMesh
    private let count: Int
    private let folder: String
    /// Their ids, in order of their numbers.
    let principals: [PrincipalID]
    private var pid: pid_t?
    private var life = 0
    private var isHeld = false
    private var isDraining = false

    /// Enrols so many at the mesh.
    init(count: Int, of mesh: ChaosMesh) async throws {
        (self.mesh, self.count) = (mesh, count)
        let folder = mesh.directory + "/agents"
        self.folder = folder
        let token = try await mesh.control(["envoy", "token", "create", "--uses", "\(count)"])
        guard token.code == 0, let text = JSON(token.text)["token"].text else {
            throw ChaosFailure("no token: exit \(token.code)\n\(token.errors)")
        }
        try await Program.done(
            Self.command(mesh, folder, count, passes: 0) + ["--token", text], seconds: 120 + Double(count))
        principals = try (1...count).map { number in
            try EnvoyIdentity.load(directory: "\(folder)/\(Self.prefix)-\(number)/identity").principal
        }
    }

    private static func command(
        _ mesh: ChaosMesh, _ folder: String, _ count: Int, passes: Int, journal: String? = nil
    ) -> [String] {
        [mesh.programs + "/bolt-envoy", "simulate", "--count", "\(count)", "--passes", "\(passes)"]
            + ["--concurrency", "\(concurrency)", "--dir", folder, "--prefix", prefix, "-o", "json"]
            + (journal.map { ["--journal", $0] } ?? []) + mesh.bolts.flatMap { ["--mesh", $0.address] }
    }

    // MARK: Lives

    /// One life after another until it is drained or cancelled.
    func run() async {
        while !Task.isCancelled, !isDraining {
            if !isHeld, !isRunning { pid = try? Program.start(command(passes: Self.passes), output: folder + "/log") }
            try? await Task.sleep(for: .milliseconds(50))
        }
        guard Task.isCancelled, let pid, isRunning else { return }
        kill(pid, SIGKILL)
    }

    private var isRunning: Bool { pid.map { !Program.isGone($0) } ?? false }

    /// The command of a new life: it has a journal of its own, for the last line of the one before may be cut off.
    private func command(passes: Int) -> [String] {
        life += 1
        return Self.command(mesh, folder, count, passes: passes, journal: journal(of: life))
    }

    private func journal(of life: Int) -> String { "\(folder)/journal-\(life)" }

    /// kill −9, and no life begins until they are let go. Gives which life it was, 0 where none was.
    func killAndHold() -> Int {
        isHeld = true
        guard let pid, isRunning else { return 0 }
        kill(pid, SIGKILL)
        return life
    }

    /// The next life may begin.
    func letGo() { isHeld = false }

    /// No life of any length begins any more; every agent makes one more pass, again and again until all were taken.
    /// Gives what is missing when the time is over.
    func drain(seconds: Double) async throws -> [String] {
        isDraining = true
        let deadline = ContinuousClock.now + .seconds(seconds)
        if let pid, isRunning {
            kill(pid, SIGTERM)
            let ended: Bool? = try await Waiting.until(seconds: 60) { isRunning ? nil : true }
            if ended != true { kill(pid, SIGKILL) }
        }
        var last = "no pass was made"
        repeat {
            let output = try await Program.run(
                command(passes: 1), environment: mesh.environment, seconds: 120 + Double(count))
            if output.code == 0 { return [] }
            let report = JSON(output.text)
            let reasons = report["reasons"].list.compactMap(\.text).joined(separator: "; ")
            last = "\(Int(report["failed_passes"].number ?? 0)) agents' last passes failed: \(reasons)"
        } while ContinuousClock.now < deadline
        return [last]
    }

    // MARK: What they were told, and hold

    /// A line of a journal.
    private struct Line: Decodable {
        let event: String
        let id: String
        let level: String
        let storedThrough: UInt64?
        let releaseThrough: UInt64?
        let partition: String?
        let register: UInt64?
        let epoch: UInt64?

        enum CodingKeys: String, CodingKey {
            case event, id, level, partition, register, epoch
            case storedThrough = "stored_through"
            case releaseThrough = "release_through"
        }

        var answer: Answer? {
            guard event == "delivered", let storedThrough, let releaseThrough, let partition, let register, let epoch
            else { return nil }
            // Kept for an owner that is away: the epoch in it is what the agent itself said, nobody's word.
            let isOwners = level != "custody"
            return Answer(
                storedThrough: storedThrough, releaseThrough: releaseThrough, isPaired: level == "paired",
                mark: Mark(register: register, epoch: isOwners ? epoch : 0), partition: partition)
        }
    }

    /// All of them, once they are drained.
    func histories() throws -> [AgentHistory] {
        var told: [String: [AgentAnswer]] = [:]
        let decoder = JSONDecoder()
        for life in 1...max(1, life) {
            guard let text = FileManager.default.contents(atPath: journal(of: life)) else { continue }
            for line in text.split(separator: 0x0A) {
                // What a kill cut off was not written down: it is what its disk says.
                guard let line = try? decoder.decode(Line.self, from: line), let answer = line.answer else { continue }
                told[line.id, default: []].append(AgentAnswer(life: life, answer))
            }
        }
        return try principals.enumerated().map { place, id in
            let name = "\(Self.prefix)-\(place + 1)"
            let queue = try QueueStore(path: "\(folder)/\(name)/queue")
            let held = try queue.queues()
            try queue.close()
            guard held.earlier.isEmpty else { throw ChaosFailure("\(name) holds results of an earlier queue") }
            return AgentHistory(
                name: name, envoy: id.apiText, queue: held.present.id.description, made: held.present.last,
                releasedThrough: held.present.first - 1, told: told[id.apiText] ?? [])
        }
    }
}
