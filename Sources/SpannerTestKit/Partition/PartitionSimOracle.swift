import CRDT
import Spanner

/// What broke, before anybody knows when.
struct PartitionSimFault {
    let guarantee: String
    let detail: String
    init(_ guarantee: String, _ detail: String) { (self.guarantee, self.detail) = (guarantee, detail) }
}

/// All that is true of one partition over a whole run, as no bolt of it can know: every record that was ever durable,
/// every epoch that began, and everything that somebody was promised.
struct PartitionSimOracle {
    struct Node {
        let point: LogPoint
        let previous: Bytes32
        /// Digest of the tables with it.
        let tables: UInt64
    }

    private struct Place: Hashable {
        let epoch: PartitionEpoch
        let position: UInt64
    }

    let genesis: Bytes32
    private var nodes: [Bytes32: Node] = [:]
    private var places: [Place: Bytes32] = [:]
    /// The record in which an attempt of a client stands.
    private(set) var attempts: [UInt64: Bytes32] = [:]
    /// Every epoch that began anywhere, in the order in which they became durable.
    private(set) var begins: [(point: LogPoint, begin: PartitionBegin)] = []
    /// The furthest point that was promised to be safe under each epoch, in the order of epochs.
    private var promises: [(epoch: PartitionEpoch, point: LogPoint)] = []
    /// Disks whose flush the furthest promise stands on.
    private(set) var witnesses: Set<ReplicaID> = []
    /// Attempts of which a client was told that they are in no journal.
    private var refused: Set<UInt64> = []
    /// Data loss was accepted, or a disk was wrongly called dead: what was promised may be gone.
    var isExcused = false

    init(genesis: Bytes32) { self.genesis = genesis }

    /// The furthest point that anybody was promised.
    var furthest: LogPoint? { promises.map(\.point).max { $0.position < $1.position } }

    // MARK: - Records

    /// A record became durable on a disk. `promised` are the fences before and after that transaction, `cutOff` the
    /// disks that a signed act cut off: one that does not know it may begin an epoch by itself, over nothing.
    mutating func saw(
        _ entry: PartitionSimDisk.Entry, on disk: ReplicaID, promised: [PartitionEpoch], cutOff: Set<ReplicaID>
    ) -> PartitionSimFault? {
        if let known = nodes[entry.hash] {
            guard known.tables != entry.tables else { return nil }
            return PartitionSimFault("P4", "tables at \(entry.point.short) are not what the journal gives")
        }
        let record = entry.record
        nodes[entry.hash] = Node(point: entry.point, previous: record.previous, tables: entry.tables)
        // A standby may have it first: its flush runs beside the primary's own.
        if record.epoch.minter == disk, !promised.contains(record.epoch) {
            return PartitionSimFault(
                "P2", "\(disk) writes \(entry.point) for the first time, its promise is \(promised.last ?? .none)")
        }
        if places.updateValue(entry.hash, forKey: Place(epoch: record.epoch, position: record.position)) != nil {
            return PartitionSimFault("P4", "two records at position \(record.position) of epoch \(record.epoch)")
        }
        switch record.content {
        case .commands(let commands): return sawCommands(commands, at: entry)
        case .control(.begin(let begin)): return sawBegin(begin, at: entry, cutOff)
        case .control: return nil
        }
    }

    private mutating func sawCommands(_ commands: [[UInt8]], at entry: PartitionSimDisk.Entry) -> PartitionSimFault? {
        var companion: UInt64?
        for command in commands {
            let attempt = PartitionSimTables.attempt(of: command) ?? 0
            if let companion, attempt != companion {
                return PartitionSimFault(
                    "S9", "the changes of attempt \(companion) do not stand together at \(entry.point)")
            }
            companion = nil
            if attempt & PartitionSimTables.companion != 0 { companion = attempt & ~PartitionSimTables.companion }
            if refused.contains(attempt) {
                return PartitionSimFault("P1", "attempt \(attempt) was refused and is in the journal at \(entry.point)")
            }
            if attempts.updateValue(entry.hash, forKey: attempt) != nil {
                return PartitionSimFault("P1", "attempt \(attempt) stands in the journal twice")
            }
        }
        if let companion {
            return PartitionSimFault("S9", "the record at \(entry.point) ends amid the changes of attempt \(companion)")
        }
        return nil
    }

    private mutating func sawBegin(
        _ begin: PartitionBegin, at entry: PartitionSimDisk.Entry, _ cutOff: Set<ReplicaID>
    ) -> PartitionSimFault? {
        begins.append((entry.point, begin))
        if begins.dropLast().contains(where: { $0.point.epoch == entry.record.epoch }) {
            return PartitionSimFault("P2", "epoch \(entry.record.epoch) begins twice")
        }
        if begin.acceptedLoss != nil { isExcused = true }
        guard !isExcused, !cutOff.isSuperset(of: begin.promisedBy) else { return nil }
        for promise in promises where promise.epoch < entry.record.epoch && !isPrefix(promise.point, of: entry.hash) {
            return PartitionSimFault(
                "P1", "epoch \(entry.record.epoch) begins at \(entry.record.position) without \(promise.point)")
        }
        return nil
    }

    /// A client was told that its attempt is in no journal and never will be.
    mutating func refuse(_ attempt: UInt64) -> PartitionSimFault? {
        refused.insert(attempt)
        guard attempts[attempt] != nil else { return nil }
        return PartitionSimFault("P1", "attempt \(attempt) is refused, a journal holds it")
    }

    // MARK: - Promises

    /// Somebody was told that all up to `point` is safe, by the primary of `epoch`; these disks hold it. An epoch that
    /// no disk holds any more (`isHeld`) reigns over nothing.
    mutating func promise(
        _ point: LogPoint, under epoch: PartitionEpoch, heldBy holders: [ReplicaID], isHeld: (LogPoint) -> Bool
    ) -> PartitionSimFault? {
        guard !isExcused else { return nil }
        if furthest.map({ $0.position <= point.position }) ?? true { witnesses = Set(holders) }
        let index = promises.firstIndex { $0.epoch >= epoch } ?? promises.count
        if index < promises.count, promises[index].epoch == epoch {
            let held = promises[index].point
            let (low, high) = held.position <= point.position ? (held, point) : (point, held)
            guard isPrefix(low, of: high.hash) else { return diverging(low, high) }
            promises[index].point = high
        } else {
            promises.insert((epoch, point), at: index)
        }
        for (began, _) in begins where began.epoch > epoch && !isPrefix(point, of: began.hash) && isHeld(began) {
            return PartitionSimFault("P1", "\(point) is promised, epoch \(began.epoch) began without it")
        }
        for other in promises where other.epoch != epoch {
            let (low, high) = other.point.position <= point.position ? (other.point, point) : (point, other.point)
            guard isPrefix(low, of: high.hash) else { return diverging(low, high) }
        }
        return nil
    }

    private func diverging(_ low: LogPoint, _ high: LogPoint) -> PartitionSimFault {
        PartitionSimFault("P1", "promised on logs that part: \(low) and \(high)")
    }

    /// Whether nothing beyond what was promised is called safe.
    func checkSafe(_ point: LogPoint) -> PartitionSimFault? {
        guard !isExcused, point.position > 0 else { return nil }
        guard let furthest, isPrefix(point, of: furthest.hash) else {
            return PartitionSimFault(
                "P4", "\(point) is called safe, the furthest promise is \(furthest?.position ?? 0)")
        }
        return nil
    }

    // MARK: - Ancestry

    /// Whether a log that contains `hash` contains `point`.
    func isPrefix(_ point: LogPoint, of hash: Bytes32) -> Bool {
        if point.position == 0 { return true }
        var hash = hash
        while let node = nodes[hash], node.point.position > point.position { hash = node.previous }
        return hash == point.hash
    }

    /// What tables must be with a point.
    func tables(at point: LogPoint) -> UInt64? {
        point.position == 0 ? PartitionSimTables().digest : nodes[point.hash]?.tables
    }

    func point(_ hash: Bytes32) -> LogPoint? { nodes[hash]?.point }

    /// Attempts that a log contains.
    func attempts(upTo tip: LogPoint) -> Set<UInt64> {
        var chain: Set<Bytes32> = []
        var hash = tip.hash
        while let node = nodes[hash] {
            chain.insert(hash)
            hash = node.previous
        }
        return Set(attempts.filter { chain.contains($0.value) }.keys)
    }
}

extension LogPoint {
    /// For people.
    var short: String { "\(epoch.number)@\(epoch.minter):\(position)" }
}
