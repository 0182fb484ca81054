import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Handoff: both sides, step by step")
struct HandoffMachineTests {
    @Test("A slice goes over: streamed, sealed, held, handed on, adopted, collected (P7, P8)")
    func goesOver() throws {
        var pair = try #require(HandoffPair())
        pair.start()
        #expect(pair.source.state.phase == .done && pair.target.state.phase == .adopted)
        #expect(pair.target.isServing && !pair.source.isTaking && pair.collections == 1)
        #expect(pair.published.count == 1 && pair.served == pair.published)
        let seal = try #require(pair.published.first?.transition.seal)
        #expect(seal.point == pair.source.state.sealPoint && seal.digest == HandoffPair.digest)
        #expect(pair.published.allSatisfy { $0.isAuthentic(in: SliceWorld.mesh, witness: pair.world.witness) })
        let walk = try #require(pair.world.walk(pair.world.set(pair.published)))
        #expect(walk.owner == pair.order.to && walk.register.position == 1)
    }

    @Test("Nothing is said before it is safe; what is taken ends with the proposal of the seal (P7)")
    func nothingUnsafeIsSaid() throws {
        var pair = try #require(HandoffPair())
        pair.sourceIsSafe = false
        pair.start()
        #expect(pair.said.isEmpty && pair.source.state.phase == .sending && pair.source.isTaking)
        pair.step(.safe(through: pair.sourceTip))
        pair.run()
        #expect(pair.source.state.phase == .sealed && !pair.source.isTaking)
        #expect(!pair.words.contains("seal"))
        pair.step(.safe(through: pair.sourceTip))
        pair.run()
        #expect(pair.words.contains("seal") && pair.source.state.phase == .sent)
        #expect(pair.published.isEmpty && !pair.words.contains("hand-on"))
        pair.makeSafe()
        #expect(pair.published.count == 1 && pair.source.state.phase == .done)
    }

    @Test("The target says what it holds only when it is safe; until then nothing is handed on (P8)")
    func targetSaysOnlyWhatIsSafe() throws {
        var pair = try #require(HandoffPair())
        pair.targetIsSafe = false
        pair.start()
        #expect(pair.source.state.phase == .sending && pair.answered.isEmpty)
        func becomeSafe() {
            pair.step(target: .safe(through: pair.targetTip))
            pair.run()
        }
        becomeSafe()
        #expect(pair.source.state.phase == .sending)
        becomeSafe()
        #expect(pair.target.state.phase == .held && !pair.answered.contains { $0.body.isHeld })
        #expect(pair.source.state.phase == .sealed)
        becomeSafe()
        #expect(pair.target.state.phase == .adopted && !pair.answered.contains { $0.body.isAdopted })
        // It serves at once: its source cannot take the slice back, and keeps its copy.
        #expect(pair.target.isServing && pair.collections == 0)
        becomeSafe()
        #expect(pair.source.state.phase == .done)
    }

    @Test("A source whose turn it is not streams and serves on; given its turn it seals, and seals once")
    func turns() throws {
        var pair = try #require(HandoffPair())
        pair.step(.turn(false))
        pair.start()
        #expect(pair.source.state.phase == .sending && pair.source.isTaking && pair.source.awaitsTurn)
        #expect(pair.source.isTransferring && !pair.source.isUnserved && !pair.words.contains("seal"))
        pair.sourceIsSafe = false
        pair.step(.turn(true))
        pair.step(.turn(false))
        pair.run()
        #expect(pair.source.state.phase == .sealed && pair.source.isUnserved && !pair.source.awaitsTurn)
        pair.makeSafe()
        #expect(pair.source.state.phase == .done && pair.source.state.seals == 1 && pair.published.count == 1)
        #expect(!pair.source.isTransferring && !pair.source.isUnserved)
    }

    @Test("A slice counts as being brought over until its hand-on is safe, and as unserved until the target serves")
    func room() throws {
        var pair = try #require(HandoffPair())
        pair.losesToSource = { $0.isAdopted }
        pair.sourceIsSafe = false
        pair.start()
        for _ in 0..<2 {
            pair.step(.safe(through: pair.sourceTip))
            pair.run()
        }
        #expect(pair.source.state.phase == .sent && pair.source.isTransferring && pair.published.isEmpty)
        pair.makeSafe()
        #expect(pair.published.count == 1 && pair.source.state.phase == .sent)
        #expect(!pair.source.isTransferring && pair.source.isUnserved)
    }

    @Test("What the target refuses is cancelled, with its reasons by name")
    func refused() throws {
        var pair = try #require(HandoffPair())
        pair.blockers = ["secret web-key is missing", "its vault is sealed"]
        pair.start()
        #expect(pair.source.state.phase == .cancelled && pair.source.isTaking)
        let reason = try #require(pair.source.state.reason)
        #expect(reason.contains("secret web-key is missing; its vault is sealed"))
        #expect(pair.target.state.phase == .unknown)
    }

    @Test("A cancellation before the switch takes the slice back at once; the target drops what it has when it is safe")
    func cancelled() throws {
        var pair = try #require(HandoffPair())
        pair.losesToSource = { $0.isHeld }
        pair.start()
        #expect(pair.source.state.phase == .sealed && pair.target.state.phase == .held)
        pair.sourceIsSafe = false
        pair.step(.cancel(reason: "not today"))
        pair.run()
        #expect(pair.source.state.phase == .cancelled && pair.source.isTaking)
        #expect(pair.target.state.phase == .held && pair.sourceEnds.isEmpty)
        pair.makeSafe()
        #expect(pair.source.isTaking && pair.target.state.phase == .dropped && pair.published.isEmpty)
        // What was said of it before does no harm now.
        pair.step(.received(HandoffReply(id: pair.order.id, body: .adopted(.zero))))
        #expect(pair.source.state.phase == .cancelled && pair.source.isTaking)
    }

    @Test("A cancellation after the hand-on is refused: the way back is a handoff the other way (Redis 8.4)")
    func tooLate() throws {
        var pair = try #require(HandoffPair())
        pair.losesToTarget = { $0.isHandOn }
        pair.start()
        #expect(pair.source.state.phase == .sent)
        pair.step(.cancel(reason: "not today"))
        #expect(pair.tooLate == 1 && pair.source.state.phase == .sent && !pair.source.isTaking)
        pair.losesToTarget = { _ in false }
        pair.fire(.retry)
        #expect(pair.source.state.phase == .done && pair.target.isServing)
    }

    @Test("A seal does not stand for longer than its time: the slice is taken again, and sealed again (P7)")
    func sealTimeout() throws {
        var pair = try #require(HandoffPair())
        pair.losesToTarget = { $0.isSeal }
        pair.start()
        #expect(pair.source.state.phase == .sealed && !pair.source.isTaking)
        pair.fire(.seal)
        #expect(pair.source.state.phase == .sending && pair.source.isTaking && pair.source.state.seals == 1)
        pair.losesToTarget = { _ in false }
        pair.fire(.retry)
        pair.fire(.retry)
        #expect(pair.source.state.phase == .done && pair.source.state.seals == 2)
    }

    @Test("A target that never comes up is given up after so many seals, by name")
    func neverComesUp() throws {
        var pair = try #require(HandoffPair())
        pair.losesToTarget = { $0.isSeal }
        pair.start()
        for _ in 0..<(2 * HandoffLimits.sealsMax) {
            pair.fire(.seal)
            pair.fire(.retry)
        }
        #expect(pair.source.state.phase == .cancelled && pair.source.isTaking)
        #expect(pair.source.state.reason?.contains("did not come up") == true)
    }

    @Test("A copy that differs is thrown away and sent again; after three times it is given up (P8)")
    func mismatch() throws {
        var pair = try #require(HandoffPair())
        pair.targetDigest = .zero
        pair.start()
        for _ in 0..<20 { pair.fire(.retry) }
        #expect(pair.source.state.phase == .cancelled && pair.source.isTaking && pair.published.isEmpty)
        #expect(pair.source.state.reason?.contains("differed") == true)
        let thrown = pair.targetRecords.filter { if case .truncated(_, to: nil) = $0 { true } else { false } }
        #expect(thrown.count == HandoffLimits.mismatchesMax && pair.target.state.phase == .dropped)
    }

    @Test("Either primary may be another after any step; the slice goes over all the same (P7, P8)")
    func restarts() throws {
        let stops: [@Sendable (HandoffMessage.Body) -> Bool] = [
            { $0.isPiece }, { $0.isSeal }, { $0.isHandOn }, { $0.isPiece || $0.isSeal },
        ]
        for (number, stop) in stops.enumerated() {
            for atSource in [true, false] {
                var pair = try #require(HandoffPair())
                pair.losesToTarget = stop
                pair.start()
                #expect(pair.source.state.phase != .done)
                if atSource { pair.restartSource() } else { pair.restartTarget() }
                pair.losesToTarget = { _ in false }
                for _ in 0..<8 { pair.fire(.retry) }
                #expect(pair.source.state.phase == .done && pair.target.isServing, "stop \(number), source \(atSource)")
                #expect(pair.collections == 1)
            }
        }
    }

    @Test("A hand-on that was journaled and not safe is forgotten by a promotion, and by nobody else (Redis #6339)")
    func unsafeHandOn() throws {
        var pair = try #require(HandoffPair())
        pair.losesToSource = { $0.isHeld }
        pair.start()
        #expect(pair.source.state.phase == .sealed)
        pair.losesToSource = { _ in false }
        pair.sourceIsSafe = false
        pair.fire(.retry)
        #expect(pair.source.state.phase == .sent && pair.published.isEmpty && pair.target.state.phase == .held)
        pair.sourceIsSafe = true
        pair.restartSource(losing: 1)
        // Sealed still: the same hand-on is made again, or the seal is taken back; never both.
        #expect(!pair.source.isTaking || pair.published.isEmpty)
        pair.fire(.retry)
        #expect(pair.source.state.phase == .done && pair.target.isServing && pair.published.count == 1)
    }

    @Test("A target that lost what it held is sent it again before it serves; the source keeps its copy (P8)")
    func targetLostItsCopy() throws {
        var pair = try #require(HandoffPair())
        pair.losesToTarget = { $0.isHandOn }
        pair.start()
        #expect(pair.source.state.phase == .sent && pair.target.state.phase == .held)
        // An accepted loss of data: everything but the first record is gone.
        pair.restartTarget(losing: pair.targetRecords.count - 1)
        #expect(pair.target.state.phase == .receiving && pair.collections == 0)
        pair.losesToTarget = { $0.isPiece }
        pair.fire(.retry)
        #expect(pair.target.state.phase == .receiving && !pair.target.isServing && pair.collections == 0)
        pair.losesToTarget = { _ in false }
        for _ in 0..<4 { pair.fire(.retry) }
        #expect(pair.target.isServing && pair.source.state.phase == .done)
    }

    @Test("A late word to go back takes nothing away that is held under the same reign (P8)")
    func lateRewind() throws {
        var pair = try #require(HandoffPair())
        pair.losesToSource = { $0.isHeld }
        pair.start()
        let rewind = HandoffMessage(id: pair.order.id, epoch: HandoffPair.epoch, body: .rewind(to: nil))
        pair.step(target: .received(rewind))
        #expect(pair.target.state.phase == .held)
        let later = PartitionEpoch(number: 4, minter: HandoffPair.epoch.minter)
        pair.step(target: .received(HandoffMessage(id: pair.order.id, epoch: later, body: .rewind(to: nil))))
        #expect(pair.target.state.phase == .receiving && pair.target.state.progress.stage == .empty)
    }

    @Test("A source that was taken over yields before its hand-on, and stays with it after (P7)")
    func takeover() throws {
        for isLate in [false, true] {
            var pair = try #require(HandoffPair())
            pair.losesToSource = { reply in isLate ? reply.isAdopted : reply.isHeld }
            pair.start()
            let taken = try #require(
                pair.world.takeover(pair.order.register, to: pair.world.other(than: pair.order.from, 2)))
            pair.step(.registerMoved(pair.world.after(taken)))
            pair.losesToSource = { _ in false }
            for _ in 0..<4 { pair.fire(.retry) }
            #expect(!pair.source.isTaking)
            #expect(pair.source.state.phase == (isLate ? .done : .cancelled))
            #expect(pair.target.isServing == isLate && pair.published.isEmpty == !isLate)
        }
    }

    @Test("A hand-on that does not verify, or of another order, is not believed (R5, P7)")
    func forgedHandOn() throws {
        var pair = try #require(HandoffPair())
        pair.losesToTarget = { $0.isHandOn }
        pair.start()
        let good = try #require(pair.source.state.transition)
        let thief = try #require(pair.world.partitions[pair.order.to])
        let other = try #require(pair.world.handOn(pair.order.register, to: pair.world.other(than: pair.order.from, 1)))
        for bad in [thief.sign(good.transition), other] {
            pair.step(
                target: .received(HandoffMessage(id: pair.order.id, epoch: HandoffPair.epoch, body: .handOn(bad))))
            #expect(pair.target.state.phase == .held && !pair.target.isServing)
        }
    }

    @Test("Messages, replies and records survive their encoding; cut short they are refused (R10)")
    func encoding() throws {
        var pair = try #require(HandoffPair())
        pair.start()
        let tail = HandoffPiece(place: .tail(after: HandoffPair.point(3), through: HandoffPair.point(5)), content: [1])
        let more: [HandoffMessage.Body] = [
            .piece(tail), .rewind(to: HandoffPair.point(4)), .rewind(to: nil), .cancelled,
        ]
        let messages =
            pair.said + more.map { HandoffMessage(id: pair.order.id, epoch: HandoffPair.epoch, body: $0) }
        for message in messages { try check(message) }
        let replies: [HandoffReply.Body] = [.refused(["full"]), .mismatch(SliceWorld.seal(1)), .dropped]
        for reply in pair.answered + replies.map({ HandoffReply(id: pair.order.id, body: $0) }) { try check(reply) }
        let id = pair.order.id
        let sourceRecords: [HandoffSourceRecord] = [.unsealed(id), .cancelled(id, reason: "no"), .overtaken(id)]
        for record in pair.sourceRecords + sourceRecords { try check(record) }
        let targetRecords: [HandoffTargetRecord] = [
            .truncated(id, to: nil), .truncated(id, to: HandoffPair.point(2)), .dropped(id, reason: "no"),
            .claimed(id, reason: "taken over"),
        ]
        for record in pair.targetRecords + targetRecords { try check(record) }
    }

    private func check<Value: CanonicalValue & Equatable>(_ value: Value) throws {
        let bytes = value.canonicalBytes
        var decoder = CanonicalDecoder(bytes)
        #expect(try Value(from: &decoder) == value)
        try decoder.finish()
        for length in 0..<bytes.count {
            var decoder = CanonicalDecoder(bytes.prefix(length))
            #expect(throws: DecodingFailure.self) { _ = try Value(from: &decoder) }
        }
    }
}
