import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// Results and check-ins are taken back by a log of the tables' own.
@Suite struct UndoLogTests {
    @Test(
        "P4: records of results and check-ins are undone to the very rows that were there, whichever of them are cut",
        arguments: 1...12)
    func undone(seed: UInt64) throws {
        let bed = try JournalBed()
        let store = try bed.open()
        var (author, generator) = (LogAuthor(), Seeded(seed))
        try store.commit(author.founding())
        var (dumps, points) = ([try tableDump(store)], [author.tip])
        for _ in 0..<30 {
            var commands: [PartitionCommand] = []
            while commands.count < 1 + generator.below(6) {
                let command = author.anyCommand(&generator)
                switch command {
                case .results, .seen: commands.append(command)
                case _: break
                }
            }
            let record = author.commands(commands)
            try store.commit(author.write([record]))
            #expect(UndoLog.commands(in: commands.map(\.canonicalBytes)) != nil)
            dumps.append(try tableDump(store))
            points.append(author.tip)
        }
        while points.count > 1 {
            let kept = generator.below(points.count)
            var write = PartitionWrite(fence: author.fence)
            write.cut = points[kept].position
            try store.commit(write)
            #expect(try tableDump(store) == dumps[kept], "seed \(seed), cut to \(points[kept].position)")
            (dumps, points) = (Array(dumps[...kept]), Array(points[...kept]))
            if kept == 0 { break }
        }
    }

    @Test("P4, D4: where a row is not what the record left, nothing is undone and the handle ends")
    func altered() throws {
        let bed = try JournalBed()
        let store = try bed.open()
        var author = LogAuthor()
        try store.commit(author.founding())
        let before = author.tip.position
        let source = PartitionCommand.EnvoyQueue(envoy: envoyID(1), queue: queueID(1))
        let result = SequencedResult(sequence: 1, body: [1, 2, 3])
        let at = WallTime(milliseconds: 5)
        let record = author.commands([.results(.init(source: source, received: at, results: [result]))])
        try store.commit(author.write([record]))
        try store.database.run("UPDATE queue SET stored_through = 9")
        var write = PartitionWrite(fence: author.fence)
        write.cut = before
        #expect(storeError { try store.commit(write) }?.code == .corrupt)
    }

    @Test("P5: a command at fault leaves no step behind: what it did not do is not undone")
    func faults() throws {
        let bed = try JournalBed()
        let store = try bed.open()
        var author = LogAuthor()
        try store.commit(author.founding())
        let (dump, start) = (try tableDump(store), author.tip.position)
        let at = WallTime(milliseconds: 5)
        func results(_ envoy: UInt64, _ sequence: UInt64) -> PartitionCommand {
            .results(
                .init(
                    source: .init(envoy: envoyID(envoy), queue: queueID(envoy)), received: at,
                    results: [SequencedResult(sequence: sequence, body: [UInt8(sequence)])]))
        }
        // The second opens a queue and finds a gap: both are rolled back.
        let record = author.commands([results(1, 1), results(2, 5), results(1, 2)])
        let outcomes = try store.commit(author.write([record]))
        guard case .refused = outcomes[0][1], case .applied = outcomes[0][2] else {
            Issue.record("\(outcomes)")
            return
        }
        var write = PartitionWrite(fence: author.fence)
        write.cut = start
        try store.commit(write)
        #expect(try tableDump(store) == dump)
    }
}
