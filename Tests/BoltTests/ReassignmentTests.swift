import BoltAPI
import CRDT
import Foundation
import Spanner
import SpannerStore
import SpannerTestKit
import Testing

@testable import Bolt

/// An envoy is given another group: it is in another slice from then on, and what is stored of it follows.
struct ReassignmentTests {
    private let envoy = PrincipalID(high: 77, low: 0x9E37_79B9_7F4A_7C15)

    /// Two partitions that reign, and an envoy in the group “all” with five results in the north.
    private func filled() async throws -> (two: TwoPartitions, receipt: CheckInReceipt) {
        let two = try await TwoPartitions()
        for service in two.services {
            try await wait("it reigns") { await service.read { $0.desk.epoch != nil && $0.desk.isPlaced } }
        }
        try two.admit(envoy)
        return (two, try await stored(two, 1...5, at: 0))
    }

    private func stored(
        _ two: TwoPartitions, _ sequences: ClosedRange<UInt64>, at number: Int, as group: String? = nil
    ) async throws -> CheckInReceipt {
        let answer = try await two.checkIn(envoy, sequences, at: number, as: group)
        guard case .stored(let receipt) = answer else {
            throw Problem(.internalError, "it was not stored at \(number): \(answer)")
        }
        return receipt
    }

    private func isElsewhere(_ two: TwoPartitions, _ sequence: UInt64, at number: Int) async throws -> Bool {
        guard case .elsewhere = try await two.checkIn(envoy, sequence...sequence, at: number) else { return false }
        return true
    }

    private func slice(_ two: TwoPartitions, at number: Int) async throws -> SliceID? {
        let envoy = envoy
        return try await two.services[number].read { try $0.store.tables.slices.slice(of: envoy) }
    }

    /// The results of the envoy that one partition holds; each has to be what was sent.
    private func results(_ two: TwoPartitions, at number: Int) async throws -> [UInt64] {
        let envoy = envoy
        return try await two.services[number].read { service in
            let results = try service.store.tables.results.results(of: envoy, limit: 100)
            #expect(results.allSatisfy { $0.body == Array("\(envoy) \($0.sequence)".utf8) })
            return results.map(\.sequence)
        }
    }

    @Test(
        "P2, P5, P7: within a partition the results stay, and the envoy is told more than before: it refuses less",
        .timeLimit(.minutes(2)))
    func samePartition() async throws {
        let (two, _) = try await filled()
        let place = try #require(two.boards[0].place(of: envoy, group: GroupName(checked: "near")))
        #expect(two.boards[0].reassigned(envoy) == nil)
        try two.regroup(envoy, to: "near")
        #expect(two.boards[0].reassigned(envoy) == place && two.boards[1].reassigned(envoy) == place)
        // Routed before the word came.
        #expect(try await isElsewhere(two, 6, at: 0))
        guard case .done(_, _, _, let outcomes)? = await two.services[0].place(reassigned: envoy) else {
            Issue.record("it was not put into its slice")
            return
        }
        #expect(outcomes.count == 1)
        #expect(try await slice(two, at: 0) == place.slice)
        let after = try await stored(two, 4...7, at: 0, as: "near")
        #expect(after.storedThrough == 7 && after.releaseThrough == 7)
        #expect(try await results(two, at: 0) == Array(1...7))
        #expect(try await results(two, at: 1).isEmpty)
        await two.close()
    }

    @Test(
        "P5, P7: who died after the roster was told leaves nothing to repair: the primary finds the envoy by itself",
        .timeLimit(.minutes(2)))
    func foundAgain() async throws {
        let (two, _) = try await filled()
        let place = try #require(two.boards[0].place(of: envoy, group: GroupName(checked: "near")))
        try two.regroup(envoy, to: "near")
        try await wait("it is in its slice") { try await slice(two, at: 0) == place.slice }
        #expect(try await results(two, at: 0) == Array(1...5))
        await two.close()
    }

    @Test(
        "P5, P7: what another partition's slice needs is brought there once, in order, and back; no copy stays",
        .timeLimit(.minutes(2)))
    func otherPartition() async throws {
        let (two, _) = try await filled()
        two.cutLines(true)
        try two.regroup(envoy, to: "far")
        #expect(try await isElsewhere(two, 6, at: 0), "the former owner takes nothing")
        // The envoy holds what it was not told to be safe, and goes on at once.
        let there = try await stored(two, 4...7, at: 1, as: "far")
        #expect(there.storedThrough == 7)
        #expect(try await results(two, at: 0) == Array(1...5), "the copy stays until the owner has it")
        two.cutLines(false)
        try await wait("the south has everything") { try await results(two, at: 1) == Array(1...7) }
        try await wait("the north removed its copy") { try await results(two, at: 0).isEmpty }
        #expect(try await slice(two, at: 0) == nil)
        try two.regroup(envoy, to: "all")
        let back = try await stored(two, 8...9, at: 0, as: "all")
        #expect(back.storedThrough == 9)
        try await wait("the north has everything") { try await results(two, at: 0) == Array(1...9) }
        try await wait("the south removed its copy") { try await results(two, at: 1).isEmpty }
        await two.close()
    }

    @Test(
        "P5, P7: a slice that is being handed over hinders it; where the roster says it all the same, nothing is lost",
        .timeLimit(.minutes(2)))
    func duringHandoff() async throws {
        let (two, _) = try await filled()
        let (board, near) = (two.boards[0], GroupName(checked: "near"))
        let from = try #require(board.place(of: envoy, group: nil))
        let to = try #require(board.place(of: envoy, group: near))
        #expect(await two.services[0].read { $0.hindrance(leaving: from.slice, for: to) } == nil)
        two.cutLines(true)
        try await two.services[0].begin(task: try two.job(), limits: HandoffBudget.Limits(slices: 4))
        try await wait("handoffs began") { await two.services[0].read { $0.desk.sources.count == 4 } }
        #expect(await two.services[0].read { $0.hindrance(leaving: from.slice, for: to) } != nil)
        try two.regroup(envoy, to: "near")
        two.cutLines(false)
        try await wait("all are in the south") { try two.owners(0) == [TwoPartitions.names[1]] }
        // Whether the slice took the envoy along or not, it ends where it belongs.
        try await wait("it is in its slice") { try await slice(two, at: 0) == to.slice }
        try await wait("the south holds nothing of it") { try await results(two, at: 1).isEmpty }
        #expect(try await results(two, at: 0) == Array(1...5))
        #expect(try await stored(two, 6...6, at: 0, as: "near").storedThrough == 6)
        await two.close()
    }
}
