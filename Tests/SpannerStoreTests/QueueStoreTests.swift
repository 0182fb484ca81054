import Spanner
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// P5, P6: what an envoy queued is sent once, in order, kept until released, and never dropped in silence.
@Suite struct QueueStoreTests {
    private func fresh(_ path: String, items: Int = 100, bytes: Int = 100_000) throws -> QueueStore {
        let store = try QueueStore(path: path, limits: QueueStore.Limits(itemsMax: items, bytesMax: bytes))
        if store.incarnation == .renewalNeeded(.fresh) { try store.renewIncarnation(to: queueID(1)) }
        return store
    }

    @Test("D1: records are numbered from 1, survive reopening, and go only when released")
    func keptUntilReleased() throws {
        let scratch = try Scratch()
        do {
            let store = try fresh(scratch.path)
            #expect(try store.append([[1], [2], [3]]) == [.stored(1), .stored(2), .stored(3)])
        }
        let store = try fresh(scratch.path)
        #expect(store.incarnation == .current(queueID(1)))
        #expect(try store.batch(itemsMax: 10, bytesMax: 2).records.map(\.sequence) == [1, 2])
        #expect(try store.batch(itemsMax: 10, bytesMax: 0).records.map(\.sequence) == [1])
        #expect(try store.batch(after: 1, itemsMax: 1, bytesMax: 100).records.map(\.sequence) == [2])
        try store.release(queueID(1), through: 2)
        try store.release(queueID(1), through: 1)
        let rest = try store.batch(itemsMax: 10, bytesMax: 100)
        #expect(
            rest
                == QueuedBatch(
                    incarnation: queueID(1), firstHeld: 3, records: [SequencedResult(sequence: 3, body: [3])]))
        #expect(try store.append([[4]]) == [.stored(4)])
        try store.release(queueID(1), through: 4)
        let empty = try store.batch(itemsMax: 10, bytesMax: 100)
        #expect(empty == QueuedBatch(incarnation: queueID(1), firstHeld: 5, records: []))
        #expect(try store.held() == QueueDepth(items: 0, bytes: 0, dropped: 0))
        try store.integrityCheck()
    }

    @Test("P6: a full queue drops the newest and says how many, in a record of its own, once there is room")
    func overflowIsTold() throws {
        let scratch = try Scratch()
        let store = try fresh(scratch.path, items: 3)
        let admissions = try store.append([[1], [2], [3], [4], [5]])
        #expect(admissions == [.stored(1), .stored(2), .stored(3), .dropped(soFar: 1), .dropped(soFar: 2)])
        #expect(try store.append([[6]]) == [.dropped(soFar: 3)])
        #expect(try store.held().dropped == 3)
        try store.release(queueID(1), through: 1)
        let records = try store.batch(itemsMax: 10, bytesMax: 1000).records
        #expect(records.map(\.sequence) == [2, 3, 4])
        #expect(OverflowMarker.dropped(in: try #require(records.last).body) == 3)
        #expect(try store.held().dropped == 0)
        #expect(try store.append([[7]]) == [.dropped(soFar: 1)])
        try store.release(queueID(1), through: 4)
        #expect(try store.append([[8]]) == [.stored(6)])
        #expect(
            try store.batch(itemsMax: 10, bytesMax: 1000).records.map { OverflowMarker.dropped(in: $0.body) } == [
                1, nil,
            ])
        #expect(OverflowMarker.dropped(in: Array("{\"overflow\":{\"dropped\":03}}".utf8)) == nil)
        #expect(OverflowMarker.dropped(in: []) == nil)
    }

    @Test("P5, R7: a restored queue sends what it holds under its old name and counts anew under another")
    func restoredCopy() throws {
        let scratch = try Scratch()
        do {
            let store = try fresh(scratch.file("a"))
            _ = try store.append([[1], [2]])
        }
        copyFiles(from: scratch.file("a"), to: scratch.file("b"))
        let store = try QueueStore(path: scratch.file("b"))
        #expect(store.incarnation == .renewalNeeded(.databaseCopied))
        #expect(storeError { _ = try store.append([[3]]) }?.code == .unknown)
        try store.renewIncarnation(to: queueID(2))
        #expect(try store.append([[3]]) == [.stored(1)])
        let old = try store.batch(itemsMax: 10, bytesMax: 100)
        #expect(old.incarnation == queueID(1) && old.records.map(\.body) == [[1], [2]])
        // The original went on: its owner has more of the old queue than this copy ever held.
        try store.release(queueID(1), through: 50)
        let new = try store.batch(itemsMax: 10, bytesMax: 100)
        #expect(
            new
                == QueuedBatch(
                    incarnation: queueID(2), firstHeld: 1, records: [SequencedResult(sequence: 1, body: [3])]))
        #expect(storeError { try store.release(queueID(2), through: 2) }?.code == .queueBehind)
        #expect(storeError { try store.release(queueID(3), through: 2) }?.code == .unknown)
        #expect(try store.held().items == 1)
    }

    @Test("P5, P6: a lossy, repeating path from queue to owner stores each record once or counts it", arguments: 1...6)
    func endToEnd(seed: UInt64) throws {
        var generator = Seeded(seed)
        let scratch = try Scratch(inMemory: true)
        let owner = try BoltStore(path: scratch.file("owner"))
        var open: QueueStore?
        var (made, dropped) = (UInt8(0), 0)
        var kept: [UInt8] = []
        for _ in 0..<200 {
            let queue = try open ?? fresh(scratch.file("queue"), items: 8)
            open = queue
            switch generator.below(10) {
            case 0...3:
                made &+= 1
                switch try #require(try queue.append([[made]]).first) {
                case .stored: kept.append(made)
                case .dropped: dropped += 1
                }
            case 4:
                open = nil
            case _:
                let batch = try queue.batch(itemsMax: 1 + generator.below(5), bytesMax: 1000)
                guard generator.below(4) > 0 else { continue }
                let receipt = try owner.results.append(
                    batch.records, queue: batch.incarnation, envoy: envoyID(1), received: noon)
                guard generator.below(3) > 0 else { continue }
                try queue.release(batch.incarnation, through: receipt.storedThrough)
            }
        }
        let queue = try open ?? fresh(scratch.file("queue"), items: 8)
        while true {
            let batch = try queue.batch(itemsMax: 100, bytesMax: 1000)
            guard !batch.records.isEmpty else { break }
            let receipt = try owner.results.append(
                batch.records, queue: batch.incarnation, envoy: envoyID(1), received: noon)
            try queue.release(batch.incarnation, through: receipt.storedThrough)
        }
        let stored = try owner.results.results(of: envoyID(1), limit: 1000).map(\.body)
        #expect(stored.filter { $0.count == 1 }.flatMap { $0 } == kept, "seed \(seed)")
        #expect(stored.reduce(0) { $0 + (OverflowMarker.dropped(in: $1) ?? 0) } == dropped, "seed \(seed)")
        try owner.integrityCheck()
    }
}
