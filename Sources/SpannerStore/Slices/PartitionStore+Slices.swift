public import CRDT
public import Spanner

extension PartitionStore {
    /// Begins to send a slice away, as it is now; `seal` is its place where nothing was done to it since that.
    public func beginSliceSnapshot(_ slice: SliceID, at seal: LogPoint?) throws(StoreError) -> SliceSnapshot {
        if let seal { return SliceSnapshot(slice: slice, point: seal) }
        return SliceSnapshot(slice: slice, point: try state().tip)
    }

    /// A piece of a slice's snapshot, with the last record that it may show something of: it is to be sent when that is
    /// safe. Nil where the piece before it was not read yet.
    public func piece(
        _ number: UInt32, of snapshot: inout SliceSnapshot
    ) throws(StoreError) -> (piece: HandoffPiece, shows: UInt64)? {
        guard let piece = try snapshot.piece(number, of: tables) else { return nil }
        return (piece, try state().tip.position)
    }

    /// What the journal did to a slice after a place, up to a position at most, in one piece. Reads one batch of
    /// records at most, whatever is in them: who waits meanwhile waits for that only.
    public func tail(
        of slice: SliceID, after place: LogPoint, upTo limit: UInt64
    ) throws(StoreError) -> SliceTail {
        let state = try state()
        guard try isHeld(place, state) else { return .gone }
        guard place.position < min(limit, state.tip.position) else { return .nothing(through: place) }
        let records = try records(from: place.position + 1, bytesMax: PartitionLimits.appendBytesMax)
        guard !records.isEmpty else { return .gone }
        var rows: [SliceRow] = []
        var (bytes, last) = (0, place)
        for record in records where record.position <= limit && bytes < SliceSnapshot.pieceBytes {
            let more = try self.rows(of: record, in: slice)
            let size = more.reduce(0) { $0 + $1.bytes }
            guard bytes + size <= HandoffLimits.pieceBytesMax - 4096 else {
                // One record alone is more than a piece may hold: a snapshot shows it in several.
                if last == place { return .gone }
                break
            }
            rows += more
            bytes += size
            last = chain.point(of: record)
        }
        guard !rows.isEmpty else { return .nothing(through: last) }
        return .piece(HandoffPiece(place: .tail(after: place, through: last), content: SliceRow.content(rows)))
    }

    /// The first of these places that is in the journal, and not after `safe`; nil where none is.
    public func first(of places: [LogPoint], safe: UInt64) throws(StoreError) -> LogPoint? {
        let state = try state()
        for place in places where place.position <= safe {
            if try isHeld(place, state) { return place }
        }
        return nil
    }

    /// Digest of a slice's rows as they are now, all at once.
    public func digest(of slice: SliceID) throws(StoreError) -> Bytes32 {
        var digest = beginDigest(of: slice)
        while true {
            if let value = digest.value { return value }
            try step(&digest, bytes: .max)
        }
    }

    /// Digest of what is staged for a handoff to here.
    public func stagedDigest(of handoff: HandoffID) throws(StoreError) -> Bytes32 {
        try tables.slices.staged(handoff).digest(witness)
    }

    /// The same, all at once, with what stands against serving it here. `isMember` says whether an envoy is of the
    /// order's slice.
    public func judgeStaged(
        _ order: HandoffOrder, isMember: (PrincipalID) -> Bool
    ) throws(StoreError) -> StagedSlice {
        var fold = beginFold(of: order.id)
        while true {
            if let judged = try judge(fold, of: order, isMember: isMember) { return judged }
            try step(&fold, bytes: .max)
        }
    }

    /// Whether rows of a slice are left here.
    public func holds(_ slice: SliceID) throws(StoreError) -> Bool {
        try !tables.slices.envoys(of: slice, after: nil, limit: 1).isEmpty
    }

    private func isHeld(_ place: LogPoint, _ state: PartitionState) throws(StoreError) -> Bool {
        if place == state.base || place == state.tip { return true }
        guard place.position > state.base.position, place.position < state.tip.position else { return false }
        return try JournalTable(database: database, chain: chain).record(at: place.position)?.point == place
    }

    /// The rows that a record brought to a slice, as the tables have them: a command that was refused brought none.
    private func rows(of record: JournalRecord, in slice: SliceID) throws(StoreError) -> [SliceRow] {
        guard case .commands(let commands) = record.content else { return [] }
        var rows: [SliceRow] = []
        for bytes in commands {
            guard let command = PartitionTables.decode(bytes) else { continue }
            switch command {
            case .results(let batch):
                guard try isOf(slice, batch.source.envoy), let first = batch.results.first?.sequence,
                    let last = batch.results.last?.sequence,
                    let (owner, queue) = try tables.results.lookUp(batch.source.queue), owner == batch.source.envoy
                else { continue }
                let sent = Dictionary(batch.results.map { ($0.sequence, $0.body) }) { first, _ in first }
                let stored = try tables.slices.results(queue.index, first...max(first, last)).filter {
                    sent[$0.sequence] == $0.body
                }
                if !stored.isEmpty { rows.append(.results(batch.source, stored)) }
            case .seen(let sightings):
                for sighting in sightings where try isOf(slice, sighting.envoy) {
                    rows.append(
                        .envoy(
                            sighting.envoy, seen: min(sighting.at.milliseconds, UInt64(Int64.max)),
                            traits: sighting.traits))
                }
            case .base(let source, let through, _, _):
                guard try isOf(slice, source.envoy), let (owner, queue) = try tables.results.lookUp(source.queue),
                    owner == source.envoy,
                    let row = try tables.slices.baseRow(queue.index, source, through)
                else { continue }
                rows.append(row)
            case .tokenSpent, .setting, .secret, .keyring, .audit, .skip, .placed, .handoffSource, .handoffTarget,
                .sliceCollected, .task, .remainsGone, .policy:
                continue
            }
        }
        return rows
    }

    private func isOf(_ slice: SliceID, _ envoy: PrincipalID) throws(StoreError) -> Bool {
        try tables.slices.slice(of: envoy) == slice
    }
}
