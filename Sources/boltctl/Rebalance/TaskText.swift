import BoltAPI
import CRDT
import Spanner

/// Tasks for people.
enum TaskText {
    /// How far it is, in one line: slices, envoys, bytes, what is left, what holds it up.
    static func line(_ task: TaskView, now: WallTime = .now) -> String {
        let progress = task.progress
        var parts = [
            "\(progress.done) of \(Plural.text(progress.moves, "slice"))",
            "\(progress.envoysDone) of \(Plural.text(progress.envoys, "envoy"))",
            "\(ByteText.text(progress.bytesDone)) of \(ByteText.text(progress.bytes))",
        ]
        if progress.inFlight > 0 { parts.append("\(progress.inFlight) on their way") }
        if progress.givenUp > 0, !task.isOver { parts.append("\(progress.givenUp) given up") }
        if progress.overtaken > 0 { parts.append("\(progress.overtaken) moved elsewhere by others") }
        var line = "\(state(task)): \(parts.joined(separator: ", "))"
        if let left = progress.remainingSeconds, !task.isOver, !task.isPaused {
            line += "; \(AboutText.left(left)) left"
        }
        if let why = task.orphaned ?? task.hold, !task.isOver { line += "; \(why)" }
        if let held = task.held, task.isHeld { line += "; held \(holder(held))" }
        if let first = task.stuck.first {
            let more = task.stuck.count > 1 ? " (and \(task.stuck.count - 1) more)" : ""
            line += "; stuck: \(stuck(first, now: now))\(more)"
        }
        return line
    }

    /// What is wanted of it, and how it ended.
    static func state(_ task: TaskView) -> String {
        if !task.isOver, task.orphaned != nil { return "orphaned" }
        let isHeld = task.isPaused || task.hold != nil
        return switch task.phase {
        case .moving: isHeld ? "held" : "moving"
        case .reversing: isHeld ? "held on the way back" : "moving back"
        case .cancelling: "being cancelled"
        case .ended: ended(task)
        }
    }

    private static func ended(_ task: TaskView) -> String {
        let rest = task.progress.moves - task.progress.done
        if rest > 0, rest <= task.progress.overtaken { return "done where it was not overtaken" }
        switch (task.isReversed, rest) {
        case (true, 0): return "reversed"
        case (true, _): return "reversed in part"
        case (false, 0): return "done"
        case (false, _): return task.isCancelled ? "cancelled" : "ended"
        }
    }

    /// `by operator/ada since 2026-11-22T04:00:00Z (month's end)`.
    static func holder(_ held: TaskPauseView) -> String {
        let why = held.reason.isEmpty ? "" : " (\(held.reason))"
        return "by \(held.actor) since \(Console.time(milliseconds: held.at.milliseconds))\(why)"
    }

    /// `web/17 north → south for 35 s: the target is sealed`.
    static func stuck(_ stuck: TaskStuckView, now: WallTime = .now) -> String {
        "\(stuck.group)/\(stuck.slice) \(stuck.from) → \(stuck.to) for \(AboutText.since(stuck.since, now: now)): "
            + stuck.reason
    }

    /// One task, whole.
    static func screen(_ task: TaskView, now: WallTime = .now) -> String {
        let progress = task.progress
        let why = (task.orphaned ?? task.hold).map { ": \($0)" } ?? ""
        let fields = TextFields([
            ("task", task.id.description), ("state", state(task) + why),
            ("driven by", "\(task.driver)" + (task.bolt.map { ", \($0)" } ?? ", which has no primary that is known")),
            ("held", task.isHeld ? task.held.map { holder($0) } : nil),
            ("began", "\(Console.time(milliseconds: task.beganAt.milliseconds)) by \(task.actor)"),
            ("ended", task.endedAt.map { Console.time(milliseconds: $0.milliseconds) }),
            ("reason", task.reason), ("topology", task.version.shortHex), ("plan", task.plan?.shortHex),
            ("may take", task.limits.text),
            ("slices", "\(progress.done) of \(progress.moves), \(progress.inFlight) on their way"),
            ("given up", progress.givenUp == 0 ? nil : Plural.text(progress.givenUp, "slice")),
            ("overtaken", progress.overtaken == 0 ? nil : Plural.text(progress.overtaken, "slice")),
            ("envoys", "\(progress.envoysDone) of \(progress.envoys)"),
            ("bytes", "\(ByteText.text(progress.bytesDone)) of \(ByteText.text(progress.bytes))"),
            ("left", task.isOver || task.isPaused ? nil : progress.remainingSeconds.map { AboutText.left($0) }),
        ])
        guard !task.stuck.isEmpty else { return fields.text }
        var table = TextTable("STUCK", "FROM", "TO", "SINCE", "FOR", "WHY")
        for stuck in task.stuck {
            table.row(
                "\(stuck.group)/\(stuck.slice)", stuck.from.text, stuck.to.text,
                Console.time(milliseconds: stuck.since.milliseconds), AboutText.since(stuck.since, now: now),
                stuck.reason)
        }
        return "\(fields.text)\n\n\(table.text)"
    }

    /// All tasks, one a line.
    static func table(_ tasks: [TaskView]) -> String {
        var table = TextTable("TASK", "BEGAN", "STATE", "SLICES", "ENVOYS", "DRIVER", "STUCK")
        for task in tasks {
            table.row(
                String(task.id.apiText.prefix(8)), Console.time(milliseconds: task.beganAt.milliseconds), state(task),
                "\(task.progress.done)/\(task.progress.moves)", "\(task.progress.envoysDone)/\(task.progress.envoys)",
                task.driver.text, task.stuck.isEmpty ? nil : "\(task.stuck.count)")
        }
        return DetailedTable.text(
            table, tasks.map { "by \($0.actor)" + ($0.reason.isEmpty ? "" : ": \($0.reason)") })
    }

    /// The moves of a task.
    static func moves(_ moves: [TaskMoveView]) -> String {
        var table = TextTable("MOVE", "SLICE", "FROM", "TO", "OWNER", "STATE", "ENVOYS", "BYTES", "ATTEMPTS", "WHY")
        for move in moves {
            table.row(
                "\(move.move)", "\(move.group)/\(move.slice)", move.from.text, move.to.text, move.owner.text,
                move.state.rawValue.replacing("_", with: " "), "\(move.envoys)", ByteText.text(move.bytes),
                "\(move.attempts)", move.reason)
        }
        return table.text
    }

    /// What to type to watch a task and to end it; one that is being cancelled ends by itself.
    static func commands(_ task: TaskView) -> String {
        let watch = "watch it: boltctl rebalance status \(task.id) --wait"
        return task.phase == .cancelling ? watch : "\(watch); end it: boltctl rebalance cancel \(task.id)"
    }
}
