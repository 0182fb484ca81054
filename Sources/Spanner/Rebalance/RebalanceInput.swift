/// What a plan is made from: who owns which slice, what the topology wants, and what the partitions can do now.
///
/// The order of the lists does not matter. Facts are what their partition last said of itself; a plan does not ask.
public struct RebalanceInput: Hashable, Sendable {
    /// A part of the fleet.
    public struct Group: Hashable, Sendable {
        /// Which.
        public let id: GroupID
        /// Its name, for people.
        public let name: GroupName
        /// Zones that a partition has to stand in to serve it; 1 asks for nothing.
        public let zonesMin: Int

        /// A group.
        public init(id: GroupID, name: GroupName, zonesMin: Int = 1) {
            (self.id, self.name, self.zonesMin) = (id, name, zonesMin)
        }
    }

    /// One slice as it is now.
    public struct Slice: Hashable, Sendable {
        /// Which.
        public let id: SliceID
        /// Who owns it, by the walk of its register.
        public let owner: PartitionName
        /// Envoys in it.
        public let envoys: UInt64
        /// What it counts when partitions are compared: its envoys, or one where it has none, so that an empty fleet is
        /// spread too. Never told as a number of envoys.
        public var load: UInt64 { max(envoys, 1) }
        /// Bytes that a handoff has to move, as far as the owner knows.
        public let bytes: UInt64
        /// Where a running handoff takes it; it counts there and is left alone.
        public let destination: PartitionName?

        /// A slice.
        public init(
            id: SliceID, owner: PartitionName, envoys: UInt64, bytes: UInt64 = 0, destination: PartitionName? = nil
        ) {
            (self.id, self.owner, self.envoys, self.bytes) = (id, owner, envoys, bytes)
            self.destination = destination
        }
    }

    /// One partition as the topology wants it and as it is.
    public struct Site: Hashable, Sendable {
        /// Which.
        public let partition: PartitionName
        /// Its share; with 0 it gets none and hands on what it has.
        public let weight: UInt32
        /// The groups that it serves.
        public let groups: Set<GroupID>
        /// Whether it has to hand on all that it has: a drain, or its removal from the topology.
        public let isDraining: Bool
        /// Whether that is because it leaves the topology.
        public let isLeaving: Bool
        /// What it said of itself.
        public let facts: Facts

        /// A partition.
        public init(
            partition: PartitionName, weight: UInt32, groups: Set<GroupID>, isDraining: Bool = false,
            isLeaving: Bool = false, facts: Facts = Facts()
        ) {
            (self.partition, self.weight, self.groups) = (partition, weight, groups)
            (self.isDraining, self.isLeaving, self.facts) = (isDraining || isLeaving, isLeaving, facts)
        }

        /// Whether it should own slices of the group, whatever its state.
        func isMeant(for group: GroupID) -> Bool { weight > 0 && !isDraining && groups.contains(group) }
    }

    /// What a partition said of itself. The defaults are those of one that can take everything.
    public struct Facts: Hashable, Sendable {
        /// Whether its primary answers.
        public var isReachable = true
        /// Whether its vault is sealed: then it cannot serve anybody.
        public var isSealed = false
        /// Whether what it acknowledges is safe: a standby is in sync, or the topology gives it one bolt.
        public var isInSync = true
        /// Version of the data that it can read; it takes slices of owners with this version or a lower one.
        public var wireVersion: UInt32 = 1
        /// Zones that its bolts stand in.
        public var zones: Set<String> = []
        /// Load that it can hold; nil where it names no bound.
        public var capacity: UInt64?
        /// Groups some of whose secrets it does not hold.
        public var lacksSecrets: Set<GroupID> = []

        /// A partition that can take everything.
        public init() {}
    }

    /// The groups of all slices.
    public var groups: [Group]
    /// All slices.
    public var slices: [Slice]
    /// All partitions, those too that are about to go.
    public var sites: [Site]
    /// How far from its share a partition may be, in ten-thousandths: 0...`RebalanceLimits.toleranceMax`. It may always
    /// be off by a load of one: nothing moves for what a single envoy, or a single empty slice, makes.
    public var tolerance: Int

    /// What a plan is made from.
    public init(
        groups: [Group], slices: [Slice], sites: [Site], tolerance: Int = RebalanceLimits.toleranceDefault
    ) {
        (self.groups, self.slices, self.sites, self.tolerance) = (groups, slices, sites, tolerance)
    }
}
