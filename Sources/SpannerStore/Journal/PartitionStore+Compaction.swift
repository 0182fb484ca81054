internal import Spanner

extension PartitionStore {
    /// Drops records up to a position, never one that is not safe: what they did is in the tables, and a standby that
    /// lacks them takes a snapshot. At most `StoreLimits.compactionRecordsMax` a call. Returns whether more are left to
    /// drop: call again, between other work.
    @discardableResult
    public func compact(through position: UInt64) throws(StoreError) -> Bool {
        try database.transaction { () throws(StoreError) in
            var state = try state()
            let goal = min(position, state.safe)
            guard goal > state.base.position else { return false }
            let end = min(goal, state.base.position + UInt64(StoreLimits.compactionRecordsMax))
            let journal = JournalTable(database: database, chain: chain)
            guard let held = try journal.record(at: end) else {
                throw database.damage("record \(end) of the journal is missing")
            }
            try journal.remove(through: end)
            state.base = held.point
            try ControlTable(database: database, chain: chain).compact(through: end)
            try state.save(to: database)
            return end < goal
        }
    }
}
