/// Why a slice is where it is, and what keeps it from being elsewhere.
public struct SliceExplanation: Hashable, Sendable {
    /// What one partition is to the slice.
    public struct Verdict: Hashable, Sendable {
        /// Which partition.
        public let partition: PartitionName
        /// Whether it owns the slice.
        public let isOwner: Bool
        /// All that keeps it from owning the slice; none for one that could.
        public let refusals: [RebalanceRefusal]
        /// Load by which all partitions together would come nearer to tolerance if the slice moved there; below 0
        /// where they would be farther from it. 0 for the owner.
        public let gain: Int64
    }

    /// What should be done with it.
    public enum Decision: Hashable, Sendable {
        /// It moves there.
        case moves(to: PartitionName, RebalancePlan.Why)
        /// A running handoff takes it there.
        case isMoving(to: PartitionName)
        /// It has to leave its owner, and nobody can take it, or its owner cannot hand it on.
        case isStuck
        /// It stays: every partition is within tolerance, or moving it brings none nearer.
        case stays
    }

    /// Which slice.
    public let slice: SliceID
    /// Who owns it.
    public let owner: PartitionName
    /// Its envoys.
    public let envoys: UInt64
    /// What should be done with it.
    public let decision: Decision
    /// All partitions by name.
    public let verdicts: [Verdict]
}

extension RebalancePlanner {
    /// Why a slice is where it is; nil where there is no such slice. Costs as much as a plan.
    public func explain(_ id: SliceID, in input: RebalanceInput) throws(RebalanceError) -> SliceExplanation? {
        let rules = try RebalanceRules(input)
        guard let slice = rules.slices.firstIndex(where: { $0.id == id }) else { return nil }
        let board = RebalanceBoard(rules)
        let (origin, entry) = (rules.origin[slice], rules.slices[slice])
        let verdicts = rules.sites.indices.map { site in
            var refusals = rules.refusals(site, rules.group[slice])
            let needed = origin < 0 ? 0 : rules.sites[origin].facts.wireVersion
            if rules.sites[site].facts.wireVersion < needed {
                refusals.append(.older(version: rules.sites[site].facts.wireVersion, needed: needed))
            }
            let isOwner = rules.sites[site].partition == entry.owner
            if !isOwner, let capacity = rules.sites[site].facts.capacity,
                rules.capacity[site] - rules.baseLoad[site] < rules.load[slice]
            {
                refusals.append(.full(capacity: capacity))
            }
            let gain = isOwner || origin < 0 ? 0 : board.gain(rules.load[slice], from: origin, to: site)
            return SliceExplanation.Verdict(
                partition: rules.sites[site].partition, isOwner: isOwner, refusals: refusals,
                gain: gain / RebalanceBoard.unit)
        }
        let decision = try decision(on: slice, rules, input)
        return SliceExplanation(
            slice: id, owner: entry.owner, envoys: entry.envoys, decision: decision, verdicts: verdicts)
    }

    private func decision(
        on slice: Int, _ rules: RebalanceRules, _ input: RebalanceInput
    ) throws(RebalanceError) -> SliceExplanation.Decision {
        let entry = rules.slices[slice]
        if let destination = entry.destination { return .isMoving(to: destination) }
        if let move = try plan(input).moves.first(where: { $0.slice == entry.id }) {
            return .moves(to: move.to, move.why)
        }
        return rules.mustLeave[slice] || rules.origin[slice] < 0 ? .isStuck : .stays
    }
}
