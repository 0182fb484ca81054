import CRDT
import Spanner

extension PartitionSimulation {
    /// One fault now, and the next one later.
    func fault() {
        guard healedAt == nil else { return }
        queue.push(.fault, at: now + 200_000 + generator.below(3 * PartitionSimulation.second))
        let bolt = Int(generator.below(UInt64(bolts.count)))
        let peers = members(of: bolt)
        let other = peers[Int(generator.below(UInt64(peers.count)))]
        switch generator.below(20) {
        case 0, 1, 2: crashAndRestart(bolt)
        case 3: crashTogether(bolt)
        case 4, 5: splitInTwo()
        case 6: oneWaySplit(bolt, other)
        case 7: breakLinks()
        case 8, 9: pause(bolt, for: 100_000 + generator.below(9 * PartitionSimulation.second))
        case 10: copyDisk(bolt)
        case 11: restoreDisk(bolt)
        case 12: destroyDisk(bolt)
        case 13: fillDisk(bolt)
        case 14: slowDisk(bolt)
        case 15: slowNetwork()
        case 16: connectTwice(bolt, other)
        case 17: sealForAWhile(bolt)
        case 18: wrongClock(bolt)
        default: compact(bolt)
        }
    }

    private func crashAndRestart(_ bolt: Int) {
        guard bolts[bolt].isUp else { return }
        let power = generator.below(2) == 0
        count(fault: power ? "power cut" : "process killed")
        crash(bolt, power: power)
        let long = generator.below(4) == 0 ? 10 * PartitionSimulation.second : 0
        queue.push(.start(bolt: bolt), at: now + 10_000 + generator.below(3 * PartitionSimulation.second + long))
    }

    /// A zone without power: all bolts of a partition at once.
    private func crashTogether(_ bolt: Int) {
        count(fault: "whole partition without power")
        for member in members(of: bolt) where bolts[member].isUp {
            crash(member, power: true)
            queue.push(.start(bolt: member), at: now + 10_000 + generator.below(4 * PartitionSimulation.second))
        }
    }

    private func splitInTwo() {
        count(fault: "network split")
        let sides = bolts.map { _ in generator.below(2) == 0 }
        let length = PartitionSimulation.second / 2 + generator.below(10 * PartitionSimulation.second)
        for from in bolts.indices {
            for to in bolts.indices where sides[from] != sides[to] { block(from, to, for: length) }
        }
    }

    private func oneWaySplit(_ from: Int, _ to: Int) {
        guard from != to else { return }
        count(fault: "one-way split")
        block(from, to, for: PartitionSimulation.second / 2 + generator.below(10 * PartitionSimulation.second))
    }

    private func block(_ from: Int, _ to: Int, for length: UInt64) {
        network.blocked[from][to] = true
        queue.push(.unblock(from: from, to: to), at: now + length)
    }

    private func breakLinks() {
        count(fault: "links broken")
        for connection in network.connections.indices.suffix(32) where generator.below(2) == 0 { sever(connection) }
    }

    func pause(_ bolt: Int, for length: UInt64) {
        guard bolts[bolt].isUp, !bolts[bolt].isPaused else { return }
        count(fault: "process paused")
        bolts[bolt].isPaused = true
        queue.push(.resume(bolt: bolt), at: now + length)
    }

    private func copyDisk(_ bolt: Int) {
        count(fault: "disk copied")
        bolts[bolt].disk.copy()
    }

    private func restoreDisk(_ bolt: Int) {
        guard !bolts[bolt].disk.copies.isEmpty, mayLose(bolt) else { return }
        count(fault: "old copy of a disk restored")
        crash(bolt, power: false)
        bury(bolt)
        let choice = Int(generator.below(UInt64(PartitionSimDisk.copiesMax)))
        _ = bolts[bolt].disk.restore(choice)
        // The note beside the database names its present life; the copy is made to belong to none.
        bolts[bolt].disk.keptIncarnation &+= 1
        queue.push(.start(bolt: bolt), at: now + 10_000 + generator.below(2 * PartitionSimulation.second))
    }

    private func destroyDisk(_ bolt: Int) {
        guard mayLose(bolt) else { return }
        count(fault: "disk destroyed")
        crash(bolt, power: true)
        loseDisk(bolt)
    }

    func loseDisk(_ bolt: Int) {
        crash(bolt, power: false)
        bury(bolt)
        bolts[bolt].disk.destroy()
        queue.push(.start(bolt: bolt), at: now + 10_000 + generator.below(2 * PartitionSimulation.second))
    }

    private func bury(_ bolt: Int) {
        let partition = bolts[bolt].partition
        partitions[partition].graveyard[bolts[bolt].replica] = bolts[bolt].disk.image
        let lost = partitions[partition].graveyard
        if partitions[partition].oracle.witnesses.allSatisfy({ lost[$0] != nil }) {
            partitions[partition].oracle.isExcused = true
        }
    }

    /// Disks of one partition that are lost in a run, those that are given up on purpose apart.
    static let lossesMax = 3
    /// All of them.
    static let replacementsMax = 6

    /// Whether the loss leaves the promise standing: of the disks on which the furthest promise stands one is left. In
    /// wild runs any disk goes but the last that was never lost.
    func mayLose(_ bolt: Int, most: Int = PartitionSimulation.lossesMax) -> Bool {
        let partition = partitions[bolts[bolt].partition]
        guard partition.oracle.furthest != nil, partition.graveyard.count < most else { return false }
        if options.isWild { return partition.bolts.first != bolt }
        // What was answered and not yet seen by the oracle stands on the same disks.
        let left = partition.oracle.witnesses.subtracting([bolts[bolt].replica])
            .filter { partition.graveyard[$0] == nil && !isTakenOut($0, of: partition) }
        return !left.isEmpty
    }

    private func fillDisk(_ bolt: Int) {
        count(fault: "disk full")
        bolts[bolt].isDiskFull = true
        queue.push(.diskFree(bolt: bolt), at: now + 300_000 + generator.below(4 * PartitionSimulation.second))
    }

    private func slowDisk(_ bolt: Int) {
        count(fault: "slow disk")
        bolts[bolt].writeMax = 1_000 + generator.below(200_000)
    }

    private func slowNetwork() {
        count(fault: "slow and lossy network")
        network.delayMax = 1_000 + generator.below(150_000)
        network.lossPerMille = generator.below(100)
    }

    private func connectTwice(_ from: Int, _ to: Int) {
        count(fault: "peers dialled twice")
        connect(from, to)
        connect(to, from)
    }

    private func sealForAWhile(_ bolt: Int) {
        guard bolts[bolt].isUp, !bolts[bolt].isSealed, !bolts[bolt].isPaused else { return }
        count(fault: "bolt sealed")
        seal(bolt, true)
        let length = 500_000 + generator.below(5 * PartitionSimulation.second)
        queue.push(.seal(bolt: bolt, life: bolts[bolt].life, false), at: now + length)
    }

    /// Clocks run at half and at twice their pace: nothing but pace may depend on them (D8).
    private func wrongClock(_ bolt: Int) {
        count(fault: "clock at a wrong pace")
        bolts[bolt].timerPercent = 50 + generator.below(150)
    }

    private func compact(_ bolt: Int) {
        let safe = bolts[bolt].disk.image.safe
        guard safe > 20 else { return }
        count(fault: "journal compacted")
        bolts[bolt].disk.compact(through: safe - generator.below(20))
    }

    // MARK: - The end of trouble

    func heal() {
        guard healedAt == nil else { return }
        healedAt = now
        trace.keep(now, "healed")
        for index in bolts.indices {
            (bolts[index].isDiskFull, bolts[index].writeMax, bolts[index].timerPercent) = (false, 2_000, 100)
            if bolts[index].isPaused { resume(index) }
            guard report.violations.isEmpty else { return }
        }
        network.calm()
        for from in bolts.indices {
            for to in bolts.indices { unblock(from, to) }
        }
        for index in bolts.indices {
            if bolts[index].isUp {
                if bolts[index].isSealed { seal(index, false) }
            } else {
                start(index)
            }
        }
        for partition in partitions { callDead(partition.index, partition.graveyard.keys.sorted()) }
        queue.push(.settle, at: now + PartitionSimulation.second)
    }
}
