import Spanner
import Testing

@testable import SpannerStore

/// What is kept for partitions that are away.
@Suite struct CustodyStoreTests {
    private func store(_ scratch: Scratch, bytesMax: UInt64 = 1 << 20) throws -> CustodyStore {
        try CustodyStore(in: StateDirectory(path: scratch.file("state")), bytesMax: bytesMax)
    }

    private func deposit(_ envoy: UInt64, through: UInt64, bytes: Int = 10) -> CustodyDeposit {
        CustodyDeposit(
            envoy: envoyID(envoy), queue: queueID(envoy), through: through, at: WallTime(milliseconds: through),
            request: [UInt8](repeating: UInt8(truncatingIfNeeded: through), count: bytes))
    }

    @Test("P5: entries of each envoy come out in the order in which they came in, and again after a crash")
    func order() throws {
        let scratch = try Scratch()
        var kept: CustodyStore? = try store(scratch)
        try kept?.keep([deposit(2, through: 3), deposit(1, through: 1)])
        try kept?.keep([deposit(1, through: 5), deposit(1, through: 4)])
        kept = nil
        let again = try store(scratch)
        #expect(try again.envoys(after: nil, limit: 10) == [envoyID(1), envoyID(2)])
        #expect(try again.envoys(after: envoyID(1), limit: 10) == [envoyID(2)])
        #expect(try again.entries(of: envoyID(1), limit: 10).map(\.at.milliseconds) == [1, 5, 4])
        #expect(try again.through(queueID(1)) == 5 && again.through(queueID(9)) == 0)
        #expect(try again.held().entries == 4)
        for entry in try again.entries(of: envoyID(1), limit: 2) { try again.remove(entry) }
        #expect(try again.entries(of: envoyID(1), limit: 10).map(\.at.milliseconds) == [4])
        #expect(try again.held().entries == 2)
    }

    @Test("The budget is kept: one entry too many is refused, with all that came with it; removing makes room")
    func budget() throws {
        let scratch = try Scratch()
        let kept = try store(scratch, bytesMax: 1000)
        try kept.keep([deposit(1, through: 1, bytes: 300)])
        let two = [deposit(1, through: 2, bytes: 300), deposit(1, through: 3, bytes: 300)]
        #expect(storeError { try kept.keep(two) }?.code == .full)
        #expect(try kept.held().entries == 1 && kept.held().bytes == 428)
        let first = try kept.entries(of: envoyID(1), limit: 1).first
        let entry = try #require(first)
        try kept.remove(entry)
        try kept.remove(entry)
        #expect(try kept.held().entries == 0 && kept.held().bytes == 0)
        try kept.keep(two)
        let large = storeError { try kept.keep([deposit(1, through: 9, bytes: StoreLimits.custodyEntryBytesMax + 1)]) }
        #expect(large?.code == .tooLarge)
    }

    @Test("D4: an entry that is not what was written is not delivered")
    func rot() throws {
        let scratch = try Scratch()
        let kept = try store(scratch)
        try kept.keep([deposit(1, through: 1)])
        try kept.database.run("UPDATE entry SET request = ?1", .blob([9, 9, 9]))
        #expect(storeError { _ = try kept.entries(of: envoyID(1), limit: 1) }?.code == .corrupt)
    }
}
