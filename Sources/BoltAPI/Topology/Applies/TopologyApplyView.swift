public import CRDT
public import Spanner

/// One apply of a topology, as the mesh keeps it.
public struct TopologyApplyView: Hashable, Sendable, Codable {
    /// What became of an apply.
    public enum Standing: String, Sendable, Codable, CaseIterable {
        /// It says how the mesh is to be.
        case inForce = "in_force"
        /// A later one was made on it.
        case superseded
        /// Another one of the same base won: two operators applied at once, or on two sides of a network split. It can
        /// be applied again.
        case lost
    }

    /// Its id: a hash over what it says, and who said it.
    public var apply: Bytes32
    /// Digest of the topology that it brought.
    public var version: Bytes32
    /// The apply that was in force when it was made; nil for the first.
    public var base: Bytes32?
    /// The plan that was looked at.
    public var plan: Bytes32
    /// When, by its author's clock.
    public var at: WallTime
    /// Who asked: `operator/ada`.
    public var actor: String
    /// The bolt that took it, `name.partition`.
    public var bolt: String
    /// Why, in the operator's words; empty where none were given.
    public var reason: String
    /// What became of it.
    public var standing: Standing
    /// Partitions that are to hand on all that they own.
    public var drains: [PartitionName]
    /// Groups that it created.
    public var created: [GroupName]
    /// The task that moves slices for it; nil where none had to.
    public var task: PrincipalID?
    /// What came, changed and went, in one line.
    public var summary: String

    /// An apply.
    public init(
        apply: Bytes32, version: Bytes32, base: Bytes32?, plan: Bytes32, at: WallTime, actor: String, bolt: String,
        reason: String, standing: Standing, drains: [PartitionName], created: [GroupName], task: PrincipalID?,
        summary: String
    ) {
        (self.apply, self.version, self.base, self.plan) = (apply, version, base, plan)
        (self.at, self.actor, self.bolt, self.reason) = (at, actor, bolt, reason)
        (self.standing, self.drains, self.created) = (standing, drains, created)
        (self.task, self.summary) = (task, summary)
    }

    enum CodingKeys: String, CodingKey {
        case apply, version, base, plan, actor, bolt, reason, standing, drains, created, task, summary
        case at = "at_ms"
    }
}

/// The topology in force: `GET /v1/topology`.
public struct TopologyResponse: Hashable, Sendable, Codable {
    /// Who answers, `name.partition`.
    public var bolt: String
    /// Digest of the topology in force: what the next plan is made on.
    public var version: Bytes32
    /// The topology; before the first apply one of this mesh without groups and partitions.
    public var topology: Topology
    /// The apply that brought it; nil before the first.
    public var apply: TopologyApplyView?
    /// Partitions that are to hand on all that they own.
    public var drains: [PartitionName]
    /// Its groups as they were created, by name.
    public var groups: [SliceGroupView]
    /// Applies that lost against another of the same base and that nobody has applied again, oldest first.
    public var rivals: [TopologyApplyView]
    /// Age and completeness.
    public var freshness: Freshness

    /// The topology in force.
    public init(
        bolt: String, version: Bytes32, topology: Topology, apply: TopologyApplyView?, drains: [PartitionName],
        groups: [SliceGroupView], rivals: [TopologyApplyView], freshness: Freshness
    ) {
        (self.bolt, self.version, self.topology, self.apply) = (bolt, version, topology, apply)
        (self.drains, self.groups, self.rivals, self.freshness) = (drains, groups, rivals, freshness)
    }
}

/// `GET /v1/topology/history?after=&limit=`.
public struct TopologyHistoryResponse: Hashable, Sendable, Codable {
    /// Latest first.
    public var applies: [TopologyApplyView]
    /// Apply after which the next page begins; nil on the last.
    public var nextAfter: Bytes32?
    /// Age and completeness.
    public var freshness: Freshness

    /// A page of applies.
    public init(applies: [TopologyApplyView], nextAfter: Bytes32?, freshness: Freshness) {
        (self.applies, self.nextAfter, self.freshness) = (applies, nextAfter, freshness)
    }

    enum CodingKeys: String, CodingKey {
        case applies, freshness
        case nextAfter = "next_after"
    }
}

/// `GET /v1/topology/applies/{apply}`: what one apply said, whether it is in force or not.
public struct TopologyVersionResponse: Hashable, Sendable, Codable {
    /// Which.
    public var apply: TopologyApplyView
    /// The topology that it brought.
    public var topology: Topology

    /// What one apply said.
    public init(apply: TopologyApplyView, topology: Topology) { (self.apply, self.topology) = (apply, topology) }
}

extension Topology {
    /// What is in force in a mesh to which nothing was applied yet.
    public static func empty(mesh: String) -> Topology {
        Topology(version: 1, mesh: mesh, groups: [], partitions: [])
    }

    /// Whether it says nothing: no group and no partition.
    public var isEmpty: Bool { groups.isEmpty && partitions.isEmpty }
}
