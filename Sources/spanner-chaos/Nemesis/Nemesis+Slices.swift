import ChaosKit
import Foundation

/// Slices on the move, by operators.
extension Nemesis {
    /// A task that was begun is to be over after that, deaths on the way included.
    private static var taskSeconds: Double { 60 }
    /// Few slices at once: a move takes long enough to be struck.
    private static var limits: [String] { ["--slices-in-flight", "4"] }

    /// Another weight for one partition: slices go there, or leave.
    func move(_ partition: Int, _ weight: Int) async throws -> String? {
        if let why = try await waitForMoves(seconds: Self.taskSeconds) { return why }
        let path = try mesh.topology(partition, weight: weight)
        let output = try await mesh.control(
            ["topology", "apply", path, "--yes", "--no-wait", "--despite-blockers", "--reason", "chaos"]
                + ["--request-timeout", "5"] + Self.limits, seconds: 90)
        guard [0, 3, 5].contains(output.code) else { return "exit \(output.code) \(Self.short(output))" }
        note("  \(mesh.partitions[partition]) has weight \(weight)")
        return nil
    }

    /// What the latest task has moved goes back.
    func putBack() async throws -> String? {
        guard let task = try await tasks()?.first else { return "nothing is known to have moved" }
        let output = try await mesh.control(
            ["rebalance", "reverse", task.id, "--yes", "--no-wait", "--reason", "chaos", "--request-timeout", "5"],
            seconds: 30)
        guard [0, 3].contains(output.code) else { return "exit \(output.code) \(Self.short(output))" }
        note("  task \(task.id)")
        return nil
    }

    /// A task is held still, and goes on.
    func holdMoves(_ seconds: Double) async throws -> String? {
        guard let task = try await tasks()?.first(where: { !$0.isOver }) else { return "nothing moves" }
        let paused = try await mesh.control(
            ["rebalance", "pause", task.id, "--yes", "--request-timeout", "5"], seconds: 30)
        guard paused.code == 0 else { return "exit \(paused.code) \(Self.short(paused))" }
        try await Task.sleep(for: .seconds(seconds))
        if let why = try await resume(task.id) { fail("task \(task.id) is held and cannot go on: \(why)") }
        return nil
    }

    /// Nothing is held, all tasks end, every slice has one owner that serves it, and nobody keeps a copy of what it
    /// handed on. Gives what is missing.
    func endMoves() async throws -> [String] {
        for task in try await tasks() ?? [] where task.isPaused && !task.isOver {
            if let why = try await resume(task.id) { return ["a held task cannot go on: \(why)"] }
        }
        if let why = try await waitForMoves(seconds: Self.taskSeconds) { return [why] }
        let all = try await tasks() ?? []
        note("  \(all.count) tasks, \(all.reduce(0) { $0 + $1.done }) slices where they were wanted")
        var last = "nobody verifies the slices"
        let settled: Bool? = try await Waiting.until(seconds: Self.taskSeconds, every: .milliseconds(500)) {
            let output = try await mesh.control(["slice", "verify", "--timeout", "5"], seconds: 60)
            let answer = JSON(output.text)
            let states = answer["lines"].list.flatMap { line in
                line["answer"]["holdings"].list.compactMap { $0["state"].text }
            }
            if output.code != 0 {
                last = answer["findings"].list.first?["what"].text ?? "exit \(output.code) \(Self.short(output))"
                return nil
            }
            last = "slices are still \(Set(states).subtracting(["active"]).sorted().joined(separator: ", "))"
            return Set(states) == ["active"] ? true : nil
        }
        return (settled == true ? [] : [last]) + (all.isEmpty ? ["no slice was ever moved"] : [])
    }

    // MARK: Tasks

    /// One task, as far as it is of use here.
    private struct MovingTask {
        let id: String
        let isOver: Bool
        let isPaused: Bool
        let done: Int

        init?(_ view: JSON) {
            guard let id = view["id"].text, let phase = view["phase"].text else { return nil }
            (self.id, isOver) = (id, phase == "ended")
            isPaused = view["paused"].flag ?? false
            done = Int(view["progress"]["done"].number ?? 0)
        }
    }

    /// Running ones first, then the latest; nil where nobody says.
    private func tasks() async throws -> [MovingTask]? {
        let output = try await mesh.control(["rebalance", "status", "--request-timeout", "5"], seconds: 30)
        guard output.code == 0 else { return nil }
        return JSON(output.text)["tasks"].list.compactMap { MovingTask($0) }
    }

    /// Why the task does not go on; nil where it does, and where it ended meanwhile: a pause begins nothing, and what
    /// was on its way may have been all.
    private func resume(_ id: String) async throws -> String? {
        var last = ""
        let resumed: Bool? = try await Waiting.until(seconds: 30, every: .milliseconds(300)) {
            if try await tasks()?.first(where: { $0.id == id })?.isOver == true { return true }
            let output = try await mesh.control(
                ["rebalance", "resume", id, "--yes", "--no-wait", "--request-timeout", "5"], seconds: 30)
            last = "exit \(output.code) \(Self.short(output))"
            // It goes on, or there was nothing left to be done.
            return [0, 3, 5].contains(output.code) ? true : nil
        }
        return resumed == true ? nil : last
    }

    /// Why slices still move when the time is over; nil where none does.
    private func waitForMoves(seconds: Double) async throws -> String? {
        var last = ""
        let ended: Bool? = try await Waiting.until(seconds: seconds, every: .milliseconds(300)) {
            guard let all = try await tasks() else {
                last = "nobody says whether slices still move"
                return nil
            }
            guard let running = all.first(where: { !$0.isOver }) else { return true }
            last = "task \(running.id) still runs, \(running.done) slices done"
            return nil
        }
        return ended == true ? nil : last
    }
}

extension ChaosMesh {
    /// A topology like the mesh's own with another weight of one partition, in a file of its own.
    nonisolated func topology(_ partition: Int, weight: Int) throws -> String {
        let line = "  - name: \(partitions[partition])\n"
        let path = "\(directory)/topology-\(partitions[partition])-\(weight).yaml"
        try String(contentsOfFile: directory + "/topology.yaml", encoding: .utf8)
            .replacing(line, with: line + "    weight: \(weight)\n")
            .write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// Makes the mesh's own topology the one in force, and waits until every bolt knows it.
    nonisolated func applyTopology() async throws {
        for arguments in [
            ["topology", "apply", directory + "/topology.yaml", "--yes", "--reason", "chaos"],
            ["slice", "verify", "--timeout", "30"],
        ] {
            let output = try await control(arguments, seconds: 90)
            guard output.code == 0 else {
                throw ChaosFailure("\(arguments.joined(separator: " ")): exit \(output.code)\n\(output.errors)")
            }
        }
    }
}
