import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

let north = PartitionIdentity(mesh: TestIdentity.mesh, partition: PartitionName(checked: "north"))
let journalChain = JournalChain(witness: TestWitness())

func disk(_ number: UInt64) -> ReplicaID {
    ReplicaID(key: Bytes32(words: (number, 0, 0, 1)), incarnation: number &+ 100)
}

func operation(_ number: UInt64) -> OperationID { OperationID(PrincipalID(high: 9, low: number)) }

/// A partition's database in a directory of its own, on a real disk or on a simulated one.
final class JournalBed {
    let scratch: Scratch
    var simulated: SimulatedDisk?
    let identity: PartitionIdentity
    private(set) var store: PartitionStore?
    let directory: StateDirectory

    init(on simulated: SimulatedDisk? = nil, identity: PartitionIdentity = north) throws {
        // Beside a simulated disk the directory has nothing but names.
        scratch = try Scratch(inMemory: simulated != nil)
        (self.simulated, self.identity) = (simulated, identity)
        directory = try StateDirectory(path: scratch.file("state"))
        try open()
    }

    var path: String { directory.path }
    var databasePath: String { path + "/partition.db" }

    @discardableResult
    func open() throws -> PartitionStore {
        try drop()
        let opened = try PartitionStore(
            directory: directory, identity: identity, witness: TestWitness(),
            environment: StoreEnvironment(machine: nil, vfs: simulated?.name))
        // The store flushes the real directory; the simulated one does not hear of it.
        simulated?.flushDirectory()
        store = opened
        return opened
    }

    /// Ends the connection, whoever still has the store; the session is not ended.
    func drop() throws {
        try store?.database.close()
        store = nil
    }

    /// The same directory over another disk, as after a power cut.
    func open(on image: DiskImage) throws -> PartitionStore {
        try open(over: SimulatedDisk(image: image, seed: 5))
    }

    @discardableResult
    func open(over disk: SimulatedDisk) throws -> PartitionStore {
        try drop()
        simulated = disk
        return try open()
    }

    /// Opens the database as another directory has it.
    func open(copyOf path: String) throws -> PartitionStore {
        try drop()
        shell("sh", "-c", "rm -f '\(self.path)'/partition* && cp -a '\(path)'/partition* '\(self.path)'")
        return try open()
    }
}

/// Writes a partition's log as a primary does.
struct LogAuthor {
    var tip: LogPoint
    var fence = PartitionEpoch.none
    /// Next result of each of three queues.
    var sequences: [UInt64] = [1, 1, 1]

    init(_ identity: PartitionIdentity = north) {
        let genesis = journalChain.genesis(mesh: identity.mesh, partition: identity.partition.text)
        tip = LogPoint(epoch: .none, position: 0, hash: genesis)
    }

    mutating func record(_ content: JournalRecord.Content, epoch: PartitionEpoch? = nil) -> JournalRecord {
        let record = JournalRecord(
            epoch: epoch ?? tip.epoch, position: tip.position + 1, previous: tip.hash, content: content)
        tip = journalChain.point(of: record)
        return record
    }

    mutating func begin(_ epoch: PartitionEpoch, members: [ReplicaID] = [disk(1), disk(2)]) -> JournalRecord {
        let begin = PartitionBegin(
            operation: operation(epoch.number), cause: .promotion, basis: tip, promisedBy: members, acceptedLoss: nil,
            configuration: PartitionConfiguration(members: members, inSync: members))
        return record(.control(.begin(begin)), epoch: epoch)
    }

    mutating func commands(_ commands: [PartitionCommand]) -> JournalRecord {
        record(.commands(commands.map(\.canonicalBytes)))
    }

    mutating func setting(_ name: String, _ value: [UInt8]?) -> JournalRecord {
        commands([.setting(name: name, value: value)])
    }

    /// A write that begins an epoch on an empty store.
    mutating func founding(_ number: UInt64 = 1) -> PartitionWrite {
        let epoch = PartitionEpoch(number: number, minter: disk(1))
        var write = PartitionWrite(fence: fence)
        write.records = [begin(epoch)]
        write.promise = epoch
        fence = epoch
        return write
    }

    func write(_ records: [JournalRecord], safe: UInt64? = nil) -> PartitionWrite {
        var write = PartitionWrite(fence: fence)
        (write.records, write.safe) = (records, safe)
        return write
    }

    /// Some command of any kind; results mostly in order, some again, some with a gap.
    mutating func anyCommand(_ generator: inout Seeded) -> PartitionCommand {
        let name = "name-\(generator.below(5))"
        let at = WallTime(milliseconds: UInt64(generator.below(1000)))
        switch generator.below(10) {
        case 0...3: return .results(anyResults(&generator, at: at))
        case 4:
            let sighting = PartitionCommand.EnvoySighting(
                envoy: envoyID(UInt64(generator.below(4))), at: at,
                traits: generator.below(2) == 0 ? generator.bytes(40) : nil)
            return .seen([sighting])
        case 5:
            let queue = generator.below(3)
            let source = PartitionCommand.EnvoyQueue(envoy: envoyID(UInt64(queue)), queue: queueID(UInt64(queue)))
            return .base(source, through: sequences[queue] + UInt64(generator.below(3)), reason: "lost", at: at)
        case 6:
            let key = KeyFingerprint(Bytes32(words: (UInt64(generator.below(2)), 0, 0, 0)))
            let token = TokenID(PrincipalID(high: 3, low: UInt64(generator.below(6))))
            return .tokenSpent(token, key: key, admission: generator.bytes(30), at: at)
        case 7: return .secret(name: name, sealed: generator.below(3) == 0 ? nil : generator.bytes(60))
        case 8: return .setting(name: name, value: generator.below(3) == 0 ? nil : generator.bytes(20))
        case _:
            return .audit(AuditEntry(at: at, actor: "operator/ada", action: "test", object: name, reason: "because"))
        }
    }

    private mutating func anyResults(_ generator: inout Seeded, at: WallTime) -> PartitionCommand.QueuedResults {
        let queue = generator.below(3)
        let gap = UInt64(generator.below(8) == 0 ? 2 : 0)
        let start = generator.below(5) == 0 ? 1 : sequences[queue] + gap
        let results = (0..<UInt64(1 + generator.below(3))).map { offset in
            SequencedResult(sequence: start + offset, body: Array("result \(queue) \(start + offset)".utf8))
        }
        if gap == 0 { sequences[queue] = max(sequences[queue], start + UInt64(results.count)) }
        let source = PartitionCommand.EnvoyQueue(envoy: envoyID(UInt64(queue)), queue: queueID(UInt64(queue)))
        return PartitionCommand.QueuedResults(source: source, received: at, results: results)
    }

    /// Some record of any kind but `begin`.
    mutating func anyRecord(_ generator: inout Seeded) -> JournalRecord {
        switch generator.below(12) {
        case 0:
            let members = (1...UInt64(1 + generator.below(3))).map { disk($0) }
            return record(.control(.configuration(PartitionConfiguration(members: members, inSync: [disk(1)]))))
        case 1: return record(.control(.handover(operation(tip.position), to: disk(2))))
        case 2: return record(.control(.handoverCancelled(operation(tip.position))))
        case _:
            let count = 1 + generator.below(4)
            var commands: [PartitionCommand] = []
            for _ in 0..<count { commands.append(anyCommand(&generator)) }
            return self.commands(commands)
        }
    }
}

/// All rows of all replicated tables, as text.
func tableDump(_ store: PartitionStore) throws -> [String] {
    let own: Set<String> = ["partition", "journal", "undo", "control", "salvage", "incarnation"]
    let database = store.database
    let tables = try database.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
        row throws(StoreError) in row.text(0)
    }
    var dump: [String] = []
    for table in tables where !own.contains(table) && !table.hasPrefix("sqlite_") {
        let columns = try database.rows("SELECT name FROM pragma_table_info(?1) ORDER BY cid", .text(table)) {
            row throws(StoreError) in "quote(\"\(row.text(0))\")"
        }
        dump += try database.rows("SELECT \(columns.joined(separator: " || ',' || ")) FROM \(table) ORDER BY 1") {
            row throws(StoreError) in table + ": " + row.text(0)
        }
    }
    return dump
}

/// What a naive reader makes of a whole log: an empty store that it is played into.
func replayed(_ log: [JournalRecord]) throws -> [String] {
    let bed = try JournalBed(on: SimulatedDisk(seed: 1))
    let store = try #require(bed.store)
    var write = PartitionWrite(fence: .none)
    (write.records, write.safe) = (log, UInt64(log.count))
    try store.commit(write)
    return try tableDump(store)
}

/// All that a store holds, as a value.
struct Held: Equatable {
    var durable: PartitionDurable
    var records: [JournalRecord] = []
    var tables: [String]
    var salvage: [SalvagedCommand]

    init(_ store: PartitionStore) throws {
        durable = try store.durable()
        tables = try tableDump(store)
        salvage = try SalvagedCommand.Fate.allCases.flatMap { try store.salvage($0, limit: 1000) }
        var next = durable.firstHeld
        while next <= durable.tip.position {
            let more = try store.records(from: next, bytesMax: 2000)
            records += more
            next += UInt64(more.count)
        }
    }
}
