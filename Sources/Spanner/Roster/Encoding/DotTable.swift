internal import CRDT

/// How the dots of one body are written: each replica once, then short references.
///
/// A dot of the author's own replica is written as its distance from the event, so that the commonest removal costs one
/// to three bytes for its target. Other dots name their replica by its place in a sorted table.
struct DotTable {
    /// The event whose body this is; nil in an operator's act, which doesn't know what will carry it.
    let own: Dot?
    /// The other replicas, strictly ascending.
    let replicas: [ReplicaID]

    /// The table for a body that names `dots` and, besides, `others`.
    init(own: Dot?, dots: [Dot], others: [ReplicaID] = []) {
        self.own = own
        var distinct = Set(others)
        for dot in dots where dot.replica != own?.replica { distinct.insert(dot.replica) }
        replicas = distinct.sorted()
    }

    /// Reads a table written by `encode`.
    init(own: Dot?, from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        self.own = own
        replicas = try decoder.list("replicas", limit: RosterLimits.replicasMax) {
            decoder throws(DecodingFailure) in try ReplicaID(from: &decoder)
        }
    }

    /// Count, then the replicas in order.
    func encode(to encoder: inout CanonicalEncoder) {
        encoder.list(replicas) { encoder, replica in replica.encode(to: &encoder) }
    }

    /// Own replica: twice the distance. Another: twice the place in the table plus one, then the counter.
    func encode(_ dot: Dot, to encoder: inout CanonicalEncoder) {
        if let own, own.replica == dot.replica {
            encoder.integer((own.counter &- dot.counter) &<< 1)
        } else {
            encoder.integer(UInt64(place(of: dot.replica)) << 1 | 1)
            encoder.integer(dot.counter)
        }
    }

    /// Reads one dot; own dots must be earlier than the event.
    func decode(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> Dot {
        let word = try decoder.integer()
        if word & 1 == 0 {
            let distance = word >> 1
            guard let own, distance >= 1, distance < own.counter else { throw .invalid(what: "dot distance") }
            return Dot(own.replica, own.counter - distance)
        }
        guard word >> 1 < UInt64(replicas.count) else { throw .invalid(what: "dot replica") }
        let counter = try decoder.integer()
        guard counter >= 1, counter <= Dot.counterMax else { throw .invalid(what: "dot counter") }
        return Dot(replicas[Int(word >> 1)], counter)
    }

    /// A set of dots: count, then the dots in ascending order.
    func encode(set dots: [Dot], to encoder: inout CanonicalEncoder) {
        encoder.list(dots.sortedSet()) { encoder, dot in encode(dot, to: &encoder) }
    }

    /// Reads a set of at most `RosterLimits.dotsMax` dots, ascending.
    func decodeSet(_ what: String, _ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> [Dot] {
        try decoder.list(what, limit: RosterLimits.dotsMax) { decoder throws(DecodingFailure) in
            try decode(&decoder)
        }
    }

    /// A version vector: count, then place and counter in replica order.
    func encode(_ vector: VersionVector, to encoder: inout CanonicalEncoder) {
        encoder.list(vector.entries) { encoder, entry in
            encoder.integer(UInt64(place(of: entry.replica)))
            encoder.integer(entry.counter)
        }
    }

    /// Reads a version vector.
    func decodeVector(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> VersionVector {
        let total = try decoder.count("vector", limit: RosterLimits.replicasMax)
        var vector = VersionVector()
        for _ in 0..<total {
            let place = try decoder.integer()
            guard place < UInt64(replicas.count) else { throw .invalid(what: "vector replica") }
            let counter = try decoder.integer()
            guard counter >= 1, counter <= Dot.counterMax else { throw .invalid(what: "vector counter") }
            vector[replicas[Int(place)]] = counter
        }
        return vector
    }

    private func place(of replica: ReplicaID) -> Int {
        var (low, high) = (0, replicas.count)
        while low < high {
            let middle = (low + high) / 2
            if replicas[middle] < replica { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Array where Element: Comparable {
    /// The elements in ascending order, each once.
    func sortedSet() -> [Element] {
        var result: [Element] = []
        result.reserveCapacity(count)
        for element in sorted() where result.last != element { result.append(element) }
        return result
    }
}
