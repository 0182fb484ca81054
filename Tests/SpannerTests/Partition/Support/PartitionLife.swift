import CRDT

@testable import Spanner

/// A random life of a small partition: kills, splits, pauses, promotions, switchovers, held and full disks; disks that
/// are removed, cut off and replaced, and lost where nothing acknowledged goes with them. What it did is judged at its
/// end, after everything has healed.
struct PartitionLife {
    let seed: UInt64
    var cluster: PartitionCluster
    var commands: [CommandID] = []
    private var generator: SeededGenerator
    /// Disks that may still be lost.
    private var losses: Int
    /// Disks that are gone, or to be: a signed act says so sooner or later.
    private var gone: Set<ReplicaID> = []

    init(seed: UInt64, mutation: PartitionMutation? = nil) {
        self.seed = seed
        generator = SeededGenerator(seed: seed)
        cluster = PartitionCluster.founded(2 + Int(generator.below(3)), mutation: mutation)
        losses = generator.below(2) == 0 ? 1 + Int(generator.below(3)) : 0
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
        case 13: moveDisk(bolt)
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

    /// A disk is taken out, cut off alive, lost, or replaced where it was taken out; or somebody hears of one.
    private mutating func moveDisk(_ bolt: Int) {
        let isUp = cluster.bolts[bolt].machine != nil
        switch generator.below(6) {
        case 0, 1: if let primary = cluster.primaries.first { _ = cluster.ask(primary, .remove(cluster.id(bolt))) }
        case 2: for disk in gone.sorted() where isUp { tell(bolt, disk) }
        case 3 where losses > 0 && mayLose(bolt) && isUp:
            losses -= 1
            gone.insert(cluster.id(bolt))
            tell(bolt, cluster.id(bolt))
        case 4 where isFenced(bolt): replaceDisk(bolt)
        case 5 where losses > 0 && mayLose(bolt):
            losses -= 1
            replaceDisk(bolt)
        default: break
        }
    }

    private mutating func tell(_ bolt: Int, _ disk: ReplicaID) {
        cluster.step(bolt, .outside(PartitionHearsay(epoch: 1, cut: [disk])))
    }

    /// Whether everything `paired` is on another disk: one in sync with the only primary, all of whose log is safe.
    private func mayLose(_ bolt: Int) -> Bool {
        guard let primary = cluster.primaries.first, cluster.primaries.count == 1,
            let machine = cluster.bolts[primary].machine, machine.safePosition == machine.tip.position,
            cluster.bolts.allSatisfy({ $0.disk.promised <= machine.promisedEpoch }), !gone.contains(cluster.id(bolt))
        else { return false }
        return cluster.inSync(primary).contains { $0 != bolt && !gone.contains(cluster.id($0)) && !isFenced($0) }
    }

    private func isFenced(_ bolt: Int) -> Bool {
        if case .fenced = cluster.bolts[bolt].machine?.role { return true }
        return false
    }

    private mutating func replaceDisk(_ bolt: Int) {
        gone.insert(cluster.id(bolt))
        if cluster.bolts[bolt].machine != nil { cluster.kill(bolt) }
        cluster.loseDisk(bolt)
        cluster.start(bolt)
    }

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
        for _ in 0..<3 {
            for bolt in cluster.bolts.indices where isFenced(bolt) { replaceDisk(bolt) }
            for disk in gone.sorted() {
                for bolt in cluster.bolts.indices { tell(bolt, disk) }
            }
            cluster.tick(30)
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
        let held = cluster.bolts[cluster.primaries.first ?? 0].disk.commands
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
