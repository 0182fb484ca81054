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

    @Test("A primary that was sealed between its new epoch and its first record claims its reign back when unsealed")
    func sealedWhileMinted() {
        var cluster = PartitionCluster.founded(3)
        cluster.kill(0)
        cluster.bolts[0].disk.promised = PartitionEpoch(number: 2, minter: cluster.id(0))
        cluster.start(0)
        cluster.step(0, .sealed(true))
        cluster.tick(30)
        #expect(cluster.primaries.isEmpty)
        cluster.step(0, .sealed(false))
        cluster.tick(60)
        #expect(cluster.primaries == [0])
    }

    @Test("A promotion that is outbid while its first record is on its way is to be asked for: it may have begun")
    func outbidWhileBeginning() {
        var cluster = PartitionCluster.founded(2)
        let operation = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
        for _ in 0..<1000 where cluster.bolts[1].machine?.candidacy?.phase != .asking { cluster.deliver(1) }
        cluster.hold(1)
        for _ in 0..<1000 where cluster.bolts[1].machine?.beginning == nil { cluster.deliver(1) }
        let epoch = PartitionEpoch(number: 9, minter: cluster.id(0))
        cluster.step(1, .received(.promiseMe(PartitionCluster.operation(99), epoch, .failover), on: LinkID(16)))
        #expect(cluster.resolutions[operation] == .ask(cluster.id(0)))
        cluster.release(1)
        #expect(cluster.bolts[1].disk.tip.epoch.number == 2)
    }

    @Test("A hand-over that a restart interrupted is called off on record")
    func handoverInterrupted() {
        var cluster = PartitionCluster.founded(2)
        cluster.hold(1)
        let operation = cluster.ask(0, .switchover(to: cluster.id(1)))
        cluster.deliver()
        for bolt in 0..<2 { cluster.kill(bolt) }
        cluster.start(0)
        cluster.start(1)
        cluster.tick(30)
        #expect(cluster.primaries == [0])
        let isCalledOff = cluster.bolts[0].disk.records.contains {
            $0.content == .control(.handoverCancelled(operation))
        }
        #expect(isCalledOff)
    }

    /// A primary that took its reign up again and has a standby that lacks much, without a link between them.
    private func lagging() throws -> (machine: PartitionMachine, hello: PartitionHello, cluster: PartitionCluster) {
        var cluster = PartitionCluster.founded(2)
        cluster.isolate(0)
        for _ in 0..<20 {
            _ = cluster.command(0, .local)
            cluster.deliver()
        }
        let hello = try #require(cluster.bolts[1].machine?.hello())
        cluster.kill(0)
        cluster.start(0)
        cluster.tick(30)
        #expect(cluster.primaries == [0])
        return (try #require(cluster.bolts[0].machine), hello, cluster)
    }

    @Test("A read that a second rewind made void starts no snapshot")
    func lateRead() throws {
        var (machine, hello, cluster) = try lagging()
        let link = LinkID(500)
        var effects = machine.step(.linkUp(link, cluster.id(1)))
        effects += machine.step(.received(.hello(hello), on: link))
        let before = hello.tip.position - 1
        hello.tip = try #require(cluster.bolts[1].disk.points.first { $0.position == before })
        hello.safe = min(hello.safe, before)
        effects += machine.step(.received(.hello(hello), on: link))
        let loads = effects.compactMap { effect -> (LoadID, UInt64)? in
            if case .load(let load, let from, _) = effect { return (load, from) }
            return nil
        }
        try #require(loads.count == 2)
        effects = []
        for (load, from) in loads {
            effects += machine.step(.loaded(load, cluster.bolts[0].disk.records(from: from, bytesMax: 1 << 16)))
        }
        #expect(!effects.contains(.takeSnapshot(link)))
        #expect(effects.contains { if case .send(.append(_, _, let sent, _), _) = $0 { !sent.isEmpty } else { false } })
    }

    @Test("A candidate that asks for a tail over and over has one read at a time")
    func manyFetches() throws {
        let cluster = PartitionCluster.founded(2)
        var machine = try #require(cluster.bolts[1].machine)
        var loads: [LoadID] = []
        var effects: [PartitionMachine.Effect] = []
        for number in 1...50 as ClosedRange<UInt64> {
            effects += machine.step(.received(.fetch(PartitionCluster.operation(number), from: 1), on: LinkID(16)))
        }
        for case .load(let load, _, _) in effects { loads.append(load) }
        try #require(loads.count == 1)
        effects = machine.step(.loaded(loads[0], cluster.bolts[1].disk.records(from: 1, bytesMax: 1)))
        for case .load(let load, _, _) in effects { loads.append(load) }
        try #require(loads.count == 2)
        effects = machine.step(.loaded(loads[1], cluster.bolts[1].disk.records(from: 1, bytesMax: 1)))
        let isLast = effects.contains { effect in
            if case .send(.fetched(PartitionCluster.operation(50), _), _) = effect { return true }
            return false
        }
        #expect(isLast)
    }

    @Test("A snapshot that is offered late, after its log came by itself, fences nobody")
    func lateOffer() throws {
        var cluster = PartitionCluster.founded(2)
        let old = try #require(cluster.bolts[1].machine?.tip)
        let digest = old.hash
        _ = cluster.command(0)
        cluster.tick(3)
        let epoch = try #require(cluster.bolts[0].machine?.promisedEpoch)
        cluster.step(1, .received(.snapshot(epoch: epoch, old, bytes: 1, digest: digest), on: LinkID(16)))
        cluster.tick(3)
        let command = cluster.command(0)
        cluster.tick(3)
        #expect(cluster.level(command) == .paired, "\(cluster.summary)")
    }

    @Test("Of strangers that came and went nothing is kept")
    func strangers() throws {
        let cluster = PartitionCluster.founded(2)
        var machine = try #require(cluster.bolts[0].machine)
        for life in 1...300 as ClosedRange<UInt64> {
            let stranger = ReplicaID(key: ChainWitness().hash([9]), incarnation: life)
            _ = machine.step(.linkUp(LinkID(1000 + life), stranger))
            _ = machine.step(.linkDown(LinkID(1000 + life)))
        }
        #expect(machine.peers.count < 4)
    }
}
