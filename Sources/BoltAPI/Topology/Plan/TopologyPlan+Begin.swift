public import Spanner

extension TopologyPlan {
    /// A group that comes to be.
    public struct Begin: Hashable, Sendable, Codable {
        /// Its name.
        public let group: GroupName
        /// How many slices it has, for ever.
        public let slices: Int
        /// Among whom the slices are dealt out, by name. Partitions that are in the way of that are not among them.
        public let owners: [Owner]

        /// One of the first owners.
        public struct Owner: Hashable, Sendable, Codable {
            /// Which partition.
            public let partition: PartitionName
            /// Its weight.
            public let weight: Int
            /// How many slices it owns at first.
            public let slices: Int
        }
    }
}

extension TopologyPlan.Begin {
    /// What the group's genesis is made from.
    public var candidates: [Placement.Candidate] {
        owners.map { Placement.Candidate(partition: $0.partition, weight: UInt32(clamping: $0.weight)) }
    }

    /// A group whose slices are dealt out among these partitions by their weights.
    init(_ group: Topology.Group, among partitions: [Topology.Partition]) {
        let sorted = partitions.sorted { $0.name < $1.name }
        let candidates = sorted.map {
            Placement.Candidate(partition: $0.name, weight: UInt32(clamping: $0.weight))
        }
        let quotas = SliceGenesis.quotas(UInt32(clamping: group.slices), among: candidates)
        (self.group, slices) = (group.name, group.slices)
        owners = zip(sorted, quotas).map {
            Owner(partition: $0.name, weight: $0.weight, slices: Int(clamping: $1))
        }
    }
}

extension TopologyPlanner {
    /// How the topologies differ, with what can never be: another number of slices for a group that was made once, or
    /// the end of one that has envoys.
    public func diff(to desired: Topology, from state: State) -> TopologyDiff {
        let names = Dictionary(state.groups.map { ($0.value, $0.key) }, uniquingKeysWith: { first, _ in first })
        var known = TopologyDiffer.Known(slices: [:], occupied: state.occupied)
        for slice in state.slices {
            guard let name = names[slice.id.group] else { continue }
            known.slices[name, default: 0] += 1
            if slice.envoys > 0 { known.occupied.insert(name) }
        }
        return TopologyDiff(from: state.topology, to: desired, known: known)
    }

    /// Groups that an apply would create, with those who would own their slices at first: who serves them, has a weight
    /// and is not drained. Whoever of these cannot serve now is left out, and named as in the way.
    public func beginning(
        of desired: Topology, from state: State
    ) -> (groups: [TopologyPlan.Begin], blockers: [TopologyPlan.Blocker]) {
        var blockers: [TopologyPlan.Blocker] = []
        let groups = desired.groups.filter { state.groups[$0.name] == nil }.map { group in
            let meant = desired.partitions.filter {
                desired.refusal(toOwning: group.name, by: $0.name, drained: state.drains) == nil
            }
            if meant.isEmpty { blockers.append(TopologyPlan.Blocker(.nobody, of: nil, group)) }
            let able = meant.filter { partition in
                let refusals = TopologyPlanner.refusals(state.facts[partition.name])
                blockers += refusals.map { TopologyPlan.Blocker($0, of: partition.name, group) }
                return refusals.isEmpty
            }
            return TopologyPlan.Begin(group, among: able)
        }
        return (groups, blockers)
    }

    /// Why a partition cannot serve now.
    private static func refusals(_ facts: RebalanceInput.Facts?) -> [RebalanceRefusal] {
        guard let facts, facts.isReachable else { return [.unreachable] }
        return facts.isSealed ? [.sealed] : []
    }
}

extension TopologyPlan.Blocker {
    /// What keeps a partition, or anybody, from being the first owner of a new group's slices.
    fileprivate init(_ refusal: RebalanceRefusal, of partition: PartitionName?, _ group: Topology.Group) {
        self.init(
            role: partition == nil ? "group" : "target", partition: partition, group: group.name,
            reason: refusal.code,
            what: partition.map { "\($0) \(refusal) (new group \(group.name))" }
                ?? "the group \(group.name) \(refusal)",
            next: refusal.remedy, slices: 0, envoys: 0, load: 0)
    }
}

extension Topology {
    /// Why a partition may not own slices of a group, as far as the topology has a say in it; nil where it may.
    /// `drained`: partitions that are to hand on all that they own.
    public func refusal(
        toOwning group: GroupName, by name: PartitionName, drained: Set<PartitionName>
    ) -> RebalanceRefusal? {
        guard let partition = partitions.first(where: { $0.name == name }) else { return .unknown }
        guard partition.groups.contains(group) else { return .notServing }
        guard partition.weight > 0 else { return .weightless }
        return drained.contains(name) ? .draining : nil
    }
}
