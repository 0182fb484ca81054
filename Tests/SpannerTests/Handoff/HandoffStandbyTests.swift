import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Handoff: while no standby is in sync")
struct HandoffStandbyTests {
    private func isJournaled(_ effects: [HandoffSource.Effect], _ record: HandoffSourceRecord) -> Bool {
        effects.contains(.journal(record))
    }

    @Test("A seal that does not become safe is taken back when its time is over, and the slice is taken (P7)")
    func sealWithoutStandby() throws {
        var pair = try #require(HandoffPair())
        pair.sourceIsSafe = false
        pair.start()
        pair.step(.safe(through: pair.sourceTip))
        pair.run()
        #expect(pair.source.state.phase == .sealed && !pair.source.isTaking)
        // The standby dies before it has the seal.
        pair.source.isAlone = true
        pair.fire(.seal)
        #expect(pair.source.state.phase == .sending && pair.source.isTaking && pair.source.state.seals == 1)
        for _ in 0..<4 { pair.fire(.retry) }
        #expect(pair.source.state.phase == .sending && pair.source.state.seals == 1 && !pair.words.contains("seal"))
        pair.source.isAlone = false
        pair.makeSafe()
        for _ in 0..<4 { pair.fire(.retry) }
        #expect(pair.source.state.phase == .done && pair.source.state.seals == 2 && pair.target.isServing)
    }

    @Test("Nothing is sealed and nothing handed on while no standby is in sync; it goes on when one is (P7)")
    func alone() throws {
        var pair = try #require(HandoffPair())
        pair.source.isAlone = true
        pair.start()
        for _ in 0..<4 { pair.fire(.retry) }
        #expect(pair.source.state.phase == .sending && pair.source.isTaking && pair.source.state.seals == 0)
        #expect(pair.source.hindrance == "no standby of \(pair.order.from) is in sync")
        pair.source.isAlone = false
        pair.losesToSource = { $0.isHeld }
        pair.fire(.retry)
        #expect(pair.source.state.phase == .sealed && pair.target.state.phase == .held)
        pair.source.isAlone = true
        pair.losesToSource = { _ in false }
        pair.fire(.retry)
        #expect(pair.source.state.phase == .sealed && pair.published.isEmpty)
        pair.fire(.seal)
        #expect(pair.source.state.phase == .sending && pair.source.isTaking)
        pair.source.isAlone = false
        for _ in 0..<6 { pair.fire(.retry) }
        #expect(pair.source.state.phase == .done && pair.target.isServing)
    }

    @Test("Who was promoted alone, and does not know that the seal is safe, takes it back in its time (P7)")
    func promotedAlone() throws {
        var pair = try #require(HandoffPair())
        pair.losesToSource = { $0.isHeld }
        pair.start()
        #expect(pair.source.state.phase == .sealed)
        let partition = try #require(pair.world.partitions[pair.order.from])
        let voice = HandoffSource.Voice(
            mesh: SliceWorld.mesh, epoch: PartitionEpoch(number: 4, minter: HandoffPair.epoch.minter),
            warrant: partition.warrant, signer: partition.signer)
        var source = HandoffSource(state: pair.source.state, safe: 0, voice: voice, witness: pair.world.witness)
        source.isAlone = true
        var effects = source.step(.start)
        let timer = try #require(sealTimer(effects))
        effects = source.step(.timerFired(timer))
        #expect(isJournaled(effects, .unsealed(pair.order.id)) && !source.isTaking)
        _ = source.step(.journaled(.unsealed(pair.order.id), at: HandoffPair.point(40)))
        #expect(source.isTaking && source.state.phase == .sending)
    }

    @Test("A seal that its disk takes longer for than its time is still taken back (P7)")
    func slowDisk() throws {
        let pair = try #require(HandoffPair())
        var state = HandoffSourceState(order: pair.order)
        state.apply(.begun(pair.order), at: HandoffPair.point(11))
        let partition = try #require(pair.world.partitions[pair.order.from])
        let voice = HandoffSource.Voice(
            mesh: SliceWorld.mesh, epoch: HandoffPair.epoch, warrant: partition.warrant, signer: partition.signer)
        var source = HandoffSource(state: state, safe: 11, voice: voice, witness: pair.world.witness)
        _ = source.step(.start)
        var target = HandoffTargetState(order: pair.order)
        target.apply(.opened(pair.order), at: HandoffPair.point(1))
        _ = source.step(.received(answer(pair.order, target.progress, probe: 1)))
        let place = HandoffPiece.Place.snapshot(of: HandoffPair.point(11), number: 0, isLast: true)
        let piece = HandoffPiece(place: place, content: [])
        _ = source.step(.read(piece))
        target.apply(.stored(pair.order.id, piece), at: HandoffPair.point(2))
        var effects = source.step(.received(answer(pair.order, target.progress, probe: 0)))
        #expect(isJournaled(effects, .sealed(pair.order.id)))
        let first = try #require(sealTimer(effects))
        effects = source.step(.timerFired(first))
        let second = try #require(sealTimer(effects))
        _ = source.step(.journaled(.sealed(pair.order.id), at: HandoffPair.point(12)))
        effects = source.step(.timerFired(second))
        #expect(isJournaled(effects, .unsealed(pair.order.id)))
    }

    private func answer(_ order: HandoffOrder, _ progress: HandoffProgress, probe: UInt64) -> HandoffReply {
        HandoffReply(id: order.id, body: .progress(progress, credit: 4, probe: probe))
    }

    private func sealTimer(_ effects: [HandoffSource.Effect]) -> HandoffTimer? {
        for case .setTimer(let timer, _) in effects where timer.kind == .seal { return timer }
        return nil
    }

    @Test("A target that was handed the slice serves it before its standbys have it, and says so after (P7, P8)")
    func targetAlone() throws {
        var pair = try #require(HandoffPair())
        pair.losesToTarget = { $0.isHandOn }
        pair.start()
        let signed = try #require(pair.published.first)
        #expect(pair.target.state.phase == .held)
        // Another primary, which does not know what of this is safe.
        var target = HandoffTarget(
            state: pair.target.state, safe: 0, mesh: SliceWorld.mesh, witness: pair.world.witness)
        _ = target.step(.start)
        let message = HandoffMessage(id: pair.order.id, epoch: HandoffPair.epoch, body: .handOn(signed))
        var effects = target.step(.received(message))
        #expect(effects.contains(.journal(.adopted(pair.order.id, signed))) && !target.isServing)
        effects = target.step(.journaled(.adopted(pair.order.id, signed), at: HandoffPair.point(40)))
        #expect(effects.contains(.serve(signed)) && target.isServing && !isAnswered(effects))
        effects = target.step(.safe(through: 40))
        #expect(isAnswered(effects) && !effects.contains(.serve(signed)))
    }

    private func isAnswered(_ effects: [HandoffTarget.Effect]) -> Bool {
        effects.contains { effect in
            if case .reply(let reply) = effect { reply.body.isAdopted } else { false }
        }
    }
}
