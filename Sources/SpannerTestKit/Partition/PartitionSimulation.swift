import CRDT
import Spanner

/// One partition of the world: its bolts, and what is true of it.
struct PartitionSimPartition {
    let index: Int
    let name: String
    let bolts: [Int]
    var oracle: PartitionSimOracle
    /// What was on disks that are lost, by their incarnation.
    var graveyard: [ReplicaID: PartitionSimDisk.Image] = [:]
    /// Disks that an operator called dead.
    var called: Set<ReplicaID> = []
    /// Disks that an operator asked to take out while they lived, and was not refused.
    var removed: Set<ReplicaID> = []
    /// Whether its first epoch was asked for.
    var isFounded = false
    /// Whether something that was wanted `paired` was answered since everything healed.
    var hasPairedSinceHealing = false
}

/// Partitions of the daemon's own cores on a virtual clock, network and disk. One seed decides everything.
///
/// A run has three parts: clients and operators work under faults, then everything heals, then the partitions come to
/// rest: a primary each, all members in sync, equal and safe. Checkers look after every step; the first broken promise
/// ends the run.
public final class PartitionSimulation {
    static let second: UInt64 = 1_000_000

    let options: PartitionSimOptions
    let witness = TestWitness()
    let chain = JournalChain(witness: TestWitness())
    var generator: SeededGenerator
    var queue = SimQueue<PartitionSimAction>()
    var now: UInt64 = 0
    var bolts: [PartitionSimBolt] = []
    var partitions: [PartitionSimPartition] = []
    var network: SimNetwork<PartitionMessage>
    /// Copies of databases that a sender built for its peer, by connection.
    var snapshots: [Int: PartitionSimDisk.Image] = [:]
    var clients: [PartitionSimClient] = []
    var attempts: [UInt64: PartitionSimAttempt] = [:]
    var operations: [OperationID: PartitionSimOperation] = [:]
    var nextLink: UInt64 = 1
    var nextAttempt: UInt64 = 1
    var nextOperation: UInt64 = 1
    var report: SimReport
    var trace: SimTrace
    var healedAt: UInt64?
    var isOver = false

    /// Partitions that are ready to run.
    public init(_ options: PartitionSimOptions) {
        self.options = options
        generator = SeededGenerator(seed: options.seed ^ 0x9A27_1710)
        report = SimReport(seed: options.seed)
        trace = SimTrace(keepsAll: options.keepsTrace)
        var sizes: [Int] = []
        for _ in 0..<(options.hasSiblings ? 3 : 1) {
            sizes.append(2 + Int(generator.below(options.hasSiblings ? 2 : 3)))
        }
        network = SimNetwork(bolts: sizes.reduce(0, +), pace: .local)
        for (index, size) in sizes.enumerated() { found(index, size) }
    }

    private func found(_ index: Int, _ size: Int) {
        let name = "p\(index)"
        let genesis = chain.genesis(mesh: TestIdentity.mesh, partition: name)
        let places = Array(bolts.count..<(bolts.count + size))
        for place in places {
            let author = TestIdentity(
                .bolt(PartitionName(checked: name), BoltName(checked: "bolt-\(place)")), seed: 1000 + UInt64(place))
            let disk = PartitionSimDisk(genesis: genesis, appliesApart: options.mutant?.appliesApart ?? false)
            bolts.append(PartitionSimBolt(index: place, partition: index, identity: author, disk: disk))
        }
        partitions.append(
            PartitionSimPartition(
                index: index, name: name, bolts: places, oracle: PartitionSimOracle(genesis: genesis)))
        for _ in 0..<3 { clients.append(PartitionSimClient(partition: index, target: places[0])) }
    }

    /// Runs to the end, or to the first broken promise.
    public func run() -> SimReport {
        for bolt in bolts {
            queue.push(.start(bolt: bolt.index), at: generator.below(PartitionSimulation.second / 2))
            queue.push(.gossip(bolt: bolt.index), at: PartitionSimulation.second)
        }
        for client in clients.indices { queue.push(.client(client), at: 2 * PartitionSimulation.second) }
        queue.push(.operate, at: PartitionSimulation.second)
        queue.push(.fault, at: 4 * PartitionSimulation.second)
        queue.push(.heal, at: options.chaosSeconds * PartitionSimulation.second)
        runQueue()
        if report.violations.isEmpty { checkAtEnd() }
        report.virtualMilliseconds = now / 1000
        report.traceHash = trace.hash
        report.trace = trace.lines
        return report
    }

    func perform(_ action: PartitionSimAction) {
        switch action {
        case .timer(let bolt, _, let timer): step(bolt, .timerFired(timer))
        case .disk(let bolt, _, let batch): finishWrite(bolt, batch)
        case .load(let bolt, _, let load, let from, let bytesMax):
            step(bolt, .loaded(load, bolts[bolt].disk.load(from: from, bytesMax: bytesMax)))
        case .dial(let bolt, _): dial(bolt)
        case .seal(let bolt, _, let isSealed): seal(bolt, isSealed)
        case .build(let bolt, _, let link): build(bolt, link)
        case .install(let bolt, _, let link, let point): install(bolt, link, point)
        case .ask(let bolt, _, let id, let operation): ask(bolt, id, operation)
        case .command(let bolt, _, let attempt, let padding, let level): take(attempt, padding, level, at: bolt)
        case .up(let connection, let end): bringUp(connection, end)
        case .parcel(let connection, let end, let parcel): arrive(connection, end, parcel)
        case .down(let connection, let end): takeDown(connection, end)
        case .start(let bolt): start(bolt)
        case .resume(let bolt): resume(bolt)
        case .unblock(let from, let to): unblock(from, to)
        case .diskFree(let bolt): bolts[bolt].isDiskFull = false
        case .gossip(let bolt): gossip(bolt)
        case .client(let client): work(client)
        case .operate: operate()
        case .fault: fault()
        case .heal: heal()
        case .settle: settle()
        }
    }

    /// One step of a bolt's machine, and what follows from it.
    func step(_ bolt: Int, _ event: PartitionMachine.Event) {
        guard bolts[bolt].machine != nil, report.violations.isEmpty else { return }
        report.steps += 1
        trace.mix(now)
        trace.mix(UInt64(bolt))
        let effects = bolts[bolt].machine?.step(event) ?? []
        for effect in effects { perform(effect, of: bolt) }
    }

    func violate(_ fault: PartitionSimFault?) {
        if let fault { violate(fault.guarantee, fault.detail) }
    }

    func count(work: String) { report.work[work, default: 0] += 1 }

    /// The bolts of one bolt's partition, itself included.
    func members(of bolt: Int) -> [Int] { partitions[bolts[bolt].partition].bolts }

    /// The bolt whose disk is called so, while that disk lives.
    func bolt(of replica: ReplicaID) -> Int? {
        // An old copy that was put in place still names the life that is lost, until it is started.
        guard let found = bolts.firstIndex(where: { $0.replica == replica }) else { return nil }
        return partitions[bolts[found].partition].graveyard[replica] == nil ? found : nil
    }
}
