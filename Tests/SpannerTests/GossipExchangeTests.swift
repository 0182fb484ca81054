import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Gossip: what is told, asked and served")
struct GossipExchangeTests {
    private func writer(_ number: Int) -> GossipWriter {
        GossipWriter(identity: GossipStage.bolt(number), incarnation: 7)
    }

    private func wants(_ messages: [GossipMessage]) -> [GossipMessage.WantedRange] {
        messages.flatMap { message -> [GossipMessage.WantedRange] in
            if case .want(let ranges) = message { return ranges }
            return []
        }
    }

    @Test("Between equals only the digest is said; the vector where they differ")
    func digests() {
        var stage = GossipStage()
        let link = stage.link(1)
        stage.round()
        #expect(stage.sent(to: link) == [.context(digest: stage.machine.roster.digest, vector: nil)])
        _ = stage.command()
        stage.persistAll()
        stage.round()
        let (digest, vector) = (stage.machine.roster.digest, stage.machine.roster.vector)
        #expect(stage.sent(to: link).contains(.context(digest: digest, vector: vector)))
    }

    @Test("A run is told to be durable to who sent it, and to who wrote it, once it is")
    func durable() throws {
        var stage = GossipStage()
        let (author, carrier) = (stage.link(1), stage.link(2))
        var writer = writer(1)
        let run = writer.run(count: 2)
        stage.step(.received(.events([run]), on: carrier))
        #expect(stage.sent(to: carrier).isEmpty)
        stage.persistAll()
        let dot = Dot(run.replica, 3)
        #expect(stage.sent(to: carrier).contains(.durable([dot])))
        #expect(stage.sent(to: author).contains(.durable([dot])))
    }

    @Test("A poison run is set aside, told and counted; what came beside it is taken (R5, R10)")
    func poison() throws {
        var stage = GossipStage()
        let link = stage.link(1)
        var (one, two, three) = (writer(1), writer(2), GossipWriter(identity: GossipStage.bolt(2), incarnation: 8))
        var poison = two.run(count: 1)
        poison.bodies[1][0] ^= 1
        let good = [one.run(count: 1), three.run(count: 1)]
        stage.step(.received(.events([good[0], poison, good[1]]), on: link))
        #expect(stage.persisting?.runs == good)
        #expect(stage.sent(to: link).contains(.reject(Dot(poison.replica, 1), .badSignature)))
        #expect(
            stage.notifications.contains(
                .quarantined(Dot(poison.replica, 1), .badSignature, from: stage.identity(1))))
        stage.persistAll()
        #expect(stage.machine.roster.vector[good[1].replica] == 2)
        #expect(stage.machine.roster.vector[poison.replica] == 0)
        #expect(stage.machine.counters.runsRejected == 1)
        // It is not asked for again at this peer for a while, and then it is.
        var vector = stage.machine.roster.vector
        vector[poison.replica] = 2
        stage.step(.received(stage.context(vector), on: link))
        #expect(wants(stage.sent(to: link)).isEmpty)
        var asked = false
        for _ in 0..<5 {
            stage.step(.received(.ping, on: link))
            stage.round()
            asked = asked || !wants(stage.sent(to: link)).isEmpty
        }
        #expect(asked)
    }

    @Test("Every changed byte of a run is refused, and changes nothing (R5)")
    func everyByte() {
        var stage = GossipStage()
        let link = stage.link(1)
        var writer = writer(2)
        let run = writer.run(count: 1)
        let before = stage.machine.roster.digest
        for body in run.bodies.indices {
            for byte in run.bodies[body].indices {
                var forged = run
                forged.bodies[body][byte] ^= 0x10
                var stage = stage
                stage.step(.received(.events([forged]), on: link))
                #expect(stage.persisting == nil, "body \(body), byte \(byte)")
                #expect(stage.machine.roster.digest == before)
            }
        }
    }

    @Test("A gap is asked for once, however many runs show it")
    func gaps() {
        var stage = GossipStage()
        let link = stage.link(1)
        var writer = writer(1)
        let (first, second, third) = (writer.run(count: 1), writer.run(count: 1), writer.run(count: 1))
        stage.step(.received(.events([second, third]), on: link))
        let range = GossipMessage.WantedRange(replica: first.replica, after: 0)
        #expect(wants(stage.sent(to: link)) == [range])
        stage.step(.received(.events([third]), on: link))
        #expect(wants(stage.sent(to: link)).isEmpty)
        stage.step(.received(.events([first, second, third]), on: link))
        stage.persistAll()
        #expect(stage.machine.roster.vector[first.replica] == third.last)
    }

    @Test("What several peers hold is asked of one; of another when that one does not answer")
    func askedOnce() {
        var stage = GossipStage(admitted: 4)
        var writer = writer(3)
        let run = writer.run(count: 1)
        var vector = stage.machine.roster.vector
        vector[run.replica] = run.last
        let links = [1, 2].map { stage.link($0, holding: vector) }
        #expect(wants(stage.sent(to: links[1])).isEmpty, "the first was asked already")
        var asked: [LinkID] = []
        for _ in 0..<6 {
            for link in links { stage.step(.received(.ping, on: link)) }
            stage.round()
            asked += links.filter { !wants(stage.sent(to: $0)).isEmpty }
        }
        #expect(asked.first == links[1])
        stage.step(.linkDown(links[1]))
        stage.round(3)
        #expect(stage.machine.peerViews.count == 3)
    }

    @Test("History is read from disk within a message's bound, one read at a time, and goes out packed")
    func serves() throws {
        var stage = GossipStage()
        let link = stage.link(1, holding: VersionVector())
        _ = stage.command()
        stage.persistAll()
        let own = stage.machine.own.replica
        let root = TestIdentity.root.replica(0)
        stage.step(
            .received(
                .want([
                    GossipMessage.WantedRange(replica: own, after: 0),
                    GossipMessage.WantedRange(replica: root, after: 0),
                    GossipMessage.WantedRange(replica: GossipStage.bolt(9).replica(1), after: 0),
                ]), on: link))
        let load = try #require(stage.loading)
        #expect(load.replica == own && load.after == 0 && load.bytesMax == GossipLimits.eventsBytesMax)
        var writer = GossipWriter(identity: GossipStage.bolt(0), incarnation: 7)
        let runs = [writer.run(count: 1), writer.run(count: 1)]
        stage.step(.loaded(load.id, runs))
        let joined = try #require(runs[0].joined(with: runs[1]))
        #expect(stage.sent(to: link) == [.events([joined])])
        #expect(stage.loading?.replica == root, "the next one; what is not held is not read")
    }

    @Test("A second time costs of a small share that grows with what was needed (R9)")
    func repeats() {
        var settings = GossipSettings()
        settings.repeatBytesInitial = 1
        settings.repeatBytesPerRound = 1
        var stage = GossipStage(settings: settings)
        let link = stage.link(1, holding: VersionVector())
        let root = TestIdentity.root.replica(0)
        var writer = GossipWriter(identity: TestIdentity.root, incarnation: 0)
        let history = writer.run([.open(chain: TestIdentity.root.chain)])
        var loads = 0
        for _ in 0..<50 {
            stage.step(.received(.want([GossipMessage.WantedRange(replica: root, after: 0)]), on: link))
            guard let load = stage.loading else { continue }
            loads += 1
            stage.step(.loaded(load.id, [history]))
        }
        #expect((2...3).contains(loads))
        #expect((stage.machine.peerViews.first?.counters.servesDelayed ?? 0) > 40)
    }

    @Test(
        "R4: what a peer says to hold for the first time is credited to it: one that lost its share to a fault gets on")
    func confirmedBytesAreCredited() {
        var settings = GossipSettings()
        (settings.repeatBytesInitial, settings.repeatBytesPerRound) = (1, 0)
        var stage = GossipStage(settings: settings)
        let link = stage.link(1, holding: VersionVector())
        var writer = writer(2)
        let runs = (0..<12).map { _ in writer.run(count: 1) }
        stage.step(.received(.events(runs), on: stage.link(2)))
        stage.persistAll()
        func serve(after: UInt64, _ answer: [SignedRun]) -> Bool {
            stage.step(.received(.want([GossipMessage.WantedRange(replica: writer.replica, after: after)]), on: link))
            guard let load = stage.loading else { return false }
            stage.step(.loaded(load.id, answer))
            return true
        }
        // All of it is on its way more than once, and nothing is said to have arrived: the share is used up.
        var before = 0
        while serve(after: 0, runs) { before += 1 }
        #expect((2...3).contains(before))
        // It says to hold what the repeat brought: that much it may have again.
        stage.step(.received(.durable([Dot(writer.replica, runs[11].last)]), on: link))
        #expect(serve(after: 0, Array(runs.prefix(1))))
        while serve(after: 0, runs) {}
        // Saying so again and again brings nothing.
        for _ in 0..<20 { stage.step(.received(.durable([Dot(writer.replica, runs[11].last)]), on: link)) }
        #expect(!serve(after: 0, runs))
    }

    @Test("A replica that a peer had to ask for here is relayed to it at once, never back, never twice")
    func relays() {
        var stage = GossipStage(admitted: 4)
        let (source, other) = (stage.link(1), stage.link(2))
        var writer = writer(3)
        let runs = (0..<3).map { _ in writer.run(count: 1) }
        stage.step(.received(.events([runs[0]]), on: source))
        stage.persistAll()
        #expect(!stage.sent(to: other).contains(.events([runs[0]])), "its author may reach it")
        stage.step(.received(.want([GossipMessage.WantedRange(replica: writer.replica, after: 0)]), on: other))
        stage.step(.received(.events([runs[1]]), on: source))
        stage.persistAll()
        #expect(stage.sent(to: other).contains(.events([runs[1]])))
        #expect(!stage.sent(to: source).contains(.events([runs[1]])))
        stage.step(.received(.durable([Dot(writer.replica, runs[1].last)]), on: other))
        stage.step(.received(.events([runs[1]]), on: source))
        #expect(stage.last.isEmpty, "a duplicate moves nothing")
    }

    @Test("A refusal stops what is sent of that replica, for a while, and is shown")
    func refusedByPeer() {
        var stage = GossipStage()
        let link = stage.link(1)
        _ = stage.command()
        stage.persistAll()
        let own = stage.machine.own.replica
        stage.step(.received(.reject(Dot(own, 1), .badAuthor), on: link))
        #expect(
            stage.notifications == [.refusedByPeer(Dot(own, 1), .badAuthor, by: stage.identity(1))])
        _ = stage.command()
        stage.persistAll()
        #expect(stage.sent(to: link).isEmpty)
        let late = stage.command(level: .spread(2))
        stage.persistAll()
        #expect(stage.outcomes[late] != nil, "nobody waits for a peer that refuses")
    }

    @Test("The same events in the same order give the same effects (sans-IO)")
    func deterministic() {
        func run() -> [[GossipMachine.Effect]] {
            var stage = GossipStage(admitted: 4)
            var effects: [[GossipMachine.Effect]] = []
            var writer = writer(3)
            for number in 1...3 { stage.link(number) }
            for _ in 0..<20 {
                effects.append(stage.step(.received(.events([writer.run(count: 2)]), on: LinkID(1))))
                _ = stage.command()
                effects.append(stage.persistAll())
                stage.round()
                effects.append(stage.last)
            }
            return effects
        }
        #expect(run() == run())
    }
}
