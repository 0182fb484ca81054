import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Gossip: links, strangers, the expelled")
struct GossipLinkTests {
    @Test("Opening words are checked, each in its own way")
    func openingWords() {
        func reason(_ change: (inout GossipMessage.Hello) -> Void) -> CloseReason? {
            var stage = GossipStage()
            stage.step(.linkUp(LinkID(1), stage.identity(1), dialed: false))
            var hello = stage.hello(1)
            change(&hello)
            stage.step(.received(.hello(hello), on: LinkID(1)))
            return stage.closed[LinkID(1)]
        }
        #expect(reason { _ in } == nil)
        #expect(reason { $0.mesh = MeshID(.zero) } == .wrongMesh)
        #expect(reason { ($0.versionMin, $0.versionMax) = (2, 9) } == .versionMismatch)
        #expect(reason { $0.versionMax = 9 } == nil, "the lower of both is spoken")
        #expect(reason { $0.replica = GossipStage.bolt(2).replica(7) } == .identityMismatch)
        #expect(reason { $0.bolt = PrincipalID(high: 9, low: 9) } == .identityMismatch)
    }

    @Test("Anything before the opening words, and a second opening, close the link")
    func order() {
        var stage = GossipStage()
        stage.step(.linkUp(LinkID(1), stage.identity(1), dialed: false))
        stage.step(.received(.ping, on: LinkID(1)))
        #expect(stage.closed[LinkID(1)] == .protocolViolation)
        let link = stage.link(2)
        stage.step(.received(.hello(stage.hello(2)), on: link))
        #expect(stage.closed[link] == .protocolViolation)
        stage.step(.received(.ping, on: link))
        #expect(stage.last.isEmpty, "a link that closes is not listened to")
        stage.step(.linkUp(LinkID(9), stage.identity(0), dialed: true))
        #expect(stage.closed[LinkID(9)] == .selfLink)
    }

    @Test("Of two links dialled crosswise both ends keep the same one")
    func crosswise() {
        var kept: [Bool] = []
        for (here, there) in [(0, 1), (1, 0)] {
            var stage = GossipStage()
            // The stage is bolt 0; the other end is mirrored by swapping who dialled.
            let hereDialed = here == 0
            stage.step(.linkUp(LinkID(1), stage.identity(1), dialed: hereDialed))
            stage.step(.received(.hello(stage.hello(1)), on: LinkID(1)))
            stage.step(.linkUp(LinkID(2), stage.identity(1), dialed: !hereDialed))
            stage.step(.received(.hello(stage.hello(1)), on: LinkID(2)))
            #expect(stage.closed.count == 1 && there == 1 - here)
            #expect(stage.closed.values.first == .superseded)
            // Which dialler's link stays must not depend on which came first.
            kept.append((stage.closed[LinkID(1)] == nil) == hereDialed)
        }
        #expect(kept[0] == kept[1])
    }

    @Test("A second link by the same dialler replaces the first: the dialler knows that it is gone")
    func redialled() {
        var stage = GossipStage()
        stage.link(1, as: 1)
        stage.step(.linkUp(LinkID(2), stage.identity(1), dialed: true))
        stage.step(.received(.hello(stage.hello(1)), on: LinkID(2)))
        #expect(stage.closed == [LinkID(1): .superseded])
    }

    @Test("Silence for the freeze timeout closes a link; a sign of life keeps it")
    func freeze() {
        var stage = GossipStage()
        let (silent, living) = (stage.link(1), stage.link(2))
        for _ in 0..<5 {
            stage.round()
            stage.step(.received(.ping, on: living))
        }
        #expect(stage.machine.peerViews.map(\.status) == [.suspect, .alive])
        stage.round()
        #expect(stage.closed == [silent: .frozen])
        stage.step(.linkDown(silent))
        for _ in 0..<7 {
            stage.round()
            stage.step(.received(.ping, on: living))
        }
        #expect(stage.machine.peerViews.map(\.status) == [.unreachable, .alive])
        #expect(stage.machine.unlinkedBolts.map(\.address) == ["b1:7440"])
    }

    @Test("The link of a bolt is closed in the step in which its ban is durable, and refused from then on (R2, S5)")
    func banned() throws {
        var stage = GossipStage()
        let (banned, other) = (stage.link(1), stage.link(2))
        let operation = try stage.machine.roster.draftActBan(of: PrincipalID(high: 1, low: 1))
        _ = stage.command([.act(TestIdentity.root.act(operation, nonce: 50))])
        #expect(stage.closed.isEmpty)
        stage.persistAll()
        #expect(stage.closed == [banned: .banned])
        #expect(!stage.sent(to: other).isEmpty)
        #expect(stage.machine.peerViews.map(\.bolt) == [PrincipalID(high: 1, low: 2)])
        stage.step(.linkDown(banned))
        stage.step(.linkUp(LinkID(5), stage.identity(1), dialed: false))
        #expect(stage.closed == [LinkID(5): .banned])
    }

    @Test("A bolt that learns of its own removal writes no more, and says so")
    func expelledItself() throws {
        var stage = GossipStage()
        let link = stage.link(1)
        let operation = try stage.machine.roster.draftActRemoval(of: PrincipalID(high: 1, low: 0))
        var writer = GossipWriter(identity: GossipStage.bolt(1), incarnation: 7)
        let act = RosterEvent.Payload.act(TestIdentity.root.act(operation, nonce: 50))
        stage.step(.received(.events([writer.run([.open(chain: GossipStage.bolt(1).chain), act])]), on: link))
        stage.persistAll()
        #expect(stage.notifications.contains(.selfExpelled(banned: false)))
        let id = stage.command()
        #expect(stage.outcomes[id] == .refused(.notMember))
    }

    @Test("A stranger is listened to and not served, until its own history admits it")
    func joining() throws {
        var stage = GossipStage()
        stage.step(.linkUp(LinkID(5), stage.identity(5), dialed: false))
        stage.step(.received(.hello(stage.hello(5)), on: LinkID(5)))
        let all = stage.machine.roster.vector.entries.map {
            GossipMessage.WantedRange(replica: $0.replica, after: 0)
        }
        stage.step(.received(.want(all), on: LinkID(5)))
        #expect(stage.loading == nil)
        let act = TestIdentity.root.act(.admit(GossipStage.admission(5)), nonce: 60)
        var writer = GossipWriter(identity: GossipStage.bolt(5), incarnation: 7)
        let run = writer.run([.open(chain: GossipStage.bolt(5).chain), .act(act)])
        stage.step(.received(.events([run]), on: LinkID(5)))
        stage.persistAll()
        #expect(stage.machine.peerViews.contains { $0.address == "b5:7440" && $0.status == .alive })
        stage.step(.received(.want(all), on: LinkID(5)))
        #expect(stage.loading != nil)
    }

    @Test("A peer that says too much in a round loses its link, and stays away for a while (R9)")
    func flooding() {
        var settings = GossipSettings()
        settings.messagesPerRoundMax = 20
        var stage = GossipStage(settings: settings)
        let link = stage.link(1)
        var closed: CloseReason?
        for _ in 0..<30 {
            stage.step(.received(.ping, on: link))
            closed = closed ?? stage.closed[link]
        }
        #expect(closed == .flooding)
        stage.step(.linkDown(link))
        stage.step(.linkUp(LinkID(8), stage.identity(1), dialed: false))
        #expect(stage.closed[LinkID(8)] == .flooding)
        stage.step(.linkDown(LinkID(8)))
        stage.round(Int(GossipLimits.shunRounds) + 1)
        stage.step(.linkUp(LinkID(9), stage.identity(1), dialed: false))
        #expect(stage.closed.isEmpty)
    }

    @Test("What comes late is ignored: old timers, loads, links, unknown words")
    func late() {
        var stage = GossipStage()
        let link = stage.link(1)
        #expect(stage.step(.timerFired(TimerID(999))).isEmpty)
        #expect(stage.step(.loaded(LoadID(999), [])).isEmpty)
        #expect(stage.step(.linkDown(LinkID(999))).isEmpty)
        #expect(stage.step(.received(.ping, on: LinkID(999))).isEmpty)
        #expect(stage.step(.received(.unknown(kind: 17), on: link)).isEmpty)
        #expect(stage.machine.peerViews.first?.counters.unknownMessages == 1)
        stage.step(.undecodable(link))
        #expect(stage.closed[link] == .undecodable)
    }
}
