import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Handoff: takeovers, and targets that are lost or refuse")
struct HandoffTakeoverTests {
    @Test("A takeover after the hand-on ends the handoff: the copy stays, whatever the target says late (P5, P8)")
    func overtaken() throws {
        var pair = try #require(HandoffPair())
        pair.losesToTarget = { $0.isHandOn }
        pair.start()
        #expect(pair.source.state.phase == .sent && !pair.source.isTaking)
        let handOn = try #require(pair.published.first)
        let after = pair.world.after(handOn)
        let taken = try #require(pair.world.takeover(after, to: pair.order.from))
        let walk = try #require(pair.world.walk(pair.world.set([handOn, taken])))
        #expect(walk.owner == pair.order.from && walk.outlook(of: pair.order) == .overtaken(after.hash))
        pair.step(.registerMoved(walk.register))
        pair.step(.overtaken)
        pair.run()
        #expect(pair.source.state.phase == .overtaken && pair.source.isTaking)
        #expect(pair.sourceEnds == [.overtaken] && pair.source.state.stay != nil)
        pair.step(.received(HandoffReply(id: pair.order.id, body: .adopted(after.hash))))
        pair.restartSource()
        #expect(pair.source.state.phase == .overtaken && pair.collections == 0)
    }

    @Test("A takeover stops the removal of what is left at the source (P8)")
    func collectionStops() throws {
        var pair = try #require(HandoffPair())
        pair.start()
        var state = HandoffSourceState(order: pair.order)
        for (index, record) in pair.sourceRecords.dropLast().enumerated() {
            state.apply(record, at: HandoffPair.point(11 + UInt64(index)))
        }
        #expect(state.phase == .garbage)
        let partition = try #require(pair.world.partitions[pair.order.from])
        let voice = HandoffSource.Voice(
            mesh: SliceWorld.mesh, epoch: HandoffPair.epoch, warrant: partition.warrant, signer: partition.signer)
        var source = HandoffSource(state: state, safe: 100, voice: voice, witness: pair.world.witness)
        var effects = source.step(.overtaken)
        effects += source.step(.start)
        #expect(effects.contains(.journal(.overtaken(pair.order.id))) && !effects.contains(.collect))
        effects = source.step(.journaled(.overtaken(pair.order.id), at: HandoffPair.point(20)))
        #expect(effects.contains(.ended(.overtaken)) && source.isTaking)
    }

    @Test("A target that handed the slice on itself served it, though nothing more is heard of it (P8)")
    func passedOn() throws {
        var pair = try #require(HandoffPair())
        pair.losesToTarget = { $0.isHandOn }
        pair.start()
        let handOn = try #require(pair.published.first)
        let after = pair.world.after(handOn)
        let next = try #require(pair.world.handOn(after, to: pair.world.other(than: after.owner, 1)))
        let walk = try #require(pair.world.walk(pair.world.set([handOn, next])))
        #expect(walk.outlook(of: pair.order) == .passedOn(after.hash))
        pair.step(.passedOn)
        #expect(pair.source.state.phase == .done && pair.collections == 1)
    }

    @Test("What transitions say about a handoff")
    func outlooks() throws {
        let pair = try #require(HandoffPair())
        let (world, order) = (pair.world, pair.order)
        let third = SliceWorld.names.first { $0 != order.from && $0 != order.to }
        let elsewhere = try #require(third.flatMap { world.handOn(order.register, to: $0) })
        let taken = try #require(world.takeover(order.register, to: order.to))
        let handOn = try #require(world.handOn(order.register, to: order.to))
        func outlook(_ transitions: [SignedTransition]) throws -> HandoffOutlook {
            try #require(world.walk(world.set(transitions))).outlook(of: order)
        }
        #expect(try outlook([]) == .open)
        #expect(try outlook([elsewhere]) == .elsewhere)
        #expect(try outlook([taken]) == .takenOver)
        #expect(try outlook([taken, handOn]) == .handedOn(world.after(handOn).hash))
    }

    @Test("A cancellation ends though the target is lost; one that is not asks, and is told (P7)")
    func cancelled() throws {
        var pair = try #require(HandoffPair())
        pair.losesToSource = { $0.isHeld }
        pair.start()
        pair.losesToTarget = { _ in true }
        pair.step(.cancel(reason: "the target is lost"))
        pair.run()
        #expect(pair.source.state.phase == .cancelled && pair.source.isTaking)
        #expect(pair.sourceEnds == [.cancelled] && pair.target.state.phase == .held)
        let (state, id) = (pair.source.state, pair.order.id)
        func answer(_ body: HandoffReply.Body, safe: UInt64) -> HandoffMessage.Body? {
            HandoffSource.answer(
                to: HandoffReply(id: id, body: body), of: state, safe: safe, epoch: HandoffPair.epoch)?.body
        }
        #expect(answer(.held(SliceWorld.seal(1)), safe: pair.sourceTip) == .cancelled)
        #expect(answer(.held(SliceWorld.seal(1)), safe: 1) == nil, "it is not safe yet")
        #expect(answer(.dropped, safe: pair.sourceTip) == nil, "it knows, and is not told again")
    }

    @Test("A target that refuses is over with that, and the slice is not on its way there")
    func refused() throws {
        var pair = try #require(HandoffPair())
        pair.blockers = ["an older copy of the slice is not removed yet"]
        pair.start()
        #expect(pair.source.state.phase == .cancelled)
        #expect(pair.targetEnds == [.unknown] && !pair.target.isArriving)
    }

    @Test(
        "What a target holds when an operator takes the slice over is kept; a late cancellation drops none of it (P5)")
    func salvaged() throws {
        var pair = try #require(HandoffPair())
        pair.losesToSource = { $0.isHeld }
        pair.start()
        #expect(pair.target.state.phase == .held && pair.target.isArriving)
        pair.step(target: .salvage(reason: "taken over"))
        let cancelled = HandoffMessage(id: pair.order.id, epoch: HandoffPair.epoch, body: .cancelled)
        pair.step(target: .received(cancelled))
        #expect(pair.target.state.phase == .dropped && pair.targetEnds == [.dropped] && !pair.target.isArriving)
        #expect(pair.targetRecords.last == .claimed(pair.order.id, reason: "taken over"))
        var state = HandoffTargetState(order: pair.order)
        let changes = pair.targetRecords.enumerated().map { index, record in
            state.apply(record, at: HandoffPair.point(21 + UInt64(index)))
        }
        #expect(changes.last == .join && !changes.contains(.truncate(to: nil)))
    }

    @Test("A source that came back sealed hands on only when it heard what others know (P7)")
    func heldBack() throws {
        var pair = try #require(HandoffPair())
        pair.losesToSource = { $0.isHeld }
        pair.start()
        pair.step(.holdSeal(true))
        pair.losesToSource = { _ in false }
        pair.fire(.retry)
        #expect(pair.source.state.phase == .sealed && pair.published.isEmpty)
        pair.step(.holdSeal(false))
        pair.run()
        #expect(pair.source.state.phase == .done && pair.published.count == 1)
    }

    @Test("A task's limits are said with each tick, by one that is over never; only a move's source speaks of it")
    func taskLimits() throws {
        let world = try #require(SliceWorld())
        let register = try #require(world.register())
        let move = try #require(
            RebalanceMove(register: register, to: world.other(than: register.owner), envoys: 1, bytes: 1))
        let job = try #require(RebalanceJob(id: PrincipalID(high: 1, low: 1), topology: .zero, moves: [move]))
        func isThrottle(_ effect: RebalanceTask.Effect) -> Bool {
            if case .throttle = effect { return true }
            return false
        }
        var state = RebalanceState(job: job, limits: HandoffBudget.Limits(slices: 2))
        var task = RebalanceTask(state: state, hashedBy: world.witness)
        for event in [.start(registers: [register], at: .zero), .tick(.seconds(1))] as [RebalanceTask.Event] {
            let effects = task.step(event)
            #expect(effects.contains(where: isThrottle))
        }
        let begun = task.step(.recorded(.began(move: 0, attempt: 0)))
        let ordered = begun.compactMap { effect -> HandoffOrder? in
            if case .order(let order) = effect { return order }
            return nil
        }
        let order = try #require(ordered.first)
        #expect(task.source(of: order.id) == register.owner)
        #expect(task.source(of: HandoffID(.zero)) == nil)
        state.apply(.ended)
        var over = RebalanceTask(state: state, hashedBy: world.witness)
        let effects = over.step(.start(registers: [register], at: .zero))
        #expect(!effects.contains(where: isThrottle))
    }
}
