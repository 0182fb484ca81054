internal import CRDT
public import Spanner

extension PartitionStore {
    /// Puts a snapshot in the place of this disk's database, at once or not at all: verified, given what is this disk's
    /// own (its promise, incarnation, acquaintances, salvage), flushed, renamed, the directory flushed. Records of
    /// this disk that were not safe and that the snapshot does not hold go to salvage. Returns what a machine is told.
    ///
    /// `store_snapshot_refused` where the snapshot is not whole, not of this partition, or does not hold what is safe
    /// here; `store_full` where there is no room. What was held is still held then. A promise below the snapshot's last
    /// epoch is raised to it.
    public func install(_ snapshot: IncomingSnapshot) throws(StoreError) -> PartitionDurable {
        let snapshot = snapshot.isVerified ? snapshot : try snapshot.verify()
        guard snapshot.identity == identity else {
            throw IncomingSnapshot.refusal("it is of \(snapshot.identity), not of \(identity)")
        }
        do throws(StoreError) {
            let aside = try Database.openAside(PartitionStore.kind, at: snapshot.path)
            try aside.transaction { () throws(StoreError) in try carryOver(into: aside) }
            try aside.close()
            try FileSystem.synchronise(file: snapshot.path)
        } catch {
            snapshot.discard()
            throw error
        }
        onStep("prepared")
        do throws(StoreError) {
            try exchange(snapshot.path)
        } catch {
            snapshot.discard()
            throw error
        }
        return try durable()
    }

    /// Writes what is this disk's own into the database that is to take the place of its own.
    private func carryOver(into aside: Database) throws(StoreError) {
        let own = try state()
        guard var state = try PartitionState.load(from: aside) else {
            throw IncomingSnapshot.refusal("it has no state of a journal")
        }
        // A trigger or a view that came with it would act in our name.
        guard try schema(of: aside) == schema(of: database) else {
            throw IncomingSnapshot.refusal("its tables are not those of this version")
        }
        try checkSafe(of: own, isIn: state, of: aside)
        let salvage = SalvageTable(database: aside)
        try salvage.removeAll()
        try SalvageTable(database: database).each { command throws(StoreError) in try salvage.adopt(command) }
        let journal = JournalTable(database: database, chain: chain)
        let other = JournalTable(database: aside, chain: chain)
        // Where this log runs through the snapshot's first point, all before it is in the snapshot's tables already.
        let isCommon = try point(at: state.base.position, of: own, in: database) == state.base
        let kept = isCommon ? max(own.safe, state.base.position) : own.safe
        for position in stride(from: kept + 1, through: own.tip.position, by: 1) {
            guard let held = try journal.record(at: position) else {
                throw database.damage("record \(position) of the journal is missing")
            }
            if position > state.base.position, try other.record(at: position)?.hash == held.hash { continue }
            try salvage.keep(held) { command in tables.describe(command) }
        }
        try salvage.trim()
        state.promised = max(own.promised, state.tip.epoch)
        // Both disks' are counted: one too many costs a promise more, one too few may cost records.
        state.acquaintances = Set(own.acquaintances).union(state.acquaintances).sorted()
        guard state.acquaintances.count <= PartitionLimits.universeMax else {
            throw IncomingSnapshot.refusal(
                "with it \(state.acquaintances.count) disks would have to be counted, more than "
                    + "\(PartitionLimits.universeMax): cut off those that are gone")
        }
        state.isForgetful = own.isForgetful
        if own.safe > state.safe {
            state.safe = own.safe
            try other.dropChanges(through: own.safe)
        }
        try state.save(to: aside)
        try keeper(of: database).carry(to: keeper(of: aside))
    }

    private func schema(of database: Database) throws(StoreError) -> [String] {
        try database.rows("SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name") {
            row throws(StoreError) in "\(row.text(0)) \(row.text(1)): \(row.text(2))"
        }
    }

    /// What is safe here must be in the snapshot: a shorter one, or one of another history, is a contradiction.
    private func checkSafe(
        of own: PartitionState, isIn state: PartitionState, of aside: Database
    ) throws(StoreError) {
        guard state.tip.position >= own.safe else {
            throw IncomingSnapshot.refusal(
                "it ends with record \(state.tip.position), and all up to record \(own.safe) is safe here")
        }
        guard let mine = try point(at: own.safe, of: own, in: database),
            let theirs = try point(at: own.safe, of: state, in: aside)
        else { return try checkEpochs(of: own, areIn: state, of: aside) }
        guard mine == theirs else {
            throw IncomingSnapshot.refusal("its record \(own.safe) is another than the one that is safe here")
        }
    }

    /// The snapshot has compacted what is safe here: only the beginnings of epochs can still tell whether it is of the
    /// same history.
    private func checkEpochs(
        of own: PartitionState, areIn state: PartitionState, of aside: Database
    ) throws(StoreError) {
        guard own.safe > 0 else { return }
        let mine = EpochHistory(
            begins: try ControlTable(database: database, chain: chain).begins().map(\.point), tip: own.tip)
        let theirs = EpochHistory(
            begins: try ControlTable(database: aside, chain: chain).begins().map(\.point), tip: state.tip)
        switch mine.fork(with: theirs) {
        case .after(let fork):
            guard fork < own.safe else { return }
            throw IncomingSnapshot.refusal("it parts from this log at \(fork), and all up to \(own.safe) is safe here")
        case .unknown:
            // After so many epochs neither names those of the other.
            guard theirs.begins.count < PartitionLimits.historyMax else { return }
            throw IncomingSnapshot.refusal("it shares no epoch with this log, of which all up to \(own.safe) is safe")
        }
    }

    /// The point at a position, where the database still knows it.
    private func point(
        at position: UInt64, of state: PartitionState, in database: Database
    ) throws(StoreError) -> LogPoint? {
        if position == state.base.position { return state.base }
        return try JournalTable(database: database, chain: chain).record(at: position)?.point
    }

    /// Closes the present database, gives its name to the file at `path`, and opens that. Whatever happens on the way,
    /// one of the two stands under the name, whole.
    ///
    /// The old log must be gone from the disk before the rename: SQLite would play it into the new file.
    private func exchange(_ path: String) throws(StoreError) {
        guard try database.checkpoint(truncating: true) else {
            throw StoreError(
                .full, what: "installing a snapshot", why: "the disk has no room to close the present database",
                next: "make room on the disk; the same call then works")
        }
        let name = database.path
        try closeDatabase()
        var failed: StoreError?
        do throws(StoreError) {
            for log in [name + "-wal", name + "-journal", path + "-wal"] { try FileSystem.remove(log) }
            try FileSystem.synchronise(parentOf: name)
            onStep("closed")
            try FileSystem.exchange(path, for: name)
            onStep("renamed")
        } catch {
            failed = error
        }
        try reopen()
        if let failed { throw failed }
    }
}
