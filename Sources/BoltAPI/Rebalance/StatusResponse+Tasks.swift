import Spanner

extension StatusResponse {
    /// Adds the tasks that are not over, and an alarm for each of them that does not get on.
    public mutating func add(tasks all: [TaskView]) {
        tasks = Array(all.filter { !$0.isOver }.prefix(APILimits.tasksShown))
        for task in tasks {
            guard let first = task.stuck.first else { continue }
            alarms.append(
                Alarm(
                    code: "moves_stuck", severity: .warning,
                    text: "\(Plural.text(task.stuck.count, "slice")) of the task \(task.id) stuck, the first "
                        + "\(first.group)/\(first.slice) from \(first.from) to \(first.to): \(first.reason)",
                    next: "boltctl rebalance status \(task.id)"))
        }
        if verdict == .healthy, !alarms.isEmpty { verdict = .degraded }
    }
}
