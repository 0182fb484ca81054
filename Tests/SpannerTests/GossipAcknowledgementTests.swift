import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Gossip: when an answer may be given")
struct GossipAcknowledgementTests {
    @Test("Nothing is answered, told or in force before the transaction is durable (R1, D1)")
    func afterDurable() throws {
        var stage = GossipStage()
        let peer = stage.link(1)
        let own = stage.machine.own.replica
        let id = stage.command()
        let batch = try #require(stage.persisting)
        #expect(batch.runs.map(\.first) == [1] && batch.runs[0].bodies.count == 2, "the opening comes first")
        #expect(stage.outcomes.isEmpty)
        #expect(stage.sent(to: peer).isEmpty)
        #expect(stage.machine.roster.vector[own] == 0)
        stage.step(.persisted(batch.id))
        #expect(stage.outcomes[id] == .done(dots: [Dot(own, 2)], level: .local))
        #expect(stage.sent(to: peer) == [.events(batch.runs)])
        #expect(stage.machine.roster.vector[own] == 2)
    }

    @Test("What is asked for meanwhile goes with the next transaction, under one signature")
    func groupCommit() throws {
        var stage = GossipStage()
        stage.link(1)
        _ = stage.command()
        let first = try #require(stage.persisting)
        let waiting = (0..<5).map { _ in stage.command() }
        #expect(stage.persisting == nil, "one transaction at a time")
        stage.step(.persisted(first.id))
        let second = try #require(stage.persisting)
        #expect(second.runs.count == 1 && second.runs[0].bodies.count == 5)
        stage.step(.persisted(second.id))
        for (place, id) in waiting.enumerated() {
            let dot = Dot(stage.machine.own.replica, UInt64(3 + place))
            #expect(stage.outcomes[id] == .done(dots: [dot], level: .local))
        }
    }

    @Test("spread(k) is answered when k − 1 other bolts said that the whole history is durable there (R1)")
    func spread() {
        var stage = GossipStage(admitted: 4)
        let links = [1, 2, 3].map { stage.link($0) }
        let id = stage.command(level: .spread(3))
        stage.persistAll()
        let dot = Dot(stage.machine.own.replica, 2)
        #expect(stage.outcomes.isEmpty)
        stage.step(.received(.durable([Dot(dot.replica, 1)]), on: links[0]))
        #expect(stage.outcomes.isEmpty, "only a part of the history")
        stage.step(.received(.durable([dot]), on: links[0]))
        stage.step(.received(.durable([dot]), on: links[0]))
        #expect(stage.outcomes.isEmpty, "one bolt that says it twice is one bolt")
        stage.step(.received(stage.context(stage.machine.roster.vector), on: links[2]))
        #expect(stage.outcomes[id] == .done(dots: [dot], level: .spread(3)))
        #expect(stage.machine.holders(of: dot).count == 2)
    }

    @Test("In time nothing more is known: what was reached is said, never more")
    func spreadTimesOut() {
        var stage = GossipStage(admitted: 4)
        let links = [1, 2, 3].map { stage.link($0) }
        stage.fire(after: .seconds(3))  // the wait for a first exchange, which is over
        let (none, some) = (stage.command(level: .spread(2)), stage.command(level: .spread(4)))
        stage.persistAll()
        stage.fire(after: .seconds(3))
        #expect(stage.outcomes[none] == .done(dots: [Dot(stage.machine.own.replica, 2)], level: .local))
        stage.step(.received(.durable([Dot(stage.machine.own.replica, 3)]), on: links[0]))
        stage.fire(after: .seconds(3))
        #expect(stage.outcomes[some] == .done(dots: [Dot(stage.machine.own.replica, 3)], level: .spread(2)))
    }

    @Test("Nobody waits for bolts that cannot be reached")
    func spreadWithoutPeers() {
        var stage = GossipStage()
        stage.fire(after: .seconds(3))
        let alone = stage.command(level: .spread(2))
        stage.persistAll()
        #expect(stage.outcomes[alone] == .done(dots: [Dot(stage.machine.own.replica, 2)], level: .local))
        let link = stage.link(1)
        let lost = stage.command(level: .spread(2))
        stage.persistAll()
        #expect(stage.outcomes.isEmpty)
        stage.step(.linkDown(link))
        #expect(stage.outcomes[lost] == .done(dots: [Dot(stage.machine.own.replica, 3)], level: .local))
    }

    @Test("What the disk refuses never was: callers are told, counters are given out again")
    func diskRefuses() throws {
        var stage = GossipStage()
        let peer = stage.link(1)
        let (first, second) = (stage.command(), CommandID(77))
        let batch = try #require(stage.persisting)
        stage.step(
            .command(second, payloads: [.unknown(kind: 99, content: [])], at: WallTime(milliseconds: 1), level: .local))
        stage.step(.persistFailed(batch.id))
        #expect(stage.outcomes == [first: .refused(.storage), second: .refused(.storage)])
        #expect(stage.sent(to: peer).isEmpty)
        #expect(stage.machine.roster.vector[stage.machine.own.replica] == 0)
        _ = stage.command()
        #expect(stage.persisting?.runs.first?.first == 1)
    }

    @Test("A caller's mistake costs only that caller")
    func refusals() {
        var settings = GossipSettings()
        settings.commandsMax = 2
        var stage = GossipStage(settings: settings)
        stage.link(1)
        func refusal(_ payloads: [RosterEvent.Payload]) -> CommandOutcome? {
            let id = stage.command(payloads)
            return stage.outcomes[id]
        }
        #expect(refusal([]) == .refused(.invalid("0 events, 1 to 1024 are taken")))
        #expect(refusal([.open(chain: [[1]])]) == .refused(.invalid("a history is opened by its bolt alone")))
        let forged = SignedAct(content: [1], chain: [[2]], signature: Array(repeating: 0, count: 64))
        guard case .refused(.invalid) = refusal([.act(forged)]) else {
            Issue.record("an act that does not verify is carried")
            return
        }
        _ = stage.command()
        _ = stage.command()
        _ = stage.command()
        let late = stage.command()
        #expect(stage.outcomes[late] == .refused(.overloaded))
    }

    @Test("A genesis is imported once, and again without effect; a forged one is refused")
    func imports() throws {
        var stage = GossipStage(admitted: 0)
        var writer = GossipWriter(identity: TestIdentity.root, incarnation: 0)
        let genesis = writer.run([.open(chain: TestIdentity.root.chain)])
        stage.step(.imported(CommandID(1), [genesis]))
        #expect(stage.outcomes.isEmpty)
        stage.persistAll()
        #expect(stage.outcomes[CommandID(1)] == .imported)
        stage.step(.imported(CommandID(2), [genesis]))
        #expect(stage.outcomes[CommandID(2)] == .imported)
        var forged = genesis
        forged.replica = GossipStage.bolt(3).replica(1)
        stage.step(.imported(CommandID(3), [forged]))
        #expect(stage.outcomes[CommandID(3)] == .refused(.badRun(Dot(forged.replica, 1), .badOpening)))
    }

    @Test("A bolt that starts among others writes after an exchange of contexts, or after a bounded wait")
    func authoringWaits() {
        var stage = GossipStage()
        _ = stage.command()
        #expect(stage.persisting == nil)
        stage.link(1)
        #expect(stage.persisting != nil)
        #expect(stage.notifications.contains(.authoringOpened(afterExchange: true)))
        var alone = GossipStage()
        _ = alone.command()
        alone.fire(after: .seconds(3))
        #expect(alone.persisting != nil)
        #expect(alone.notifications.contains(.authoringOpened(afterExchange: false)))
    }

    @Test("Own events that only a peer still has end this incarnation: no dot is given out twice (R7)")
    func ownHistoryLost() throws {
        var stage = GossipStage()
        var earlier = GossipWriter(identity: stage.members[0], incarnation: 7)
        let lost = earlier.run(count: 3)
        var vector = stage.machine.roster.vector
        vector[lost.replica] = lost.last
        let link = stage.link(1, holding: vector)
        #expect(stage.sent(to: link).contains(.want([GossipMessage.WantedRange(replica: lost.replica, after: 0)])))
        let id = stage.command()
        #expect(stage.persisting == nil, "writing pauses")
        stage.step(.received(.events([lost]), on: link))
        #expect(stage.last.contains(.takeNewIncarnation))
        #expect(stage.notifications.contains(.ownHistoryLost(lost.replica, held: 0, seen: 4)))
        stage.persistAll()
        #expect(stage.outcomes.isEmpty)
        let fresh = stage.members[0].replica(8)
        stage.step(.incarnationReady(fresh))
        stage.persistAll()
        #expect(stage.outcomes[id] == .done(dots: [Dot(fresh, 2)], level: .local))
        #expect(stage.machine.roster.vector[lost.replica] == 4, "what was lost is back")
    }

    @Test("A peer that lies about own events costs one short pause, not a new incarnation")
    func falseClaim() {
        var stage = GossipStage()
        var vector = stage.machine.roster.vector
        vector[stage.machine.own.replica] = 9
        let link = stage.link(1, holding: vector)
        _ = stage.command()
        #expect(stage.persisting == nil)
        stage.round(Int(GossipLimits.suspicionRounds))
        #expect(stage.persisting != nil)
        stage.persistAll()
        stage.step(.received(stage.context(vector), on: link))
        _ = stage.command()
        #expect(stage.persisting != nil, "the same peer does not stop it again")
    }
}
