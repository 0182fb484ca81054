/// Highest contiguous counter per replica: everything up to it has been seen.
///
/// Replicas that were never seen are absent, so equal knowledge has one form. Iteration is in replica order.
public struct VersionVector: Hashable, Sendable {
    private var counters: [ReplicaID: UInt64] = [:]

    /// Knowledge of nothing.
    public init() {}

    /// The counter up to which all events of `replica` are known; 0 where none is. Setting 0 forgets the replica.
    public subscript(replica: ReplicaID) -> UInt64 {
        get { counters[replica] ?? 0 }
        set { counters[replica] = newValue == 0 ? nil : newValue }
    }

    /// How many replicas are known.
    public var count: Int { counters.count }

    /// Whether nothing is known.
    public var isEmpty: Bool { counters.isEmpty }

    /// The known replicas in order, with their counters. O(n log n).
    public var entries: [(replica: ReplicaID, counter: UInt64)] {
        counters.sorted { $0.key < $1.key }.map { (replica: $0.key, counter: $0.value) }
    }

    /// Whether `dot` has been seen.
    public func contains(_ dot: Dot) -> Bool { dot.counter <= self[dot.replica] }

    /// Whether all that `other` has seen has been seen here.
    public func includes(_ other: VersionVector) -> Bool {
        other.counters.allSatisfy { self[$0.key] >= $0.value }
    }

    /// Least upper bound: the greater counter for each replica.
    public mutating func merge(_ other: VersionVector) {
        for (replica, counter) in other.counters where counter > self[replica] { counters[replica] = counter }
    }

    /// The counter for a replica's next event.
    public func next(_ replica: ReplicaID) -> UInt64 { self[replica] + 1 }

    /// Count, then replica and counter in replica order.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.list(entries) { encoder, entry in
            entry.replica.encode(to: &encoder)
            encoder.integer(entry.counter)
        }
    }

    /// Reads at most `limit` entries in strictly ascending replica order.
    public init(from decoder: inout CanonicalDecoder, limit: Int) throws(DecodingFailure) {
        let total = try decoder.count("version vector", limit: limit)
        var previous: ReplicaID?
        for _ in 0..<total {
            let dot = try Dot(from: &decoder)
            if let previous, previous >= dot.replica { throw .notCanonical(what: "version vector order") }
            counters[dot.replica] = dot.counter
            previous = dot.replica
        }
    }
}
