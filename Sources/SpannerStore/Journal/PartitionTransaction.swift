internal import CRDT
internal import Spanner

/// The inside of one transaction on a partition's database: the state that it began with, changed step by step.
struct PartitionTransaction {
    let database: Database
    let chain: JournalChain
    let tables: PartitionTables
    /// Whether a command at fault is left out; else it ends the transaction, which is then to be done carefully.
    let isCareful: Bool
    var state: PartitionState

    private var journal: JournalTable { JournalTable(database: database, chain: chain) }
    private var controls: ControlTable { ControlTable(database: database, chain: chain) }

    /// Does all that a write asks for, in its order. Returns what became of each record's commands.
    mutating func perform(_ write: PartitionWrite) throws(StoreError) -> [[JournaledOutcome]] {
        guard state.promised == write.fence else {
            throw StoreError(
                .fenced, what: "writing under \(write.fence) to \(database.path)",
                why: "the promise in force is \(state.promised)", next: "step down: another epoch was promised")
        }
        let before = state
        if let position = write.cut { try cut(after: position) }
        let safe = max(state.safe, write.safe ?? 0)
        var outcomes: [[JournaledOutcome]] = []
        outcomes.reserveCapacity(write.records.count)
        for record in write.records { outcomes.append(try append(record, isSafe: record.position <= safe)) }
        if let safe = write.safe { try advance(safe: safe) }
        if let promise = write.promise {
            guard promise >= state.promised else {
                throw mismatch("promising \(promise)", "\(state.promised) is promised")
            }
            state.promised = promise
        }
        if let acquaintances = write.acquaintances { try count(acquaintances) }
        if write.remembers { state.isForgetful = false }
        if state != before { try state.save(to: database) }
        return outcomes
    }

    // MARK: Appending

    private mutating func append(_ record: JournalRecord, isSafe: Bool) throws(StoreError) -> [JournaledOutcome] {
        guard chain.isFollowing(record, state.tip) else {
            throw mismatch(
                "appending record \(record.position) of epoch \(record.epoch)",
                "the journal ends with record \(state.tip.position) of epoch \(state.tip.epoch)")
        }
        let held = HeldRecord(record: record, hash: chain.hash(of: record))
        try journal.append(held)
        state.tip = held.point
        guard case .commands(let commands) = record.content else {
            try controls.note(record)
            return []
        }
        if isSafe { return try apply(commands, at: held.point) }
        if let decoded = UndoLog.commands(in: commands) {
            let log = UndoLog()
            // The tables themselves say how these are taken back.
            let outcomes = try outcomes(of: decoded, log) { (command, index) throws(StoreError) in
                try tables.apply(command, at: held.point, index: index, undo: log)
            }
            try journal.keep(log.bytes, of: record.position)
            return outcomes
        }
        let applied = try database.recordingChanges { () throws(StoreError) in try apply(commands, at: held.point) }
        try journal.keep(applied.changes, of: record.position)
        return applied.value
    }

    private func apply(_ commands: [[UInt8]], at point: LogPoint) throws(StoreError) -> [JournaledOutcome] {
        try outcomes(of: commands, nil) { (command, index) throws(StoreError) in
            try tables.apply(command, at: point, index: index)
        }
    }

    /// Applies commands one after the other. One at fault leaves nothing behind, nor in `log`; where that is careful
    /// the others go on, else it ends the transaction.
    private func outcomes<Command>(
        of commands: [Command], _ log: UndoLog?,
        _ apply: (_ command: Command, _ index: Int) throws(StoreError) -> ResultReceipt?
    ) throws(StoreError) -> [JournaledOutcome] {
        var outcomes: [JournaledOutcome] = []
        outcomes.reserveCapacity(commands.count)
        for (index, command) in commands.enumerated() {
            let mark = log?.count ?? 0
            do throws(StoreError) {
                let receipt = try database.transaction { () throws(StoreError) in try apply(command, index) }
                outcomes.append(.applied(receipt))
            } catch {
                guard isCareful, error.isAboutTheCommand else { throw error }
                log?.forget(after: mark)
                outcomes.append(.refused(error))
            }
        }
        return outcomes
    }

    // MARK: Cutting

    /// Takes back all records after a place, the last first: what they did to the tables, then themselves.
    private mutating func cut(after position: UInt64) throws(StoreError) {
        guard position >= state.safe, position <= state.tip.position else {
            throw mismatch(
                "cutting the journal after record \(position)",
                "all up to record \(state.safe) is safe and the last is record \(state.tip.position)")
        }
        guard position < state.tip.position else { return }
        let salvage = SalvageTable(database: database)
        for place in stride(from: state.tip.position, to: position, by: -1) {
            guard let held = try journal.record(at: place) else { throw missing(place) }
            let changes = try journal.changes(of: place)
            if UndoLog.holds(changes) {
                try UndoLog.undo(changes, in: database)
            } else {
                try database.undoChanges(changes)
            }
            try salvage.keep(held) { command in tables.describe(command) }
        }
        try salvage.trim()
        try journal.remove(after: position)
        try journal.dropChanges(after: position)
        try controls.remove(after: position)
        if position == state.base.position {
            state.tip = state.base
        } else {
            guard let held = try journal.record(at: position) else { throw missing(position) }
            state.tip = held.point
        }
    }

    // MARK: The rest

    private mutating func advance(safe: UInt64) throws(StoreError) {
        guard safe >= state.safe, safe <= state.tip.position else {
            throw mismatch(
                "taking all up to record \(safe) for safe",
                "record \(state.safe) is safe and the last is record \(state.tip.position)")
        }
        guard safe > state.safe else { return }
        state.safe = safe
        try journal.dropChanges(through: safe)
    }

    private mutating func count(_ acquaintances: [ReplicaID]) throws(StoreError) {
        guard acquaintances.count <= PartitionLimits.universeMax else {
            throw StoreError(
                .tooLarge, what: "counting \(acquaintances.count) disks of the partition",
                why: "the limit is \(PartitionLimits.universeMax)",
                next: "cut off those that are gone: bolt remove --dead")
        }
        state.acquaintances = acquaintances.sorted()
    }

    private func mismatch(_ what: String, _ why: String) -> StoreError {
        StoreError(.mismatch, what: what, why: why, next: "look for the fork and cut, or fetch what lies between")
    }

    private func missing(_ position: UInt64) -> StoreError {
        database.damage("record \(position) of the journal is missing")
    }
}
