import Spanner
import Testing

@testable import SpannerStore

/// What is kept for partitions that are away.
@Suite struct CustodyStoreTests {
    private func store(
        _ scratch: Scratch, bytesMax: UInt64 = 1 << 20, envoyBytesMax: UInt64 = 1 << 20
    ) throws -> CustodyStore {
        try CustodyStore(
            in: StateDirectory(path: scratch.file("state")), bytesMax: bytesMax, envoyBytesMax: envoyBytesMax)
    }

    private func deposit(
        _ envoy: UInt64, _ sequences: ClosedRange<UInt64>?, firstHeld: UInt64 = 1, bytes: Int = 10, fill: UInt8? = nil,
        proof: [UInt8] = [7], at: UInt64 = 1_000, queue: UInt64? = nil
    ) -> CustodyDeposit {
        let results = (sequences.map { Array($0) } ?? []).map { sequence in
            let byte = fill ?? UInt8(truncatingIfNeeded: sequence)
            return SequencedResult(sequence: sequence, body: [UInt8](repeating: byte, count: bytes))
        }
        return CustodyDeposit(
            envoy: envoyID(envoy), queue: queueID(queue ?? envoy), firstHeld: firstHeld, results: results,
            proof: proof, at: WallTime(milliseconds: at))
    }

    private func keep(_ store: CustodyStore, _ deposits: CustodyDeposit...) throws -> [UInt64?] {
        try store.keep(deposits).map { try? $0.get() }
    }

    private func sequences(_ store: CustodyStore, _ envoy: UInt64, after place: UInt64 = 0) throws -> [UInt64]? {
        try store.batch(of: envoyID(envoy), queueID(envoy), after: place)?.results.map(\.sequence)
    }

    @Test("P5: results of each envoy come out once and in order, whatever came twice, and again after a crash")
    func order() throws {
        let scratch = try Scratch()
        let first = try store(scratch)
        #expect(try keep(first, deposit(2, 1...3), deposit(1, 1...2)) == [3, 2])
        #expect(try keep(first, deposit(1, 2...5), deposit(1, 1...4), deposit(1, 5...5)) == [5, 5, 5])
        let held = try first.held()
        // As a crash leaves it: the files as they are.
        copyFiles(from: scratch.file("state"), to: scratch.file("copy"))
        let again = try CustodyStore(in: StateDirectory(path: scratch.file("copy")))
        #expect(try again.envoys(after: nil, limit: 10) == [envoyID(1), envoyID(2)])
        #expect(try again.envoys(after: envoyID(1), limit: 10) == [envoyID(2)])
        #expect(try again.queues(of: envoyID(1)) == [queueID(1)])
        #expect(try sequences(again, 1) == [1, 2, 3, 4, 5] && sequences(again, 2) == [1, 2, 3])
        #expect(try sequences(again, 1, after: 3) == [4, 5] && sequences(again, 1, after: 5) == [])
        #expect(try sequences(again, 9) == nil)
        let now = try again.held()
        #expect(now.entries == 8 && now.bytes == held.bytes)
    }

    @Test("What brings no result takes no room, and is told what is kept of all that its envoy holds")
    func empty() throws {
        let scratch = try Scratch()
        let kept = try store(scratch)
        #expect(try keep(kept, deposit(1, nil), deposit(1, nil, firstHeld: 8)) == [0, 7])
        #expect(try kept.held().entries == 0 && kept.held().bytes == 0 && kept.envoys(after: nil, limit: 9).isEmpty)
        // 6 and 7 went elsewhere: they are asked for, so that what is here is whole.
        #expect(try keep(kept, deposit(1, 8...9, firstHeld: 6)) == [5])
        #expect(try keep(kept, deposit(1, 6...7, firstHeld: 6), deposit(1, nil, firstHeld: 6)) == [9, 9])
        let bytes = try kept.held().bytes
        for _ in 0..<100 { _ = try keep(kept, deposit(1, nil, firstHeld: 6), deposit(1, 6...9, firstHeld: 6)) }
        #expect(try kept.held().entries == 4 && kept.held().bytes == bytes)
        // Another certificate is kept in place of the one before.
        #expect(try keep(kept, deposit(1, nil, firstHeld: 7, proof: [1, 2, 3], at: 2_000)) == [9])
        let batch = try #require(try kept.batch(of: envoyID(1), queueID(1), after: 0))
        #expect(batch.proof == [1, 2, 3] && batch.firstHeld == 7 && batch.at.milliseconds == 2_000 && batch.last == 9)
        #expect(try kept.held().bytes == bytes + 2)
    }

    @Test("A queue is its envoy's: what another keeps under the same name is not counted as one's own")
    func bound() throws {
        let scratch = try Scratch()
        let kept = try store(scratch)
        #expect(try keep(kept, deposit(1, 1...9, queue: 5), deposit(2, 1...2, queue: 5)) == [9, 2])
        #expect(try keep(kept, deposit(3, nil, queue: 5)) == [0])
    }

    @Test("Other bytes under a number are refused and nothing of them is kept: two queues share one name")
    func conflict() throws {
        let scratch = try Scratch()
        let kept = try store(scratch)
        _ = try keep(kept, deposit(1, 1...3))
        let before = try kept.held()
        let answers = try kept.keep([deposit(1, 3...5, fill: 99), deposit(2, 1...1)])
        #expect(throws: StoreError(.conflict, what: "", why: "", next: "")) { try answers[0].get() }
        #expect(try answers[1].get() == 1)
        #expect(try sequences(kept, 1) == [1, 2, 3] && kept.held().entries == before.entries + 1)
    }

    @Test("The budget and each envoy's share are kept: one too many takes none of the others with it")
    func budget() throws {
        let scratch = try Scratch()
        let kept = try store(scratch, bytesMax: 5_000, envoyBytesMax: 2_000)
        // A queue costs 257 bytes here, a result 364.
        #expect(try keep(kept, deposit(1, 1...4, bytes: 300), deposit(1, 5...6, bytes: 300)) == [4, nil])
        #expect(try keep(kept, deposit(1, 1...1, bytes: 300, queue: 8)) == [nil], "the share is for all its queues")
        #expect(try keep(kept, deposit(2, 1...4, bytes: 300), deposit(3, 1...4, bytes: 300)) == [4, nil])
        #expect(try keep(kept, deposit(3, 1...2, bytes: 300)) == [2], "there is room for less")
        #expect(try keep(kept, deposit(1, 1...4, bytes: 300)) == [4], "what is kept already needs none")
        let held = try kept.held()
        #expect(held.entries == 10 && held.bytes == 3 * 257 + 10 * 364)
        try kept.remove(envoyID(2))
        #expect(try keep(kept, deposit(3, 3...4, bytes: 300)) == [4])
        let large = try kept.keep([deposit(4, 1...1, bytes: StoreLimits.resultBytesMax + 1)])
        #expect(throws: StoreError(.tooLarge, what: "", why: "", next: "")) { try large[0].get() }
        for envoy in 1...4 as ClosedRange<UInt64> { try kept.remove(envoyID(envoy)) }
        #expect(try kept.held().entries == 0 && kept.held().bytes == 0 && kept.envoys(after: nil, limit: 9).isEmpty)
    }

    @Test("What the owner says may go, goes, and what is too old; what came meanwhile stays")
    func removal() throws {
        let scratch = try Scratch()
        let kept = try store(scratch)
        _ = try keep(kept, deposit(1, 1...6), deposit(1, 1...2, at: 50, queue: 3), deposit(2, 1...1, at: 50))
        #expect(try kept.remove(of: envoyID(1), through: [queueID(1): 4], before: WallTime(milliseconds: 0)) == 0)
        #expect(try sequences(kept, 1) == [5, 6])
        #expect(try kept.remove(of: envoyID(1), through: [:], before: WallTime(milliseconds: 100)) == 2)
        #expect(try kept.queues(of: envoyID(1)) == [queueID(1)])
        #expect(try keep(kept, deposit(1, 7...7), deposit(1, nil)) == [7, 7], "what went is stored at the owner")
        let far = [queueID(1): UInt64.max]
        #expect(try kept.remove(of: envoyID(1), through: far, before: WallTime(milliseconds: 0)) == 0)
        #expect(try kept.queues(of: envoyID(1)).isEmpty && kept.held().entries == 1)
    }

    @Test("A batch ends before a gap and within its bounds, with one result at least")
    func batches() throws {
        let scratch = try Scratch()
        let kept = try store(scratch, bytesMax: 1 << 24, envoyBytesMax: 1 << 24)
        _ = try keep(kept, deposit(1, 1...3), deposit(1, 6...7), deposit(2, 1...4, bytes: 200_000))
        #expect(try sequences(kept, 1) == [1, 2, 3] && sequences(kept, 1, after: 3) == [6, 7])
        #expect(try sequences(kept, 2) == [1] && sequences(kept, 2, after: 1) == [2])
        let many = UInt64(StoreLimits.custodyBatchMax) + 5
        _ = try keep(kept, deposit(3, 1...many))
        #expect(try sequences(kept, 3)?.count == StoreLimits.custodyBatchMax)
    }

    @Test("D4: a result that is not what was written is not delivered")
    func rot() throws {
        let scratch = try Scratch()
        let kept = try store(scratch)
        _ = try keep(kept, deposit(1, 1...1))
        try kept.database.run("UPDATE result SET body = ?1", .blob([9, 9, 9]))
        #expect(storeError { _ = try kept.batch(of: envoyID(1), queueID(1), after: 0) }?.code == .corrupt)
    }
}
