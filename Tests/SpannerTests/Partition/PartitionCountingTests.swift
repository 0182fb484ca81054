import CRDT
import Testing

@testable import Spanner

/// Who counts in a promotion: each of these schedules once lost what was paired.
@Suite("Disks that a promotion has to count")
struct PartitionCountingTests {
    private func isRefusedForPromises(_ resolution: PartitionResolution?) -> Bool {
        if case .refused(.promisesMissing) = resolution { return true }
        return false
    }

    private func failover(_ cluster: inout PartitionCluster, _ bolt: Int) -> PartitionResolution? {
        let operation = cluster.ask(bolt, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.tick(12)
        return cluster.resolutions[operation]
    }

    /// Bolts 0 and 1 replicate, 0 reigns, and 2 was started and counted by both, as which nothing was written yet.
    private func counted(by bolts: Int = 3) -> PartitionCluster {
        var cluster = PartitionCluster(bolts)
        cluster.start(0)
        cluster.start(1)
        cluster.deliver()
        _ = cluster.ask(0, .found(members: [cluster.id(0), cluster.id(1)]))
        cluster.tick(15)
        cluster.start(2)
        for _ in 0..<1000 where cluster.bolts[2].machine?.isNew ?? true { cluster.deliver(1) }
        return cluster
    }

    /// Three bolts of which 0 reigns alone, cut off, while 1 took over and something is paired with 2; nil, and told,
    /// where it did not come to that.
    private func superseded() -> PartitionCluster? {
        var cluster = PartitionCluster.founded(3)
        cluster.isolate(0)
        cluster.tick(12)
        guard case .done = failover(&cluster, 1) else {
            Issue.record("\(cluster.summary)")
            return nil
        }
        let paired = cluster.command(1)
        cluster.tick(2)
        #expect(cluster.level(paired) == .paired)
        return cluster
    }

    @Test("A removal that only a superseded primary wrote shrinks nothing that its disk counts later (P1)")
    func removalNeverInForce() {
        guard var cluster = superseded() else { return }
        _ = cluster.ask(0, .remove(cluster.id(1)))
        cluster.tick(2)
        #expect(cluster.bolts[0].machine?.configuration?.members.count == 2)
        cluster.kill(0)
        cluster.start(0)
        #expect(isRefusedForPromises(failover(&cluster, 0)))
    }

    @Test("A disk that was cut off stays missed until the record that leaves it out is safe (P1)")
    func cutNeverInForce() {
        guard var cluster = superseded() else { return }
        cluster.kill(1)
        let gone = PartitionHearsay(epoch: 1, cut: [cluster.id(1)])
        cluster.step(0, .outside(gone))
        cluster.tick(2)
        #expect(cluster.bolts[0].machine?.configuration?.members.count == 2)
        cluster.kill(0)
        cluster.start(0)
        cluster.step(0, .outside(gone))
        #expect(isRefusedForPromises(failover(&cluster, 0)))
    }

    @Test("A transaction that the disk refused takes back whom it was to count: nobody is told otherwise (P1)")
    func countedOnFullDisk() {
        var cluster = PartitionCluster(3)
        cluster.start(0)
        cluster.start(1)
        cluster.deliver()
        _ = cluster.ask(0, .found(members: [cluster.id(0), cluster.id(1)]))
        cluster.tick(15)
        cluster.bolts[0].isPaused = true
        _ = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.bolts[1].disk.isFull = true
        cluster.cut.insert([0, 2])
        cluster.start(2)
        cluster.deliver()
        #expect(cluster.bolts[1].disk.acquaintances.isEmpty)
        cluster.bolts[1].disk.isFull = false
        cluster.tick(14)
        #expect(cluster.bolts[2].machine?.acquainted[cluster.id(1)] != nil)
        #expect(cluster.bolts[1].disk.acquaintances.contains(cluster.id(2)))
    }

    @Test("A disk that was cut off is missed by whoever lacks the record that took it in (P1)")
    func cutBeforeItsRecord() {
        var cluster = counted()
        cluster.isolate(1)
        cluster.tick(15)
        #expect(cluster.inSync(0) == [0, 2])
        let paired = cluster.command(0)
        cluster.tick(2)
        #expect(cluster.level(paired) == .paired)
        let gone = PartitionHearsay(epoch: 1, cut: [cluster.id(2)])
        cluster.kill(2)
        cluster.kill(0)
        cluster.step(1, .outside(gone))
        cluster.loseDisk(2)
        cluster.cut = [[0, 1], [0, 2]]
        cluster.start(2)
        cluster.tick(12)
        #expect(cluster.bolts[1].disk.acquaintances.contains(cluster.id(2)))
        #expect(isRefusedForPromises(failover(&cluster, 1)))
    }

    @Test("A removed disk is forgotten by every member alike, and no later primary takes it back by itself (P1)")
    func removalLasts() {
        var cluster = counted()
        cluster.tick(20)
        #expect(cluster.inSync(0) == [0, 1, 2])
        _ = cluster.ask(0, .remove(cluster.id(2)))
        cluster.tick(3)
        _ = cluster.ask(0, .switchover(to: cluster.id(1)))
        cluster.tick(12)
        #expect(cluster.primaries == [1])
        #expect(cluster.bolts[1].machine?.configuration?.members == [cluster.id(0), cluster.id(1)].sorted())
        for bolt in 0..<2 { #expect(cluster.bolts[bolt].disk.acquaintances == []) }
    }

    @Test("A primary that begins keeps counting who is a member only by a record that may yet be cut (P1)")
    func memberByUnsafeRecord() {
        var cluster = counted()
        cluster.hold(0)
        cluster.deliver()
        #expect(cluster.bolts[1].disk.durable.configuration?.members.contains(cluster.id(2)) ?? false)
        cluster.kill(0)
        _ = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
        for _ in 0..<1000 where cluster.primaries != [1] { cluster.deliver(1) }
        #expect(cluster.primaries == [1])
        #expect(cluster.bolts[1].disk.acquaintances.contains(cluster.id(2)))
    }

    @Test("A disk that was cut off before it became a member is forgotten through the log, by all")
    func buried() {
        var cluster = PartitionCluster(3)
        cluster.start(0)
        cluster.start(1)
        cluster.deliver()
        _ = cluster.ask(0, .found(members: [cluster.id(0), cluster.id(1)]))
        cluster.tick(15)
        cluster.cut.insert([0, 2])
        cluster.start(2)
        cluster.tick(12)
        #expect(cluster.bolts[1].disk.acquaintances.contains(cluster.id(2)))
        cluster.kill(2)
        for bolt in 0..<2 { cluster.step(bolt, .outside(PartitionHearsay(epoch: 1, cut: [cluster.id(2)]))) }
        cluster.split(0, 1)
        cluster.heal()
        cluster.tick(15)
        #expect(cluster.bolts[1].disk.acquaintances == [])
        cluster.kill(0)
        guard case .done = failover(&cluster, 1) else {
            Issue.record("\(cluster.summary)")
            return
        }
    }
}
