internal import CRDT
internal import Spanner

extension SliceTables {
    /// Takes a source's step. One that does not fit the handoff's phase changes nothing.
    func apply(_ record: HandoffSourceRecord, at point: LogPoint) throws(StoreError) {
        var state = try source(record.id)
        if state == nil, case .begun(let order) = record { state = HandoffSourceState(order: order) }
        guard var state, state.apply(record, at: point) else { return }
        try save(state)
        if state.isOver { try forgetFollowed(state.order.slice) }
    }

    /// Takes a target's step with what it does to the tables.
    func apply(_ record: HandoffTargetRecord, at point: LogPoint, results: ResultStore) throws(StoreError) {
        var state = try target(record.id)
        if state == nil, case .opened(let order) = record { state = HandoffTargetState(order: order) }
        guard var state else { return }
        let before = state
        let change = state.apply(record, at: point)
        guard state != before else { return }
        try save(state)
        switch change {
        case .none: break
        case .replace(let piece):
            try removeStaged(record.id, after: 0)
            try stage(piece, of: record.id)
        case .append(let piece): try stage(piece, of: record.id)
        case .truncate(let place):
            guard let place else { return try removeStaged(record.id, after: 0) }
            try removeStaged(record.id, after: place.position)
        case .serve:
            try serve(try staged(record.id), of: state.order, results)
            try removeStaged(record.id, after: 0)
        case .join:
            try join(try staged(record.id), to: state.order.slice, results)
            try removeStaged(record.id, after: 0)
        }
        if state.isOver { try forgetFollowed(state.order.slice) }
    }

    // MARK: - Staged

    private func stage(_ piece: HandoffPiece, of id: HandoffID) throws(StoreError) {
        let last = try database.first("SELECT max(number) FROM staged WHERE handoff = ?1", .blob(id.bytes.bytes)) {
            row throws(StoreError) in row.integer(0)
        }
        // A snapshot's pieces are never gone back behind, but all at once.
        var through: UInt64 = 0
        if case .tail(_, let point) = piece.place { through = point.position }
        let number = (last ?? 0) + 1
        try database.run(
            "INSERT INTO staged(handoff, number, through, body, checksum) VALUES (?1, ?2, ?3, ?4, ?5)",
            .blob(id.bytes.bytes), .integer(number), .count(through), .blob(piece.content),
            .integer(Checksum.row(17, UInt64(number), id.bytes.bytes + piece.content)))
    }

    /// What is staged after a place of the source's journal goes; all of it for 0.
    private func removeStaged(_ id: HandoffID, after position: UInt64) throws(StoreError) {
        if position == 0 {
            try database.run("DELETE FROM staged WHERE handoff = ?1", .blob(id.bytes.bytes))
        } else {
            try database.run(
                "DELETE FROM staged WHERE handoff = ?1 AND through > ?2", .blob(id.bytes.bytes), .count(position))
        }
    }

    /// What is staged, put together. A piece that cannot be read, or contradicts another, is no row's rot: its source
    /// sent it. It is left out, and the digests will differ.
    func staged(_ id: HandoffID) throws(StoreError) -> SliceModel {
        var model = SliceModel()
        var last: Int64 = 0
        while let piece = try stagedPiece(id, after: last) {
            if let rows = SliceRow.rows(piece.body) { _ = model.take(rows) }
            last = piece.number
        }
        return model
    }

    // MARK: - Served

    /// Writes a slice into the tables that are served. What is there already stays, and nothing of it can be refused:
    /// the slice is ours. What cannot be served beside what is there is parked.
    private func serve(_ model: SliceModel, of order: HandoffOrder, _ results: ResultStore) throws(StoreError) {
        let slice = order.slice
        var envoys: [PrincipalID] = []
        var elsewhere: Set<PrincipalID> = []
        var parked: [SliceRow] = []
        for id in model.members {
            guard let known = try self.slice(of: id), known != slice else {
                envoys.append(id)
                continue
            }
            elsewhere.insert(id)
            if let envoy = model.envoys[id] { parked.append(.envoy(id, seen: envoy.seen, traits: envoy.traits)) }
        }
        try place(envoys.map { PartitionCommand.EnvoyPlacement(envoy: $0, slice: slice) })
        for id in envoys {
            guard let envoy = model.envoys[id] else { continue }
            try database.run(
                """
                INSERT INTO envoy(id, last_seen_ms, traits_digest, traits) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (id) DO UPDATE SET
                    last_seen_ms = max(last_seen_ms, excluded.last_seen_ms),
                    traits_digest = coalesce(excluded.traits_digest, traits_digest),
                    traits = coalesce(excluded.traits, traits)
                """, .blob(id.bytes), .count(min(envoy.seen, UInt64(Int64.max))),
                envoy.traits.map { .blob(witness.hash($0).bytes) } ?? .null, envoy.traits.map { .blob($0) } ?? .null)
        }
        for (id, queue) in model.queues.sorted(by: { $0.value.place < $1.value.place }) {
            if !elsewhere.contains(queue.envoy), try results.adopt(id, queue) { continue }
            parked += SliceModel.rows(of: id, queue)
        }
        try park(parked, of: order.id)
    }

    // MARK: - Collected

    /// Removes the rows of the lowest envoys of a handoff's slice, while that is garbage.
    func collect(_ id: HandoffID, envoys count: UInt64, results: ResultStore) throws(StoreError) {
        guard let state = try source(id), state.phase == .garbage else { return }
        let limit = Int(min(count, UInt64(PartitionLimits.placementsMax)))
        for envoy in try envoys(of: state.order.slice, after: nil, limit: limit) { try remove(envoy, results) }
    }

    /// Removes the rows of an envoy that is in this slice here.
    func remove(_ placement: PartitionCommand.EnvoyPlacement, results: ResultStore) throws(StoreError) {
        guard try slice(of: placement.envoy) == placement.slice else { return }
        try remove(placement.envoy, results)
    }

    private func remove(_ envoy: PrincipalID, _ results: ResultStore) throws(StoreError) {
        try results.remove(of: envoy)
        try database.run("DELETE FROM envoy WHERE id = ?1", .blob(envoy.bytes))
        try database.run("DELETE FROM placement WHERE envoy = ?1", .blob(envoy.bytes))
        try PolicyTables(database: database, witness: witness).remove(envoy)
    }
}

extension ResultStore {
    /// Takes over a queue with all its results from the partition that owned it. What is stored already stays. False,
    /// with nothing changed, where the queue is another envoy's here.
    func adopt(_ id: QueueID, _ queue: SliceModel.Queue) throws(StoreError) -> Bool {
        var index: Int64
        var known: UInt64 = 0
        if let (owner, found) = try lookUp(id) {
            guard owner == queue.envoy else { return false }
            (index, known) = (found.index, found.storedThrough)
        } else {
            let last = try database.first("SELECT max(ix) FROM queue") { row throws(StoreError) in row.integer(0) }
            index = (last ?? 0) + 1
            try database.run(
                "INSERT INTO queue(ix, incarnation, envoy, stored_through, checksum) VALUES (?1, ?2, ?3, 0, ?4)",
                .integer(index), .blob(id.bytes), .blob(queue.envoy.bytes),
                .integer(ResultStore.queueChecksum(index, 0, id, queue.envoy)))
        }
        for result in queue.results.values.sorted(by: { $0.sequence < $1.sequence }) {
            try database.run(
                """
                INSERT OR IGNORE INTO result(queue_ix, sequence, received_ms, body, hash) VALUES (?1, ?2, ?3, ?4, ?5)
                """, .integer(index), .count(result.sequence), .count(min(result.received, UInt64(Int64.max))),
                .blob(result.body), .integer(Checksum.row(index, result.sequence, result.body)))
        }
        for (through, base) in queue.bases.sorted(by: { $0.key < $1.key }) {
            try database.run(
                """
                INSERT OR IGNORE INTO base(queue_ix, through, first, reason, at_ms, checksum)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                """, .integer(index), .count(through), .count(base.first), .text(base.reason),
                .count(min(base.at, UInt64(Int64.max))),
                .integer(ResultStore.baseChecksum(index, base.first...through, base.reason)))
        }
        let through = max(known, queue.storedThrough)
        try database.run(
            "UPDATE queue SET stored_through = ?2, checksum = ?3 WHERE ix = ?1", .integer(index), .count(through),
            .integer(ResultStore.queueChecksum(index, through, id, queue.envoy)))
        return true
    }

    /// Removes all queues of an envoy: another partition serves them.
    func remove(of envoy: PrincipalID) throws(StoreError) {
        let queues = try database.rows("SELECT ix FROM queue WHERE envoy = ?1", .blob(envoy.bytes)) {
            row throws(StoreError) in row.integer(0)
        }
        for index in queues {
            try database.run("DELETE FROM result WHERE queue_ix = ?1", .integer(index))
            try database.run("DELETE FROM base WHERE queue_ix = ?1", .integer(index))
            try database.run("DELETE FROM queue WHERE ix = ?1", .integer(index))
        }
    }
}
