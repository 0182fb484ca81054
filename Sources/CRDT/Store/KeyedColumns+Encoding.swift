/// How the runs of a context and the rows that live in them are written together.
///
/// Per replica its name and its runs. A run is: counters skipped before it;
/// `(length − 1) × 8 + kind × 2 + (1 if another run follows)`; for `mixed`, lengths of dead and live stretches in turn,
/// dead first (possibly 0); the live rows.
private enum RunKind: UInt64 {
    case dead = 0
    case live = 1
    case mixed = 2
}

extension KeyedColumns {
    /// Writes `context`, and the rows, all of which must lie in it.
    func encode(
        under context: CausalContext, to encoder: inout CanonicalEncoder, naming table: inout ReplicaTable,
        row write: (inout CanonicalEncoder, Row) -> Void
    ) {
        encoder.list(context.replicas) { encoder, replica in
            table.encode(replica, to: &encoder)
            let intervals = context[replica].intervals
            let live = columns.liveRuns(replica)
            let pages = columns.orderedPages(replica)
            var rows = pages.lazy.flatMap { columns.pages[$0].rows }.makeIterator()
            var runs = RunWriter()
            var position = 0
            for (index, interval) in intervals.enumerated() {
                let start = position
                while position < live.count, live[position].upperBound <= interval.upperBound { position += 1 }
                let inside = live[start..<position]
                let kind: RunKind = inside.isEmpty ? .dead : inside.first == interval ? .live : .mixed
                let more: UInt64 = index + 1 < intervals.count ? 1 : 0
                runs.skip(to: interval, in: &encoder)
                encoder.integer((interval.upperBound - interval.lowerBound) << 3 | kind.rawValue << 1 | more)
                if kind == .mixed { Self.encodeStretches(inside, of: interval, to: &encoder) }
                for _ in 0..<inside.reduce(0, { $0 + $1.count }) {
                    if let row = rows.next() { write(&encoder, row) }
                }
            }
        }
    }

    private static func encodeStretches(
        _ live: ArraySlice<ClosedRange<UInt64>>, of interval: ClosedRange<UInt64>, to encoder: inout CanonicalEncoder
    ) {
        var next = interval.lowerBound
        for run in live {
            encoder.integer(run.lowerBound - next)
            encoder.integer(run.upperBound - run.lowerBound + 1)
            next = run.upperBound + 1
        }
        if next <= interval.upperBound { encoder.integer(interval.upperBound - next + 1) }
    }

    /// Reads what `encode` wrote, within `limits`; the rows come with the context that covers them.
    init(
        from decoder: inout CanonicalDecoder, naming table: inout ReplicaTable, limits: DecodingLimits,
        hashKey: SipKey, context: inout CausalContext,
        row read: (inout CanonicalDecoder) throws(DecodingFailure) -> Row
    ) throws(DecodingFailure) {
        self.init(hashKey: hashKey)
        try context.read(
            "set", kindBits: 2, from: &decoder, naming: &table, limits: limits
        ) { decoder, replica, run, kind throws(DecodingFailure) in
            for stretch in try Self.stretches(of: run, kind: kind, from: &decoder) {
                try readRows(stretch, of: replica, from: &decoder, limit: limits.rowsMax, read)
            }
        }
    }

    private mutating func readRows(
        _ stretch: ClosedRange<UInt64>, of replica: ReplicaID, from decoder: inout CanonicalDecoder, limit: Int,
        _ read: (inout CanonicalDecoder) throws(DecodingFailure) -> Row
    ) throws(DecodingFailure) {
        let rows = stretch.upperBound - stretch.lowerBound + 1
        guard rows <= UInt64(max(limit - count, 0)) else {
            throw .overLimit(what: "rows of a set", value: UInt64(count) + rows, limit: limit)
        }
        // Each row takes a byte at least, so what is left bounds the loop.
        guard rows <= UInt64(decoder.remaining) else { throw .truncated }
        for counter in stretch { insert(try read(&decoder), at: Dot(replica, counter)) }
    }

    private static func stretches(
        of run: ClosedRange<UInt64>, kind: UInt64, from decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> [ClosedRange<UInt64>] {
        switch RunKind(rawValue: kind) {
        case nil: throw .invalid(what: "kind of run")
        case .dead: return []
        case .live: return [run]
        case .mixed: break
        }
        var live: [ClosedRange<UInt64>] = []
        var next = run.lowerBound
        var alive = false
        while next <= run.upperBound {
            let length = try decoder.integer()
            let left = run.upperBound - next + 1
            guard length <= left else { throw .invalid(what: "stretch of rows") }
            if length == 0, alive || next > run.lowerBound { throw .notCanonical(what: "empty stretch") }
            if alive { live.append(next...next + length - 1) }
            next += length
            alive.toggle()
        }
        if live.isEmpty || live == [run] { throw .notCanonical(what: "mixed run") }
        return live
    }
}
