import CRDT
import Spanner

/// One bolt's database of its partition: journal, tables, promise and salvage, changed in whole transactions, with what
/// a crash takes and copies that come back.
struct PartitionSimDisk {
    /// A record that is held, the chain's value with it, and how to take it back while it is not safe.
    struct Entry {
        let record: JournalRecord
        let hash: Bytes32
        /// Digest of the tables with it.
        let tables: UInt64
        var undo: PartitionSimTables.Undo?

        var point: LogPoint { LogPoint(epoch: record.epoch, position: record.position, hash: hash) }
    }

    /// What a copy of the files holds.
    struct Image {
        /// What stands before the first record that is held.
        var base: LogPoint
        var entries: [Entry] = []
        var tables = PartitionSimTables()
        /// Every record about replication since the first, compacted or not.
        var controls: [(point: LogPoint, control: PartitionControl)] = []
        var safe: UInt64 = 0
        var promised = PartitionEpoch.none
        var acquaintances: [ReplicaID] = []
        var salvage: [JournalRecord] = []
        /// Whether what others promised must be learned first.
        var isForgetful = true
        /// The incarnation that is written in the database itself.
        var incarnation: UInt64

        init(genesis: Bytes32, incarnation: UInt64) {
            base = LogPoint(epoch: .none, position: 0, hash: genesis)
            self.incarnation = incarnation
        }
    }

    /// What became of a transaction.
    enum Outcome {
        case done(added: Int)
        case failed(PersistFailure)
        case broken(guarantee: String, String)
    }

    let genesis: Bytes32
    /// What is durable.
    private(set) var image: Image
    /// The incarnation kept outside the database: where the two differ, the database is a copy of another life.
    var keptIncarnation: UInt64
    /// The transaction on its way.
    private(set) var pending: (id: BatchID, write: PartitionWrite)?
    /// Earlier copies, oldest first; at most `copiesMax`.
    private(set) var copies: [Image] = []
    static let copiesMax = 6
    /// A deliberate fault: tables are written apart from the journal, so that a crash comes between them.
    let appliesApart: Bool
    private var tablesBehind: PartitionSimTables?

    init(genesis: Bytes32, appliesApart: Bool) {
        self.genesis = genesis
        self.appliesApart = appliesApart
        image = Image(genesis: genesis, incarnation: 0)
        keptIncarnation = 0
    }

    // MARK: - Transactions

    mutating func begin(_ id: BatchID, _ write: PartitionWrite) { pending = (id, write) }

    /// The transaction is rolled back as if it had never been.
    mutating func rollBack() { pending = nil }

    /// The transaction becomes durable, whole, or nothing of it.
    mutating func commit(_ chain: JournalChain) -> Outcome {
        guard let (_, write) = pending else { return .broken(guarantee: "D1", "nothing was to be written") }
        pending = nil
        guard write.fence == image.promised else { return .failed(.fenced) }
        if let cut = write.cut {
            guard cut >= image.safe else {
                return .broken(guarantee: "P4", "cuts after \(cut), though all up to \(image.safe) is safe")
            }
            image.drop(after: cut)
        }
        tablesBehind = nil
        for record in write.records {
            guard chain.isFollowing(record, image.tip) else {
                return .broken(guarantee: "P4", "writes \(record.position) after \(image.tip.short)")
            }
            if appliesApart { tablesBehind = image.tables }
            image.append(record, chain)
        }
        if let safe = write.safe {
            guard safe >= image.safe else { return .broken(guarantee: "P4", "safe goes back to \(safe)") }
            guard safe <= image.tip.position else { return .broken(guarantee: "P4", "\(safe) is safe and not held") }
            image.settle(safe)
        }
        if let promise = write.promise {
            guard promise >= image.promised else { return .broken(guarantee: "P2", "a promise goes back") }
            image.promised = promise
        }
        if let acquaintances = write.acquaintances { image.acquaintances = acquaintances }
        if write.remembers { image.isForgetful = false }
        return .done(added: write.records.count)
    }

    // MARK: - What happens to disks

    /// Power or process ends: with the deliberate fault the tables miss the last record.
    mutating func crash() {
        pending = nil
        if let tablesBehind { image.tables = tablesBehind }
        tablesBehind = nil
    }

    mutating func copy() {
        if copies.count == PartitionSimDisk.copiesMax { copies.removeFirst() }
        copies.append(image)
    }

    /// An old copy is put in place; false where there is none.
    mutating func restore(_ choice: Int) -> Bool {
        guard !copies.isEmpty else { return false }
        image = copies[choice % copies.count]
        (pending, tablesBehind) = (nil, nil)
        return true
    }

    /// A new, empty disk.
    mutating func destroy() {
        image = Image(genesis: genesis, incarnation: 0)
        (pending, tablesBehind, copies) = (nil, nil, [])
    }

    /// A new life begins: both places name it.
    mutating func take(incarnation: UInt64) {
        image.incarnation = incarnation
        image.isForgetful = true
        keptIncarnation = incarnation
    }

    /// Records that are safe need not be held one by one: tables hold what they did.
    mutating func compact(through position: UInt64) { image.compact(through: min(position, image.safe)) }

    /// The database of a peer is put in place of this one. It keeps its own promise and incarnation, and what is in the
    /// old journal only becomes salvage. Says what is wrong where something safe would go.
    mutating func install(_ other: Image) -> String? {
        guard image.safe <= other.tip.position else { return "a snapshot takes back what was safe" }
        if let own = image.point(at: image.safe), let theirs = other.point(at: image.safe), own != theirs {
            return "a snapshot contradicts what was safe"
        }
        var next = other
        next.promised = image.promised
        next.incarnation = image.incarnation
        next.isForgetful = image.isForgetful
        next.acquaintances = Array(Set(image.acquaintances).union(other.acquaintances)).sorted()
        let lost = image.entries.filter { entry in
            entry.record.position > image.safe && other.point(at: entry.record.position) != entry.point
        }
        next.salvage = image.salvage + lost.map(\.record)
        (image, tablesBehind) = (next, nil)
        return nil
    }

    /// Records from a position on, at most that many bytes but at least one; none where the first is not held.
    func load(from position: UInt64, bytesMax: Int) -> [JournalRecord] {
        guard position > image.base.position, position <= image.tip.position else { return [] }
        var bytes = 0
        var found: [JournalRecord] = []
        for entry in image.entries[Int(position - image.base.position - 1)...] {
            bytes += entry.record.simulatedBytes
            if !found.isEmpty, bytes > bytesMax || found.count >= PartitionLimits.appendRecordsMax { break }
            found.append(entry.record)
        }
        return found
    }

    /// What a start reads from it.
    func durable() -> PartitionDurable {
        var durable = PartitionDurable(genesis: genesis)
        durable.tip = image.tip
        durable.safe = image.safe
        durable.promised = image.promised
        durable.acquaintances = image.acquaintances
        durable.isForgetful = image.isForgetful
        durable.configurations = image.placedOpen
        durable.firstHeld = image.base.position + 1
        for (point, control) in image.controls {
            switch control {
            case .begin:
                durable.history.append(point)
                durable.openHandover = nil
            case .handover(let operation, _): durable.openHandover = operation
            case .handoverCancelled: durable.openHandover = nil
            case .configuration: break
            }
        }
        durable.history = durable.history.suffix(PartitionLimits.historyMax)
        return durable
    }
}

extension PartitionSimDisk.Image {
    /// Where the journal ends.
    var tip: LogPoint { entries.last?.point ?? base }

    /// The point at a position; nil where it is not held or was never reached.
    func point(at position: UInt64) -> LogPoint? {
        if position == base.position { return base }
        guard position > base.position, position <= tip.position else { return nil }
        return entries[Int(position - base.position - 1)].point
    }

    /// Whether its journal, compacted or not, contains this point.
    func holds(_ point: LogPoint) -> Bool {
        if point.position == 0 { return true }
        return self.point(at: point.position) == point
    }

    /// Every configuration of the journal, in order.
    var configurations: [PlacedConfiguration] {
        controls.compactMap { point, control in
            switch control {
            case .begin(let begin): PlacedConfiguration(position: point.position, configuration: begin.configuration)
            case .configuration(let configuration):
                PlacedConfiguration(position: point.position, configuration: configuration)
            case .handover, .handoverCancelled: nil
            }
        }
    }

    /// The last configuration at or below the safe position, and those after it.
    var placedOpen: [PlacedConfiguration] {
        let placed = configurations
        return Array(placed[(placed.lastIndex { $0.position <= safe } ?? 0)...])
    }

    /// Any of them may be the one in force.
    var openConfigurations: [PartitionConfiguration] { placedOpen.map(\.configuration) }

    /// The epoch under which the journal ends, by its last `begin`.
    var reign: PartitionEpoch {
        for (point, control) in controls.reversed() {
            if case .begin = control { return point.epoch }
        }
        return .none
    }

    mutating func append(_ record: JournalRecord, _ chain: JournalChain) {
        let hash = chain.hash(of: record)
        let undo = tables.apply(record)
        entries.append(PartitionSimDisk.Entry(record: record, hash: hash, tables: tables.digest, undo: undo))
        if case .control(let control) = record.content { controls.append((tip, control)) }
    }

    mutating func drop(after position: UInt64) {
        while let last = entries.last, last.record.position > position {
            if let undo = last.undo { tables.takeBack(undo) }
            salvage.append(last.record)
            entries.removeLast()
        }
        while let last = controls.last, last.point.position > position { controls.removeLast() }
    }

    mutating func settle(_ position: UInt64) {
        var place = entries.count
        while place > 0, entries[place - 1].undo == nil || entries[place - 1].record.position > position { place -= 1 }
        safe = position
        while place > 0, entries[place - 1].undo != nil {
            entries[place - 1].undo = nil
            place -= 1
        }
    }

    mutating func compact(through position: UInt64) {
        guard position > base.position, let point = point(at: position) else { return }
        entries.removeFirst(Int(position - base.position))
        base = point
    }
}

extension JournalRecord {
    /// About how many bytes it takes.
    var simulatedBytes: Int {
        switch content {
        case .commands(let commands): commands.reduce(120) { $0 + $1.count + 2 }
        case .control: 400
        }
    }
}
