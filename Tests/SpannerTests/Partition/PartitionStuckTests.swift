import CRDT
import Testing

@testable import Spanner

/// Each of these schedules once left a partition, or one of its disks, unable to go on.
@Suite("A partition that goes on")
struct PartitionStuckTests {
    @Test("What piles up behind a slow disk is never more than one transaction may hold")
    func manySmallRecords() {
        var cluster = PartitionCluster.founded(2)
        cluster.hold(1)
        for _ in 0..<5 {
            for _ in 0..<1000 { _ = cluster.command(0, .local) }
            cluster.deliver(4000)
        }
        cluster.release(1)
        cluster.tick(3)
        #expect(cluster.broken == [])
        #expect(cluster.isEven == true, "\(cluster.summary)")
    }

    @Test("A restarted primary that meets a mere promise claims its reign back")
    func promiseAfterRestart() {
        var cluster = PartitionCluster.founded(3)
        cluster.kill(0)
        cluster.kill(2)
        cluster.bolts[2].disk.promised = PartitionEpoch(number: 2, minter: cluster.id(2))
        cluster.start(2)
        cluster.start(0)
        cluster.tick(60)
        #expect(cluster.primaries == [0])
        #expect(cluster.isEven == true, "\(cluster.summary)")
    }

    @Test("A primary that died between its new epoch and its first record claims its reign back")
    func diedWhileMinted() {
        var cluster = PartitionCluster.founded(3)
        cluster.kill(0)
        cluster.bolts[0].disk.promised = PartitionEpoch(number: 2, minter: cluster.id(0))
        cluster.start(0)
        cluster.tick(60)
        #expect(cluster.primaries == [0])
    }

    @Test("A survey answer with an epoch that nobody can have minted is not minted above")
    func absurdAnswer() throws {
        var cluster = PartitionCluster.founded(3)
        cluster.bolts[0].isPaused = true
        let operation = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
        var hello = try #require(cluster.bolts[0].machine?.hello())
        hello.promised = PartitionEpoch(number: 1 << 63, minter: cluster.id(0))
        cluster.step(1, .received(.surveyed(operation, hello), on: LinkID(16)))
        cluster.tick(12)
        #expect(cluster.bolts[1].disk.promised.number < 8)
    }

    @Test("A new disk promises no epoch that is far above all journals that it hears of")
    func absurdWordToNewDisk() {
        var cluster = PartitionCluster.founded(2)
        cluster.kill(1)
        cluster.loseDisk(1)
        cluster.start(1)
        cluster.tick(2)
        let epoch = PartitionEpoch(number: UInt64.max, minter: cluster.id(0))
        let operation = PartitionCluster.operation(99)
        cluster.step(1, .received(.promiseMe(operation, epoch, .failover), on: LinkID(16)))
        cluster.tick(2)
        #expect(cluster.bolts[1].disk.promised.number < 8)
    }

    @Test("A standby of the last in-sync set stays one when its primary dies: it may stand for election")
    func inSyncWithoutPrimary() {
        var cluster = PartitionCluster.founded(2)
        cluster.kill(0)
        cluster.tick(15)
        guard case .standby(_, inSync: true) = cluster.bolts[1].machine?.role else {
            Issue.record("\(cluster.summary)")
            return
        }
    }
}
