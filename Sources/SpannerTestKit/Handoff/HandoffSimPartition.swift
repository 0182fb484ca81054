import CRDT
import Spanner

/// One partition of the model: its journal as its present primary has it, how much of that every standby has, and the
/// machines of that primary.
struct HandoffSimPartition {
    let index: Int
    let identity: TestPartition
    var journal: [HandoffSimEntry] = []
    /// Records that the primary's own disk has.
    var durable: UInt64 = 0
    /// Records that no promotion loses.
    var safe: UInt64 = 0
    var epoch: PartitionEpoch
    var tables = HandoffSimTables()
    /// Known transitions. Kept apart from the journal, as the roster is: what is in it is safe.
    var registers = SliceRegisterSet()
    /// A deliberate fault of the rules for owners.
    var mutation: HandoffMutation?
    /// Registers that were taken over here by a handoff.
    var adopted: Set<Bytes32> = []
    /// Walks of `registers`, with how many transitions there were.
    private var walks: [SliceID: (count: Int, walk: SliceWalk)] = [:]
    var isUp = true
    /// Counts the lives of the primary: what an earlier one asked for does not come to a later one.
    var life: UInt64 = 0
    var sources: [HandoffID: HandoffSource] = [:]
    var targets: [HandoffID: HandoffTarget] = [:]
    /// Snapshots that the primary holds open.
    var snapshots: [HandoffID: (point: LogPoint, rows: [UInt64])] = [:]
    /// Answers that wait for their record to be safe.
    var waiting: [(position: UInt64, slice: SliceID, number: UInt64)] = []
    /// Not before that is the next write to the disk, and the next acknowledgement of the standbys, done.
    var diskFree: UInt64 = 0
    var standbysFree: UInt64 = 0
    /// Its standbys are away till then, and since when that is known here.
    var outage: (noticed: UInt64, until: UInt64) = (0, 0)
    /// Slices that are not served though nothing but a step that is not safe stands against it; since when.
    var stalled: [SliceID: UInt64] = [:]

    init(index: Int, name: PartitionName) {
        self.index = index
        identity = TestPartition(name)
        epoch = HandoffSimPartition.epoch(1, of: name)
    }

    var name: PartitionName { identity.name }

    /// Whether no standby acknowledges anything.
    func isAway(at now: UInt64) -> Bool { now < outage.until }

    /// Whether no standby is in sync, as its primary knows.
    func isAlone(at now: UInt64) -> Bool { outage.noticed <= now && isAway(at: now) }

    static func epoch(_ number: UInt64, of name: PartitionName) -> PartitionEpoch {
        let key = TestWitness.digest(Array("minter of \(name)".utf8))
        return PartitionEpoch(number: number, minter: ReplicaID(key: key, incarnation: number))
    }

    var tip: LogPoint {
        journal.last?.point ?? LogPoint(epoch: epoch, position: 0, hash: TestWitness.digest(Array(name.text.utf8)))
    }

    /// Appends a record; its place names everything before it.
    mutating func append(_ content: HandoffSimContent) -> LogPoint {
        var encoder = CanonicalEncoder(capacity: 256)
        encoder.fixed(tip.hash)
        epoch.encode(to: &encoder)
        switch content {
        case .begin: encoder.byte(1)
        case .write(let slice, let number):
            encoder.byte(2)
            slice.encode(to: &encoder)
            encoder.integer(number)
        case .source(let record):
            encoder.byte(3)
            record.encode(to: &encoder)
        case .target(let record):
            encoder.byte(4)
            record.encode(to: &encoder)
        case .remove(let id, let slice):
            encoder.byte(5)
            id.encode(to: &encoder)
            slice.encode(to: &encoder)
        case .join(let slice, let numbers):
            encoder.byte(6)
            slice.encode(to: &encoder)
            encoder.list(numbers) { encoder, number in encoder.integer(number) }
        case .forget(let slice):
            encoder.byte(7)
            slice.encode(to: &encoder)
        }
        let point = LogPoint(
            epoch: epoch, position: UInt64(journal.count) + 1, hash: TestWitness.digest(encoder.bytes))
        let entry = HandoffSimEntry(content: content, point: point)
        journal.append(entry)
        tables.apply(entry)
        return point
    }

    /// Whether this place is in the journal.
    func has(_ point: LogPoint) -> Bool {
        if point.position == 0 { return point.hash == TestWitness.digest(Array(name.text.utf8)) }
        return point.position <= UInt64(journal.count) && journal[Int(point.position) - 1].point == point
    }

    /// The slice's rows as they were at a place.
    func rows(of slice: SliceID, at position: UInt64) -> [UInt64] {
        HandoffSimTables(journal.prefix(Int(position))).rows[slice] ?? []
    }

    /// Who owns a slice, as far as is known here. Transitions are never changed in these runs, so their count tells
    /// whether there is something new.
    mutating func walk(_ slice: SliceID, from genesis: SliceGenesis) -> SliceWalk? {
        if let known = walks[slice], known.count == registers.count { return known.walk }
        guard let walk = registers.walk(slice.index, from: genesis, by: TestWitness(), mutation: mutation)
        else { return nil }
        walks[slice] = (registers.count, walk)
        return walk
    }

    /// The tables that every promotion begins with, at least.
    var safeTables: HandoffSimTables { HandoffSimTables(journal.prefix(Int(safe))) }
}
