internal import CRDT
internal import Spanner

/// What constrains where slices go: what each primary said of itself, of its disk, and of what it holds. Pure.
struct SliceConstraints {
    private let censuses: [PartitionName: SliceCensus]
    /// By group: the secrets of it that owners of its slices hold.
    private let needed: [GroupID: [String]]
    /// Load that a partition is counted with, as plans count it: envoys, an empty slice as one.
    private let held: [PartitionName: UInt64]
    /// Bytes that a load of one takes; 0 where nobody has any.
    private let bytesPerLoad: Double

    /// `slices`: all of them, with their owners; `groups`: the names of theirs.
    init(
        _ slices: [RebalanceInput.Slice], groups: [GroupID: GroupName], censuses: [PartitionName: SliceCensus]
    ) {
        self.censuses = censuses
        var held: [PartitionName: UInt64] = [:]
        var owners: [GroupID: Set<PartitionName>] = [:]
        var (all, bytes) = (0.0, 0.0)
        for slice in slices {
            held[slice.destination ?? slice.owner, default: 0] &+= slice.load
            owners[slice.id.group, default: []].insert(slice.owner)
            all += Double(slice.load)
            bytes += Double(slice.bytes)
        }
        self.held = held
        bytesPerLoad = all > 0 ? bytes / all : 0
        var needed: [GroupID: [String]] = [:]
        for (group, owners) in owners {
            guard let name = groups[group] else { continue }
            needed[group] = Set(owners.flatMap { censuses[$0]?.secrets(of: name) ?? [] }).sorted()
        }
        self.needed = needed
    }

    /// What is known of one partition; `standing`: what its primary says of itself, nil where none is heard.
    func facts(of partition: PartitionName, _ standing: PartitionStanding?) -> RebalanceInput.Facts {
        var facts = RebalanceInput.Facts()
        facts.isReachable = standing != nil
        facts.isSealed = standing?.isSealed ?? false
        facts.isInSync = standing.map { $0.members.count <= 1 || $0.inSyncCount > 1 } ?? false
        facts.capacity = capacity(of: partition, standing)
        // Whoever has not counted yet is not known to lack anything: it is asked again when a slice is offered to it.
        guard let census = censuses[partition] else { return facts }
        facts.wireVersion = census.version
        facts.lacksSecrets = Set(needed.filter { !$0.value.allSatisfy { census.mayHold($0) } }.keys)
        return facts
    }

    /// Load that a partition can hold; nil where its disk sets no bound that is known.
    private func capacity(of partition: PartitionName, _ standing: PartitionStanding?) -> UInt64? {
        let own = held[partition] ?? 0
        if standing?.isFull == true { return own }
        guard let room = censuses[partition]?.room, bytesPerLoad > 0 else { return nil }
        let more = Double(room) / bytesPerLoad
        guard more < Double(RebalanceLimits.envoysMax) else { return nil }
        return own &+ UInt64(more)
    }
}
