import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// P5: each result once, in order, the same bytes.
@Suite struct ResultStoreTests {
    /// What the store must be: the plainest thing with the same rules.
    private struct Model {
        struct Queue {
            var owner: UInt64
            var bodies: [UInt64: [UInt8]] = [:]
            var through: UInt64 = 0
        }
        var queues: [UInt64: Queue] = [:]

        mutating func append(_ results: [SequencedResult], _ queue: UInt64, _ envoy: UInt64) -> StoreError.Code? {
            var next = queues[queue] ?? Queue(owner: envoy)
            guard next.owner == envoy else { return .queueOfAnother }
            for result in results {
                if let body = next.bodies[result.sequence] {
                    if body != result.body { return .conflict }
                } else {
                    guard result.sequence <= next.through + 1 else { return .gap }
                    next.bodies[result.sequence] = result.body
                    next.through = max(next.through, result.sequence)
                }
            }
            queues[queue] = next
            return nil
        }

        mutating func base(_ queue: UInt64, _ envoy: UInt64, _ through: UInt64) -> StoreError.Code? {
            var next = queues[queue] ?? Queue(owner: envoy)
            guard next.owner == envoy else { return .queueOfAnother }
            next.through = max(next.through, through)
            queues[queue] = next
            return nil
        }
    }

    @Test("P5: against a model, with repeats, gaps, other bytes, other envoys, bases and crashes", arguments: 1...8)
    func exactlyOnce(seed: UInt64) throws {
        var generator = Seeded(seed)
        let scratch = try Scratch(inMemory: true)
        var (model, life) = (Model(), 0)
        var store = try BoltStore(path: scratch.file("0"))
        var outcomes: [String: Int] = [:]
        for step in 0..<300 {
            let queue = UInt64(generator.below(4))
            let envoy = generator.below(20) == 0 ? 9 : queue / 2
            let through = model.queues[queue]?.through ?? 0
            var code: StoreError.Code?
            var expected: StoreError.Code?
            switch generator.below(40) {
            case 0:
                let target = through + UInt64(generator.below(5))
                expected = model.base(queue, envoy, target)
                do throws(StoreError) {
                    try store.results.recordBase(
                        queue: queueID(queue), envoy: envoyID(envoy), through: target, reason: "lost", at: noon)
                } catch { code = error.code }
            case 1:
                life += 1
                copyFiles(from: scratch.file("\(life - 1)"), to: scratch.file("\(life)"))
                store = try BoltStore(path: scratch.file("\(life)"))
                continue
            case _:
                let back = UInt64(generator.below(6))
                let first = max(1, (through + 1 + UInt64(generator.below(8) == 0 ? 1 : 0)) &- min(back, through))
                let results = (0..<generator.below(6)).map { offset in
                    let sequence = first + UInt64(offset)
                    let twist: UInt8 = generator.below(60) == 0 ? 1 : 0
                    return SequencedResult(sequence: sequence, body: [UInt8(truncatingIfNeeded: sequence), twist])
                }
                expected = model.append(results, queue, envoy)
                do throws(StoreError) {
                    let receipt = try store.results.append(
                        results, queue: queueID(queue), envoy: envoyID(envoy), received: noon)
                    #expect(receipt.added + receipt.duplicates == results.count)
                    #expect(receipt.storedThrough == model.queues[queue]?.through)
                } catch { code = error.code }
            }
            #expect(code == expected, "seed \(seed) step \(step)")
            outcomes[code?.rawValue ?? "stored", default: 0] += 1
        }
        try compare(store, model, seed)
        #expect(outcomes.count == 4, "seed \(seed) met \(outcomes)")
    }

    private func compare(_ store: BoltStore, _ model: Model, _ seed: UInt64) throws {
        try store.integrityCheck()
        var total = 0
        for (number, queue) in model.queues {
            #expect(try store.results.storedThrough(queueID(number)) == queue.through, "seed \(seed)")
            let stored = try store.results.results(of: envoyID(queue.owner), limit: 1000)
                .filter { $0.queue == queueID(number) }
            let expected = queue.bodies.sorted { $0.key < $1.key }
            #expect(stored.map(\.sequence) == expected.map(\.key), "seed \(seed)")
            #expect(stored.map(\.body) == expected.map(\.value), "seed \(seed)")
            total += expected.count
        }
        #expect(try store.results.count() == UInt64(total))
    }

    @Test("P5: a base lets later results in, says why, and is filled by what arrives late")
    func bases() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        func send(_ sequences: ClosedRange<UInt64>) throws -> ResultReceipt {
            try store.results.append(
                sequences.map { SequencedResult(sequence: $0, body: [UInt8($0)]) }, queue: queueID(1),
                envoy: envoyID(1), received: noon)
        }
        #expect(storeError { _ = try send(5...6) }?.detail == .expected(1))
        try store.results.recordBase(
            queue: queueID(1), envoy: envoyID(1), through: 4, reason: "restored", at: noon)
        #expect(try send(5...6) == ResultReceipt(storedThrough: 6, added: 2, duplicates: 0))
        #expect(try send(2...3) == ResultReceipt(storedThrough: 6, added: 2, duplicates: 0))
        #expect(try send(2...6) == ResultReceipt(storedThrough: 6, added: 1, duplicates: 4))
        let bases = try store.results.bases(of: envoyID(1))
        #expect(bases.map(\.range) == [1...4] && bases.map(\.reason) == ["restored"])
        try store.integrityCheck()
        try store.database.run("DELETE FROM result WHERE sequence = 5")
        #expect(storeError { try store.integrityCheck() }?.code == .corrupt)
    }

    @Test(
        "P5, R9: an envoy opens so many queues and no more; those that are open go on, another envoy is not concerned")
    func queuesAreBounded() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        func send(_ queue: Int, _ sequence: UInt64, envoy: UInt64 = 1) throws -> ResultReceipt {
            try store.results.append(
                [SequencedResult(sequence: sequence, body: [1])], queue: queueID(UInt64(queue)), envoy: envoyID(envoy),
                received: noon)
        }
        try store.transaction { () throws(StoreError) in
            for queue in 0..<StoreLimits.queuesPerEnvoyMax {
                try store.results.append([], queue: queueID(UInt64(queue)), envoy: envoyID(1), received: noon)
            }
        }
        let error = storeError { _ = try send(StoreLimits.queuesPerEnvoyMax, 1) }
        #expect(error?.code == .tooManyQueues)
        #expect(error?.stateChanged == false)
        let base = storeError {
            try store.results.recordBase(
                queue: queueID(9_999), envoy: envoyID(1), through: 3, reason: "not held", at: noon)
        }
        #expect(base?.code == .tooManyQueues)
        #expect(try store.results.storedThrough(queueID(UInt64(StoreLimits.queuesPerEnvoyMax))) == 0)
        #expect(try send(0, 1).added == 1)
        #expect(try send(0, 1).duplicates == 1)
        #expect(try send(StoreLimits.queuesPerEnvoyMax, 1, envoy: 2).added == 1)
    }

    @Test("Listing pages through an envoy's queues in order, within its limits")
    func paging() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        for queue in [UInt64(9), 3] {
            try store.results.append(
                (1...7).map { SequencedResult(sequence: $0, body: [UInt8(queue)]) }, queue: queueID(queue),
                envoy: envoyID(1), received: noon)
        }
        var seen: [String] = []
        var after: (queue: QueueID, sequence: UInt64)?
        while true {
            let page = try store.results.results(of: envoyID(1), after: after, limit: 3)
            guard let last = page.last else { break }
            seen += page.map { "\($0.queue.low):\($0.sequence)" }
            after = (last.queue, last.sequence)
        }
        #expect(seen == (1...7).map { "9:\($0)" } + (1...7).map { "3:\($0)" })
        #expect(try store.results.results(of: envoyID(1), limit: -1).isEmpty)
        #expect(storeError { _ = try store.results.results(of: envoyID(2), after: after, limit: 1) }?.code == .unknown)
        let long = SequencedResult(sequence: 8, body: [UInt8](repeating: 0, count: StoreLimits.resultBytesMax + 1))
        for bad in [long, SequencedResult(sequence: 0, body: []), SequencedResult(sequence: .max, body: [])] {
            let error = storeError {
                try store.results.append([bad], queue: queueID(3), envoy: envoyID(1), received: noon)
            }
            #expect(error?.code == .tooLarge)
        }
    }

    @Test("Records of envoys: later instants win, traits stay until replaced")
    func records() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        let traits = EnvoyRecord.Traits(digest: Bytes32(words: (1, 2, 3, 4)), document: [7])
        try store.envoys.upsert([
            EnvoyRecord(envoy: envoyID(2), lastSeen: WallTime(milliseconds: 50), traits: traits),
            EnvoyRecord(envoy: envoyID(1), lastSeen: WallTime(milliseconds: 9)),
        ])
        try store.envoys.upsert([EnvoyRecord(envoy: envoyID(2), lastSeen: WallTime(milliseconds: 40))])
        #expect(
            try store.envoys.record(of: envoyID(2))
                == EnvoyRecord(envoy: envoyID(2), lastSeen: WallTime(milliseconds: 50), traits: traits))
        #expect(try store.envoys.record(of: envoyID(3)) == nil)
        #expect(try store.envoys.records(limit: 10).map(\.envoy) == [envoyID(1), envoyID(2)])
        #expect(try store.envoys.records(after: envoyID(1), limit: 10).map(\.envoy) == [envoyID(2)])
        let fat = EnvoyRecord.Traits(digest: .zero, document: [UInt8](repeating: 0, count: 300_000))
        #expect(
            storeError { try store.envoys.upsert([EnvoyRecord(envoy: envoyID(1), lastSeen: noon, traits: fat)]) }?.code
                == .tooLarge)
    }
}
