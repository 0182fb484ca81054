import CRDT
import Testing

@testable import Spanner

@Suite("Switchover")
struct PartitionSwitchoverTests {
    @Test("A switchover loses nothing, takes no heartbeat, and both ends know its outcome (P1)")
    func switchover() {
        var cluster = PartitionCluster.founded(3)
        let before = (0..<50).map { _ in cluster.command(0) }
        let operation = cluster.ask(0, .switchover(to: cluster.id(2)))
        let during = (0..<50).map { _ in cluster.command(0) }
        cluster.deliver()
        guard case .done(let epoch, let point) = cluster.resolutions[operation] else {
            Issue.record("\(String(describing: cluster.resolutions[operation]))")
            return
        }
        #expect(cluster.primaries == [2])
        #expect(epoch.minter == cluster.id(2))
        #expect(cluster.bolts[2].disk.points.contains(point))
        #expect(before.allSatisfy { cluster.level($0) == .paired })
        // What came while it ran is in no journal and can be asked elsewhere.
        #expect(during.allSatisfy { cluster.outcomes[$0] == .refused(.notPrimary(cluster.id(2))) })
        #expect(!during.contains { cluster.bolts[2].disk.commands.contains(cluster.bytes($0)) })
        let after = cluster.command(2)
        cluster.deliver()
        #expect(cluster.level(after) == .paired)
        #expect(cluster.broken.isEmpty)
    }

    @Test("Without a name it goes to the standby in sync that is furthest")
    func unnamed() {
        var cluster = PartitionCluster.founded(3)
        cluster.isolate(1)
        cluster.tick(15)
        let operation = cluster.ask(0, .switchover(to: nil))
        cluster.deliver()
        #expect(cluster.isDone(operation), "\(String(describing: cluster.resolutions[operation]))")
        #expect(cluster.primaries == [2])
    }

    @Test("A target that is not in sync is refused and nothing changes")
    func notInSync() {
        var cluster = PartitionCluster.founded(2)
        cluster.isolate(1)
        cluster.tick(15)
        let operation = cluster.ask(0, .switchover(to: cluster.id(1)))
        #expect(cluster.resolutions[operation] == .refused(.notInSync(cluster.id(1))))
        #expect(cluster.primaries == [0])
    }

    @Test("A target that does not take over in time: the hand-over is cancelled on record and the epoch goes on")
    func notTaken() {
        var cluster = PartitionCluster.founded(3)
        let epoch = cluster.bolts[0].disk.tip.epoch
        cluster.step(1, .sealed(true))
        let operation = cluster.ask(0, .switchover(to: cluster.id(1)))
        let waiting = cluster.command(0)
        cluster.tick(25)
        #expect(cluster.resolutions[operation] == .refused(.notTaken(cluster.id(1))))
        #expect(cluster.primaries == [0])
        #expect(cluster.bolts[0].disk.tip.epoch == epoch)
        #expect(cluster.level(waiting) == .paired)
        let cancelled = cluster.bolts[1].disk.records.contains { $0.content == .control(.handoverCancelled(operation)) }
        #expect(cancelled)
    }

    @Test("A primary that dies in a hand-over leaves the target everything that was paired")
    func diesMeanwhile() {
        var cluster = PartitionCluster.founded(2)
        let command = cluster.command(0)
        cluster.deliver()
        _ = cluster.ask(0, .switchover(to: cluster.id(1)))
        cluster.deliver(2)
        cluster.kill(0)
        cluster.tick(12)
        if cluster.primaries != [1] {
            let operation = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
            cluster.tick(10)
            #expect(cluster.isDone(operation), "\(String(describing: cluster.resolutions[operation]))")
        }
        cluster.start(0)
        cluster.tick(15)
        #expect(cluster.primaries == [1])
        #expect(cluster.bolts[1].disk.commands.contains(cluster.bytes(command)))
        #expect(cluster.isEven == true, "\(cluster.summary)")
    }

    @Test("Twenty switchovers to and fro under load lose nothing")
    func manyTimes() {
        var cluster = PartitionCluster.founded(2)
        var commands: [CommandID] = []
        for round in 0..<20 {
            let (from, to) = (round % 2, 1 - round % 2)
            commands += (0..<10).map { _ in cluster.command(from) }
            cluster.deliver()
            let operation = cluster.ask(from, .switchover(to: cluster.id(to)))
            cluster.deliver()
            #expect(cluster.isDone(operation), "round \(round): \(String(describing: cluster.resolutions[operation]))")
            cluster.deliver()
        }
        cluster.tick(3)
        #expect(commands.allSatisfy { cluster.level($0) == .paired })
        #expect(cluster.bolts[0].disk.commands == commands.map { cluster.bytes($0) })
        #expect(cluster.isEven == true, "\(cluster.summary)")
    }
}
