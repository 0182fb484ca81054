import CRDT
import Spanner

extension Simulation {
    /// One fault now, and the next one later.
    func fault() {
        guard healedAt == nil else { return }
        queue.push(.fault, at: now + 300_000 + generator.below(3 * Simulation.second))
        jumpClocks()
        let bolt = Int(generator.below(UInt64(bolts.count)))
        let other = (bolt + 1 + Int(generator.below(UInt64(bolts.count - 1)))) % bolts.count
        switch generator.below(16) {
        case 0, 1: crashAndRestart(bolt)
        case 2: splitInTwo()
        case 3: oneWaySplit(bolt, other)
        case 4, 5: breakLinks()
        case 6: pause(bolt)
        case 7: copyDisk(bolt)
        case 8: restoreDisk(bolt)
        case 9: destroyDisk(bolt)
        case 10: fillDisk(bolt)
        case 11: slowNetwork()
        case 12: connectTwice(bolt, other)
        case 13: becomeByzantine(bolt)
        case 14: sleepLong(bolt)
        default: copyDisk(bolt)
        }
    }

    private func jumpClocks() {
        for index in bolts.indices where clockGenerator.below(4) == 0 {
            let tenYears: UInt64 = 10 * 365 * 86_400_000
            bolts[index].clockOffset = Int64(clockGenerator.below(2 * tenYears)) - Int64(tenYears)
            if options.wildClocks { report.faults["clock jump", default: 0] += 1 }
        }
    }

    private func crashAndRestart(_ bolt: Int) {
        guard bolts[bolt].isUp else { return }
        let power = generator.below(2) == 0
        count(fault: power ? "power cut" : "process killed")
        crash(bolt, power: power)
        queue.push(.start(bolt: bolt), at: now + 10_000 + generator.below(4 * Simulation.second))
    }

    /// Away for most of the run: what happened meanwhile must neither be lost nor undone by its return (R8).
    private func sleepLong(_ bolt: Int) {
        guard bolts[bolt].isUp, bolts.count(where: { $0.isUp }) > 2 else { return }
        count(fault: "long absence")
        crash(bolt, power: true)
        queue.push(.start(bolt: bolt), at: now + (10 + generator.below(30)) * Simulation.second)
    }

    private func splitInTwo() {
        count(fault: "network split")
        let sides = bolts.map { _ in generator.below(2) == 0 }
        let length = Simulation.second + generator.below(12 * Simulation.second)
        for from in bolts.indices {
            for to in bolts.indices where sides[from] != sides[to] { block(from, to, for: length) }
        }
    }

    private func oneWaySplit(_ from: Int, _ to: Int) {
        count(fault: "one-way split")
        block(from, to, for: Simulation.second + generator.below(12 * Simulation.second))
    }

    func block(_ from: Int, _ to: Int, for length: UInt64) {
        network.blocked[from][to] = true
        queue.push(.unblock(from: from, to: to), at: now + length)
    }

    private func breakLinks() {
        count(fault: "links broken")
        for connection in network.connections.indices.suffix(64) where generator.below(3) == 0 { sever(connection) }
    }

    private func pause(_ bolt: Int) {
        guard bolts[bolt].isUp, !bolts[bolt].isPaused else { return }
        count(fault: "process paused")
        bolts[bolt].isPaused = true
        queue.push(.resume(bolt: bolt), at: now + 100_000 + generator.below(9 * Simulation.second))
    }

    private func copyDisk(_ bolt: Int) {
        count(fault: "disk copied")
        bolts[bolt].disk.copy()
    }

    private func restoreDisk(_ bolt: Int) {
        guard !bolts[bolt].disk.copies.isEmpty else { return }
        count(fault: "old copy of a disk restored")
        crash(bolt, power: false)
        let choice = Int(generator.below(UInt64(SimDisk.copiesMax)))
        _ = bolts[bolt].disk.restore(choice)
        // The note beside the database names its present life; the copy is made to belong to none.
        bolts[bolt].disk.keptIncarnation &+= 1
        lost(bolt)
        queue.push(.start(bolt: bolt), at: now + 10_000 + generator.below(2 * Simulation.second))
    }

    private func destroyDisk(_ bolt: Int) {
        // At most one in a run on average: what was acknowledged at `spread(2)` is to survive it.
        guard bolts.allSatisfy({ $0.diskLosses.isEmpty }) else { return }
        count(fault: "disk destroyed")
        crash(bolt, power: true)
        bolts[bolt].disk.destroy()
        lost(bolt)
        queue.push(.start(bolt: bolt), at: now + 10_000 + generator.below(2 * Simulation.second))
    }

    private func lost(_ bolt: Int) {
        bolts[bolt].diskLosses.append(now)
        bolts[bolt].bansRecorded = []
        checks.promised[bolt] = VersionVector()
        checks.frozen[bolt] = nil
    }

    private func fillDisk(_ bolt: Int) {
        count(fault: "disk full")
        bolts[bolt].isDiskFull = true
        queue.push(.diskFree(bolt: bolt), at: now + 500_000 + generator.below(5 * Simulation.second))
    }

    private func slowNetwork() {
        count(fault: "slow and lossy network")
        network.delayMax = 20_000 + generator.below(400_000)
        network.lossPerMille = generator.below(200)
    }

    private func connectTwice(_ from: Int, _ to: Int) {
        count(fault: "peers dialled twice")
        dial(from, to)
        dial(to, from)
        dial(from, to)
    }

    private func becomeByzantine(_ bolt: Int) {
        guard options.seed.isMultiple(of: 3), bolts.count > 3, !bolts.contains(where: \.isByzantine) else { return }
        guard bolts[bolt].isUp, twin == nil else { return }
        count(fault: "bolt turned byzantine")
        bolts[bolt].isByzantine = true
    }

    // MARK: - A liar

    /// What a byzantine bolt says instead of what its machine meant.
    func corrupt(_ message: GossipMessage, from bolt: Int) -> GossipMessage {
        switch message {
        case .events(var runs):
            guard !runs.isEmpty else { return message }
            let place = Int(generator.below(UInt64(runs.count)))
            let altered = mutate(runs[place])
            // In front: what comes behind a poison run must still be taken (R10).
            if generator.below(2) == 0 { runs.insert(altered, at: 0) } else { runs[place] = altered }
            report.faults["forged run sent", default: 0] += 1
            return .events(runs)
        case .context(let digest, var vector?):
            guard generator.below(4) == 0 else { return message }
            report.faults["false context sent", default: 0] += 1
            for entry in vector.entries where generator.below(3) == 0 {
                vector[entry.replica] = entry.counter + 1 + generator.below(1000)
            }
            return .context(digest: digest, vector: vector)
        case .want(let ranges):
            return .want(ranges.map { GossipMessage.WantedRange(replica: $0.replica, after: 0) })
        case .hello, .context, .durable, .reject, .fork, .ping, .unknown: return message
        }
    }

    private func mutate(_ run: SignedRun) -> SignedRun {
        var run = run
        switch generator.below(6) {
        case 0:
            let body = Int(generator.below(UInt64(run.bodies.count)))
            guard !run.bodies[body].isEmpty else { return run }
            let byte = Int(generator.below(UInt64(run.bodies[body].count)))
            run.bodies[body][byte] ^= UInt8(1 << generator.below(8))
        case 1: run.signature[Int(generator.below(64))] ^= 1
        case 2: run.first += 1
        case 3:
            let other = bolts[Int(generator.below(UInt64(bolts.count)))]
            let thief = other.identity.replica(run.replica.incarnation)
            run = SignedRun(replica: thief, first: run.first, bodies: run.bodies, signature: run.signature)
        case 4: run.bodies[run.bodies.count - 1] = [1]
        default:
            guard run.bodies.count > 1 else {
                run.bodies.append(run.bodies[0])
                return run
            }
            run.bodies.removeLast()
        }
        return run
    }

    // MARK: - The end of trouble

    func heal() {
        guard healedAt == nil else { return }
        for index in bolts.indices {
            bolts[index].isDiskFull = false
            if bolts[index].isPaused { resume(index) }
        }
        // A liar never heals: somebody pulls its plug, and the others have to agree on what it left behind.
        // Nor does a twin.
        for bolt in bolts where bolt.isByzantine || bolt.isTwin { crash(bolt.index, power: false) }
        network.heal()
        for from in bolts.indices {
            for to in bolts.indices { unblock(from, to) }
        }
        healedAt = now
        for index in bolts.indices where !bolts[index].isUp { start(index) }
        trace.keep(now, "healed")
        queue.push(.finish, at: now + 10 * Simulation.second)
    }
}
