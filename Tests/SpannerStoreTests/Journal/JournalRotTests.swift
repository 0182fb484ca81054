import CRDT
import Glibc
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// D4: rot is found before it is served or shipped.
@Suite struct JournalRotTests {
    /// All that a store serves through its own reads, as text.
    private func served(by store: PartitionStore) throws -> [String] {
        var all = [String(describing: try store.durable())]
        var next = try store.durable().firstHeld
        while next <= (try store.durable()).tip.position {
            let records = try store.records(from: next, bytesMax: 3000)
            all += records.map { $0.canonicalBytes.hexDigits }
            next += UInt64(records.count)
        }
        for fate in SalvagedCommand.Fate.allCases {
            all += try store.salvage(fate, limit: 1000).map { "\($0.point) \($0.body.hexDigits)" }
        }
        let tables = store.tables
        for table in [tables.settings, tables.secrets, tables.keyrings] {
            for name in try table.names(limit: 100) {
                all.append("\(name) \(String(describing: try table.value(name)))")
            }
        }
        all += try tables.audit.records(limit: 1000).map { "\($0)" }
        for envoy in 0..<3 as Range<UInt64> {
            all += try tables.results.results(of: envoyID(envoy), limit: 1000).map { "\($0)" }
        }
        for token in 0..<6 as Range<UInt64> {
            all.append("\(String(describing: try tables.tokens.token(TokenID(PrincipalID(high: 3, low: token)))))")
        }
        return all
    }

    private func scrub(_ store: PartitionStore) throws {
        var place: ScrubPlace? = .start
        while let next = place { place = try store.scrub(from: next, rowsMax: 7) }
    }

    @Test(
        "D4: one flipped bit anywhere in the database is a typed error or harmless; never a wrong record or row",
        arguments: 21...22)
    func databaseRot(seed: UInt64) throws {
        var run = try JournalLawTests.Run(seed: seed)
        for _ in 0..<40 { try run.store.commit(run.anyWrite()) }
        try run.store.database.checkpoint(truncating: true)
        let truth = try served(by: run.store)
        let simulated = try #require(run.bed.simulated)
        let (image, path) = (simulated.image, run.bed.databasePath)
        var (found, harmless) = (0, 0)
        for number in 0..<80 {
            var rotten = image
            let place = run.generator.below(image.count(of: path))
            rotten.flip(path, at: place, bit: UInt8(1 << run.generator.below(8)))
            do {
                let store = try run.bed.open(on: rotten)
                let wrong = Set(try served(by: store)).subtracting(truth)
                #expect(wrong.isEmpty, "seed \(seed), flip \(number) at \(place)")
                try scrub(store)
                try store.integrityCheck()
                harmless += 1
            } catch let error as StoreError {
                found += 1
                #expect(
                    [.corrupt, .poisoned, .foreign, .newerSchema, .internal].contains(error.code), "\(error)")
            }
        }
        // The rest hit the unused space of nearly empty pages.
        #expect(found > 10, "\(harmless) harmless")
    }

    @Test("D4: a flipped bit in a record ends the handle when it is read, and a scrub finds it before anybody asks")
    func recordRot() throws {
        let bed = try JournalBed()
        var author = LogAuthor()
        let secret = [UInt8](repeating: 0xA7, count: 300)
        do {
            let store = try #require(bed.store)
            try store.commit(author.founding())
            try store.commit(author.write([author.commands([.secret(name: "one", sealed: secret)])]))
            try store.commit(author.write([author.setting("two", [2])]))
        }
        try bed.drop()
        // The bytes stand in the record, in the table's row and in no more places: strike the record's.
        let content = try #require(try FileSystem.read(whole: bed.databasePath))
        let places = content.indices.filter { content[$0...].starts(with: secret) && content[$0 - 1] != 0xA7 }
        var (found, struck) = (0, 0)
        for place in places {
            try FileSystem.overwrite(bed.databasePath, at: place + 9, with: 0xA6)
            let store = try bed.open()
            // What a page no longer uses may rot.
            guard (try? scrub(store)) == nil else {
                try bed.drop()
                try FileSystem.overwrite(bed.databasePath, at: place + 9, with: 0xA7)
                continue
            }
            found += 1
            #expect(storeError { _ = try store.records(from: 2, bytesMax: 1) }?.code == .poisoned)
            #expect(storeError { try store.commit(PartitionWrite(fence: author.fence)) }?.code == .poisoned)
            let again = try bed.open()
            if (try? again.records(from: 1, bytesMax: 10_000)) == nil {
                struck += 1
                #expect(storeError { _ = try again.durable() }?.code == .poisoned)
                #expect(storeError { _ = try again.beginSnapshot() }?.code == .poisoned)
            }
            try bed.drop()
            try FileSystem.overwrite(bed.databasePath, at: place + 9, with: 0xA7)
        }
        #expect(found >= 2 && struck >= 1)
        try bed.open().integrityCheck()
    }

    /// A store with the results of two queues, one with a base, over a real file.
    private func withResults() throws -> JournalBed {
        let bed = try JournalBed()
        var author = LogAuthor()
        let store = try #require(bed.store)
        try store.commit(author.founding())
        for queue in 1...2 as ClosedRange<UInt64> {
            let source = PartitionCommand.EnvoyQueue(envoy: envoyID(queue), queue: queueID(queue))
            try store.commit(
                author.write([
                    author.commands([
                        .results(
                            PartitionCommand.QueuedResults(
                                source: source, received: noon,
                                results: (1...4).map { SequencedResult(sequence: $0, body: [UInt8($0)]) }))
                    ])
                ]))
        }
        return bed
    }

    @Test(
        "D4: a queue that counts further than it holds, one that is not found, a base and a result that were moved",
        arguments: [
            "UPDATE queue SET stored_through = stored_through + 64 WHERE ix = 1",
            "UPDATE queue SET envoy = x'00000000000000000000000000000009' WHERE ix = 2",
            "UPDATE queue SET checksum = checksum + 1 WHERE ix = 1",
            "DELETE FROM result WHERE queue_ix = 1 AND sequence = 2",
            "DELETE FROM result WHERE queue_ix = 2 AND sequence = 4",
            "UPDATE result SET sequence = 36 WHERE queue_ix = 1 AND sequence = 4",
            """
            INSERT INTO base(queue_ix, through, first, reason, at_ms, checksum) VALUES (1, 3, 2, 'lost', 0, 0)
            """,
        ]
    )
    func queueRot(change: String) throws {
        let bed = try withResults()
        let store = try #require(bed.store)
        try scrub(store)
        try store.integrityCheck()
        try store.database.execute(change)
        #expect(storeError { try scrub(store) }?.code == .corrupt)
        #expect(storeError { _ = try store.tables.results.storedThrough(queueID(2)) }?.code == .poisoned)
    }

    @Test("D4, P5: how far a queue is stored is told by a row that is what was written, or not at all")
    func storedThroughRot() throws {
        let bed = try withResults()
        let store = try #require(bed.store)
        #expect(try store.tables.results.storedThrough(queueID(1)) == 4)
        try store.database.execute("UPDATE queue SET stored_through = 68 WHERE ix = 1")
        #expect(storeError { _ = try store.tables.results.storedThrough(queueID(1)) }?.code == .corrupt)
    }

    @Test("D4: what takes the place of a damaged database holds nothing, tells why, and leaves the damaged one alone")
    func standIn() throws {
        let bed = try withResults()
        let disk = try #require(bed.store).disk
        try bed.drop()
        let content = try #require(try FileSystem.read(whole: bed.databasePath))
        let damage = StoreError(.corrupt, what: "reading", why: "a bit flipped", next: "look")
        for _ in 0..<2 {
            let store = try PartitionStore.standIn(
                for: damage, directory: bed.directory, identity: bed.identity, witness: TestWitness(),
                incarnation: 77)
            #expect(store.disk == (disk == .renewalNeeded(.fresh) ? .current(77) : disk))
            let error = storeError { _ = try store.durable() }
            #expect(error?.code == .poisoned && error?.why.contains("a bit flipped") == true)
            #expect(storeError { _ = try store.records(from: 1, bytesMax: 10) }?.code == .poisoned)
        }
        #expect(try FileSystem.read(whole: bed.databasePath) == content)
        try bed.open().integrityCheck()
        #expect(!FileSystem.exists(bed.path + "/fenced"))
    }

    @Test(
        "D4: rot in the log is found at the start, but in the last two transactions, where it looks like a torn end"
    )
    func logRot() throws {
        let bed = try JournalBed()
        let store = try #require(bed.store)
        var author = LogAuthor()
        try store.commit(author.founding())
        var ends: [Int] = []
        let wal = bed.databasePath + "-wal"
        for number in 0..<12 {
            try store.commit(author.write([author.setting("a", [UInt8(number)])]))
            ends.append(FileSystem.length(of: wal))
        }
        let truth = try store.durable().tip
        let copy = try JournalBed()
        #expect(try copy.open(copyOf: bed.path).durable().tip == truth)
        var generator = Seeded(31)
        var found = 0
        for number in 0..<60 {
            try copy.drop()
            shell("sh", "-c", "rm -f '\(copy.path)'/partition* && cp -a '\(bed.path)'/partition* '\(copy.path)'")
            let place = generator.below(ends[11])
            let content = try #require(try FileSystem.read(whole: copy.databasePath + "-wal"))
            try FileSystem.overwrite(
                copy.databasePath + "-wal", at: place, with: content[place] ^ UInt8(1 << generator.below(8)))
            do {
                let tip = try copy.open().durable().tip
                // A frame's own checksum bytes apart, only the end can be lost without a word.
                #expect(tip == truth || place >= ends[9] || place < 32, "flip \(number) at \(place): \(tip.position)")
            } catch let error as StoreError {
                found += 1
                #expect(error.code == .corrupt)
            }
        }
        #expect(found > 30)
    }
}

extension FileSystem {
    /// A whole file, of any size.
    static func read(whole path: String) throws(StoreError) -> [UInt8]? {
        let descriptor = try openForReading(path)
        return try read(descriptor, at: 0, count: length(of: path), path: path)
    }

    static func overwrite(_ path: String, at place: Int, with byte: UInt8) throws {
        let descriptor = try openFile(at: path)
        var byte = byte
        try #require(pwrite(descriptor.number, &byte, 1, off_t(place)) == 1)
    }
}
