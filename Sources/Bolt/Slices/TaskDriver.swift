internal import BoltAPI
internal import Spanner

/// Who drives a task, as this bolt knows it: whether anybody could go on with the task, or end it.
struct TaskDriver {
    /// Which partition.
    let partition: PartitionName
    /// Whether a primary of it is heard.
    let hasPrimary: Bool
    /// How long none said anything of its slices; nil where none ever did since this bolt started.
    let silence: Duration?
    /// Whether the topology in force names it.
    let isInTopology: Bool
    /// Whether an operator took slices from it and it owns none any more.
    let isTakenOver: Bool
    /// Its primary, `name.partition`; nil where none is heard.
    var bolt: String?

    /// A driver without a primary for less may be on its way to the next one. A primary says something at least each
    /// `SliceShellLimits.censusRepeat`.
    static let silenceMin: Duration = .seconds(60)

    /// Whether it is gone for long enough that an operator may go on despite its task.
    var isSilent: Bool { !hasPrimary && (silence.map { $0 >= TaskDriver.silenceMin } ?? true) }

    /// Why its tasks have nobody any more; nil where they may have.
    var orphaned: String? {
        guard !hasPrimary else { return nil }
        if isTakenOver { return "the slices of \(partition) were taken over, and no primary of it is heard" }
        guard !isInTopology, isSilent else { return nil }
        let seconds = Int(TaskDriver.silenceMin / .seconds(1))
        return "\(partition) is not in the topology in force, and no primary of it was heard for \(seconds) s"
    }

    /// A task that it drives, with what is known here of it: a census names no bolt, and whoever is lost says nothing.
    func named(_ task: TaskView) -> TaskView {
        var task = task
        task.bolt = bolt
        if !task.isOver { task.orphaned = orphaned }
        return task
    }
}
