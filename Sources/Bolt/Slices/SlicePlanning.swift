internal import BoltAPI
internal import CRDT
internal import Spanner

/// Gathers what plans are made from: registers, what primaries say of their slices and of themselves.
struct SlicePlanning {
    let views: NodeViews
    let board: OwnershipBoard

    /// The mesh as it is; `desired` names partitions that are yet to come.
    func state(
        _ node: isolated NodeService, desired: Topology, drains: Set<PartitionName>
    ) throws -> TopologyPlanner.State {
        let current = board.version?.topology ?? Topology.empty(mesh: desired.mesh)
        let censuses = board.censuses
        var slices: [RebalanceInput.Slice] = []
        for genesis in board.geneses {
            for register in board.registers(of: genesis) {
                slices.append(SlicePlanning.slice(register, censuses[register.owner]))
            }
        }
        let groups = Dictionary(board.geneses.map { ($0.name, $0.id) }) { first, _ in first }
        let constraints = SliceConstraints(
            slices, groups: Dictionary(groups.map { ($0.value, $0.key) }) { first, _ in first }, censuses: censuses)
        var facts: [PartitionName: RebalanceInput.Facts] = [:]
        for name in Set(current.partitions.map(\.name) + desired.partitions.map(\.name)) {
            guard let picture = try? views.picture(node, of: name) else { continue }
            facts[name] = constraints.facts(of: name, picture.reigning?.standing)
        }
        let leaving = Set(current.groups.map(\.name)).subtracting(desired.groups.map(\.name))
        // Who was admitted and never checked in is in no count of a partition.
        let occupied =
            leaving.isEmpty
            ? [] : leaving.intersection(node.machine.roster.principals(role: .envoy).compactMap(\.group))
        return TopologyPlanner.State(
            topology: current, groups: groups, slices: slices, facts: facts, drains: drains, occupied: occupied)
    }

    private static func slice(_ register: SliceRegister, _ census: SliceCensus?) -> RebalanceInput.Slice {
        let entry = census?.entry(of: register.slice)
        return RebalanceInput.Slice(
            id: register.slice, owner: register.owner, envoys: entry?.envoys ?? 0, bytes: entry?.bytes ?? 0,
            destination: entry?.destination)
    }
}

extension SliceCensus {
    /// What is said of one slice; nil where nothing is.
    func entry(of slice: SliceID) -> Entry? {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].slice < slice { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].slice == slice ? entries[low] : nil
    }
}

extension Endpoint {
    /// Whether it is about the topology, slices or tasks.
    var isAboutSlices: Bool {
        switch self {
        case .topology, .topologyHistory, .topologyVersion, .planTopology, .applyTopology, .slices, .slice,
            .sliceDigest, .takeoverPreview, .takeOver, .tasks, .task, .taskMoves, .changeTask, .drainBolt,
            .undrainBolt, .reassignEnvoy:
            true
        case _: false
        }
    }
}
