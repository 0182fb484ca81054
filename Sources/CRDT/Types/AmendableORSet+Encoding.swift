extension AmendableORSet: CanonicalValue {
    /// The encoding that stands alone: equal maps give equal bytes.
    public func encode(to encoder: inout CanonicalEncoder) {
        var table = ReplicaTable()
        encode(to: &encoder, naming: &table)
    }

    /// Runs with their admissions (key, value, causal length), as in `ORSet`; then the amendments by admission and dot.
    public func encode(to encoder: inout CanonicalEncoder, naming table: inout ReplicaTable) {
        admissions.encode(under: context, to: &encoder, naming: &table) { encoder, row in
            row.key.encode(to: &encoder)
            row.value.encode(to: &encoder)
            encoder.integer(row.length)
        }
        encoder.list(orderedAmendments) { encoder, entry in
            for dot in [entry.admission, entry.amendment.dot] {
                table.encode(dot.replica, to: &encoder)
                encoder.integer(dot.counter)
            }
            encoder.list(entry.amendment.observed.entries) { encoder, seen in
                table.encode(seen.replica, to: &encoder)
                encoder.integer(seen.counter)
            }
            encoder.integer(entry.amendment.length)
            entry.amendment.value.encode(to: &encoder)
        }
    }

    /// Reads an encoding that stands alone, within the limits of one message.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        var table = ReplicaTable()
        try self.init(from: &decoder, naming: &table, limits: .message)
    }

    /// Reads a map within `limits`. Anything that `encode` does not write throws.
    public init(
        from decoder: inout CanonicalDecoder, naming table: inout ReplicaTable, limits: DecodingLimits,
        hashKey: SipKey = .zero
    ) throws(DecodingFailure) {
        self.init(hashKey: hashKey)
        admissions = try KeyedColumns(
            from: &decoder, naming: &table, limits: limits, hashKey: hashKey, context: &context
        ) { decoder throws(DecodingFailure) in
            Admission(
                key: try Key(from: &decoder), value: try Value(from: &decoder), length: try Self.length(&decoder))
        }
        let total = try decoder.count("amendments", limit: limits.rowsMax)
        var previous: (admission: Dot, dot: Dot)?
        for _ in 0..<total {
            let admission = try Self.dot(&decoder, &table)
            let amendment = try Self.amendment(&decoder, &table, limits)
            if let previous, previous >= (admission, amendment.dot) { throw .notCanonical(what: "amendment order") }
            previous = (admission, amendment.dot)
            try accept(amendment, on: admission)
        }
    }

    private mutating func accept(_ amendment: Amendment, on admission: Dot) throws(DecodingFailure) {
        guard context.contains(amendment.dot), admissions.columns.number(of: amendment.dot) == nil,
            amendment.dot != admission
        else { throw .invalid(what: "dot of an amendment") }
        let alive = admissions.columns.number(of: admission) != nil
        guard alive || !context.contains(admission) else { throw .notCanonical(what: "amendment of the dead") }
        var siblings = (alive ? amendments[admission] : orphans[admission]) ?? []
        guard !siblings.contains(where: { $0.isDominated(by: amendment) || amendment.isDominated(by: $0) }) else {
            throw .notCanonical(what: "dominated amendment")
        }
        siblings.append(amendment)
        if alive { amendments[admission] = siblings } else { orphans[admission] = siblings }
    }

    private static func dot(
        _ decoder: inout CanonicalDecoder, _ table: inout ReplicaTable
    ) throws(DecodingFailure) -> Dot {
        let dot = Dot(try table.decode(from: &decoder), try decoder.integer())
        guard dot.counter >= 1, dot.counter <= Dot.counterMax else { throw .invalid(what: "dot counter") }
        return dot
    }

    private static func length(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> UInt64 {
        let length = try decoder.integer()
        guard length >= 1, length <= Dot.counterMax else { throw .invalid(what: "causal length") }
        return length
    }

    private static func amendment(
        _ decoder: inout CanonicalDecoder, _ table: inout ReplicaTable, _ limits: DecodingLimits
    ) throws(DecodingFailure) -> Amendment {
        let own = try dot(&decoder, &table)
        let total = try decoder.count("observed replicas", limit: limits.replicasMax)
        var order = AscendingCheck<ReplicaID>("observed order")
        var observed = VersionVector()
        for _ in 0..<total {
            let seen = try dot(&decoder, &table)
            try order.next(seen.replica)
            observed[seen.replica] = seen.counter
        }
        guard observed[own.replica] < own.counter else { throw .invalid(what: "amendment that saw itself") }
        return Amendment(
            dot: own, observed: observed, length: try length(&decoder), value: try Value(from: &decoder))
    }
}
