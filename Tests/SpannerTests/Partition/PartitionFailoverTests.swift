import CRDT
import Testing

@testable import Spanner

@Suite("Promotion, failover and return")
struct PartitionFailoverTests {
    @Test(
        "A standby of two begins alone with everything paired; the old primary returns and cuts its own tail (P1, P4)")
    func failover() {
        var cluster = PartitionCluster.founded(2)
        let kept = (0..<10).map { _ in cluster.command(0) }
        cluster.deliver()
        cluster.isolate(1)
        let lost = cluster.command(0, .local)
        #expect(cluster.level(lost) == .local)
        cluster.kill(0)
        let operation = cluster.ask(1, .promote(.promotion, expect: nil, acceptingLoss: false))
        cluster.tick(12)
        #expect(cluster.isDone(operation), "\(String(describing: cluster.resolutions[operation]))")
        #expect(cluster.primaries == [1])
        cluster.heal()
        cluster.start(0)
        cluster.tick(15)
        #expect(cluster.primaries == [1])
        #expect(cluster.inSync(1) == [0, 1])
        #expect(cluster.isEven == true, "\(cluster.summary)")
        #expect(kept.allSatisfy { cluster.bolts[0].disk.commands.contains(cluster.bytes($0)) })
        let salvaged = cluster.bolts[0].disk.salvage.contains { $0.content == .commands([cluster.bytes(lost)]) }
        #expect(salvaged)
        #expect(cluster.broken.isEmpty)
    }

    @Test("With two of three disks gone promotion is refused with a bound, and goes on where loss is accepted (P3)")
    func promisesMissing() {
        var cluster = PartitionCluster.founded(3)
        _ = cluster.command(0)
        cluster.deliver()
        cluster.kill(0)
        cluster.kill(1)
        let before = cluster.bolts[2].disk
        let refused = cluster.ask(2, .promote(.promotion, expect: nil, acceptingLoss: false))
        cluster.tick(12)
        guard case .refused(.promisesMissing(let missing, let bound)) = cluster.resolutions[refused] else {
            Issue.record("\(String(describing: cluster.resolutions[refused]))")
            return
        }
        #expect(missing == [cluster.id(0), cluster.id(1)].sorted())
        #expect(!bound.isEmpty)
        #expect(cluster.bolts[2].disk.promised == before.promised)
        let accepted = cluster.ask(2, .promote(.promotion, expect: nil, acceptingLoss: true))
        cluster.tick(12)
        #expect(cluster.isDone(accepted), "\(String(describing: cluster.resolutions[accepted]))")
        guard case .control(.begin(let begin)) = cluster.bolts[2].disk.records.last?.content else {
            Issue.record("no begin")
            return
        }
        #expect(begin.acceptedLoss != nil)
    }

    @Test("A candidate that is behind fetches the tail from the member that has it (P1)")
    func fetchesTail() {
        var cluster = PartitionCluster.founded(3)
        cluster.isolate(2)
        cluster.tick(15)
        let commands = (0..<300).map { _ in cluster.command(0) }
        cluster.deliver()
        #expect(commands.allSatisfy { cluster.level($0) == .paired })
        cluster.kill(0)
        cluster.heal()
        cluster.deliver()
        let operation = cluster.ask(2, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.tick(10)
        #expect(cluster.isDone(operation), "\(String(describing: cluster.resolutions[operation]))")
        #expect(cluster.primaries == [2])
        #expect(commands.allSatisfy { cluster.bolts[2].disk.commands.contains(cluster.bytes($0)) })
        cluster.tick(5)
        #expect(cluster.inSync(2) == [1, 2])
        #expect(cluster.broken.isEmpty)
    }

    @Test("Promotion is refused while anybody who answers hears a primary, and changes nothing (P10)")
    func fatFinger() {
        var cluster = PartitionCluster.founded(3)
        cluster.split(0, 2)
        cluster.tick(15)
        let operation = cluster.ask(2, .promote(.promotion, expect: nil, acceptingLoss: true))
        cluster.tick(6)
        #expect(cluster.resolutions[operation] == .refused(.primaryLives(cluster.id(0))))
        #expect(cluster.primaries == [0])
        let command = cluster.command(0)
        cluster.deliver()
        #expect(cluster.level(command) == .paired)
    }

    @Test("An expectation that the log does not meet refuses the promotion and changes nothing (P10)")
    func expectation() {
        var cluster = PartitionCluster.founded(2)
        let check = cluster.bolts[1].disk.tip
        _ = cluster.command(0)
        cluster.tick(2)
        cluster.kill(0)
        let operation = cluster.ask(1, .promote(.promotion, expect: check, acceptingLoss: false))
        cluster.tick(6)
        #expect(cluster.resolutions[operation] == .refused(.unexpected(cluster.bolts[1].disk.tip)))
        let report = cluster.ask(1, .check)
        cluster.tick(6)
        #expect(
            cluster.resolutions[report]
                == .report(cluster.bolts[1].disk.tip, missing: [cluster.id(0)], bound: nil))
    }

    @Test("A lease that lies takes the reign from a living primary; nothing paired is lost and none reigns twice (P9)")
    func lyingLease() {
        var cluster = PartitionCluster.founded(3)
        let first = cluster.command(0)
        cluster.deliver()
        let operation = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.deliver()
        #expect(cluster.isDone(operation), "\(String(describing: cluster.resolutions[operation]))")
        #expect(cluster.primaries == [1])
        #expect(cluster.outcomes[cluster.command(0)] == .refused(.notPrimary(cluster.id(1))))
        cluster.tick(3)
        #expect(cluster.bolts[1].disk.commands.contains(cluster.bytes(first)))
        #expect(cluster.isEven == true, "\(cluster.summary)")
    }

    @Test("A primary that was paused through a failover acknowledges nothing and steps down when it wakes (P2)")
    func paused() {
        var cluster = PartitionCluster.founded(3)
        cluster.bolts[0].isPaused = true
        cluster.tick(12)
        let operation = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.tick(12)
        #expect(cluster.isDone(operation), "\(String(describing: cluster.resolutions[operation]))")
        let late = cluster.command(0)
        cluster.bolts[0].isPaused = false
        cluster.tick(4)
        #expect(cluster.level(late) == nil)
        #expect(cluster.primaries == [1])
        cluster.tick(4)
        #expect(cluster.isEven == true, "\(cluster.summary)")
        #expect(cluster.broken.isEmpty)
    }

    @Test("A restarted primary renews its epoch: records that only a standby has are cut, not mixed up (P4)")
    func renewal() {
        var cluster = PartitionCluster.founded(2)
        cluster.hold(0)
        let sent = cluster.command(0)
        cluster.deliver()
        #expect(cluster.bolts[1].disk.commands.contains(cluster.bytes(sent)))
        cluster.kill(0)
        cluster.start(0)
        cluster.tick(15)
        #expect(cluster.primaries == [0])
        #expect(cluster.bolts[0].disk.tip.epoch.renewal == 1)
        let other = cluster.command(0)
        cluster.tick(3)
        #expect(cluster.level(other) == .paired)
        #expect(cluster.isEven == true, "\(cluster.summary)")
        #expect(!cluster.bolts[1].disk.commands.contains(cluster.bytes(sent)))
        #expect(cluster.broken.isEmpty)
    }

    @Test("A restarted primary whose standby promised another does not resume (P1)")
    func noResumption() {
        var cluster = PartitionCluster.founded(2)
        cluster.kill(0)
        let operation = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.tick(3)
        #expect(cluster.isDone(operation), "\(String(describing: cluster.resolutions[operation]))")
        cluster.start(0)
        cluster.tick(15)
        #expect(cluster.primaries == [1])
        #expect(cluster.isEven == true, "\(cluster.summary)")
    }

    @Test("An old primary's promise does not stand for others once it had promised somebody else (P1)")
    func disturbedWitness() {
        // Members 0...3. 1 begins with 2 and 3 while 0 only hears of it by the promise that it gave.
        var cluster = PartitionCluster.founded(4)
        let first = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.deliver()
        #expect(cluster.isDone(first), "\(String(describing: cluster.resolutions[first]))")
        // 0 keeps only its promise, as if the first record had not reached it.
        cluster.tick(2)
        let paired = cluster.command(1)
        cluster.tick(2)
        #expect(cluster.level(paired) == .paired)
        cluster.kill(1)
        cluster.kill(2)
        let second = cluster.ask(3, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.tick(8)
        guard case .refused(.promisesMissing) = cluster.resolutions[second] else {
            Issue.record("\(String(describing: cluster.resolutions[second]))")
            return
        }
    }

    @Test("A cut that was judged by an older state of the log is not obeyed, nor taken for a contradiction (P4)")
    func staleCut() {
        var cluster = PartitionCluster.founded(2)
        for _ in 0..<4 {
            _ = cluster.command(0)
            cluster.tick()
        }
        let (points, tip) = (cluster.bolts[1].disk.points, cluster.bolts[1].disk.tip)
        let cut = PartitionMessage.cut(epoch: tip.epoch.renewed, points[2], of: points[4])
        cluster.step(1, .received(cut, on: LinkID(16)))
        cluster.deliver()
        #expect(cluster.bolts[1].disk.tip == tip)
        if case .fenced(let reason) = cluster.bolts[1].machine?.role { Issue.record("\(reason)") }
    }
}
