public import CRDT
public import Spanner

/// Makes plans of what a topology should become: pure, for a state that somebody else gathered.
public struct TopologyPlanner: Sendable {
    /// Longest time for which a plan may be taken, in milliseconds.
    public static let lifetimeMax: UInt64 = 24 * 60 * 60 * 1000
    /// Time for which a plan is taken where none is named, in milliseconds.
    public static let lifetimeDefault: UInt64 = 15 * 60 * 1000

    /// What a mesh is when a plan is made.
    public struct State: Sendable {
        /// The topology in force.
        public var topology: Topology
        /// Ids of its groups.
        public var groups: [GroupName: GroupID]
        /// All slices with their owners.
        public var slices: [RebalanceInput.Slice]
        /// What partitions said of themselves; one that is missing counts as unreachable.
        public var facts: [PartitionName: RebalanceInput.Facts]
        /// Partitions that an operator drains, beside those that leave the topology.
        public var drains: Set<PartitionName>
        /// Groups that admitted envoys are of, beside those with envoys in their slices.
        public var occupied: Set<GroupName>

        /// What a mesh is.
        public init(
            topology: Topology, groups: [GroupName: GroupID], slices: [RebalanceInput.Slice],
            facts: [PartitionName: RebalanceInput.Facts], drains: Set<PartitionName> = [],
            occupied: Set<GroupName> = []
        ) {
            (self.topology, self.groups, self.slices) = (topology, groups, slices)
            (self.facts, self.drains, self.occupied) = (facts, drains, occupied)
        }
    }

    /// When a plan is made, how long it is taken, and how exact it is.
    public struct Terms: Hashable, Sendable {
        /// Milliseconds since 1970.
        public var now: UInt64
        /// Milliseconds for which it is taken: at most `lifetimeMax`.
        public var lifetime: UInt64
        /// Distance from its share that a partition may have, in ten-thousandths.
        public var tolerance: Int

        /// The usual terms.
        public init(
            now: UInt64, lifetime: UInt64 = lifetimeDefault, tolerance: Int = RebalanceLimits.toleranceDefault
        ) {
            (self.now, self.lifetime, self.tolerance) = (now, lifetime, tolerance)
        }
    }

    /// A planner.
    public init() {}

    /// The plan that leads from the mesh as it is to a topology. Fails with `RebalanceError` where the state
    /// contradicts itself.
    public func plan(
        to desired: Topology, from state: State, _ terms: Terms, hashedBy hash: ([UInt8]) -> Bytes32
    ) throws -> TopologyPlan {
        let rebalance = try RebalancePlanner().plan(input(to: desired, from: state, tolerance: terms.tolerance))
        let beginning = beginning(of: desired, from: state)
        return try TopologyPlan(
            .init(
                mesh: state.topology.mesh, madeOn: state.topology.digest(hashedBy: hash),
                leadsTo: desired.digest(hashedBy: hash), madeMilliseconds: terms.now,
                expiresMilliseconds: terms.now &+ min(terms.lifetime, Self.lifetimeMax), tolerance: terms.tolerance,
                diff: diff(to: desired, from: state), begins: beginning.groups, blockers: beginning.blockers,
                rebalance: rebalance,
                groups: Dictionary(state.groups.map { ($0.value, $0.key) }, uniquingKeysWith: { first, _ in first })),
            hashedBy: hash)
    }

    /// What the slices are planned from: the partitions of both topologies, those that leave as ones that hand on all
    /// they have. Groups that are yet to be made have no slices; those that leave empty have nothing to move.
    public func input(to desired: Topology, from state: State, tolerance: Int) -> RebalanceInput {
        let wanted = Dictionary(desired.groups.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let occupied = Set(state.slices.filter { $0.envoys > 0 }.map(\.id.group))
        let groups = state.groups.filter { wanted[$0.key] != nil || occupied.contains($0.value) }
        let ids = Set(groups.values)
        func site(_ partition: Topology.Partition, leaves: Bool) -> RebalanceInput.Site {
            var facts = state.facts[partition.name] ?? RebalanceInput.Facts()
            if state.facts[partition.name] == nil { facts.isReachable = false }
            if facts.zones.isEmpty { facts.zones = partition.zones }
            return RebalanceInput.Site(
                partition: partition.name, weight: leaves ? 0 : UInt32(partition.weight),
                groups: Set(partition.groups.filter { wanted[$0] != nil }.compactMap { groups[$0] }),
                isDraining: state.drains.contains(partition.name), isLeaving: leaves, facts: facts)
        }
        let stays = Set(desired.partitions.map(\.name))
        return RebalanceInput(
            groups: groups.map { .init(id: $0.value, name: $0.key, zonesMin: wanted[$0.key]?.minZones ?? 1) },
            slices: state.slices.filter { ids.contains($0.id.group) },
            sites: desired.partitions.map { site($0, leaves: false) }
                + state.topology.partitions.filter { !stays.contains($0.name) }.map { site($0, leaves: true) },
            tolerance: tolerance)
    }
}
