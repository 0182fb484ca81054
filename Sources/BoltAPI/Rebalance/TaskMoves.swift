public import CRDT
public import Spanner

/// One move of a task, as the driving primary sees it.
public struct TaskMoveView: Hashable, Sendable, Codable {
    /// How it stands.
    public enum State: String, Sendable, Codable, CaseIterable {
        /// It has not begun, or is to be tried again.
        case waiting
        /// It is on its way.
        case inFlight = "in_flight"
        /// It is where it should be.
        case done
        /// It failed too often, and waits for an operator.
        case givenUp = "given_up"
        /// Somebody else moved it elsewhere; of a task that is over also back to where it was.
        case overtaken
        /// The task ended before it was moved.
        case stayed
    }

    /// Its number, from 0.
    public var move: UInt32
    /// Its group.
    public var group: GroupName
    /// Which slice of the group.
    public var slice: UInt32
    /// From where, as it was planned.
    public var from: PartitionName
    /// Where to, as it was planned.
    public var to: PartitionName
    /// Who owns it now.
    public var owner: PartitionName
    /// Its register in force.
    public var register: Bytes32
    /// Envoys in it, when it was planned.
    public var envoys: UInt64
    /// Bytes of it, when it was planned.
    public var bytes: UInt64
    /// How it stands.
    public var state: State
    /// Attempts that began.
    public var attempts: UInt32
    /// Why the last attempt came to nothing; nil where none did.
    public var reason: String?

    /// One move.
    public init(
        move: UInt32, group: GroupName, slice: UInt32, from: PartitionName, to: PartitionName, owner: PartitionName,
        register: Bytes32, envoys: UInt64, bytes: UInt64, state: State, attempts: UInt32, reason: String?
    ) {
        (self.move, self.group, self.slice) = (move, group, slice)
        (self.from, self.to, self.owner, self.register) = (from, to, owner, register)
        (self.envoys, self.bytes) = (envoys, bytes)
        (self.state, self.attempts, self.reason) = (state, attempts, reason)
    }
}

/// `GET /v1/tasks/{task}/moves?after=&limit=`; `after` is a move's number.
public struct TaskMovesResponse: Hashable, Sendable, Codable {
    /// Which task.
    public var task: PrincipalID
    /// By number.
    public var moves: [TaskMoveView]
    /// Number after which the next page begins; nil on the last.
    public var nextAfter: UInt32?
    /// Age and completeness.
    public var freshness: Freshness

    /// A page of moves.
    public init(task: PrincipalID, moves: [TaskMoveView], nextAfter: UInt32?, freshness: Freshness) {
        (self.task, self.moves, self.nextAfter, self.freshness) = (task, moves, nextAfter, freshness)
    }

    enum CodingKeys: String, CodingKey {
        case task, moves, freshness
        case nextAfter = "next_after"
    }
}

/// An operator changes a task: `POST /v1/tasks/{task}`. Asked twice it is done once; what is no longer possible is
/// refused with `task_refused`.
public struct ChangeTaskRequest: Hashable, Sendable, Codable {
    /// What an operator asks.
    public enum Action: String, Sendable, Codable, CaseIterable {
        /// Hold still.
        case pause
        /// Go on; what was given up is tried again.
        case resume
        /// Take more or less from now on.
        case throttle
        /// End: what is not handed on stays.
        case cancel
        /// Put everything back.
        case reverse
    }

    /// What is asked.
    public var action: Action
    /// Of `throttle`: the limits from now on; nil for all others.
    public var limits: TaskLimits?
    /// Why, for the audit log.
    public var reason: String

    /// A change.
    public init(action: Action, limits: TaskLimits? = nil, reason: String) {
        (self.action, self.limits, self.reason) = (action, limits, reason)
    }

    /// What the task is told; nil where limits are missing, out of bounds, or of no use.
    public var command: RebalanceTask.Command? {
        switch (action, limits) {
        case (.pause, nil): .pause
        case (.resume, nil): .resume
        case (.throttle, let limits?): limits.limits.map { .throttle($0) }
        case (.cancel, nil): .cancel
        case (.reverse, nil): .reverse
        case (.pause, _), (.resume, _), (.throttle, nil), (.cancel, _), (.reverse, _): nil
        }
    }
}

/// A task was changed, or on a dry run would be.
public struct ChangeTaskResponse: Hashable, Sendable, Codable {
    /// The task as it is afterwards; on a dry run as it is.
    public var task: TaskView
    /// How safe it is.
    public var level: AckLevel
    /// Whether it was a dry run: nothing was changed.
    public var dryRun: Bool
    /// What it does, one line each.
    public var effects: [String]

    /// A change of a task.
    public init(task: TaskView, level: AckLevel, dryRun: Bool, effects: [String]) {
        (self.task, self.level, self.dryRun, self.effects) = (task, level, dryRun, effects)
    }

    enum CodingKeys: String, CodingKey {
        case task, level, effects
        case dryRun = "dry_run"
    }
}
