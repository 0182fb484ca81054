import BoltAPI
import CRDT
import Spanner
import SpannerStore
import SpannerTestKit
import Testing

@testable import Bolt

/// A group that two sides of a split created is one of both afterwards: what was stored under the other.
struct DisplacedTests {
    private let envoys = (1...2 as ClosedRange<UInt64>).map { PrincipalID(high: 88, low: $0) }

    /// Three results of an envoy in a slice of a group that nobody knows.
    private func plant(_ envoy: PrincipalID, in slice: SliceID, _ service: PartitionService) async throws {
        let at = WallTime(milliseconds: 1)
        let results = PartitionCommand.QueuedResults(
            source: PartitionCommand.EnvoyQueue(envoy: envoy, queue: QueueID(envoy)), received: at,
            results: (1...3 as ClosedRange<UInt64>).map { SequencedResult(sequence: $0, body: [UInt8($0)]) })
        let answer = await service.write(
            [
                .placed([PartitionCommand.EnvoyPlacement(envoy: envoy, slice: slice)]), .results(results),
                .seen([PartitionCommand.EnvoySighting(envoy: envoy, at: at, traits: nil)]),
            ], level: .local)
        guard case .done = answer else { throw Problem(.internalError, "nothing was planted: \(answer)") }
    }

    private func slice(of envoy: PrincipalID, _ service: PartitionService) async throws -> SliceID? {
        try await service.read { try $0.store.tables.slices.slice(of: envoy) }
    }

    private func results(of envoy: PrincipalID, _ service: PartitionService) async throws -> [UInt64] {
        try await service.read { try $0.store.tables.results.results(of: envoy, limit: 10).map(\.sequence) }
    }

    @Test(
        "P5, P7: what was stored under a group that lost goes where its envoys belong now, here or elsewhere",
        .timeLimit(.minutes(2)))
    func lostGroup() async throws {
        let two = try await TwoPartitions()
        for service in two.services {
            try await wait("it reigns") { await service.read { $0.desk.epoch != nil && $0.desk.isPlaced } }
        }
        let lost = SliceID(group: GroupID(TestWitness.digest([77])), index: 1)
        let (north, south) = (two.services[0], two.services[1])
        #expect(two.boards[0].register(of: lost) == nil)
        for envoy in envoys { try await plant(envoy, in: lost, north) }
        // The first is in a slice of the north by the group that won, the second in one of the south.
        let near = try #require(two.boards[0].place(of: envoys[0], group: GroupName(checked: "near")))
        let far = try #require(two.boards[0].place(of: envoys[1], group: GroupName(checked: "far")))
        #expect(near.register.owner == TwoPartitions.names[0] && far.register.owner == TwoPartitions.names[1])
        two.setHome(of: envoys[0], to: near.slice)
        two.setHome(of: envoys[1], to: far.slice)
        try await wait("the first is in its slice") { try await slice(of: envoys[0], north) == near.slice }
        try await wait("the south has the second") { try await results(of: envoys[1], south) == [1, 2, 3] }
        try await wait("no copy stays") { try await results(of: envoys[1], north).isEmpty }
        #expect(try await slice(of: envoys[1], south) == far.slice)
        #expect(try await slice(of: envoys[1], north) == nil)
        #expect(try await results(of: envoys[0], north) == [1, 2, 3])
        try await wait("nothing is left") { await north.read { $0.desk.left } == 0 }
        await two.close()
    }
}
