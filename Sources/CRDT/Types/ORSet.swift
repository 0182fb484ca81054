/// An observed-remove set: an element is in if some addition of it has been seen that no seen removal names.
///
/// Concurrently added and removed, an element stays in (add wins): the addition carries a dot that the remover had not
/// seen. Removals have dots of their own, dead from birth, so **equal contexts mean equal sets**, and a delta can be
/// found by comparing contexts. No tombstone is kept: a dot that has been seen and is not alive is removed for ever.
///
/// A dot names one event. Two different events of one dot (a restored backup that goes on writing) break every promise
/// here; `disagreement(with:)` finds them before a merge.
///
/// Memory: the element, about 10 bytes for look-up and bits, and a context whose size does not depend on the number of
/// elements. An element that is added again while it is in takes a row more until it is removed.
public struct ORSet<Element: LatticeElement>: Lattice {
    struct Member: KeyedRow {
        let key: Element
    }

    /// All events seen: additions, alive or not, and removals.
    public internal(set) var context = CausalContext()
    var store: KeyedColumns<Member>
    let hashKey: SipKey

    /// An empty set. `hashKey` guards look-ups against chosen collisions: give a secret random key where strangers
    /// choose the elements. It is no part of the value.
    @specialized(where Element == Bytes32)
    public init(hashKey: SipKey = .zero) {
        self.hashKey = hashKey
        store = KeyedColumns(hashKey: hashKey)
    }

    init(rows: some Sequence<(dot: Dot, row: Member)>, context: CausalContext, hashKey: SipKey = .zero) {
        self.init(hashKey: hashKey)
        for (dot, row) in rows { store.insert(row, at: dot) }
        self.context = context
    }

    /// Whether the element is in.
    @specialized(where Element == Bytes32)
    public func contains(_ element: Element) -> Bool { store.contains(element) }

    /// The elements, ascending, each once. O(n log n).
    public var elements: [Element] {
        var result: [Element] = []
        result.reserveCapacity(store.count)
        for page in store.columns.pages { result.append(contentsOf: page.rows.lazy.map(\.key)) }
        result.sort()
        var last: Element?
        result.removeAll { element in
            defer { last = element }
            return element == last
        }
        return result
    }

    /// The additions that keep the element in, in order; empty exactly if it is not in.
    @specialized(where Element == Bytes32)
    public func dots(of element: Element) -> [Dot] { store.dots(element) }

    /// The element that this addition put in; nil when the dot is unseen, removed, or a removal.
    public func element(at dot: Dot) -> Element? { store.columns[dot]?.key }

    /// Live additions; at least the number of elements.
    public var dotCount: Int { store.count }

    /// Whether no element is in. Such a set may still know of events.
    public var isEmpty: Bool { store.count == 0 }

    /// Puts the element in under a fresh dot, and returns the delta that does the same elsewhere. Adding what is in
    /// already is a new event too: it is what survives a concurrent removal. Throws, changing nothing, when the dot
    /// cannot name a new event.
    @specialized(where Element == Bytes32)
    @discardableResult
    public mutating func add(_ element: Element, at dot: Dot) throws(DotFailure) -> ORSet {
        try context.checkFresh(dot)
        store.insert(Member(key: element), at: dot)
        context.insert(dot)
        return ORSet(
            rows: CollectionOfOne((dot: dot, row: Member(key: element))), context: CausalContext(CollectionOfOne(dot)))
    }

    /// Takes the element out as far as additions of it have been seen here, and returns the delta: the removal's own
    /// dot and the additions it names, nothing more. Returns nil, using no dot, when the element is not in.
    @specialized(where Element == Bytes32)
    @discardableResult
    public mutating func remove(_ element: Element, at dot: Dot) throws(DotFailure) -> ORSet? {
        try context.checkFresh(dot)
        let targets = dots(of: element)
        if targets.isEmpty { return nil }
        for target in targets { store.remove(target) }
        context.insert(dot)
        return ORSet(rows: EmptyCollection(), context: CausalContext(targets + [dot]))
    }

    /// Least upper bound: what lives in both, and what lives in one and has not been seen by the other. Costs in
    /// proportion to the 64-dot words that `other` touches, so a delta costs what it holds.
    @specialized(where Element == Bytes32)
    public mutating func merge(_ other: ORSet) {
        for number in store.killed(by: other.context, keeping: other.store.columns) { store.remove(number) }
        for (dot, row) in other.store.unseen(by: context) { store.insert(row, at: dot) }
        context.merge(other.context)
    }

    /// Whether merging `other` would change nothing.
    @specialized(where Element == Bytes32)
    public func includes(_ other: ORSet) -> Bool {
        context.includes(other.context) && store.killed(by: other.context, keeping: other.store.columns).isEmpty
    }

    /// Same live additions, and same events seen.
    public static func == (left: ORSet, right: ORSet) -> Bool {
        left.context == right.context && left.store == right.store
    }
}
