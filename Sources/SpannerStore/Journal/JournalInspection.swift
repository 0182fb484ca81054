internal import CRDT
internal import Spanner

/// Looks whether a partition's database is what was written: the journal link by link, then the tables.
struct JournalInspection {
    let database: Database
    let chain: JournalChain

    private var journal: JournalTable { JournalTable(database: database, chain: chain) }

    /// The cheap part, for each opening: the last record and the first are where the state says, and right.
    func checkEnds(of state: PartitionState) throws(StoreError) {
        guard state.genesis == chain.genesis(mesh: MeshID(state.mesh), partition: state.partition),
            state.base.position <= state.safe, state.safe <= state.tip.position
        else { throw database.damage("the state of the journal contradicts itself") }
        guard let range = try journal.range() else {
            guard state.tip == state.base else { throw database.damage("the journal is gone") }
            return
        }
        guard range.lowerBound == state.base.position + 1, range.upperBound == state.tip.position else {
            throw database.damage(
                "the journal holds records \(range.lowerBound) to \(range.upperBound), its state says "
                    + "\(state.base.position + 1) to \(state.tip.position)")
        }
        guard try journal.record(at: range.upperBound)?.point == state.tip else {
            throw database.damage("the journal's last record is not the one that its state names")
        }
    }

    /// Checks up to `rowsMax` records after `position`. Returns the last one checked; nil at the end.
    func check(after position: UInt64, of state: PartitionState, rowsMax: Int) throws(StoreError) -> UInt64? {
        var last = state.base
        if position > state.base.position {
            // Cut or compacted meanwhile: the next pass sees what stands there now.
            guard position < state.tip.position else { return nil }
            guard let held = try journal.record(at: position) else { throw missing(position) }
            last = held.point
        }
        let start = last.position
        try journal.visit(after: last, limit: max(1, rowsMax)) { held throws(StoreError) in
            last = held.point
            guard try journal.isFound(held.record.position) else { throw missing(held.record.position) }
            if held.record.position > state.safe { _ = try journal.changes(of: held.record.position) }
            return true
        }
        guard last.position < state.tip.position else {
            guard last == state.tip else { throw missing(last.position + 1) }
            return nil
        }
        guard last.position > start else { throw missing(start + 1) }
        return last.position
    }

    private func missing(_ position: UInt64) -> StoreError {
        database.damage("record \(position) of the journal is missing")
    }

    /// Everything, at once: the file's structure, the journal, the tables. `store_corrupt` with the first finding.
    func checkAll(of state: PartitionState, tables: PartitionTables) throws(StoreError) {
        try database.integrityCheck()
        try checkEnds(of: state)
        var position: UInt64? = state.base.position
        while let start = position {
            position = try check(after: start, of: state, rowsMax: StoreLimits.scrubRowsDefault)
        }
        try ControlTable(database: database, chain: chain).verify(through: state.tip.position)
        try tables.verify()
    }
}
