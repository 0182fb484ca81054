extension ORSet {
    /// The parts of a delta that can be judged and passed on one by one: each live addition alone, and all that is dead
    /// as one part. Which removal took out which addition is not kept, so they must travel together: a removal's dot
    /// without its targets would read as "seen" where the targets live on. Joining the parts gives the whole.
    public func decomposed() -> [ORSet] {
        var parts = store.columns.ordered.map { dot, row in
            ORSet(rows: CollectionOfOne((dot: dot, row: row)), context: CausalContext(CollectionOfOne(dot)))
        }
        let dead = deadContext
        if !dead.isEmpty { parts.append(ORSet(rows: EmptyCollection(), context: dead)) }
        return parts
    }

    /// The part of `delta` that would change this state, for passing on; nil when nothing would. What comes back is
    /// again safe to merge anywhere (Enes et al., arXiv 1803.02750: *remove redundant*).
    public func news(in delta: ORSet) -> ORSet? {
        let fresh = delta.store.unseen(by: context)
        let dead = delta.deadContext
        let deadIsNews = store.isNews(dead, to: context)
        guard !fresh.isEmpty || deadIsNews else { return nil }
        var covered = deadIsNews ? dead : CausalContext()
        for (dot, _) in fresh { covered.insert(dot) }
        return ORSet(rows: fresh, context: covered, hashKey: hashKey)
    }

    /// What brings a state that has seen exactly `seen` to the join of it and this one: additions it lacks, and all
    /// that is dead here, as runs. The live additions that both know are not mentioned. Empty only if nothing is dead
    /// here and nothing is new.
    public func delta(since seen: CausalContext) -> ORSet {
        let fresh = store.unseen(by: seen)
        var covered = deadContext
        for (dot, _) in fresh { covered.insert(dot) }
        return ORSet(rows: fresh, context: covered, hashKey: hashKey)
    }

    /// The first dot that is alive in both with different elements: proof that one replica used one dot twice. Check
    /// what comes from outside before merging it, and quarantine that replica. O(rows of `other`).
    public func disagreement(with other: ORSet) -> Dot? {
        var first: Dot?
        for page in other.store.columns.pages.indices {
            for (dot, row) in other.store.columns.rows(ofPage: page) {
                guard let mine = store.columns[dot], mine != row else { continue }
                first = min(first ?? dot, dot)
            }
        }
        return first
    }

    /// All dots that were seen and are not alive.
    var deadContext: CausalContext { context.removing(liveOf: store.columns) }
}

extension KeyedColumns {
    /// Whether dots that are dead elsewhere change these rows or what was seen.
    func isNews(_ dead: CausalContext, to seen: CausalContext) -> Bool {
        !seen.includes(dead) || !killed(by: dead, keeping: DotColumns<Row>()).isEmpty
    }
}

extension CausalContext {
    /// The dots of this context that are not alive in `columns`.
    func removing<Row>(liveOf columns: DotColumns<Row>) -> CausalContext {
        var dead = CausalContext()
        for (replica, seen) in counters {
            var live = CounterSet()
            for run in columns.liveRuns(replica) { live.insert(run) }
            var rest = CounterSet()
            for run in seen.subtracting(live) { rest.insert(run) }
            dead.insert(replica, rest)
        }
        return dead
    }
}
