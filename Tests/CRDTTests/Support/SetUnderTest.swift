@testable import CRDT

/// What the exploration drives: the set of the library, or one with a known mistake.
protocol SetUnderTest: Equatable {
    init()
    mutating func add(_ key: UInt64, at dot: Dot) throws -> ORSet<UInt64>
    mutating func remove(_ key: UInt64, at dot: Dot) throws -> ORSet<UInt64>?
    mutating func merge(_ delta: ORSet<UInt64>)
    var state: ORSet<UInt64> { get }
}

/// The set of the library.
struct ShippedSet: SetUnderTest {
    var state = ORSet<UInt64>()
    mutating func add(_ key: UInt64, at dot: Dot) throws -> ORSet<UInt64> { try state.add(key, at: dot) }
    mutating func remove(_ key: UInt64, at dot: Dot) throws -> ORSet<UInt64>? { try state.remove(key, at: dot) }
    mutating func merge(_ delta: ORSet<UInt64>) { state.merge(delta) }
}

/// Mistake: a removal's delta carries all that its author has seen (akka #22890, delta_crdt_ex #65).
struct WholeVectorRemoval: SetUnderTest {
    var state = ORSet<UInt64>()
    mutating func add(_ key: UInt64, at dot: Dot) throws -> ORSet<UInt64> { try state.add(key, at: dot) }
    mutating func remove(_ key: UInt64, at dot: Dot) throws -> ORSet<UInt64>? {
        guard try state.remove(key, at: dot) != nil else { return nil }
        return ORSet(rows: EmptyCollection(), context: state.context)
    }
    mutating func merge(_ delta: ORSet<UInt64>) { state.merge(delta) }
}

/// Mistake: a removal has no dot of its own (riak_dt PR 78).
struct RemovalWithoutDot: SetUnderTest {
    var state = ORSet<UInt64>()
    mutating func add(_ key: UInt64, at dot: Dot) throws -> ORSet<UInt64> { try state.add(key, at: dot) }
    mutating func remove(_ key: UInt64, at dot: Dot) throws -> ORSet<UInt64>? {
        let targets = state.dots(of: key)
        if targets.isEmpty { return nil }
        let delta = ORSet<UInt64>(rows: EmptyCollection(), context: CausalContext(targets))
        state.merge(delta)
        return delta
    }
    mutating func merge(_ delta: ORSet<UInt64>) { state.merge(delta) }
}

/// Mistake: a removal that arrives before its addition is forgotten (riak_dt #99, #113).
struct DroppedDeferredRemoval: SetUnderTest {
    var state = ORSet<UInt64>()
    mutating func add(_ key: UInt64, at dot: Dot) throws -> ORSet<UInt64> { try state.add(key, at: dot) }
    mutating func remove(_ key: UInt64, at dot: Dot) throws -> ORSet<UInt64>? { try state.remove(key, at: dot) }
    mutating func merge(_ delta: ORSet<UInt64>) {
        guard delta.isEmpty else { return state.merge(delta) }
        let dots = delta.context.allDots
        // The removal's own dot is the one that no earlier event of its replica could have been a target for.
        let own = dots.filter { dot in !state.context.contains(dot) }.last
        let kept = dots.filter { $0 == own || state.context.contains($0) }
        state.merge(ORSet(rows: EmptyCollection(), context: CausalContext(kept)))
    }
}

/// Mistake: what lives in one state only is taken in, whether or not it was removed here (a naive union).
struct UnionOfRows: SetUnderTest {
    var state = ORSet<UInt64>()
    mutating func add(_ key: UInt64, at dot: Dot) throws -> ORSet<UInt64> { try state.add(key, at: dot) }
    mutating func remove(_ key: UInt64, at dot: Dot) throws -> ORSet<UInt64>? { try state.remove(key, at: dot) }
    mutating func merge(_ delta: ORSet<UInt64>) {
        var rows = state.store.columns.ordered.filter { !delta.context.contains($0.dot) }
        rows += delta.store.columns.ordered
        state = ORSet(rows: rows, context: state.context.merged(with: delta.context))
    }
}
