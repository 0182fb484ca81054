internal import BoltAPI
internal import CRDT
internal import Spanner

/// What the document of an apply holds: the topology, and what people are told about the apply.
struct AppliedTopology: Codable, Sendable {
    /// How the mesh is to be.
    var topology: Topology
    /// Partitions that are to hand on all that they own.
    var drains: [PartitionName]
    /// The bolt that took it, `name.partition`.
    var bolt: String
    /// Why, in the operator's words.
    var reason: String
    /// What the operator asked for it under; also the id of the task that moves slices for it.
    var task: PrincipalID
    /// Whether that task has anything to move.
    var moves: Bool
    /// What came, changed and went, in one line.
    var summary: String
}

/// What a partition keeps of a task beside its records, for people.
struct TaskNote: Codable, Sendable {
    /// What it is for.
    var kind: TaskView.Kind
    /// The plan that was looked at.
    var plan: Bytes32?
    /// Who asked.
    var actor: String
    /// Why.
    var reason: String
    /// When.
    var at: WallTime
    /// When it was over; nil while it is not.
    var endedAt: WallTime?
    /// Whether that was the way back.
    var endedReversed: Bool?
    /// How far it was then, whatever becomes of its slices later; nil while it is not over, and in notes of bolts that
    /// kept no counts.
    var ending: TaskProgress?
    /// The apply in force that its moves were planned for.
    var apply: Bytes32?

    /// The setting that holds a task's note.
    static func name(of task: PrincipalID) -> String { "task.\(task)" }

    /// The setting that says who holds a task: one of its own, so that neither writes over the other.
    static func holdName(of task: PrincipalID) -> String { "task.\(task).hold" }
}
