import CRDT
import Testing

@testable import Spanner

/// A disk that was taken out stays out, and everybody comes to know it.
@Suite("Disks that a partition took out")
struct PartitionRemovalTests {
    private func failover(_ cluster: inout PartitionCluster, _ bolt: Int) -> PartitionResolution? {
        let operation = cluster.ask(bolt, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.tick(12)
        return cluster.resolutions[operation]
    }

    private func isFenced(_ cluster: PartitionCluster, _ bolt: Int) -> Bool {
        if case .fenced = cluster.bolts[bolt].machine?.role { return true }
        return false
    }

    /// Bolts 0, 1 and 3 replicate and 0 reigns; 2 was started and is counted by all of them.
    private func joining() -> PartitionCluster {
        var cluster = PartitionCluster(4)
        for bolt in [0, 1, 3] { cluster.start(bolt) }
        cluster.deliver()
        _ = cluster.ask(0, .found(members: [0, 1, 3].map { cluster.id($0) }))
        cluster.tick(15)
        cluster.start(2)
        for _ in 0..<1000 where cluster.bolts[2].machine?.isNew ?? true { cluster.deliver(1) }
        return cluster
    }

    @Test("A removed disk fences itself, stays so when it restarts, and its bolt comes back with another")
    func removalIsLasting() {
        var cluster = PartitionCluster.founded(3)
        _ = cluster.ask(0, .remove(cluster.id(2)))
        cluster.tick(3)
        #expect(isFenced(cluster, 2))
        cluster.kill(2)
        cluster.start(2)
        cluster.tick(25)
        #expect(isFenced(cluster, 2))
        #expect(cluster.inSync(0) == [0, 1])
        cluster.kill(2)
        cluster.loseDisk(2)
        cluster.start(2)
        cluster.tick(25)
        #expect(cluster.inSync(0) == [0, 1, 2])
    }

    @Test("A disk that was away when it was removed learns it from the log")
    func removedWhileAway() {
        var cluster = PartitionCluster.founded(3)
        cluster.isolate(2)
        cluster.tick(15)
        _ = cluster.ask(0, .remove(cluster.id(2)))
        cluster.tick(3)
        #expect(!isFenced(cluster, 2))
        cluster.heal()
        cluster.tick(5)
        #expect(isFenced(cluster, 2))
    }

    /// "No standby in sync" was taken for "out already" by those who asked again, whatever was the reason for it.
    @Test("P1: who asks for a removal again is told that it is done once that is safe, by a later primary too")
    func askedAgain() {
        var cluster = PartitionCluster.founded(3)
        cluster.isolate(1)
        let all = [cluster.ask(0, .remove(cluster.id(2))), cluster.ask(0, .remove(cluster.id(2)))]
        #expect(all.allSatisfy { cluster.resolutions[$0] == nil })
        cluster.heal()
        cluster.tick(3)
        for operation in all { #expect(cluster.isDone(operation)) }
        _ = cluster.ask(0, .switchover(to: cluster.id(1)))
        cluster.tick(5)
        #expect(cluster.primaries == [1])
        let again = cluster.ask(1, .remove(cluster.id(2)))
        cluster.tick(2)
        #expect(cluster.isDone(again))
    }

    @Test("What would leave the primary alone in sync is refused: it could not be safe")
    func lastInSync() {
        var cluster = PartitionCluster.founded(3)
        cluster.kill(1)
        cluster.tick(15)
        #expect(cluster.inSync(0) == [0, 2])
        let operation = cluster.ask(0, .remove(cluster.id(2)))
        #expect(cluster.resolutions[operation] == .refused(.lastStandby(cluster.id(2))))
    }

    @Test("P4: a disk that holds what an accepted loss went on without says where the logs part, and keeps it all")
    func partedDisk() throws {
        var cluster = PartitionCluster.founded(3)
        cluster.isolate(2)
        cluster.tick(15)
        for _ in 0..<5 { _ = cluster.command(0) }
        cluster.tick(3)
        let held = try #require(cluster.bolts[1].machine?.tip)
        cluster.kill(0)
        cluster.kill(1)
        cluster.heal()
        let fork = try #require(cluster.bolts[2].machine?.tip.position)
        let operation = cluster.ask(2, .promote(.promotion, expect: nil, acceptingLoss: true))
        cluster.tick(12)
        #expect(cluster.isDone(operation), "\(cluster.summary)")
        #expect(cluster.bolts[2].machine?.partedAt == nil)
        cluster.start(1)
        cluster.tick(12)
        let parted = try #require(cluster.bolts[1].machine)
        #expect(isFenced(cluster, 1) && parted.partedAt == fork && parted.tip == held)
        guard case .fenced(let reason) = parted.role else { return }
        #expect(reason.contains("went on from record \(fork) without this disk"), "\(reason)")
    }

    @Test("A disk that is left out by a record that nobody knows to be safe may be promoted, but not if one is missing")
    func leftOutUnsafely() {
        var cluster = PartitionCluster.founded(4)
        cluster.hold(1)
        cluster.hold(3)
        _ = cluster.ask(0, .remove(cluster.id(2)))
        cluster.deliver()
        #expect(cluster.bolts[2].machine?.configuration?.members.contains(cluster.id(2)) == false)
        for bolt in [0, 1, 3] { cluster.kill(bolt) }
        cluster.start(1)
        cluster.start(3)
        cluster.tick(12)
        guard case .refused(.promisesMissing) = failover(&cluster, 2) else {
            Issue.record("the primary might have known that the removal is safe: \(cluster.summary)")
            return
        }
        for bolt in 1..<4 { cluster.step(bolt, .outside(PartitionHearsay(epoch: 1, cut: [cluster.id(0)]))) }
        guard case .done = failover(&cluster, 2) else {
            Issue.record("\(cluster.summary)")
            return
        }
        cluster.tick(12)
        #expect(cluster.inSync(2) == [1, 2, 3])
    }

    @Test("A disk whose removal others know to be safe is not promoted on an old log")
    func removedCandidate() {
        var cluster = PartitionCluster.founded(4)
        cluster.isolate(2)
        cluster.tick(15)
        _ = cluster.ask(0, .remove(cluster.id(2)))
        cluster.tick(5)
        cluster.kill(0)
        cluster.cut = [[0, 2], [0, 1], [0, 3]]
        cluster.kill(2)
        cluster.start(2)
        let operation = cluster.ask(2, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.tick(12)
        guard case .refused = cluster.resolutions[operation] else {
            Issue.record("\(cluster.summary)")
            return
        }
    }

    @Test("What a removed disk knows to be safe, others learn from it: its silence stops no promotion")
    func removedDiskTells() {
        var cluster = PartitionCluster.founded(3)
        _ = cluster.ask(0, .remove(cluster.id(2)))
        let tip = cluster.bolts[0].machine?.tip.position ?? 0
        for _ in 0..<1000 where !isFenced(cluster, 2) {
            cluster.deliver(1)
            let isKnown = cluster.bolts[0].machine?.safePosition ?? 0 >= tip
            if isKnown { cluster.letters.removeAll { $0.from == 0 && $0.to == 1 } }
        }
        cluster.kill(0)
        #expect(cluster.bolts[1].machine?.safePosition ?? 0 < tip)
        cluster.tick(12)
        guard case .done = failover(&cluster, 1) else {
            Issue.record("\(cluster.summary)")
            return
        }
    }

    @Test("A snapshot past a disk's joining and its removal leaves nobody who counts it", arguments: [false, true])
    func snapshotPastBoth(isRestarted: Bool) {
        var cluster = joining()
        cluster.isolate(1)
        cluster.tick(20)
        #expect(cluster.inSync(0) == [0, 2, 3])
        #expect(cluster.bolts[1].disk.acquaintances.contains(cluster.id(2)))
        _ = cluster.ask(0, .remove(cluster.id(2)))
        cluster.tick(3)
        if isRestarted {
            // The primary forgets whom it left out: the removed disk itself says so.
            cluster.kill(0)
            cluster.start(0)
            cluster.isolate(1)
            cluster.tick(25)
        } else {
            // It is gone without a word: a signed act says so.
            cluster.kill(2)
            for bolt in [0, 1, 3] { cluster.step(bolt, .outside(PartitionHearsay(epoch: 1, cut: [cluster.id(2)]))) }
        }
        for bolt in [0, 3] { cluster.bolts[bolt].disk.compacted = cluster.bolts[bolt].disk.safe }
        cluster.heal()
        cluster.tick(25)
        #expect(cluster.bolts[1].disk.tip == cluster.bolts[0].disk.tip)
        #expect(cluster.bolts[1].disk.acquaintances == [], "\(cluster.summary)")
    }

    @Test("A snapshot past the own joining and removal fences the disk: it is not counted by itself alone")
    func snapshotPastOwn() {
        var cluster = joining()
        for _ in 0..<1000 where !(cluster.bolts[0].machine?.configuration?.members.contains(cluster.id(2)) ?? false) {
            cluster.letters.removeAll { letter in
                guard letter.to == 2, case .append(_, _, let records, _) = letter.message else { return false }
                return records.contains { $0.isConfiguration }
            }
            cluster.deliver(1)
        }
        cluster.isolate(2)
        cluster.tick(15)
        _ = cluster.ask(0, .remove(cluster.id(2)))
        cluster.tick(3)
        for bolt in [0, 1, 3] { cluster.bolts[bolt].disk.compacted = cluster.bolts[bolt].disk.safe }
        #expect(cluster.bolts[2].disk.acquaintances.contains(cluster.id(2)))
        cluster.kill(0)
        cluster.start(0)
        cluster.isolate(2)
        cluster.tick(25)
        cluster.heal()
        cluster.tick(5)
        #expect(isFenced(cluster, 2), "\(cluster.summary)")
        #expect(!cluster.bolts[2].disk.acquaintances.contains(cluster.id(2)))
    }

    @Test("A new disk does not wait for one that was removed while it asked", arguments: [false, true])
    func newDiskAndRemoved(isGone: Bool) {
        var cluster = PartitionCluster.founded(4)
        let lost = cluster.id(3)
        cluster.kill(3)
        cluster.loseDisk(3)
        for bolt in 0..<3 { cluster.step(bolt, .outside(PartitionHearsay(epoch: 1, cut: [lost]))) }
        cluster.tick(15)
        cluster.cut = [[1, 3], [2, 3]]
        cluster.start(3)
        cluster.step(3, .outside(PartitionHearsay(epoch: 1, cut: [lost])))
        cluster.tick(3)
        _ = cluster.ask(0, .remove(cluster.id(2)))
        cluster.tick(3)
        if isGone { cluster.kill(2) }
        cluster.heal()
        cluster.tick(30)
        #expect(cluster.inSync(0) == [0, 1, 3])
        #expect(!cluster.bolts[3].disk.acquaintances.contains(cluster.id(2)))
    }

    @Test("A standby that lags counts a removed disk, and holds no promotion up: the disk itself knows better")
    func lagsAndCounts() {
        var cluster = PartitionCluster.founded(4)
        cluster.isolate(1)
        cluster.tick(15)
        _ = cluster.ask(0, .remove(cluster.id(2)))
        cluster.tick(3)
        #expect(isFenced(cluster, 2))
        let gone = PartitionHearsay(epoch: 1, cut: [cluster.id(0)])
        cluster.kill(0)
        for bolt in 1..<4 { cluster.step(bolt, .outside(gone)) }
        // It lacks the record that took the disk out, and has no link to it.
        cluster.kill(1)
        cluster.cut = [[1, 2]]
        cluster.start(1)
        cluster.step(1, .outside(gone))
        cluster.deliver()
        guard case .done = failover(&cluster, 3) else {
            Issue.record("\(cluster.summary) \(cluster.resolutions)")
            return
        }
    }

    @Test("A removed disk that was away learns it from disks that came later, too")
    func removedAndAllOthersNew() {
        var cluster = PartitionCluster.founded(4)
        for bolt in [1, 3] { cluster.hold(bolt) }
        _ = cluster.ask(0, .remove(cluster.id(2)))
        cluster.deliver()
        cluster.isolate(2)
        for bolt in [1, 3] { cluster.release(bolt) }
        cluster.tick(15)
        for bolt in [1, 3, 0] {
            let lost = cluster.id(bolt)
            cluster.kill(bolt)
            cluster.loseDisk(bolt)
            cluster.tick(15)
            if cluster.primaries.isEmpty { _ = failover(&cluster, 1) }
            for other in cluster.bolts.indices {
                cluster.step(other, .outside(PartitionHearsay(epoch: 1, cut: [lost])))
            }
            cluster.start(bolt)
            cluster.step(bolt, .outside(PartitionHearsay(epoch: 1, cut: [lost])))
            cluster.tick(25)
        }
        #expect(!isFenced(cluster, 2))
        cluster.heal()
        cluster.tick(25)
        #expect(isFenced(cluster, 2), "\(cluster.summary)")
    }

    @Test("A disk that was removed while it sought an epoch of its own learns it, though it refuses all lower ones")
    func removedWhileMinting() {
        var cluster = PartitionCluster.founded(3)
        cluster.isolate(2)
        cluster.tick(15)
        _ = cluster.ask(0, .remove(cluster.id(2)))
        cluster.tick(3)
        _ = cluster.command(0)
        cluster.tick(3)
        cluster.kill(2)
        cluster.bolts[2].disk.promised = PartitionEpoch(number: 7, minter: cluster.id(2))
        cluster.start(2)
        #expect(!isFenced(cluster, 2))
        cluster.heal()
        cluster.tick(5)
        #expect(isFenced(cluster, 2), "\(cluster.summary)")
        #expect(cluster.bolts[2].machine?.hello().saysRemoved(cluster.id(2)) == true)
        #expect(cluster.primaries == [0])
    }

    @Test("It learns it while its link stands, too")
    func removedWhileLinked() {
        var cluster = PartitionCluster.founded(4)
        cluster.isolate(2)
        cluster.tick(15)
        for bolt in [1, 3] { cluster.hold(bolt) }
        _ = cluster.ask(0, .remove(cluster.id(2)))
        cluster.deliver()
        cluster.kill(2)
        cluster.bolts[2].disk.promised = PartitionEpoch(number: 1, minter: cluster.id(2), renewal: 9)
        cluster.cut = []
        cluster.start(2)
        cluster.deliver()
        for bolt in [1, 3] { cluster.release(bolt) }
        cluster.tick(40)
        _ = cluster.ask(cluster.primaries.first ?? 0, .remove(cluster.id(2)))
        cluster.tick(20)
        #expect(isFenced(cluster, 2), "\(cluster.summary)")
    }
}
