/// An observed-remove map whose entries can be amended, and in which **an amendment never outlives a removal**.
///
/// *Admit* puts a key in with a value; *amend* changes the value of an admission; *revoke* takes out all admissions of
/// a key that have been seen. Admit against a concurrent revoke: the admission wins. Amend against a concurrent revoke:
/// the revoke wins, because an amendment hangs on the dot of one admission and dies with it, also when it arrives
/// later.
///
/// Concurrent amendments are kept side by side; `shown(_:)` chooses by causal length (how many writes deep its author
/// saw), then replica, never by a clock. An amendment says up to which counter of each replica it has seen amendments
/// of the same admission, so domination needs no other event: equal contexts mean equal states.
public struct AmendableORSet<Key: LatticeElement, Value: LatticeElement>: Lattice {
    struct Admission: KeyedRow {
        let key: Key
        let value: Value
        let length: UInt64
    }

    struct Amendment: Equatable, Sendable {
        let dot: Dot
        /// Amendments of the same admission that the author had seen: all up to these counters.
        let observed: VersionVector
        let length: UInt64
        let value: Value

        /// Whether `other` was written in knowledge of this one.
        func isDominated(by other: Amendment) -> Bool {
            dot.counter <= other.observed[dot.replica]
                || (dot.replica == other.dot.replica && dot.counter < other.dot.counter)
        }
    }

    /// One value of a key, and the event that gave it.
    public struct Entry: Equatable, Sendable {
        /// The admission or amendment that wrote the value.
        public let dot: Dot
        /// The admission that it belongs to; equal to `dot` for an admission's own value.
        public let admission: Dot
        /// How many writes of the key, one seen by the next, led to this one; 1 for the first.
        public let length: UInt64
        /// The value.
        public let value: Value
    }

    /// All events seen.
    public internal(set) var context = CausalContext()
    var admissions: KeyedColumns<Admission>
    /// Undominated amendments of live admissions, by dot.
    var amendments: [Dot: [Amendment]] = [:]
    /// The same for admissions that have not been seen.
    var orphans: [Dot: [Amendment]] = [:]
    let hashKey: SipKey

    /// An empty map. `hashKey` guards look-ups against chosen collisions; it is no part of the value.
    public init(hashKey: SipKey = .zero) {
        self.hashKey = hashKey
        admissions = KeyedColumns(hashKey: hashKey)
    }

    /// Whether the key is in.
    public func contains(_ key: Key) -> Bool { admissions.contains(key) }

    /// The keys, ascending, each once. O(n log n).
    public var keys: [Key] {
        var last: Key?
        return admissions.columns.pages.flatMap { $0.rows.map(\.key) }.sorted().filter { key in
            defer { last = key }
            return key != last
        }
    }

    /// The live admissions of the key, in order; empty exactly if it is not in.
    public func dots(of key: Key) -> [Dot] { admissions.dots(key) }

    /// All values of the key: for each live admission its undominated amendments, or its own value where there are
    /// none; by admission and dot.
    public func entries(_ key: Key) -> [Entry] {
        dots(of: key).flatMap { admission -> [Entry] in
            if let amended = amendments[admission] {
                return amended.map {
                    Entry(dot: $0.dot, admission: admission, length: $0.length, value: $0.value)
                }
            }
            guard let row = admissions.columns[admission] else { return [] }
            return [Entry(dot: admission, admission: admission, length: row.length, value: row.value)]
        }
    }

    /// The value to show: the greatest by (causal length, replica, counter); nil when the key is not in.
    public func shown(_ key: Key) -> Entry? {
        entries(key).max { ($0.length, $0.dot) < ($1.length, $1.dot) }
    }

    /// The value to show; nil when the key is not in.
    public subscript(key: Key) -> Value? { shown(key)?.value }

    private func nextLength(_ key: Key) -> UInt64 { min((shown(key)?.length ?? 0) + 1, Dot.counterMax) }

    /// Admits the key with a value under a fresh dot and returns the delta. Throws, changing nothing, when the dot
    /// cannot name a new event.
    @discardableResult
    public mutating func admit(_ key: Key, _ value: Value, at dot: Dot) throws(DotFailure) -> AmendableORSet {
        try context.checkFresh(dot)
        var delta = AmendableORSet()
        delta.admissions.insert(Admission(key: key, value: value, length: nextLength(key)), at: dot)
        delta.context.insert(dot)
        merge(delta)
        return delta
    }

    /// Replaces the value shown, and returns the delta: the amendment's own dot, nothing more. Returns nil, using no
    /// dot, when the key is not in.
    @discardableResult
    public mutating func amend(_ key: Key, _ value: Value, at dot: Dot) throws(DotFailure) -> AmendableORSet? {
        try context.checkFresh(dot)
        guard let shown = shown(key) else { return nil }
        var observed = VersionVector()
        for amendment in amendments[shown.admission] ?? [] {
            observed.merge(amendment.observed)
            observed[amendment.dot.replica] = max(observed[amendment.dot.replica], amendment.dot.counter)
        }
        var delta = AmendableORSet()
        delta.orphans[shown.admission] = [
            Amendment(dot: dot, observed: observed, length: nextLength(key), value: value)
        ]
        delta.context.insert(dot)
        merge(delta)
        return delta
    }

    /// Takes out the key as far as admissions of it have been seen, and returns the delta: the revocation's own dot and
    /// those admissions, nothing more. Returns nil, using no dot, when the key is not in.
    @discardableResult
    public mutating func revoke(_ key: Key, at dot: Dot) throws(DotFailure) -> AmendableORSet? {
        try context.checkFresh(dot)
        let targets = dots(of: key)
        if targets.isEmpty { return nil }
        var delta = AmendableORSet()
        delta.context = CausalContext(targets + [dot])
        merge(delta)
        return delta
    }

    /// Same live admissions and amendments, and same events seen.
    public static func == (left: AmendableORSet, right: AmendableORSet) -> Bool {
        left.context == right.context && left.admissions == right.admissions
            && left.amendments == right.amendments && left.orphans == right.orphans
    }
}
