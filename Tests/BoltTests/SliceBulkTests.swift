import CRDT
import Spanner
import SpannerStore
import SpannerTestKit
import SpannerWire
import Testing

@testable import Bolt

/// Many slices at once: what is ready together is written together, and nothing waits for the next tick.
struct SliceBulkTests {
    /// A handoff of each slice of the north to the south.
    private func orders(_ two: TwoPartitions) throws -> [HandoffOrder] {
        let genesis = try #require(two.boards[0].geneses.first)
        let registers = two.boards[0].registers(of: genesis).filter { $0.owner == TwoPartitions.names[0] }
        return registers.enumerated().compactMap { index, register in
            HandoffOrder(
                id: HandoffID(TestWitness.digest([UInt8(index) + 1])), register: register, to: TwoPartitions.names[1])
        }
    }

    @Test("Handoffs that begin together begin with one record of the journal", .timeLimit(.minutes(2)))
    func together() async throws {
        let two = try await TwoPartitions.reigning()
        two.cutLines(true)
        let orders = try orders(two)
        #expect(orders.count == 4)
        try await two.services[0].read { service in
            for order in orders { try service.take(.begin(order), from: TwoPartitions.names[0]) }
        }
        try await wait("all began") {
            await two.services[0].read { $0.desk.sources.values.count { $0.state.phase == .sending } == 4 }
        }
        let places = await two.services[0].read { $0.desk.sources.values.compactMap(\.state.since) }
        #expect(places.count == 4 && Set(places).count == 1)
        await two.close()
    }

    @Test(
        "A handoff that was refused for want of room begins when there is some, though nobody asks again",
        .timeLimit(.minutes(2)))
    func room() async throws {
        let two = try await TwoPartitions.reigning()
        two.cutLines(true)
        let orders = try orders(two)
        let north = TwoPartitions.names[0]
        let waiting = try await two.services[0].read { service in
            try service.take(.throttle(HandoffBudget.Limits(slices: 1)), from: north)
            for order in orders.prefix(3) { try service.take(.begin(order), from: north) }
            let waiting = service.desk.waiting.map(\.order.id)
            // Whoever is cancelled while it waits does not begin.
            try service.take(.cancel(orders[1]), from: north)
            try service.take(.cancel(orders[0]), from: north)
            return waiting
        }
        #expect(waiting == orders[1...2].map(\.id))
        try await wait("the third began") {
            await two.services[0].read { $0.desk.sending[orders[2].slice] == orders[2].id }
        }
        #expect(await two.services[0].read { $0.desk.waiting.isEmpty && $0.desk.inFlight == [orders[2].id] })
        #expect(await two.services[0].read { $0.desk.sending[orders[1].slice] == nil })
        await two.close()
    }

    @Test(
        "An offer that came before its register was heard of is taken when that is heard, and not with the next repeat",
        .timeLimit(.minutes(2)))
    func early() async throws {
        let two = try await TwoPartitions.reigning()
        let (north, south) = (TwoPartitions.names[0], TwoPartitions.names[1])
        two.lose(1)
        let slice = try two.handOnUntaken()
        try two.takeOver(from: 1)
        let register = try #require(two.boards[0].register(of: slice))
        #expect(register.owner == north && register.position == 2)
        let order = try #require(
            HandoffOrder(id: HandoffID(TestWitness.digest([9])), register: register, to: south))
        let epoch = PartitionEpoch(number: 1, minter: two.bolts[0].replica(1))
        let offer = HandoffMessage(id: order.id, epoch: epoch, body: .offer(order, probe: 1))
        await two.services[1].read { $0.hearSlices(.handoff(offer), from: north) }
        #expect(await two.services[1].read { $0.desk.targets.isEmpty && $0.desk.early.count == 1 })
        // Whoever is asked to hand on what he has not heard of says that he waits for it.
        let back = try #require(
            HandoffOrder(
                id: HandoffID(TestWitness.digest([8])),
                register: SliceRegister(slice: slice, owner: south, position: 3, hash: TestWitness.digest([3])),
                to: north))
        try await two.services[1].read { try $0.take(.begin(back), from: south) }
        #expect(await two.services[1].read { $0.desk.waiting.map(\.order.id) } == [back.id])
        two.comeBack()
        try await wait("it is taken") {
            await two.services[1].read { $0.desk.targets[order.id] != nil && $0.desk.early.isEmpty }
        }
        await two.close()
    }

    @Test("Of tasks that are over the newest are kept", .timeLimit(.minutes(3)))
    func history() async throws {
        let two = try await TwoPartitions.reigning()
        let kept = UInt64(HandoffLimits.finishedTasksMax)
        for number in 1...(kept + 2) {
            let id = PrincipalID(high: 5, low: number)
            let job = try #require(RebalanceJob(id: id, topology: .zero, moves: []))
            try await two.services[0].begin(task: job, limits: HandoffBudget.Limits())
            try await wait("task \(number) is over") {
                await two.services[0].read { $0.desk.tasks[id].map { $0.machine.state.phase == .ended } ?? true }
            }
        }
        try await wait("the oldest are gone") {
            try await two.services[0].read { try $0.store.tables.slices.tasks().count <= Int(kept) }
        }
        let left = try await two.services[0].read { try $0.store.tables.slices.tasks() }
        #expect(left == (3...(kept + 2)).map { PrincipalID(high: 5, low: $0) })
        try await wait("nothing is at hand of them") {
            await two.services[0].read { $0.desk.tasks.count == Int(kept) && $0.desk.forgetting == nil }
        }
        await two.close()
    }
}
