import CRDT
import Testing

@testable import Spanner

@Suite("Replication of a partition")
struct PartitionReplicationTests {
    @Test("A founded partition takes all members in sync and answers paired (P1)")
    func founding() {
        var cluster = PartitionCluster.founded(3)
        #expect(cluster.primaries == [0])
        #expect(cluster.inSync(0) == [0, 1, 2])
        let command = cluster.command(0)
        cluster.deliver()
        #expect(cluster.level(command) == .paired)
        cluster.tick(3)
        #expect(cluster.isEven == true, "\(cluster.summary)")
        #expect(cluster.broken.isEmpty)
    }

    @Test("Nothing is answered paired before every member in sync wrote it (D1, P1)")
    func waitsForAll() {
        var cluster = PartitionCluster.founded(3)
        cluster.hold(2)
        let (local, paired) = (cluster.command(0, .local), cluster.command(0))
        cluster.deliver()
        #expect(cluster.level(local) != nil)
        #expect(cluster.outcomes[paired] == nil)
        cluster.release(2)
        cluster.deliver()
        #expect(cluster.level(paired) == .paired)
    }

    @Test("Nothing is answered before the primary itself wrote it, though standbys have (D1)")
    func waitsForItself() {
        var cluster = PartitionCluster.founded(2)
        cluster.hold(0)
        let command = cluster.command(0)
        cluster.deliver()
        #expect(cluster.bolts[1].disk.commands.contains(cluster.bytes(command)))
        #expect(cluster.outcomes[command] == nil)
        cluster.release(0)
        cluster.deliver()
        #expect(cluster.level(command) == .paired)
    }

    @Test("Commands that wait for the disk go into one record")
    func groupCommit() {
        var cluster = PartitionCluster.founded(2)
        cluster.hold(0)
        let first = cluster.command(0)
        let before = cluster.bolts[0].disk.records.count
        let others = (0..<64).map { _ in cluster.command(0) }
        cluster.release(0)
        cluster.deliver()
        #expect(cluster.bolts[0].disk.records.count - before == 2)
        #expect(([first] + others).allSatisfy { cluster.level($0) == .paired })
    }

    @Test("Changes asked for together stand in one record, in order, however full it is (S9)", arguments: 0..<40)
    func together(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        var cluster = PartitionCluster.founded(2)
        let before = cluster.bolts[0].disk.records.count
        cluster.hold(0)
        var asked: [[[UInt8]]] = []
        for number in 0..<60 {
            let count = 1 + Int(generator.below(generator.below(8) == 0 ? 700 : 4))
            let bytes = Int(generator.below(generator.below(4) == 0 ? 60_000 : 90)) / (count > 4 ? 300 : 1)
            let changes = (0..<count).map {
                [UInt8(number), UInt8($0 & 255), UInt8($0 >> 8)] + [UInt8](repeating: 5, count: bytes)
            }
            guard changes.fitIntoOneRecord else { continue }
            asked.append(changes)
            _ = cluster.command(0, changes)
        }
        cluster.release(0)
        cluster.deliver()
        var left = asked[...]
        for record in cluster.bolts[0].disk.records[before...] {
            guard case .commands(let held) = record.content else { continue }
            #expect(
                held.count <= PartitionLimits.recordCommandsMax
                    && held.bytesButForLast <= PartitionLimits.recordBytesMax)
            var rest = held[...]
            while let next = left.first, !rest.isEmpty {
                #expect(Array(rest.prefix(next.count)) == next, "seed \(seed): record \(record.position)")
                rest = rest.dropFirst(next.count)
                left = left.dropFirst()
            }
        }
        #expect(left.isEmpty, "seed \(seed)")
        cluster.tick(2)
        #expect(cluster.isEven == true, "\(cluster.summary)")
    }

    @Test("Changes that no record holds together are refused, and so is nothing at all")
    func tooMuch() {
        var cluster = PartitionCluster.founded(2)
        let piece = [UInt8](repeating: 1, count: PartitionLimits.commandBytesMax)
        let many = [[UInt8]](repeating: [1], count: PartitionLimits.recordCommandsMax + 1)
        for changes in [[piece, piece], [piece + [1]], many, []] {
            #expect(cluster.outcomes[cluster.command(0, changes)] == .refused(.tooLarge))
        }
        #expect(cluster.level(cluster.command(0, [[1], piece])) == nil)
        cluster.tick(2)
        #expect(cluster.isEven == true, "\(cluster.summary)")
    }

    @Test("A late standby is dropped by a record, local goes on, paired waits and is answered when it is back (P1)")
    func drop() {
        var cluster = PartitionCluster.founded(2)
        cluster.isolate(1)
        let waiting = cluster.command(0)
        cluster.tick(15)
        #expect(cluster.inSync(0) == [0])
        #expect(cluster.outcomes[waiting] == nil)
        let refused = cluster.command(0)
        #expect(cluster.outcomes[refused] == .refused(.notPaired))
        let local = cluster.command(0, .local)
        #expect(cluster.level(local) == .local)
        cluster.heal()
        cluster.tick(5)
        #expect(cluster.inSync(0) == [0, 1])
        #expect(cluster.level(waiting) == .paired)
        cluster.tick(2)
        #expect(cluster.isEven == true, "\(cluster.summary)")
    }

    @Test("Two of three in sync go on without the third, which catches up by log")
    func catchUp() {
        var cluster = PartitionCluster.founded(3)
        cluster.kill(2)
        cluster.tick(15)
        #expect(cluster.inSync(0) == [0, 1])
        let commands = (0..<500).map { _ in cluster.command(0) }
        cluster.deliver()
        #expect(commands.allSatisfy { cluster.level($0) == .paired })
        cluster.start(2)
        cluster.tick(6)
        #expect(cluster.inSync(0) == [0, 1, 2])
        #expect(cluster.isEven == true, "\(cluster.summary)")
        #expect(cluster.bolts[2].disk.commands == cluster.bolts[0].disk.commands)
    }

    @Test("Where the log is compacted a snapshot brings the standby in sync, with its own promise kept")
    func snapshot() {
        var cluster = PartitionCluster.founded(2)
        cluster.kill(1)
        cluster.tick(15)
        for _ in 0..<20 { _ = cluster.command(0, .local) }
        cluster.kill(0)
        cluster.bolts[0].disk.compacted = cluster.bolts[0].disk.tip.position
        cluster.start(0)
        cluster.tick(15)
        cluster.start(1)
        cluster.tick(5)
        #expect(cluster.inSync(0) == [0, 1])
        #expect(cluster.isEven == true, "\(cluster.summary)")
        #expect(cluster.broken.isEmpty)
    }

    @Test("A full disk refuses commands, keeps what was sent, and goes on when there is room (D7)")
    func fullDisk() {
        var cluster = PartitionCluster.founded(2)
        cluster.bolts[0].disk.isFull = true
        let sent = cluster.command(0)
        cluster.deliver()
        let refused = cluster.command(0)
        #expect(cluster.outcomes[refused] == .refused(.storage(.full)))
        cluster.bolts[0].disk.isFull = false
        cluster.tick(2)
        #expect(cluster.level(sent) == .paired)
        let later = cluster.command(0, .local)
        #expect(cluster.level(later) != nil)
        #expect(cluster.broken.isEmpty)
    }

    @Test("A partition of one disk answers local and calls it safe")
    func alone() {
        var cluster = PartitionCluster.founded(1)
        let command = cluster.command(0)
        guard case .done(let point, let level, let safe) = cluster.outcomes[command] else {
            Issue.record("no answer")
            return
        }
        #expect(level == .local)
        #expect(safe == point.position)
    }

    @Test("A primary whose full disk was given some room hands over, with what waited for it (D7, P1)")
    func leavesFullDisk() {
        var cluster = PartitionCluster.founded(2)
        cluster.bolts[0].disk.isFull = true
        let waiting = cluster.command(0)
        cluster.deliver()
        let refused = cluster.ask(0, .switchover(to: cluster.id(1)))
        #expect(cluster.resolutions[refused] == .refused(.storage(.full)))
        cluster.bolts[0].disk.isFull = false
        cluster.step(0, .roomMade)
        let operation = PartitionCluster.operation(77)
        cluster.step(0, .operation(operation, .switchover(to: cluster.id(1))))
        cluster.deliver()
        #expect(cluster.isDone(operation), "\(String(describing: cluster.resolutions[operation]))")
        #expect(cluster.primaries == [1])
        #expect(cluster.bolts[1].disk.commands.contains(cluster.bytes(waiting)))
        #expect(cluster.broken.isEmpty)
    }

    @Test("A standby whose disk is full takes no hand-over (D7)")
    func fullHeir() {
        var cluster = PartitionCluster.founded(2)
        cluster.bolts[1].disk.isFull = true
        _ = cluster.command(0)
        cluster.deliver()
        let operation = cluster.ask(0, .switchover(to: cluster.id(1)))
        cluster.tick(25)
        #expect(cluster.resolutions[operation] != nil)
        #expect(cluster.primaries == [0])
    }

    @Test("A snapshot that waits behind a full disk keeps nobody from a promise (D7)")
    func offeredOnFullDisk() {
        var cluster = PartitionCluster.founded(3)
        cluster.bolts[2].disk.isFull = true
        _ = cluster.command(0)
        cluster.deliver()
        cluster.isolate(2)
        _ = cluster.command(0)
        cluster.tick(15)
        cluster.kill(0)
        cluster.bolts[0].disk.compacted = cluster.bolts[0].disk.tip.position
        cluster.start(0)
        cluster.tick(15)
        cluster.heal()
        cluster.tick(5)
        #expect(cluster.bolts[2].machine?.installation?.isRunning == false)
        cluster.kill(0)
        cluster.bolts[2].disk.isFull = false
        let operation = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.deliver()
        #expect(cluster.isDone(operation), "\(String(describing: cluster.resolutions[operation]))")
        #expect(cluster.broken.isEmpty)
    }

    @Test("A standby lets go of what its full disk did not take, to promise: it was acknowledged to nobody (D7, P3)")
    func promisesOnFullDisk() {
        var cluster = PartitionCluster.founded(3)
        let before = cluster.command(0)
        cluster.deliver()
        cluster.bolts[2].disk.isFull = true
        _ = cluster.command(0)
        cluster.deliver()
        cluster.kill(0)
        // Room for a promise, and no look since.
        cluster.bolts[2].disk.isFull = false
        let operation = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
        cluster.deliver()
        #expect(cluster.isDone(operation), "\(String(describing: cluster.resolutions[operation]))")
        cluster.tick(20)
        #expect(cluster.primaries == [1])
        #expect(cluster.bolts[2].disk.commands.contains(cluster.bytes(before)))
        #expect(cluster.broken.isEmpty)
    }

    @Test("What a standby was sent is not taken back on a full disk, though the standby is gone (P4)")
    func sentIsKept() {
        var cluster = PartitionCluster.founded(2)
        cluster.bolts[0].disk.isFull = true
        let sent = cluster.command(0)
        cluster.deliver()
        #expect(cluster.bolts[1].disk.commands.contains(cluster.bytes(sent)))
        cluster.split(0, 1)
        cluster.tick(3)
        #expect(cluster.outcomes[sent] == nil)
        cluster.bolts[0].disk.isFull = false
        cluster.tick(2)
        let other = cluster.command(0, .local)
        cluster.heal()
        cluster.tick(4)
        #expect(cluster.level(sent) == .paired)
        #expect(cluster.level(other) != nil)
        #expect(cluster.isEven == true, "\(cluster.summary)")
    }

    @Test("A full disk refuses what nobody was sent at once (D7)")
    func fullAndAlone() {
        var cluster = PartitionCluster.founded(1)
        cluster.bolts[0].disk.isFull = true
        let refused = cluster.command(0, .local)
        #expect(cluster.outcomes[refused] == .refused(.storage(.full)))
        cluster.bolts[0].disk.isFull = false
        cluster.tick(2)
        let later = cluster.command(0, .local)
        #expect(cluster.level(later) == .local)
        #expect(cluster.broken.isEmpty)
    }

    @Test("A candidate whose disk is slow answers its old primary nothing that is answered again")
    func noStorm() {
        var cluster = PartitionCluster.founded(3)
        cluster.hold(1)
        _ = cluster.ask(1, .promote(.failover, expect: nil, acceptingLoss: false))
        for _ in 0..<5 {
            _ = cluster.command(0)
            cluster.tick(2)
        }
        cluster.release(1)
        cluster.tick(20)
        #expect(cluster.broken.isEmpty)
        #expect(cluster.isEven == true, "\(cluster.summary)")
    }
}
