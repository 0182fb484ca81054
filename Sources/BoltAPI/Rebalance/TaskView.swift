public import CRDT
public import Spanner

/// One task that moves slices, as the partition that drives it journals it.
public struct TaskView: Hashable, Sendable, Codable {
    /// What a task is for.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// Slices go where a plan says.
        case rebalance
        /// One envoy goes to another group.
        case reassign
    }

    /// What is wanted of it.
    public enum Phase: String, Sendable, Codable, CaseIterable {
        /// Slices go where the plan says.
        case moving
        /// What was moved goes back.
        case reversing
        /// What is in flight ends; nothing more begins.
        case cancelling
        /// Over.
        case ended

        /// The word of a phase.
        public init(_ phase: RebalanceState.Phase) {
            switch phase {
            case .moving: self = .moving
            case .reversing: self = .reversing
            case .cancelling: self = .cancelling
            case .ended: self = .ended
            }
        }
    }

    /// Its id: 128 random bits of whoever asked for it.
    public var id: PrincipalID
    /// What it is for.
    public var kind: Kind
    /// The partition that drives it.
    public var driver: PartitionName
    /// That partition's primary, `name.partition`; nil while it has none that is known.
    public var bolt: String?
    /// What is wanted.
    public var phase: Phase
    /// Whether an operator holds it.
    public var isPaused: Bool
    /// Whether it was reversed, ever.
    public var isReversed: Bool
    /// Whether it was cancelled before everything was where it should be.
    public var isCancelled: Bool
    /// The topology that it was planned on, by its digest.
    public var version: Bytes32
    /// The plan.
    public var plan: Bytes32?
    /// When it was taken, by the clock of the bolt that took it.
    public var beganAt: WallTime
    /// When it was over.
    public var endedAt: WallTime?
    /// Who asked: `operator/ada`.
    public var actor: String
    /// Why, in the operator's words; empty where none were given.
    public var reason: String
    /// What it may take.
    public var limits: TaskLimits
    /// How far it is; once it is over, how far it was when it ended, whatever became of the slices since.
    public var progress: TaskProgress
    /// What does not get on, oldest first; at most `APILimits.stuckShown`.
    public var stuck: [TaskStuckView]
    /// Why it moves nothing now, in words, though nobody paused it: a newer apply is in force. Nil where it goes on.
    public var hold: String?
    /// Why nobody can go on with it, or end it, in words: its driver is lost. Such a task stands in nobody's way, and
    /// holds itself where its driver returns after a newer apply. Nil where it has a driver.
    public var orphaned: String?
    /// Which operator holds it still; nil while none does, and where that was not kept.
    public var held: TaskPauseView?

    /// A task.
    public init(
        id: PrincipalID, kind: Kind, driver: PartitionName, bolt: String?, phase: Phase, isPaused: Bool,
        isReversed: Bool, isCancelled: Bool, version: Bytes32, plan: Bytes32?, beganAt: WallTime,
        endedAt: WallTime? = nil, actor: String, reason: String, limits: TaskLimits, progress: TaskProgress,
        stuck: [TaskStuckView], hold: String? = nil, orphaned: String? = nil, held: TaskPauseView? = nil
    ) {
        (self.id, self.kind, self.driver, self.bolt, self.phase) = (id, kind, driver, bolt, phase)
        (self.isPaused, self.isReversed, self.isCancelled) = (isPaused, isReversed, isCancelled)
        (self.version, self.plan, self.beganAt, self.endedAt) = (version, plan, beganAt, endedAt)
        (self.actor, self.reason, self.limits) = (actor, reason, limits)
        (self.progress, self.stuck, self.hold, self.orphaned, self.held) = (progress, stuck, hold, orphaned, held)
    }

    enum CodingKeys: String, CodingKey {
        case id, kind, driver, bolt, phase, version, plan, actor, reason, limits, progress, stuck, hold, orphaned
        case isPaused = "paused"
        case isReversed = "reversed"
        case isCancelled = "cancelled"
        case beganAt = "began_at_ms"
        case endedAt = "ended_at_ms"
        case held = "held_by"
    }

    /// Whether nothing more happens.
    public var isOver: Bool { phase == .ended }
    /// Whether an operator holds it still; one that is being cancelled ends all the same.
    public var isHeld: Bool { isPaused && (phase == .moving || phase == .reversing) }
    /// Whether it is over and every slice was where it should be when it ended.
    public var isComplete: Bool { isOver && progress.done == progress.moves }
}

/// Who holds a task still.
public struct TaskPauseView: Hashable, Sendable, Codable {
    /// Who asked: `operator/ada`.
    public var actor: String
    /// When, by the clock of the bolt that was asked.
    public var at: WallTime
    /// Why, in the operator's words; empty where none were given.
    public var reason: String

    /// Who holds a task still.
    public init(actor: String, at: WallTime, reason: String) {
        (self.actor, self.at, self.reason) = (actor, at, reason)
    }

    enum CodingKeys: String, CodingKey {
        case actor, reason
        case at = "at_ms"
    }
}

/// How far a task is. All counts are of what is, not of what was planned to be; of a task that is over they are of its
/// end.
public struct TaskProgress: Hashable, Sendable, Codable {
    /// Slices in all.
    public var moves: Int
    /// Slices that are where they should be.
    public var done: Int
    /// Slices on their way.
    public var inFlight: Int
    /// Slices that failed too often, and wait for an operator; all of them, also where fewer are listed as stuck.
    public var givenUp: Int
    /// Slices that somebody else moved elsewhere since the plan was made: they are left alone.
    public var overtaken: Int
    /// Envoys in all.
    public var envoys: UInt64
    /// Envoys in slices that are where they should be.
    public var envoysDone: UInt64
    /// Bytes in all.
    public var bytes: UInt64
    /// Bytes that are where they should be, those of slices in flight included.
    public var bytesDone: UInt64
    /// Seconds that it will take at the rate so far; nil before there is one, while it is held and when it is over.
    public var remainingSeconds: Double?

    /// How far a task is.
    public init(
        moves: Int, done: Int, inFlight: Int, givenUp: Int = 0, overtaken: Int, envoys: UInt64, envoysDone: UInt64,
        bytes: UInt64, bytesDone: UInt64, remainingSeconds: Double?
    ) {
        (self.moves, self.done, self.inFlight, self.overtaken) = (moves, done, inFlight, overtaken)
        self.givenUp = givenUp
        (self.envoys, self.envoysDone) = (envoys, envoysDone)
        (self.bytes, self.bytesDone, self.remainingSeconds) = (bytes, bytesDone, remainingSeconds)
    }

    /// How far the task says it is.
    public init(_ status: RebalanceStatus) {
        self.init(
            moves: status.moves, done: status.done, inFlight: status.inFlight, givenUp: status.givenUp,
            overtaken: status.overtaken, envoys: status.envoys, envoysDone: status.envoysDone, bytes: status.bytes,
            bytesDone: status.bytesDone, remainingSeconds: status.remaining.map { $0 / .seconds(1) })
    }

    enum CodingKeys: String, CodingKey {
        case moves, done, overtaken, envoys, bytes
        case inFlight = "in_flight"
        case givenUp = "given_up"
        case envoysDone = "envoys_done"
        case bytesDone = "bytes_done"
        case remainingSeconds = "remaining_seconds"
    }
}

/// A slice that does not get on.
public struct TaskStuckView: Hashable, Sendable, Codable {
    /// Its number among the task's moves.
    public var move: UInt32
    /// Its group.
    public var group: GroupName
    /// Which slice of the group.
    public var slice: UInt32
    /// From where.
    public var from: PartitionName
    /// Where to.
    public var to: PartitionName
    /// Since when, by the driving bolt's clock.
    public var since: WallTime
    /// Why, in words.
    public var reason: String

    /// A slice that does not get on.
    public init(
        move: UInt32, group: GroupName, slice: UInt32, from: PartitionName, to: PartitionName, since: WallTime,
        reason: String
    ) {
        (self.move, self.group, self.slice) = (move, group, slice)
        (self.from, self.to, self.since, self.reason) = (from, to, since, reason)
    }

    enum CodingKeys: String, CodingKey {
        case move, group, slice, from, to, reason
        case since = "since_ms"
    }
}

/// `GET /v1/tasks`: those of all partitions that the answering bolt hears of, running ones first, then the latest.
public struct TasksResponse: Hashable, Sendable, Codable {
    /// At most `APILimits.tasksShown`.
    public var tasks: [TaskView]
    /// Age and completeness.
    public var freshness: Freshness

    /// Tasks.
    public init(tasks: [TaskView], freshness: Freshness) { (self.tasks, self.freshness) = (tasks, freshness) }
}

/// `GET /v1/tasks/{task}`: the driving primary's own word where it can be had, else what was last heard of it.
public struct TaskResponse: Hashable, Sendable, Codable {
    /// The task.
    public var task: TaskView
    /// Age and completeness; complete where the driving primary answers.
    public var freshness: Freshness

    /// A task.
    public init(task: TaskView, freshness: Freshness) { (self.task, self.freshness) = (task, freshness) }
}
