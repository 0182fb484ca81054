/// The set of events that have been seen: per replica a contiguous prefix, and runs beyond gaps.
///
/// Always compacted, so equal knowledge has one form and one encoding. Dots outside `1...Dot.counterMax` are never
/// contained and taking them in changes nothing. Memory is in proportion to the number of replicas and gaps, not of
/// dots.
public struct CausalContext: Hashable, Lattice {
    private(set) var counters: [ReplicaID: CounterSet] = [:]

    /// Knowledge of nothing.
    public init() {}

    /// Knowledge of these dots alone.
    public init(_ dots: some Sequence<Dot>) {
        for dot in dots { insert(dot) }
    }

    /// Knowledge of all that the vector covers.
    public init(_ vector: VersionVector) {
        for (replica, counter) in vector.entries { insert(DotRange(replica, 1...counter)) }
    }

    /// Whether nothing is known.
    public var isEmpty: Bool { counters.isEmpty }

    /// How many replicas are known.
    public var replicaCount: Int { counters.count }

    /// How many runs of dots there are; equal to `replicaCount` when there is no gap.
    public var intervalCount: Int { counters.values.reduce(0) { $0 + $1.intervalCount } }

    /// The known replicas, in order.
    public var replicas: [ReplicaID] { counters.keys.sorted() }

    /// The contiguous part: for each replica the counter below which nothing is missing.
    public var prefix: VersionVector {
        var vector = VersionVector()
        for (replica, set) in counters { vector[replica] = set.prefix }
        return vector
    }

    /// All runs, by replica and counter.
    public var ranges: [DotRange] {
        replicas.flatMap { replica in self[replica].intervals.map { DotRange(replica, $0) } }
    }

    /// The counters seen of one replica.
    subscript(replica: ReplicaID) -> CounterSet { counters[replica] ?? CounterSet() }

    /// Whether `dot` has been seen.
    public func contains(_ dot: Dot) -> Bool { counters[dot.replica]?.contains(dot.counter) ?? false }

    /// Highest counter seen of a replica, gaps or not; 0 where none is.
    public func last(_ replica: ReplicaID) -> UInt64 { counters[replica]?.last ?? 0 }

    /// The dot for a replica's next event: one above the highest seen, so that none is used twice even with gaps.
    /// Throws `DotFailure.exhausted` when the counters are used up.
    public func next(_ replica: ReplicaID) throws(DotFailure) -> Dot {
        let last = last(replica)
        guard last < Dot.counterMax else { throw .exhausted(replica) }
        return Dot(replica, last + 1)
    }

    /// Takes in one dot; says whether it was new.
    @discardableResult
    public mutating func insert(_ dot: Dot) -> Bool { insert(DotRange(dot.replica, dot.counter...dot.counter)) }

    /// Takes in a run, clipped to valid counters; says whether any of it was new.
    @discardableResult
    public mutating func insert(_ range: DotRange) -> Bool {
        guard range.counters.upperBound >= 1, range.counters.lowerBound <= Dot.counterMax else { return false }
        return counters[range.replica, default: CounterSet()].insert(range.counters)
    }

    /// Takes in the counters of one replica.
    mutating func insert(_ replica: ReplicaID, _ set: CounterSet) {
        if set.isEmpty { return }
        counters[replica, default: CounterSet()].merge(set)
    }

    /// Union. Linear in the runs of both at worst.
    public mutating func merge(_ other: CausalContext) {
        for (replica, set) in other.counters { counters[replica, default: CounterSet()].merge(set) }
    }

    /// Whether all that `other` has seen has been seen here.
    public func includes(_ other: CausalContext) -> Bool {
        other.counters.allSatisfy { self[$0.key].includes($0.value) }
    }

    /// The dots that are here and not in `other`, as runs by replica and counter: what to send to `other`.
    public func difference(from other: CausalContext) -> [DotRange] {
        replicas.flatMap { replica in
            self[replica].subtracting(other[replica]).map { DotRange(replica, $0) }
        }
    }
}

/// Why a mutation was refused. The state is unchanged.
public enum DotFailure: Error, Equatable, Sendable {
    /// The dot has been seen before: using it again would make two events of one name. Take a new incarnation if the
    /// store may have gone back in time.
    case used(Dot)
    /// The counter is outside `1...Dot.counterMax`.
    case outOfRange(Dot)
    /// The replica has issued `Dot.counterMax` events. Take a new incarnation.
    case exhausted(ReplicaID)
}

extension CausalContext {
    /// Throws unless `dot` can name a new event.
    func checkFresh(_ dot: Dot) throws(DotFailure) {
        guard dot.counter >= 1, dot.counter <= Dot.counterMax else { throw .outOfRange(dot) }
        guard !contains(dot) else { throw .used(dot) }
    }
}
