extension CausalContext: CanonicalValue {
    /// The encoding that stands alone.
    public func encode(to encoder: inout CanonicalEncoder) {
        var table = ReplicaTable()
        encode(to: &encoder, naming: &table)
    }

    /// Count of replicas; per replica in order its name and its runs: each the counters skipped before it, and
    /// `(length − 1) × 2 + (1 if another run follows)`.
    public func encode(to encoder: inout CanonicalEncoder, naming table: inout ReplicaTable) {
        encoder.list(replicas) { encoder, replica in
            table.encode(replica, to: &encoder)
            var runs = RunWriter()
            let intervals = self[replica].intervals
            for (index, interval) in intervals.enumerated() {
                runs.skip(to: interval, in: &encoder)
                let more: UInt64 = index + 1 < intervals.count ? 1 : 0
                encoder.integer((interval.upperBound - interval.lowerBound) << 1 | more)
            }
        }
    }

    /// Reads an encoding that stands alone, within the limits of one message.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        var table = ReplicaTable()
        try self.init(from: &decoder, naming: &table, limits: .message)
    }

    /// Reads at most `limits.replicasMax` replicas in strictly ascending order with at most `limits.intervalsMax` runs
    /// in all. Throws on overlapping or adjacent runs and on counters above `Dot.counterMax`.
    public init(
        from decoder: inout CanonicalDecoder, naming table: inout ReplicaTable, limits: DecodingLimits
    ) throws(DecodingFailure) {
        try read(
            "context", kindBits: 0, from: &decoder, naming: &table, limits: limits
        ) { _, _, _, _ throws(DecodingFailure) in }
    }

    /// Reads replicas in strictly ascending order with their runs, and inserts them. The lowest bit of a run's second
    /// number says whether another follows; the `kindBits` above it are for `visit`, which reads what stands behind
    /// the run. Bounds and errors as in `init`; `what` names the value in them.
    mutating func read(
        _ what: String, kindBits: UInt64, from decoder: inout CanonicalDecoder, naming table: inout ReplicaTable,
        limits: DecodingLimits,
        _ visit: (inout CanonicalDecoder, ReplicaID, ClosedRange<UInt64>, UInt64) throws(DecodingFailure) -> Void
    ) throws(DecodingFailure) {
        let total = try decoder.count("replicas of a \(what)", limit: limits.replicasMax)
        var order = AscendingCheck<ReplicaID>("replicas of a \(what)")
        var budget = limits.intervalsMax
        for _ in 0..<total {
            let replica = try table.decode(from: &decoder)
            try order.next(replica)
            var runs = RunReader()
            var set = CounterSet()
            var more = true
            while more {
                try RunReader.spend(&budget, limit: limits.intervalsMax)
                let skip = try decoder.integer()
                let head = try decoder.integer()
                more = head & 1 == 1
                let run = try runs.run(skip: skip, lengthMinusOne: head >> (kindBits + 1))
                set.insert(run)
                try visit(&decoder, replica, run, head >> 1 & ((1 << kindBits) - 1))
            }
            insert(replica, set)
        }
    }
}

/// Writes runs of counters as distances.
struct RunWriter {
    private var next: UInt64 = 1

    /// Writes how many counters lie between the earliest possible start and `run`.
    mutating func skip(to run: ClosedRange<UInt64>, in encoder: inout CanonicalEncoder) {
        encoder.integer(run.lowerBound - next)
        // The counter after a run is missing, or the run would be longer.
        next = run.upperBound + 2
    }
}

/// Reads runs of counters that `RunWriter` wrote.
struct RunReader {
    private var next: UInt64 = 1

    /// The run; throws where it leaves `1...Dot.counterMax`.
    mutating func run(skip: UInt64, lengthMinusOne: UInt64) throws(DecodingFailure) -> ClosedRange<UInt64> {
        guard skip <= Dot.counterMax, lengthMinusOne <= Dot.counterMax else { throw .invalid(what: "run of dots") }
        // Three terms below 2^49 each: no overflow.
        let lower = next + skip
        let upper = lower + lengthMinusOne
        guard upper <= Dot.counterMax else { throw .invalid(what: "run of dots") }
        next = upper + 2
        return lower...upper
    }

    /// Takes one from what is left of a limit.
    static func spend(_ budget: inout Int, limit: Int) throws(DecodingFailure) {
        guard budget > 0 else { throw .overLimit(what: "runs of dots", value: UInt64(limit) + 1, limit: limit) }
        budget -= 1
    }
}

/// Checks that values come in strictly ascending order.
struct AscendingCheck<Value: Comparable> {
    private var previous: Value?
    private let what: String

    init(_ what: String) { self.what = what }

    mutating func next(_ value: Value) throws(DecodingFailure) {
        if let previous, previous >= value { throw .notCanonical(what: what) }
        previous = value
    }
}
