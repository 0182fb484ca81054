import CRDT
import Spanner
import Testing

/// P9 on generated worlds: honest engines, absent ones, and ones that lie.
@Suite("Lease: many bolts, one engine")
struct LeaseWorldTests {
    @Test(
        "with an honest engine no two bolts count themselves as holder at once, whatever stops, dies or is cut off",
        arguments: (1...60).map { UInt64($0) })
    func exclusive(seed: UInt64) {
        var world = LeaseWorld(bolts: 3, seed: seed)
        world.start(primary: 0)
        for _ in 0..<60 {
            let bolt = world.draw(3)
            switch world.draw(8) {
            case 0: world.kill(bolt)
            case 1, 2: world.restart(bolt)
            case 3: world.pause(bolt, world.draw(12_000))
            case 4: world.engineIsDown.toggle()
            case 5: world.cut = world.draw(2) == 0 ? [] : [bolt]
            default: break
            }
            world.run(until: world.now + world.draw(4000)) { world in
                let holders = world.holders
                #expect(holders.count <= 1, "seed \(seed) at \(world.now): \(holders)\n\(world.log.suffix(20))")
            }
        }
        (world.engineIsDown, world.cut) = (false, [])
        for bolt in 0..<3 { world.restart(bolt) }
        world.run(until: world.now + 40_000)
        #expect(world.holders.count == 1, "seed \(seed): healed, somebody holds it\n\(world.log.suffix(20))")
        #expect(world.primary == world.holders.first, "seed \(seed): and it is the primary")
    }

    @Test("a dead primary is followed within its lease and half a second", arguments: (1...40).map { UInt64($0) })
    func failover(seed: UInt64) throws {
        var world = LeaseWorld(bolts: 3, seed: seed)
        // A local network: what is lost or late there costs its own time on top.
        (world.delayMax, world.losesAnswers) = (5, false)
        world.start(primary: 0)
        world.run(until: 20_000 + world.draw(3000))
        #expect(world.holders == [0])
        world.kill(0)
        world.run(until: world.now + LeaseWorld.ttl + 500)
        let next = try #require(world.primary, "seed \(seed): \(world.log.suffix(10))")
        #expect(next != 0 && world.bolts.map(\.tries).reduce(0, +) == 1)
    }

    @Test("P9: the engine is gone for good: nobody is ever told to try, the primary reigns on and says so")
    func gone() {
        for seed in 1...20 as ClosedRange<UInt64> {
            var world = LeaseWorld(bolts: 3, seed: seed)
            world.start(primary: 0)
            world.run(until: 20_000)
            world.engineIsDown = true
            world.run(until: 200_000)
            #expect(world.bolts.map(\.tries) == [0, 0, 0] && world.primary == 0)
            #expect(world.bolts[0].machine.standing == .unavailable(held: true, why: "no answer in time"))
            for index in 1...2 {
                #expect(world.bolts[index].machine.standing == .unavailable(held: false, why: "no answer in time"))
            }
            world.engineIsDown = false
            world.run(until: 230_000)
            #expect(
                world.holders == [0] && world.primary == 0, "seed \(seed): the primary has it again, by no failover")
        }
    }

    @Test(
        "P9: rebuilt empty, restored from the past or ended early: a running primary gets it back, without a failover",
        arguments: ["rebuilt", "restored", "ended"])
    func engineForgot(how: String) {
        for seed in 1...20 as ClosedRange<UInt64> {
            var world = LeaseWorld(bolts: 3, seed: seed)
            world.start(primary: 0)
            world.run(until: 10_000)
            let past = world.engine
            world.run(until: 20_000 + world.draw(3000))
            switch how {
            case "rebuilt": world.engine.mark = LeaseMark(cluster: 2, revision: 1)
            case "restored": world.engine.mark = LeaseMark(cluster: 1, revision: past.mark.revision - 1)
            default: world.engine.mark = LeaseMark(cluster: 1, revision: past.mark.revision + 1)
            }
            world.engine.grant = nil
            world.run(until: world.now + 20_000)
            let tries = world.bolts.map(\.tries).reduce(0, +)
            // Ended early looks like a primary that died, to everybody but the primary: at most one failover.
            #expect(tries <= (how == "ended" ? 1 : 0), "seed \(seed): \(world.log.suffix(12))")
            #expect(world.holders.count == 1 && world.holders.first == world.primary)
        }
    }

    @Test("P9: granted to everybody who asks: tries follow, each by one bolt, and it settles once the engine is honest")
    func grantedTwice() {
        for seed in 1...20 as ClosedRange<UInt64> {
            var world = LeaseWorld(bolts: 3, seed: seed)
            world.start(primary: 0)
            world.run(until: 20_000)
            world.engine.grantsTwice = true
            for _ in 0..<5 {
                world.engine.end()
                world.run(until: world.now + 3000)
            }
            world.engine.grantsTwice = false
            world.run(until: world.now + 40_000)
            #expect(world.holders.count == 1 && world.holders.first == world.primary, "\(world.log.suffix(12))")
        }
    }

    /// Random answers of the right and the wrong kind, to every request at once.
    @Test("no engine, however mad, gets more than a bounded number of requests", arguments: (1...20).map { UInt64($0) })
    func bounded(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var stage = LeaseStage(seed % 2 == 0 ? .standby : .primary)
        var sentInARow = 0
        for _ in 0..<5000 {
            guard stage.asked != nil else {
                sentInARow = 0
                let index = Int(generator.below(UInt64(max(1, stage.timers.count))))
                guard index < stage.timers.count else { break }
                stage.step(.timerFired(stage.timers.remove(at: index).id))
                continue
            }
            sentInARow += 1
            #expect(sentInARow <= 5, "seed \(seed)")
            let holder = generator.below(3)
            let view = LeaseStage.view(
                generator.below(4), holder: holder == 0 ? nil : holder, cluster: generator.below(2))
            let token = LeaseStage.token(generator.below(3))
            let ttl = Duration.seconds(Int64(generator.below(7)))
            switch generator.below(8) {
            case 0, 1: stage.answer(.observed(view))
            case 2: stage.answer(.granted(token, ttl: ttl, view.mark))
            case 3: stage.answer(.occupied(view))
            case 4: stage.answer(.renewed(ttl: ttl, view))
            case 5: stage.answer(.gone(view))
            case 6: stage.answer(.released(view.mark))
            default: stage.fail(generator.below(2) == 0 ? .unreachable("x") : .refused("y"))
            }
        }
    }
}
