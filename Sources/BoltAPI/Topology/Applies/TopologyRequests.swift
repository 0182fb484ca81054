public import CRDT
public import Spanner

/// What would have to happen: `POST /v1/topology/plan`. It changes nothing.
public struct PlanTopologyRequest: Hashable, Sendable, Codable {
    /// The wanted topology, as YAML; the one in force where nil.
    public var document: String?
    /// All partitions that are to hand on all that they own; those in force where nil.
    public var drains: [PartitionName]?
    /// Distance from its share that a partition may have, in ten-thousandths: 0...`RebalanceLimits.toleranceMax`.
    public var tolerance: Int?
    /// How long the plan is taken, in seconds: 1...`TopologyPlanner.lifetimeMax` / 1000.
    public var lifetimeSeconds: UInt64?

    /// A wish.
    public init(
        document: String? = nil, drains: [PartitionName]? = nil, tolerance: Int? = nil, lifetimeSeconds: UInt64? = nil
    ) {
        (self.document, self.drains) = (document, drains)
        (self.tolerance, self.lifetimeSeconds) = (tolerance, lifetimeSeconds)
    }

    enum CodingKeys: String, CodingKey {
        case document, drains, tolerance
        case lifetimeSeconds = "lifetime_seconds"
    }
}

/// A plan, with what it was made on beside the topology.
public struct PlanTopologyResponse: Hashable, Sendable, Codable {
    /// Who made it, `name.partition`.
    public var bolt: String
    /// The plan.
    public var plan: TopologyPlan
    /// The apply in force; nil before the first.
    public var base: Bytes32?
    /// Partitions drained when it is done.
    public var drains: [PartitionName]
    /// Tasks that are not over and have a driver: another one waits for them.
    public var running: [PrincipalID]
    /// Age and completeness of what it was made from.
    public var freshness: Freshness

    /// A plan.
    public init(
        bolt: String, plan: TopologyPlan, base: Bytes32?, drains: [PartitionName], running: [PrincipalID],
        freshness: Freshness
    ) {
        (self.bolt, self.plan, self.base) = (bolt, plan, base)
        (self.drains, self.running, self.freshness) = (drains, running, freshness)
    }
}

/// A plan is carried out: `POST /v1/topology/apply`.
///
/// Taken only while the plan's id is right, its time is not over, and both the topology and the apply that it was made
/// on are in force. What it says is safe before it is answered.
public struct ApplyTopologyRequest: Hashable, Sendable, Codable {
    /// 128 random bits of the caller's: asked again with the same it is the same apply. Also the id of the task that
    /// moves slices for it.
    public var task: PrincipalID
    /// The wanted topology, as YAML, whose digest is the plan's; the one in force where nil.
    public var document: String?
    /// All partitions that are to hand on all that they own; those in force where nil.
    public var drains: [PartitionName]?
    /// The apply that was in force when the plan was made; nil for none.
    public var base: Bytes32?
    /// The plan that was looked at.
    public var plan: TopologyPlan
    /// What the moves may take.
    public var limits: TaskLimits
    /// Do what can be done while something stands in the way of the rest.
    public var despiteBlockers: Bool
    /// A task that is not over and that the apply is to go on despite of: one whose driver has no primary, and had none
    /// for a minute. Should that one return, the task holds itself. The audit log names it.
    public var despiteTask: PrincipalID?
    /// Why, for the audit log.
    public var reason: String

    /// A plan to carry out.
    public init(
        task: PrincipalID, document: String?, drains: [PartitionName]?, base: Bytes32?, plan: TopologyPlan,
        limits: TaskLimits, despiteBlockers: Bool, despiteTask: PrincipalID? = nil, reason: String
    ) {
        (self.task, self.document, self.drains, self.base) = (task, document, drains, base)
        (self.plan, self.limits) = (plan, limits)
        (self.despiteBlockers, self.despiteTask, self.reason) = (despiteBlockers, despiteTask, reason)
    }

    enum CodingKeys: String, CodingKey {
        case task, document, drains, base, plan, limits, reason
        case despiteBlockers = "despite_blockers"
        case despiteTask = "despite_task"
    }
}

/// What became of an apply that was not refused.
public struct ApplyTopologyResponse: Hashable, Sendable, Codable {
    /// The apply; nil on a dry run, and where neither the topology nor a drain changes.
    public var apply: TopologyApplyView?
    /// The task that moves slices; nil on a dry run, and where none has to move.
    public var task: TaskView?
    /// How safe it is.
    public var level: AckLevel
    /// Whether it was a dry run: nothing was changed.
    public var dryRun: Bool
    /// What it does, one line each.
    public var effects: [String]

    /// What became of an apply.
    public init(apply: TopologyApplyView?, task: TaskView?, level: AckLevel, dryRun: Bool, effects: [String]) {
        (self.apply, self.task, self.level) = (apply, task, level)
        (self.dryRun, self.effects) = (dryRun, effects)
    }

    enum CodingKeys: String, CodingKey {
        case apply, task, level, effects
        case dryRun = "dry_run"
    }
}
