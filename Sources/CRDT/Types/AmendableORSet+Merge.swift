extension AmendableORSet {
    /// Least upper bound. Costs in proportion to what `other` holds and touches, plus the amendments here whose
    /// admission has not arrived.
    public mutating func merge(_ other: AmendableORSet) {
        for number in admissions.killed(by: other.context, keeping: other.admissions.columns) {
            amendments[admissions.columns.dot(number)] = nil
            admissions.remove(number)
        }
        for (dot, row) in other.admissions.unseen(by: context) { admissions.insert(row, at: dot) }
        context.merge(other.context)
        for (admission, theirs) in other.amendments { take(theirs, on: admission) }
        for (admission, theirs) in other.orphans { take(theirs, on: admission) }
        for admission in Array(orphans.keys) where context.contains(admission) {
            guard let waiting = orphans.removeValue(forKey: admission) else { continue }
            take(waiting, on: admission)
        }
    }

    /// Adds amendments to an admission that is alive or has not been seen; those of a dead one die.
    private mutating func take(_ theirs: [Amendment], on admission: Dot) {
        if admissions.columns.number(of: admission) != nil {
            amendments[admission] = Self.undominated(amendments[admission] ?? [], theirs)
        } else if !context.contains(admission) {
            orphans[admission] = Self.undominated(orphans[admission] ?? [], theirs)
        }
    }

    private static func undominated(_ mine: [Amendment], _ theirs: [Amendment]) -> [Amendment] {
        if mine.isEmpty { return theirs }
        let all = mine + theirs.filter { candidate in !mine.contains { $0.dot == candidate.dot } }
        return
            all
            .filter { candidate in !all.contains { candidate.isDominated(by: $0) } }
            .sorted { $0.dot < $1.dot }
    }

    /// All amendments, by admission and dot.
    var orderedAmendments: [(admission: Dot, amendment: Amendment)] {
        (Array(amendments) + Array(orphans)).sorted { $0.key < $1.key }
            .flatMap { admission, list in list.map { (admission: admission, amendment: $0) } }
    }

    /// All dots that were seen and keep nothing alive.
    var deadContext: CausalContext {
        var live = DotColumns<Bool>()
        for (_, amendment) in orderedAmendments { _ = live.insert(true, at: amendment.dot) }
        return context.removing(liveOf: admissions.columns).removing(liveOf: live)
    }

    /// The parts of a delta that can be judged and passed on one by one: each live admission, each amendment, and all
    /// that is dead as one part. Joining the parts gives the whole.
    public func decomposed() -> [AmendableORSet] {
        var parts = admissions.columns.ordered.map { part([$0], [], dead: CausalContext()) }
        parts += orderedAmendments.map { part([], [$0], dead: CausalContext()) }
        let dead = deadContext
        if !dead.isEmpty { parts.append(part([], [], dead: dead)) }
        return parts
    }

    /// What brings a state that has seen exactly `seen` to the join of it and this one.
    public func delta(since seen: CausalContext) -> AmendableORSet {
        part(
            admissions.unseen(by: seen), orderedAmendments.filter { !seen.contains($0.amendment.dot) },
            dead: deadContext)
    }

    /// The part of `delta` that would change this state, for passing on; nil when nothing would.
    public func news(in delta: AmendableORSet) -> AmendableORSet? {
        let rows = delta.admissions.unseen(by: context)
        let amended = delta.orderedAmendments.filter { !context.contains($0.amendment.dot) }
        let dead = delta.deadContext
        let deadIsNews = admissions.isNews(dead, to: context)
        guard !rows.isEmpty || !amended.isEmpty || deadIsNews else { return nil }
        return part(rows, amended, dead: deadIsNews ? dead : CausalContext())
    }

    private func part(
        _ rows: [(dot: Dot, row: Admission)], _ amended: [(admission: Dot, amendment: Amendment)], dead: CausalContext
    ) -> AmendableORSet {
        var part = AmendableORSet(hashKey: hashKey)
        part.context = dead
        for (dot, row) in rows {
            part.admissions.insert(row, at: dot)
            part.context.insert(dot)
        }
        for (admission, amendment) in amended {
            part.context.insert(amendment.dot)
            if part.admissions.columns.number(of: admission) != nil {
                part.amendments[admission, default: []].append(amendment)
            } else {
                part.orphans[admission, default: []].append(amendment)
            }
        }
        return part
    }
}
