public import CRDT
public import Spanner

extension PartitionStore {
    /// What a machine is told when it starts over this store.
    public func durable() throws(StoreError) -> PartitionDurable {
        let state = try state()
        let controls = ControlTable(database: database, chain: chain)
        var durable = PartitionDurable(genesis: state.genesis)
        (durable.tip, durable.safe, durable.promised) = (state.tip, state.safe, state.promised)
        durable.history = try controls.begins().map(\.point)
        durable.configurations = try controls.configurations(safe: state.safe)
        durable.openHandover = try controls.openHandover()
        durable.firstHeld = state.base.position + 1
        (durable.acquaintances, durable.isForgetful) = (state.acquaintances, state.isForgetful)
        return durable
    }

    /// Records from a position on, in order: at least one where it is held, then as many more as stay within `bytesMax`
    /// of content and within `PartitionLimits.appendRecordsMax`. Empty where the position is not held. Each is checked
    /// before it is returned: `store_corrupt` for rot, and the handle ends (D4).
    public func records(from position: UInt64, bytesMax: Int) throws(StoreError) -> [JournalRecord] {
        let state = try state()
        guard position > state.base.position, position <= state.tip.position else { return [] }
        let journal = JournalTable(database: database, chain: chain)
        var before = state.base
        if position - 1 > state.base.position {
            guard let held = try journal.record(at: position - 1) else { throw missing(position - 1) }
            before = held.point
        }
        var records: [JournalRecord] = []
        var bytes = 0
        try journal.visit(after: before, limit: PartitionLimits.appendRecordsMax) { held throws(StoreError) in
            bytes += held.record.contentBytes
            if !records.isEmpty, bytes > bytesMax { return false }
            records.append(held.record)
            return true
        }
        guard !records.isEmpty else { throw missing(position) }
        return records
    }

    /// What the records after a position hold, in the words in which it would be salvaged: the number of each is its
    /// record's position. Whole records, until there are `limit` commands or more. Changes nothing.
    public func commands(after position: UInt64, limit: Int) throws(StoreError) -> [SalvagedCommand] {
        var (commands, next) = ([SalvagedCommand](), position &+ 1)
        while commands.count < min(limit, StoreLimits.pageMax) {
            let records = try records(from: next, bytesMax: PartitionLimits.appendBytesMax)
            guard let last = records.last else { break }
            for record in records where commands.count < min(limit, StoreLimits.pageMax) {
                let point = chain.point(of: record)
                switch record.content {
                case .commands(let bodies):
                    commands += bodies.enumerated().map { index, body in
                        SalvagedCommand(
                            number: record.position, point: point, index: index, body: body,
                            text: tables.describe(body), fate: .kept)
                    }
                case .control(let control):
                    commands.append(
                        SalvagedCommand(
                            number: record.position, point: point, index: nil, body: record.canonicalBytes,
                            text: SalvageTable.text(of: control), fate: .kept))
                }
            }
            next = last.position &+ 1
        }
        return commands
    }

    private func missing(_ position: UInt64) -> StoreError {
        database.damage("record \(position) of the journal is missing")
    }

    /// The latest epochs, oldest first, each with how it began: by it an operator finds what became of an operation. At
    /// most `PartitionLimits.historyMax`; they outlive the journal's compaction.
    public func history() throws(StoreError) -> [(point: LogPoint, begin: PartitionBegin)] {
        try ControlTable(database: database, chain: chain).begins()
    }

    /// What the journal says of an operation; nil where it says nothing: it was never begun here, or among the last
    /// `PartitionLimits.historyMax` of its kind others came after it.
    public func fate(of operation: OperationID) throws(StoreError) -> OperationFate? {
        var fate: OperationFate?
        try ControlTable(database: database, chain: chain).operations { held throws(StoreError) in
            switch held.record.content {
            case .control(.begin(let begin)) where begin.operation == operation: fate = .begun(held.point, begin)
            case .control(.handoverCancelled(operation)): fate = .cancelled(held.point)
            case .control(.handover(operation, let target)): fate = .handingOver(held.point, to: target)
            case _: return true
            }
            return false
        }
        return fate
    }

    // MARK: Salvage

    /// Commands that were cut off here and have this fate, after a number, in order; at most `limit` and
    /// `StoreLimits.pageMax`.
    public func salvage(
        _ fate: SalvagedCommand.Fate = .kept, after number: UInt64 = 0, limit: Int
    ) throws(StoreError) -> [SalvagedCommand] {
        try SalvageTable(database: database).commands(fate, after: number, limit: limit)
    }

    /// The same before a number, the latest first: within one cut that is the order of its records, though not of the
    /// commands of one record.
    public func salvage(
        _ fate: SalvagedCommand.Fate, before number: UInt64, limit: Int
    ) throws(StoreError) -> [SalvagedCommand] {
        try SalvageTable(database: database).commands(fate, before: number, limit: limit)
    }

    /// Says what became of a salvaged command. Durable when this returns. `store_unknown` where there is none.
    public func settleSalvage(_ number: UInt64, as fate: SalvagedCommand.Fate) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            try SalvageTable(database: database).settle(number, as: fate)
        }
    }

    /// How many salvaged commands nobody did anything with yet, up to a number.
    public func keptSalvage(through number: UInt64) throws(StoreError) -> UInt64 {
        try SalvageTable(database: database).kept(through: number)
    }

    /// Lets go of what nobody did anything with yet, up to a number, in one transaction. Returns how many. Durable
    /// when this returns; it stays readable until there is no room for it.
    @discardableResult
    public func dismissSalvage(through number: UInt64) throws(StoreError) -> UInt64 {
        try database.transaction { () throws(StoreError) in
            try SalvageTable(database: database).dismiss(through: number)
        }
    }

    /// Forgets salvaged commands that were replayed or dismissed, up to a number. Returns how many.
    @discardableResult
    public func forgetSalvage(through number: UInt64) throws(StoreError) -> Int {
        try SalvageTable(database: database).forget(through: number)
    }
}

/// What a journal says of a promotion or a switchover. It may still be cut off where it is not safe.
public enum OperationFate: Hashable, Sendable {
    /// It led to this epoch.
    case begun(LogPoint, PartitionBegin)
    /// The primary gave up for this disk, which has not begun yet.
    case handingOver(LogPoint, to: ReplicaID)
    /// The primary took it back and goes on.
    case cancelled(LogPoint)
}
