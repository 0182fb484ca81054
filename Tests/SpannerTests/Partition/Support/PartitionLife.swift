import CRDT

@testable import Spanner

/// A random life of a small partition: kills, splits, pauses, promotions, switchovers, held and full disks, disks that
/// are lost where nothing acknowledged goes with them. What it did is judged at its end, after everything has healed.
struct PartitionLife {
    let seed: UInt64
    var cluster: PartitionCluster
    var commands: [CommandID] = []
    private var generator: SeededGenerator
    private var mayLoseDisk: Bool

    init(seed: UInt64, mutation: PartitionMutation? = nil) {
        self.seed = seed
        generator = SeededGenerator(seed: seed)
        cluster = PartitionCluster.founded(2 + Int(generator.below(3)), mutation: mutation)
        mayLoseDisk = generator.below(3) == 0
    }

    /// Lives and is judged: what was found wrong, empty where nothing was.
    mutating func run() -> [String] {
        for _ in 0..<120 where cluster.broken.isEmpty { act() }
        guard cluster.broken.isEmpty else { return cluster.broken }
        heal()
        return findings
    }

    private mutating func act() {
        let bolt = Int(generator.below(UInt64(cluster.bolts.count)))
        let other = Int(generator.below(UInt64(cluster.bolts.count)))
        let isUp = cluster.bolts[bolt].machine != nil
        switch generator.below(22) {
        case 0 where isUp: cluster.kill(bolt)
        case 1, 2: if !isUp { cluster.start(bolt) }
        case 3 where bolt != other: cluster.split(bolt, other)
        case 4: cluster.heal()
        case 5 where isUp: cluster.bolts[bolt].isPaused.toggle()
        case 6 where isUp:
            let cause = generator.below(2) == 0 ? PartitionCause.promotion : .failover
            _ = cluster.ask(bolt, .promote(cause, expect: nil, acceptingLoss: false))
        case 7 where isUp: _ = cluster.ask(bolt, .switchover(to: nil))
        case 8 where isUp: if cluster.bolts[bolt].isHeld { cluster.release(bolt) } else { cluster.hold(bolt) }
        case 9: cluster.bolts[bolt].disk.isFull.toggle()
        case 10, 11: cluster.tick(1 + Int(generator.below(15)))
        case 12: cluster.deliver(Int(generator.below(6)))
        case 13 where mayLoseDisk && generator.below(3) == 0: replaceDisk(bolt)
        case 14 where isUp:
            cluster.kill(bolt)
            cluster.start(bolt)
        default:
            for place in cluster.bolts.indices where cluster.bolts[place].machine != nil {
                commands.append(cluster.command(place, generator.below(2) == 0 ? .local : .paired))
            }
        }
        if generator.below(3) == 0 { cluster.deliver(Int(generator.below(40))) }
    }

    /// One disk, once: everything `paired` is on another. An operator cuts it off later.
    private mutating func replaceDisk(_ bolt: Int) {
        mayLoseDisk = false
        let old = cluster.id(bolt)
        if cluster.bolts[bolt].machine != nil { cluster.kill(bolt) }
        cluster.loseDisk(bolt)
        cluster.start(bolt)
        lost = old
    }

    private var lost: ReplicaID?

    private mutating func heal() {
        for bolt in cluster.bolts.indices {
            cluster.bolts[bolt].isPaused = false
            cluster.bolts[bolt].disk.isFull = false
            if cluster.bolts[bolt].isHeld { cluster.release(bolt) }
            if cluster.bolts[bolt].machine == nil { cluster.start(bolt) }
        }
        cluster.heal()
        cluster.tick(20)
        // Taken out only when the others are one log again: the act is true, and nothing of the disk is needed.
        elect()
        if let lost {
            for bolt in cluster.bolts.indices {
                cluster.step(bolt, .outside(PartitionHearsay(epoch: 1, cut: [lost])))
            }
            cluster.tick(25)
            elect()
        }
        cluster.tick(25)
    }

    private mutating func elect() {
        for tries in 0..<(2 * cluster.bolts.count) where cluster.primaries.count != 1 {
            let bolt = tries % cluster.bolts.count
            _ = cluster.ask(bolt, .promote(.failover, expect: nil, acceptingLoss: false))
            cluster.tick(25)
        }
    }

    private var findings: [String] {
        var found = cluster.broken
        if cluster.primaries.count != 1 { found.append("liveness: primaries \(cluster.primaries)") }
        if !cluster.isEven { found.append("P4: logs differ after healing") }
        let held = cluster.bolts[0].disk.commands
        for command in commands {
            let times = held.filter { $0 == cluster.bytes(command) }.count
            switch cluster.outcomes[command] {
            case .done(_, .paired, _):
                if times != 1 { found.append("P1: \(command) was paired, is there \(times) times") }
            case .refused: if times != 0 { found.append("\(command) was refused, is there \(times) times") }
            case .done, .undecided, nil: if times > 1 { found.append("\(command) is there \(times) times") }
            }
        }
        return found.isEmpty ? [] : ["seed \(seed): \(cluster.summary)"] + found.prefix(4)
    }
}
