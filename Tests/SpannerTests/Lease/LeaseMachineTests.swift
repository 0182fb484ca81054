import CRDT
import Spanner
import Testing

/// P9 in small: a lease decides only when to try, whatever its engine does.
@Suite("Lease: the machine's rules")
struct LeaseMachineTests {
    private let settings = LeaseStage.settings

    @Test("a standby looks, waits while another has it, and takes it a moment after it became free")
    func campaign() {
        var stage = LeaseStage()
        #expect(stage.asked?.request == .observe)
        stage.answer(.observed(LeaseStage.view(5, holder: 2)))
        #expect(stage.machine.standing == .candidate(holder: LeaseStage.bolt(2)))
        #expect(stage.asked == nil)
        stage.fire(settings.pollInterval)
        stage.answer(.observed(LeaseStage.view(6)))
        stage.fire(.zero)
        #expect(stage.asked?.request == .campaign(ttl: settings.ttl))
        stage.answer(.granted(LeaseStage.token(7), ttl: settings.ttl, LeaseStage.view(7).mark))
        #expect(stage.machine.standing == .holder(LeaseStage.token(7)))
        #expect(stage.tries == [LeaseStage.token(7)])
        stage.fire(settings.renewInterval)
        #expect(stage.asked?.request == .renew(LeaseStage.token(7)))
        stage.answer(.renewed(ttl: settings.ttl, LeaseStage.view(8, holder: 1)))
        #expect(stage.tries.isEmpty, "one grant is tried once")
    }

    @Test("a standby that finds no holder at its start waits a whole lease: the primary may want it back")
    func patienceAtStart() {
        var stage = LeaseStage()
        stage.answer(.observed(LeaseStage.view(5)))
        stage.fire(settings.pollInterval)
        #expect(stage.asked?.request == .observe)
        stage.answer(.observed(LeaseStage.view(5)))
        stage.fire(settings.ttl)
        #expect(stage.asked?.request == .campaign(ttl: settings.ttl))
    }

    @Test("a primary takes it at once, and never tries to be promoted")
    func primary() {
        var stage = LeaseStage(.primary)
        stage.answer(.observed(LeaseStage.view(5)))
        #expect(stage.asked?.request == .campaign(ttl: settings.ttl))
        stage.answer(.granted(LeaseStage.token(7), ttl: settings.ttl, LeaseStage.view(7).mark))
        #expect(stage.machine.standing == .holder(LeaseStage.token(7)))
        #expect(stage.tries.isEmpty)
    }

    @Test("a bolt that must not have it watches only, and gives back what it has")
    func ineligible() {
        var stage = LeaseStage(.ineligible)
        stage.answer(.observed(LeaseStage.view(5)))
        stage.fire(settings.ttl)
        #expect(stage.asked?.request == .observe)
        #expect(stage.machine.standing == .idle(holder: nil))
        var winner = LeaseStage.winner()
        winner.step(.role(.ineligible))
        #expect(winner.asked?.request == .release(LeaseStage.token(7)))
        winner.answer(.released(LeaseStage.view(9).mark))
        #expect(winner.machine.standing == .idle(holder: nil))
    }

    @Test("P9: engine lost: a holder is doubtful after a whole lease, keeps asking, and nobody is told to do anything")
    func engineLost() {
        var stage = LeaseStage.winner()
        stage.step(.role(.primary))
        stage.answer(.renewed(ttl: settings.ttl, LeaseStage.view(8, holder: 1)))
        stage.fire(settings.renewInterval)
        stage.fail()
        #expect(stage.last.contains(.notify(.silent("gone"))))
        #expect(stage.machine.standing == .holder(LeaseStage.token(7)), "within its time it still has it")
        for _ in 0..<20 {
            stage.fire(stage.timers.last { $0.after <= settings.retryMax }?.after ?? .zero)
            #expect(stage.asked?.request == .renew(LeaseStage.token(7)))
            stage.fail()
            #expect(stage.tries.isEmpty && !stage.last.contains(.stopped))
        }
        for timer in stage.timers where timer.after == settings.ttl { stage.step(.timerFired(timer.id)) }
        #expect(stage.machine.standing == .unavailable(held: true, why: "gone"))
        stage.answer(.renewed(ttl: settings.ttl, LeaseStage.view(8, holder: 1)))
        #expect(stage.machine.standing == .holder(LeaseStage.token(7)))
        #expect(stage.last.contains(.notify(.answers)) && stage.tries.isEmpty)
    }

    @Test("P9: a standby whose engine was gone for long does not take what became free in the outage")
    func outage() {
        var stage = LeaseStage()
        stage.answer(.observed(LeaseStage.view(5, holder: 2)))
        stage.fire(settings.pollInterval)
        stage.fail()
        #expect(stage.machine.standing == .unavailable(held: false, why: "gone"))
        stage.fire(settings.ttl / 2)
        stage.fire(settings.pollInterval * 2)
        stage.answer(.observed(LeaseStage.view(6)))
        #expect(stage.asked == nil)
        #expect(stage.timers.contains { $0.after == settings.ttl })
    }

    @Test(
        "P9: an engine that went back, or was rebuilt, is told; standbys wait a whole lease, a primary does not",
        arguments: [LeaseStage.view(3), LeaseStage.view(9, cluster: 2)])
    func wentBack(view: LeaseView) {
        var stage = LeaseStage()
        stage.answer(.observed(LeaseStage.view(5, holder: 2)))
        stage.fire(settings.pollInterval)
        stage.answer(.observed(view))
        #expect(stage.last.contains(.notify(.wentBack(from: LeaseStage.view(5).mark, to: view.mark))))
        #expect(stage.asked == nil && stage.timers.last { $0.after == settings.ttl } != nil)
        var primary = LeaseStage.winner()
        primary.step(.role(.primary))
        primary.answer(.gone(view))
        #expect(primary.asked?.request == .campaign(ttl: settings.ttl))
    }

    @Test("P9: a grant that ends early is told; a primary campaigns at once, or sees who has it, and reigns on")
    func endedEarly() {
        for holder in [nil, UInt64(2)] {
            var stage = LeaseStage.winner()
            stage.step(.role(.primary))
            stage.answer(.gone(LeaseStage.view(9, holder: holder)))
            #expect(stage.last.contains(.notify(.endedEarly(LeaseStage.token(7)))))
            #expect(stage.machine.standing == .lost(to: holder.map(LeaseStage.bolt)))
            #expect((stage.asked?.request == .campaign(ttl: settings.ttl)) == (holder == nil))
        }
    }

    @Test("P9: a process that stood still between asking and being answered does not count on the grant")
    func paused() {
        var stage = LeaseStage()
        stage.answer(.observed(LeaseStage.view(5, holder: 2)))
        stage.fire(settings.pollInterval)
        stage.answer(.observed(LeaseStage.view(6)))
        stage.fire(.zero)
        stage.fire(settings.ttl)
        stage.answer(.granted(LeaseStage.token(7), ttl: settings.ttl, LeaseStage.view(7).mark))
        #expect(stage.tries.isEmpty)
        #expect(stage.asked?.request == .renew(LeaseStage.token(7)))
        #expect(stage.machine.standing == .unavailable(held: true, why: "it was not renewed in time"))
        stage.answer(.renewed(ttl: settings.ttl, LeaseStage.view(8, holder: 1)))
        #expect(stage.tries == [LeaseStage.token(7)])
    }

    @Test("a promotion that fails gives the lease back, and lets others try for a whole lease")
    func failedTry() {
        var stage = LeaseStage.winner()
        stage.step(.tried(LeaseStage.token(7), succeeded: false))
        #expect(stage.last.contains(.notify(.givenBack(LeaseStage.token(7)))))
        #expect(stage.asked?.request == .release(LeaseStage.token(7)))
        stage.answer(.released(LeaseStage.view(9).mark))
        stage.fire(settings.pollInterval)
        stage.answer(.observed(LeaseStage.view(9)))
        #expect(stage.asked == nil, "patient")
        stage.fire(settings.ttl)
        #expect(stage.asked?.request == .campaign(ttl: settings.ttl))
    }

    @Test("a primary that handed over gives the lease back and does not race its successor")
    func handedOver() {
        var stage = LeaseStage.winner()
        stage.step(.tried(LeaseStage.token(7), succeeded: true))
        stage.step(.role(.primary))
        stage.answer(.renewed(ttl: settings.ttl, LeaseStage.view(8, holder: 1)))
        stage.step(.role(.standby))
        #expect(stage.asked?.request == .release(LeaseStage.token(7)))
        stage.answer(.released(LeaseStage.view(9).mark))
        stage.fire(settings.pollInterval)
        stage.answer(.observed(LeaseStage.view(9)))
        #expect(stage.asked == nil)
    }

    @Test("deposed while a campaign was on its way: what it wins is given back, not tried on")
    func deposedWhileCampaigning() {
        var stage = LeaseStage(.primary)
        stage.answer(.observed(LeaseStage.view(5)))
        stage.step(.role(.standby))
        stage.answer(.granted(LeaseStage.token(7), ttl: settings.ttl, LeaseStage.view(7).mark))
        #expect(stage.tries.isEmpty)
        #expect(stage.asked?.request == .release(LeaseStage.token(7)))
    }

    @Test("a lease of its own earlier life, or one whose grant was not heard, is taken up again")
    func adopted() {
        var stage = LeaseStage()
        stage.answer(.observed(LeaseStage.view(5, holder: 1)))
        #expect(stage.asked?.request == .renew(LeaseStage.token(1)))
        stage.answer(.renewed(ttl: settings.ttl, LeaseStage.view(5, holder: 1)))
        #expect(stage.machine.standing == .holder(LeaseStage.token(1)))
        #expect(stage.tries == [LeaseStage.token(1)])
    }

    @Test("an engine that refuses campaigns is told with its reason, asked seldom, and still watched")
    func refused() {
        var stage = LeaseStage(.primary)
        stage.answer(.observed(LeaseStage.view(5)))
        stage.fail(.refused("etcd 3.4.23"))
        #expect(stage.machine.standing == .refused("etcd 3.4.23"))
        stage.fire(settings.pollInterval)
        #expect(stage.asked?.request == .observe)
        stage.answer(.observed(LeaseStage.view(5)))
        #expect(stage.asked == nil)
        stage.fire(settings.refusalInterval)
        #expect(stage.asked?.request == .campaign(ttl: settings.ttl))
        stage.answer(.granted(LeaseStage.token(7), ttl: settings.ttl, LeaseStage.view(7).mark))
        #expect(stage.machine.standing == .holder(LeaseStage.token(7)))
    }

    @Test("a shorter grant than asked for is counted from the earliest instant at which it may have begun")
    func shortGrant() {
        var stage = LeaseStage(.primary)
        stage.answer(.observed(LeaseStage.view(5)))
        stage.answer(.granted(LeaseStage.token(7), ttl: .seconds(2), LeaseStage.view(7).mark))
        stage.fire(.seconds(2) - settings.requestTimeout)
        #expect(stage.machine.standing == .unavailable(held: true, why: "it was not renewed in time"))
        #expect(stage.asked?.request == .renew(LeaseStage.token(7)))
    }

    @Test("the end of the process gives the lease back, and waits for nothing that does not come")
    func stop() {
        var stage = LeaseStage.winner()
        stage.step(.stop)
        #expect(stage.asked?.request == .release(LeaseStage.token(7)))
        stage.fail()
        #expect(stage.last.contains(.stopped))
        stage.step(.started)
        #expect(stage.last.isEmpty)
        var idle = LeaseStage()
        idle.answer(.observed(LeaseStage.view(5)))
        idle.step(.stop)
        #expect(idle.last.contains(.stopped))
        var asking = LeaseStage(.primary)
        asking.answer(.observed(LeaseStage.view(5)))
        asking.step(.stop)
        #expect(!asking.last.contains(.stopped), "a campaign is on its way")
        asking.answer(.granted(LeaseStage.token(7), ttl: settings.ttl, LeaseStage.view(7).mark))
        #expect(asking.asked?.request == .release(LeaseStage.token(7)))
    }

    @Test("answers to what was not asked, and to old requests, do nothing")
    func contradictions() {
        var stage = LeaseStage()
        let old = stage.asked
        stage.answer(.released(LeaseStage.view(5).mark))
        #expect(stage.last.contains(.notify(.contradiction("the engine answered what was not asked"))))
        if let old { stage.step(.answered(old.id, .observed(LeaseStage.view(9)))) }
        #expect(stage.last.isEmpty)
    }

    @Test("settings that contradict one another are named")
    func settingsAreChecked() {
        #expect(LeaseSettings().violations.isEmpty)
        var bad = LeaseSettings()
        (bad.ttl, bad.renewInterval, bad.pollInterval) = (.milliseconds(500), .seconds(1), .zero)
        (bad.campaignJitter, bad.retryMax, bad.refusalInterval) = (.seconds(60), .seconds(-1), .seconds(-1))
        #expect(bad.violations.count == 7)
    }
}
