import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// What other partitions say of slices touches nothing of what is written here, and stops nothing that has to be taken.
@Suite struct SliceConflictTests {
    private typealias Side = SliceHandoffTests.Side

    private func slice(_ index: UInt32) -> SliceID { SliceID(group: SliceHandoffTests.slice.group, index: index) }

    private func results(_ envoy: UInt64, _ queue: UInt64, _ sequences: ClosedRange<UInt64>) -> PartitionCommand {
        .results(
            PartitionCommand.QueuedResults(
                source: PartitionCommand.EnvoyQueue(envoy: envoyID(envoy), queue: queueID(queue)),
                received: WallTime(milliseconds: 100),
                results: sequences.map { SequencedResult(sequence: $0, body: Array("\(queue): \($0)".utf8)) }))
    }

    private func seen(_ envoy: UInt64, _ at: UInt64 = 10) -> PartitionCommand {
        .seen([
            PartitionCommand.EnvoySighting(envoy: envoyID(envoy), at: WallTime(milliseconds: at), traits: nil)
        ])
    }

    private func placed(_ envoy: UInt64, in index: UInt32 = 3) -> PartitionCommand {
        .placed([PartitionCommand.EnvoyPlacement(envoy: envoyID(envoy), slice: slice(index))])
    }

    private func order(
        from: PartitionName = north.partition, to: PartitionName = SliceHandoffTests.south.partition,
        index: UInt32 = 3
    ) throws -> HandoffOrder {
        let register = SliceRegister(slice: slice(index), owner: from, position: 0, hash: TestWitness.digest([2]))
        return try #require(HandoffOrder(id: HandoffID(TestWitness.digest([1])), register: register, to: to))
    }

    /// Sends a small slice, as it is; gives the seal.
    private func stage(_ order: HandoffOrder, from source: Side, at target: Side) throws -> SliceSeal {
        try target.write([.handoffTarget(.opened(order))])
        var snapshot = try source.store.beginSliceSnapshot(order.slice, at: nil)
        let next = try source.store.piece(0, of: &snapshot)
        let read = try #require(next)
        try target.write([.handoffTarget(.stored(order.id, read.piece))])
        return SliceSeal(point: snapshot.point, digest: try source.store.digest(of: order.slice))
    }

    /// The slice is the target's; a record that was refused is thrown.
    private func adopt(_ order: HandoffOrder, _ seal: SliceSeal, at target: Side) throws {
        try target.write([.handoffTarget(.held(order.id, seal))])
        let transition = try #require(
            SliceTransition(ending: order.register, to: order.to, cause: .handOn(seal: seal)))
        try target.write([.handoffTarget(.adopted(order.id, TestPartition(order.from).sign(transition)))])
    }

    @Test("D4: one id in both directions is two handoffs, so that an offer under a known id damages nothing")
    func bothWays() throws {
        let side = try Side(north)
        let away = try order()
        let here = try order(from: SliceHandoffTests.south.partition, to: north.partition, index: 9)
        #expect(away.id == here.id)
        try side.write([.handoffSource(.begun(away))])
        try side.write([.handoffSource(.sealed(away.id))])
        try side.write([.handoffTarget(.opened(here))])
        let slices = side.store.tables.slices
        #expect(try slices.source(away.id)?.phase == .sealed)
        #expect(try slices.target(away.id)?.order == here)
        let all = try slices.handoffs(includingOver: true)
        #expect(all.sources.map(\.order) == [away] && all.targets.map(\.order) == [here])
        try side.write([.handoffSource(.unsealed(away.id))])
        #expect(try slices.source(away.id)?.phase == .sending)
        #expect(try slices.target(away.id)?.phase == .receiving)
        try side.store.integrityCheck()
    }

    @Test(
        "D4: a column by which a handoff is found, and that rotted, is not believed",
        arguments: ["over = 1", "fleet = zeroblob(32)", "slice = slice + 1"])
    func columns(change: String) throws {
        let side = try Side(north)
        try side.write([.handoffSource(.begun(order()))])
        try side.store.database.run("UPDATE handoff SET \(change)")
        #expect(throws: StoreError.self) { _ = try side.store.tables.slices.handoffs(includingOver: true) }
    }

    @Test("P5, P7: a queue that is another envoy's here is seen before the slice is held, and stops no adoption")
    func queueOfAnother() throws {
        let (source, target, order) = (try Side(north), try Side(SliceHandoffTests.south), try order())
        try source.write([placed(1), results(1, 1, 1...3), seen(1)])
        try source.write([placed(2), results(2, 2, 1...2), seen(2)])
        // The image of a machine was cloned: two envoys have one queue.
        try target.write([placed(7, in: 4), results(7, 1, 1...9), seen(7)])
        let seal = try stage(order, from: source, at: target)
        let staged = try target.store.judgeStaged(order) { _ in true }
        #expect(staged.digest == seal.digest && staged.strangers.isEmpty && staged.conflicts.count == 1)
        #expect(staged.conflicts.first?.contains("\(queueID(1)) of envoy \(envoyID(1))") == true)
        try adopt(order, seal, at: target)
        let tables = target.store.tables
        #expect(try tables.slices.target(order.id)?.phase == .adopted)
        #expect(try tables.results.storedThrough(queueID(1)) == 9, "envoy 7's, as it was")
        #expect(try tables.results.storedThrough(queueID(2)) == 2)
        #expect(try tables.results.results(of: envoyID(1), limit: 10).isEmpty)
        let parked = try tables.slices.parked(order.id)
        guard case .results(let queue, let kept) = parked.first, parked.count == 1 else {
            Issue.record("\(parked.count) rows are parked")
            return
        }
        #expect(queue.envoy == envoyID(1) && kept.map(\.sequence) == [1, 2, 3])
        try target.store.integrityCheck()
        try target.store.database.run("UPDATE parked SET body = zeroblob(4)")
        #expect(throws: StoreError.self) { try target.store.integrityCheck() }
    }

    @Test("P7: a source is not believed about envoys of other slices: they stay where they are, with what they have")
    func strangers() throws {
        let (source, target, order) = (try Side(north), try Side(SliceHandoffTests.south), try order())
        try source.write([placed(1), results(1, 1, 1...3), seen(1)])
        // Made up: envoy 7 is of slice 4, which the target serves.
        try source.write([placed(7), results(7, 7, 1...5), seen(7, 99)])
        try target.write([placed(7, in: 4), results(7, 8, 1...2), seen(7, 20)])
        let seal = try stage(order, from: source, at: target)
        let staged = try target.store.judgeStaged(order) { $0 != envoyID(7) }
        #expect(staged.strangers.count == 1 && staged.strangers.first?.contains("\(envoyID(7))") == true)
        #expect(staged.conflicts.count == 1 && staged.conflicts.first?.contains("\(envoyID(7))") == true)
        try adopt(order, seal, at: target)
        let tables = target.store.tables
        #expect(try tables.slices.slice(of: envoyID(7)) == slice(4))
        #expect(try tables.slices.slice(of: envoyID(1)) == order.slice)
        #expect(try tables.results.results(of: envoyID(7), limit: 10).map(\.sequence) == [1, 2])
        #expect(try tables.results.storedThrough(queueID(7)) == 0)
        #expect(try tables.results.storedThrough(queueID(1)) == 3)
        #expect(try tables.envoys.record(of: envoyID(7))?.lastSeen == WallTime(milliseconds: 20))
        #expect(try tables.slices.parked(order.id).count == 2, "the envoy's row, and its results")
        try target.store.integrityCheck()
    }

    @Test("A tail is read a batch at a time, also where the journal holds nothing of the slice")
    func boundedTail() throws {
        let source = try Side(north)
        try source.write([placed(1), results(1, 1, 1...1), seen(1)])
        let place = source.author.tip
        let batch = UInt64(PartitionLimits.appendRecordsMax)
        let others = (1...(batch + 50)).map { source.author.commands([seen(4, $0)]) }
        try source.store.commit(source.author.write(others, safe: source.author.tip.position))
        try source.write([results(1, 1, 2...2)])
        let (slice, limit) = (slice(3), source.author.tip.position)
        guard case .nothing(let through) = try source.store.tail(of: slice, after: place, upTo: limit) else {
            Issue.record("more than a batch was read in one turn")
            return
        }
        #expect(through.position == place.position + batch)
        guard case .piece(let piece) = try source.store.tail(of: slice, after: through, upTo: limit) else {
            Issue.record("the rest of the tail brought nothing")
            return
        }
        #expect(piece.place == .tail(after: through, through: source.author.tip))
    }
}
