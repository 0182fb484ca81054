@testable import Spanner

/// Judges plans without the planner's own rules: shares by fractions, constraints one by one, all plans by counting.
struct RebalanceJudge {
    let input: RebalanceInput

    private func site(_ name: PartitionName) -> RebalanceInput.Site? { input.sites.first { $0.partition == name } }

    private func load(_ slice: RebalanceInput.Slice) -> Double { Double(max(slice.envoys, 1)) }

    func isMeant(_ site: RebalanceInput.Site, _ group: GroupID) -> Bool {
        site.weight > 0 && !site.isDraining && site.groups.contains(group)
    }

    /// What a partition's weight gives it.
    func share(_ site: RebalanceInput.Site) -> Double {
        input.groups.reduce(0) { sum, group in
            guard isMeant(site, group.id) else { return sum }
            let weights = input.sites.filter { isMeant($0, group.id) }.reduce(0) { $0 + Double($1.weight) }
            let total = input.slices.filter { $0.id.group == group.id }.reduce(0) { $0 + load($1) }
            return sum + total * Double(site.weight) / weights
        }
    }

    /// How far from its share a partition may be: what one envoy makes at least, but nothing for who gets nothing.
    func slack(_ share: Double) -> Double {
        share > 0 ? max(1, share * Double(input.tolerance) / 10_000) : 0
    }

    /// Whether a partition can take part in a handoff at all.
    func isFit(_ site: RebalanceInput.Site) -> Bool {
        site.facts.isReachable && !site.facts.isSealed && site.facts.isInSync
    }

    /// Whether a slice may be handed to a partition, its capacity apart.
    func mayMove(_ slice: RebalanceInput.Slice, to name: PartitionName) -> Bool {
        guard let target = site(name), let source = site(slice.owner), slice.destination == nil, isFit(source),
            isFit(target), isMeant(target, slice.id.group), name != slice.owner
        else { return false }
        let group = input.groups.first { $0.id == slice.id.group }
        return target.facts.wireVersion >= source.facts.wireVersion
            && !target.facts.lacksSecrets.contains(slice.id.group)
            && ((group?.zonesMin ?? 1) <= 1 || target.facts.zones.count >= group?.zonesMin ?? 1)
    }

    /// Whether its owner must not keep it.
    func mustLeave(_ slice: RebalanceInput.Slice) -> Bool {
        guard slice.destination == nil, let owner = site(slice.owner) else { return false }
        return !isMeant(owner, slice.id.group)
    }

    /// How far partitions with these owners of the slices are out of tolerance, together.
    func violation(_ owners: [PartitionName]) -> Double {
        var loads: [PartitionName: Double] = [:]
        for (slice, owner) in zip(input.slices, owners) { loads[slice.destination ?? owner, default: 0] += load(slice) }
        return input.sites.reduce(0) { sum, site in
            let share = share(site)
            let slack = slack(share)
            let has = loads[site.partition] ?? 0
            return sum + max(0, has - share - slack, share - slack - has)
        }
    }

    /// Owners once a plan is carried out.
    func owners(after plan: RebalancePlan) -> [PartitionName] {
        let moved = Dictionary(uniqueKeysWithValues: plan.moves.map { ($0.slice, $0.to) })
        return input.slices.map { moved[$0.id] ?? $0.owner }
    }

    /// Slices that had to leave, could, and did not.
    func unplaced(_ owners: [PartitionName]) -> Int {
        zip(input.slices, owners).count { slice, owner in
            mustLeave(slice) && owner == slice.owner && input.sites.contains { mayMove(slice, to: $0.partition) }
        }
    }

    /// The fewest moves of all assignments that are no worse than `owners`, and whether any is within tolerance; by
    /// looking at every one.
    func exhaust(_ owners: [PartitionName]) -> (fewest: Int, isBalanceable: Bool) {
        let choices = input.slices.map { slice in
            [slice.owner] + input.sites.map(\.partition).filter { mayMove(slice, to: $0) }
        }
        let (goal, left) = (violation(owners), unplaced(owners))
        var (fewest, isBalanceable) = (Int.max, false)
        var picks = Array(repeating: 0, count: choices.count)
        while true {
            let candidate = zip(choices, picks).map { $0[$1] }
            let moves = picks.count { $0 > 0 }
            if unplaced(candidate) <= left {
                let violation = violation(candidate)
                // Shares are rounded down to thousandths by the planner.
                if violation <= goal + 0.01 { fewest = min(fewest, moves) }
                if violation <= 0.0001 { isBalanceable = true }
            }
            guard let next = picks.indices.first(where: { picks[$0] + 1 < choices[$0].count }) else { break }
            for index in 0..<next { picks[index] = 0 }
            picks[next] += 1
        }
        return (fewest, isBalanceable)
    }
}
