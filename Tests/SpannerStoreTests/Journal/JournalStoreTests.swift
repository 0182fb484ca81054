import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// A partition's database: one transaction, all of it or nothing.
@Suite struct JournalStoreTests {
    /// A store with an epoch, three settings and everything above the first record unsafe.
    private func begun() throws -> (bed: JournalBed, store: PartitionStore, author: LogAuthor) {
        let bed = try JournalBed(on: SimulatedDisk(seed: 3))
        let store = try #require(bed.store)
        var author = LogAuthor()
        try store.commit(author.founding())
        try store.commit(author.write((0..<3).map { author.setting("s\($0)", [UInt8($0)]) }, safe: 1))
        return (bed, store, author)
    }

    private func refused(
        _ write: PartitionWrite, by store: PartitionStore, _ code: StoreError.Code, _ location: SourceLocation
    ) throws {
        let before = try Held(store)
        #expect(storeError { try store.commit(write) }?.code == code, sourceLocation: location)
        #expect(try Held(store) == before, sourceLocation: location)
    }

    @Test("an empty disk is new, forgetful, and holds nothing")
    func empty() throws {
        let bed = try JournalBed()
        let store = try #require(bed.store)
        let genesis = journalChain.genesis(mesh: north.mesh, partition: "north")
        #expect(try store.durable() == PartitionDurable(genesis: genesis))
        #expect(store.disk == .renewalNeeded(.fresh))
        try store.renewDisk(to: 7)
        var write = PartitionWrite(fence: .none)
        (write.remembers, write.acquaintances) = (true, [disk(3), disk(2)])
        try store.commit(write)
        let again = try bed.open()
        #expect(again.disk == .current(7))
        #expect(try again.durable().isForgetful == false)
        #expect(try again.durable().acquaintances == [disk(2), disk(3)])
        try again.renewDisk(to: 8)
        #expect(try again.durable().isForgetful)
    }

    @Test("P2: a write under another promise than the one in force changes nothing")
    func fence() throws {
        var (bed, store, author) = try begun()
        var higher = PartitionWrite(fence: author.fence)
        higher.promise = PartitionEpoch(number: 2, minter: disk(2))
        try store.commit(higher)
        let late = author.write([author.setting("late", [1])])
        try refused(late, by: store, .fenced, #_sourceLocation)
        try refused(PartitionWrite(fence: .none), by: store, .fenced, #_sourceLocation)
        var back = PartitionWrite(fence: PartitionEpoch(number: 2, minter: disk(2)))
        back.promise = author.fence
        try refused(back, by: store, .mismatch, #_sourceLocation)
        let again = try bed.open()
        #expect(try again.durable().promised.number == 2)
        try refused(late, by: again, .fenced, #_sourceLocation)
    }

    @Test("P4: records that do not follow, positions that go back or beyond, are refused whole")
    func mismatches() throws {
        var (bed, store, author) = try begun()
        let start = author
        let (first, second) = (author.setting("a", [1]), author.setting("b", [2]))
        try refused(author.write([second]), by: store, .mismatch, #_sourceLocation)
        try refused(author.write([first, first]), by: store, .mismatch, #_sourceLocation)
        try refused(author.write([first], safe: 6), by: store, .mismatch, #_sourceLocation)
        var other = start
        other.tip = LogPoint(epoch: start.tip.epoch, position: start.tip.position, hash: .zero)
        try refused(author.write([other.setting("x", nil)]), by: store, .mismatch, #_sourceLocation)
        var elsewhere = start
        let stolen = elsewhere.record(
            .commands([PartitionCommand.keyring([1]).canonicalBytes]),
            epoch: PartitionEpoch(number: 9, minter: disk(9)))
        try refused(author.write([stolen]), by: store, .mismatch, #_sourceLocation)
        for place: UInt64 in [0, 5] {
            var cut = PartitionWrite(fence: author.fence)
            cut.cut = place
            try refused(cut, by: store, .mismatch, #_sourceLocation)
        }
        try store.commit(author.write([first, second], safe: 3))
        try refused(author.write([], safe: 2), by: store, .mismatch, #_sourceLocation)
        #expect(try store.durable().tip == author.tip)
        _ = bed
    }

    @Test("a command of another version is not applied, and nothing that came with it")
    func unknownCommand() throws {
        var (bed, store, author) = try begun()
        let good = author.setting("a", [1])
        let unknown = author.record(.commands([[0xFF, 1, 2]]))
        try refused(author.write([good, unknown]), by: store, .newerSchema, #_sourceLocation)
        _ = bed
    }

    @Test("P5: a command at fault is refused alike everywhere, alone, and the rest of its record is applied")
    func commandAtFault() throws {
        var (bed, store, author) = try begun()
        func results(_ first: UInt64) -> PartitionCommand {
            let source = PartitionCommand.EnvoyQueue(envoy: envoyID(1), queue: queueID(1))
            return .results(
                .init(source: source, received: noon, results: [SequencedResult(sequence: first, body: [1])]))
        }
        let record = author.commands([results(1), results(5), .setting(name: "after", value: [1]), results(2)])
        let outcomes = try store.commit(author.write([record]))
        let told = outcomes[0].map { outcome -> String in
            switch outcome {
            case .applied(let receipt): return receipt.map { "through \($0.storedThrough)" } ?? "done"
            case .refused(let error): return error.code.rawValue
            }
        }
        #expect(told == ["through 1", "store_gap", "done", "through 2"])
        #expect(try store.tables.settings.value("after")?.bytes == [1])
        #expect(try store.tables.results.storedThrough(queueID(1)) == 2)
        _ = bed
    }

    @Test("P4: what stands in the journal beyond a fork is listed as salvage would be, and nothing changes")
    func commandsBeyondAFork() throws {
        var (bed, store, author) = try begun()
        let fork = author.tip.position
        let configuration = PartitionConfiguration(members: [disk(1)], inSync: [disk(1)])
        try store.commit(
            author.write([
                author.commands([.setting(name: "s0", value: [9]), .secret(name: "key", sealed: [1, 2, 3])]),
                author.record(.control(.configuration(configuration))),
                author.commands([.setting(name: "s1", value: [1])]),
            ]))
        let before = try tableDump(store)
        let held = try store.commands(after: fork, limit: 100)
        let texts = ["setting s0 set", "secret key put", "configuration of 1 members", "setting s1 set"]
        #expect(held.map(\.text) == texts)
        #expect(held.map(\.number) == [fork + 1, fork + 1, fork + 2, fork + 3])
        #expect(held.map(\.index) == [0, 1, nil, 0])
        // Whole records: a page goes on where the last one ended.
        let first = try store.commands(after: fork, limit: 1)
        #expect(first.map(\.text) == ["setting s0 set", "secret key put"])
        #expect(try store.commands(after: fork + 1, limit: 1).map(\.index) == [nil])
        #expect(try store.commands(after: fork + 3, limit: 10).isEmpty)
        #expect(try tableDump(store) == before && store.salvage(limit: 10).isEmpty)
        _ = bed
    }

    @Test("P4: what is cut is undone and kept as salvage, each command once, however often it is cut")
    func cutAndSalvage() throws {
        var (bed, store, author) = try begun()
        let fork = author
        let before = try tableDump(store)
        let configuration = PartitionConfiguration(members: [disk(1)], inSync: [disk(1)])
        let cutOff = [
            author.commands([.setting(name: "s0", value: [9]), .secret(name: "key", sealed: [1, 2, 3])]),
            author.record(.control(.configuration(configuration))),
        ]
        for _ in 0..<2 {
            try store.commit(fork.write(cutOff))
            var cut = PartitionWrite(fence: author.fence)
            cut.cut = fork.tip.position
            try store.commit(cut)
            #expect(try tableDump(store) == before)
            #expect(try store.durable().tip == fork.tip)
            #expect(try store.durable().configurations.count == 1)
        }
        let kept = try store.salvage(limit: 10)
        #expect(kept.map(\.text) == ["setting s0 set", "secret key put"])
        #expect(kept.map(\.index) == [0, 1])
        #expect(try store.salvage(.dismissed, limit: 10).map(\.index) == [nil])
        try store.settleSalvage(kept[0].number, as: .replayed)
        #expect(storeError { try store.settleSalvage(99, as: .replayed) }?.code == .unknown)
        #expect(try store.salvage(limit: 10).map(\.number) == [kept[1].number])
        #expect(try store.forgetSalvage(through: 100) == 2)
        let again = try bed.open()
        #expect(try again.salvage(limit: 10).map(\.number) == [kept[1].number])
        try again.integrityCheck()
    }

    @Test("compaction drops only what is safe; history, configuration and hand-over outlive it")
    func compaction() throws {
        let bed = try JournalBed(on: SimulatedDisk(seed: 3))
        let store = try #require(bed.store)
        var author = LogAuthor()
        try store.commit(author.founding())
        for number: UInt64 in 2...4 {
            var write = author.write([author.setting("a", [UInt8(number)])])
            let epoch = PartitionEpoch(number: number, minter: disk(number))
            (write.promise, author.fence) = (epoch, epoch)
            write.records.append(author.begin(epoch))
            try store.commit(write)
        }
        try store.commit(author.write([author.record(.control(.handover(operation(50), to: disk(2))))], safe: 6))
        let before = try store.durable()
        #expect(try store.compact(through: 100) == false)
        let after = try store.durable()
        #expect(after.firstHeld == 7 && after.tip == before.tip)
        #expect(after.history == before.history && after.history.count == 4)
        #expect(after.configurations == before.configurations)
        #expect(after.openHandover == operation(50))
        #expect(try store.records(from: 6, bytesMax: 100).isEmpty)
        #expect(try store.records(from: 7, bytesMax: 1).map(\.position) == [7])
        #expect(try store.records(from: 9, bytesMax: 1).isEmpty)
        try store.integrityCheck()
        #expect(try bed.open().durable() == after)
        #expect(try bed.open().history().map(\.begin.operation) == (1...4).map { operation($0) })
    }

    @Test("what became of an operation is told by the journal, also when its record is compacted")
    func operationFates() throws {
        var (bed, store, author) = try begun()
        let start = author.tip
        let handover = author.record(.control(.handover(operation(50), to: disk(2))))
        let pointOfHandover = author.tip
        try store.commit(author.write([handover]))
        #expect(try store.fate(of: operation(50)) == .handingOver(pointOfHandover, to: disk(2)))
        let cancelled = author.record(.control(.handoverCancelled(operation(50))))
        let pointOfCancellation = author.tip
        try store.commit(author.write([cancelled, author.record(.control(.handover(operation(51), to: disk(2))))]))
        let epoch = PartitionEpoch(number: 2, minter: disk(2))
        var write = author.write([])
        write.records = [author.begin(epoch)]
        (write.promise, write.safe) = (epoch, author.tip.position)
        try store.commit(write)
        for _ in 0..<2 {
            #expect(try store.fate(of: operation(50)) == .cancelled(pointOfCancellation))
            guard case .begun(author.tip, let begin) = try store.fate(of: operation(2)) else {
                Issue.record("the epoch's operation is unknown")
                return
            }
            #expect(begin.configuration.members == [disk(1), disk(2)])
            #expect(try store.fate(of: operation(99)) == nil)
            try store.compact(through: author.tip.position)
        }
        #expect(start.position < (try store.durable()).firstHeld)
        _ = bed
    }

    @Test("another partition's database, and another mesh's, are refused by name")
    func foreign() throws {
        let bed = try JournalBed()
        try bed.drop()
        let directory = try StateDirectory(path: bed.scratch.file("other"))
        shell("sh", "-c", "cp -a '\(bed.path)'/partition* '\(directory.path)'")
        let others = [
            PartitionIdentity(mesh: north.mesh, partition: PartitionName(checked: "south")),
            PartitionIdentity(mesh: MeshID(.zero), partition: north.partition),
        ]
        for other in others {
            let error = storeError {
                _ = try PartitionStore(directory: directory, identity: other, witness: TestWitness())
            }
            #expect(error?.code == .foreign && error?.why.contains("north") == true)
        }
    }

    @Test("P4: each replicated table can be undone: it has a primary key and no automatic numbers")
    func tablesCanBeUndone() throws {
        let bed = try JournalBed()
        let database = try #require(bed.store).database
        let tables = try database.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'table'") {
            row throws(StoreError) in (name: row.text(0), sql: row.text(1))
        }
        #expect(tables.count > 10)
        for table in tables {
            let keys = try database.rows("SELECT pk FROM pragma_table_info(?1) WHERE pk > 0", .text(table.name)) {
                row throws(StoreError) in row.integer(0)
            }
            #expect(!keys.isEmpty && !table.sql.contains("AUTOINCREMENT"), "\(table.name)")
        }
    }
}
