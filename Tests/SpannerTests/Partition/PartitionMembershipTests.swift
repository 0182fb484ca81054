import CRDT
import Testing

@testable import Spanner

@Suite("Members, new disks and what others say")
struct PartitionMembershipTests {
    @Test(
        "A disk that was lost comes back as another, acknowledges only when all others count it, and is taken in sync")
    func newDisk() {
        var cluster = PartitionCluster.founded(3)
        cluster.kill(2)
        cluster.tick(15)
        let commands = (0..<20).map { _ in cluster.command(0) }
        cluster.deliver()
        let old = cluster.id(2)
        cluster.loseDisk(2)
        cluster.start(2)
        cluster.tick(20)
        // The old life of the disk can't be asked, so the new one is not counted yet.
        #expect(cluster.bolts[2].machine?.isNew == true)
        #expect(!cluster.inSync(0).contains(2))
        for bolt in 0..<3 { cluster.step(bolt, .outside(PartitionHearsay(epoch: 1, cut: [old]))) }
        cluster.tick(20)
        #expect(cluster.bolts[2].machine?.isNew == false)
        #expect(cluster.inSync(0) == [0, 1, 2])
        #expect(!(cluster.bolts[0].machine?.configuration?.members.contains(old) ?? true))
        #expect(commands.allSatisfy { cluster.bolts[2].disk.commands.contains(cluster.bytes($0)) })
        #expect(cluster.isEven == true, "\(cluster.summary)")
    }

    @Test("A new disk with the others gone can't be promoted: what was paired may be on them (P3)")
    func forgetfulCandidate() {
        var cluster = PartitionCluster.founded(2)
        cluster.kill(1)
        cluster.loseDisk(1)
        cluster.start(1)
        cluster.kill(0)
        let operation = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.tick(10)
        guard case .refused(.forgetful) = cluster.resolutions[operation] else {
            Issue.record("\(String(describing: cluster.resolutions[operation]))")
            return
        }
    }

    @Test("A disk that is cut off serves nothing; one left alone by it answers local as safe")
    func cutOff() {
        var cluster = PartitionCluster.founded(2)
        let gone = cluster.id(1)
        cluster.kill(1)
        cluster.tick(15)
        #expect(cluster.outcomes[cluster.command(0)] == .refused(.notPaired))
        cluster.step(0, .outside(PartitionHearsay(epoch: 1, cut: [gone])))
        cluster.tick(2)
        let command = cluster.command(0)
        guard case .done(let point, .local, let safe) = cluster.outcomes[command] else {
            Issue.record("\(String(describing: cluster.outcomes[command]))")
            return
        }
        #expect(safe == point.position)
        cluster.start(1)
        cluster.step(1, .outside(PartitionHearsay(epoch: 1, cut: [gone])))
        guard case .fenced = cluster.bolts[1].machine?.role else {
            Issue.record("not fenced")
            return
        }
    }

    @Test("A primary that hears of a higher epoch steps down; an absurd one is told once, and ends no promotion")
    func hearsay() {
        var cluster = PartitionCluster.founded(2)
        for _ in 0..<3 { cluster.step(0, .outside(PartitionHearsay(epoch: 1 << 40, cut: []))) }
        #expect(cluster.primaries == [0])
        let told = cluster.bolts[0].notes.filter { if case .contradiction = $0 { true } else { false } }
        #expect(told.count == 1)
        cluster.step(0, .outside(PartitionHearsay(epoch: 5, cut: [])))
        #expect(cluster.primaries.isEmpty)
        cluster.tick(12)
        let operation = cluster.ask(0, .promote(.promotion, expect: nil, acceptingLoss: false))
        cluster.tick(12)
        guard case .done(let epoch, _) = cluster.resolutions[operation] else {
            Issue.record("\(String(describing: cluster.resolutions[operation]))")
            return
        }
        #expect(epoch.number == 6)
    }

    @Test("What is minted above the highest believed hearsay is absurd to nobody who heard nothing")
    func hearsayAtTheEdge() {
        var cluster = PartitionCluster.founded(3)
        cluster.kill(0)
        let edge = 1 + PartitionLimits.epochLeapMax / 2
        cluster.step(1, .outside(PartitionHearsay(epoch: edge, cut: [])))
        cluster.tick(12)
        _ = cluster.ask(1, .promote(.promotion, expect: nil, acceptingLoss: false))
        cluster.tick(15)
        #expect(cluster.primaries == [1])
        #expect(cluster.bolts[2].disk.promised.number == edge + 1)
    }

    @Test("A new epoch is minted above what was heard of")
    func mintsAbove() {
        var cluster = PartitionCluster.founded(2)
        cluster.kill(0)
        cluster.step(1, .outside(PartitionHearsay(epoch: 41, cut: [])))
        cluster.tick(12)
        let operation = cluster.ask(1, .promote(.promotion, expect: nil, acceptingLoss: false))
        cluster.tick(2)
        guard case .done(let epoch, _) = cluster.resolutions[operation] else {
            Issue.record("\(String(describing: cluster.resolutions[operation]))")
            return
        }
        #expect(epoch == PartitionEpoch(number: 42, minter: cluster.id(1)))
    }

    @Test("A log that contradicts what is safe fences its bolt and drops nothing (P4)")
    func contradiction() {
        var cluster = PartitionCluster.founded(2)
        let acknowledged = cluster.command(0)
        cluster.tick(3)
        cluster.isolate(1)
        cluster.tick(12)
        // Somebody put an old copy of the other disk back, under its old identity.
        cluster.kill(1)
        let tip = cluster.bolts[1].disk.tip.position - 1
        cluster.bolts[1].disk.records.removeLast()
        cluster.bolts[1].disk.points.removeLast()
        cluster.bolts[1].disk.safe = min(cluster.bolts[1].disk.safe, tip)
        cluster.start(1)
        let operation = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: true))
        cluster.tick(10)
        #expect(cluster.isDone(operation), "\(String(describing: cluster.resolutions[operation]))")
        cluster.heal()
        cluster.tick(10)
        guard case .fenced = cluster.bolts[0].machine?.role else {
            Issue.record("\(String(describing: cluster.bolts[0].machine?.role))")
            return
        }
        #expect(cluster.bolts[0].disk.commands.contains(cluster.bytes(acknowledged)))
    }

    @Test("A second founding is refused, by a journal here or at anybody who is heard")
    func secondFounding() {
        var cluster = PartitionCluster.founded(2)
        let again = cluster.ask(0, .found(members: [cluster.id(0)]))
        #expect(cluster.resolutions[again] == .refused(.alreadyFounded))
        cluster.kill(1)
        cluster.loseDisk(1)
        cluster.start(1)
        cluster.tick()
        let elsewhere = cluster.ask(1, .found(members: [cluster.id(1)]))
        #expect(cluster.resolutions[elsewhere] == .refused(.alreadyFounded))
    }

    @Test("A living member is taken out, but never so that one is left")
    func removal() {
        var cluster = PartitionCluster.founded(3)
        let gone = cluster.id(2)
        let operation = cluster.ask(0, .remove(gone))
        cluster.tick(3)
        #expect(cluster.isDone(operation), "\(String(describing: cluster.resolutions[operation]))")
        cluster.tick(15)
        #expect(cluster.inSync(0) == [0, 1])
        #expect(cluster.bolts[0].machine?.configuration?.members == [cluster.id(0), cluster.id(1)].sorted())
        let second = cluster.ask(0, .remove(cluster.id(1)))
        #expect(cluster.resolutions[second] == .refused(.lastStandby(cluster.id(1))))
    }

    @Test("A sealed bolt neither reigns nor stands, and takes its reign up again when it is opened")
    func sealed() {
        var cluster = PartitionCluster.founded(2)
        cluster.step(0, .sealed(true))
        #expect(cluster.primaries.isEmpty)
        let refused = cluster.ask(0, .promote(.failover, expect: nil, acceptingLoss: false))
        #expect(cluster.resolutions[refused] == .refused(.sealed))
        cluster.step(0, .sealed(false))
        cluster.tick(14)
        #expect(cluster.primaries == [0])
        #expect(cluster.inSync(0) == [0, 1])
    }
}
