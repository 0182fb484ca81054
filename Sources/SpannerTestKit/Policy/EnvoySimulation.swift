import CRDT
import Spanner

/// What is to happen.
enum EnvoySimAction {
    case produce(Int)
    case timer(envoy: Int, life: UInt64, number: Int)
    case request(EnvoySimRequest, at: Int)
    case reply(EnvoySimReply, to: EnvoySimRequest, life: UInt64)
    case timeout(envoy: Int, life: UInt64, request: UInt64)
    case start(envoy: Int)
    case replicate(Int)
    case promote(Int, keep: Int)
    case restore(envoy: Int)
    case operate
    case gossip
    case fault
    case heal
    case settle
}

/// A former primary that still answers: what it stores nobody else has.
struct EnvoySimGhost {
    let partition: Int
    var state: EnvoySimPartition
    let until: UInt64
}

/// Envoys with the daemon's own machines, `EnvoyMachine`, `OwnerSight` and `PolicySight`, against partitions that are
/// a model: a journal, of which a prefix is safe, and promotions that lose any part of the rest. One seed decides
/// everything.
public final class EnvoySimulation: SimLedger {
    static let millisecond: UInt64 = 1000
    static let second: UInt64 = 1_000_000

    let options: EnvoySimOptions
    let witness = TestWitness()
    var limits = EnvoyMachine.Limits()
    var generator: SeededGenerator
    var queue = SimQueue<EnvoySimAction>()
    var now: UInt64 = 0
    var partitions: [EnvoySimPartition] = []
    var ghost: EnvoySimGhost?
    var genesis: SliceGenesis?
    var envoys: [EnvoySimEnvoy] = []
    /// All transitions that there are.
    var published = SliceRegisterSet()
    /// What a liar heard and tells again.
    var heard = EnvoySimHearsay()
    /// Every version that was ever safe at its owner: its root, by partition and root.
    var versions: [PartitionName: Set<Bytes32>] = [:]
    /// Under which root each number was given out, mesh-wide.
    var numbers: [String: Bytes32] = [:]
    /// Results that were put into a queue, in order, by envoy; markers included.
    var nextItem: UInt64 = 1
    var nextQueue: UInt64 = 1
    var nextRequest: UInt64 = 1
    var nextBody: UInt64 = 1
    var nextSeal: UInt64 = 1
    /// Partitions that were put back to an older copy: what was safe there may be gone.
    var restored: Set<PartitionName> = []
    var report: SimReport
    var trace: SimTrace
    var healedAt: UInt64?
    var isOver = false

    /// Envoys and partitions that are ready to run.
    public init(_ options: EnvoySimOptions) {
        self.options = options
        (limits.backoffFirst, limits.backoffMax) = (.milliseconds(100), .seconds(2))
        limits.refusedWait = .milliseconds(500)
        generator = SeededGenerator(seed: options.seed ^ 0xE07_5EED)
        report = SimReport(seed: options.seed)
        trace = SimTrace(keepsAll: options.keepsTrace)
        let names = ["north", "south", "west"].map { PartitionName(checked: $0) }
        partitions = names.map { EnvoySimPartition($0) }
        genesis = SliceGenesis(
            apply: TestWitness.digest([9]), name: GroupName(checked: "fleet"), slices: 2,
            candidates: names.map { Placement.Candidate(partition: $0) }, hashedBy: witness)
        guard let genesis else { return }
        for index in 0..<4 {
            let queue = newQueue()
            let slice = SliceID(group: genesis.id, index: UInt32(index % 2))
            var disk = EnvoySimDisk(queue: queue)
            if !options.has(.registerNotTold), let register = genesis.register(of: slice.index, hashedBy: witness) {
                // Who was admitted with a slice knows its first register.
                let claim = SliceClaim(register: register, epoch: PartitionEpoch.none)
                try? disk.sight.begin(
                    with: SliceVoucher(claim, signature: nil), mesh: TestIdentity.mesh, witness: witness)
            }
            envoys.append(
                EnvoySimEnvoy(
                    index: index, id: PrincipalID(high: 0xE0, low: UInt64(index) * 0x9E37 + 5),
                    slice: slice, durable: disk, disk: disk,
                    machine: machine(disk, seed: UInt64(index))))
        }
    }

    /// Runs to the end, or to the first broken promise.
    public func run() -> SimReport {
        for partition in partitions.indices {
            publish(at: partition)
            queue.push(.replicate(partition), at: Self.millisecond)
        }
        for envoy in envoys.indices {
            queue.push(.produce(envoy), at: generator.below(200) * Self.millisecond)
            queue.push(.start(envoy: envoy), at: generator.below(100) * Self.millisecond)
        }
        queue.push(.gossip, at: 50 * Self.millisecond)
        queue.push(.operate, at: 300 * Self.millisecond)
        queue.push(.fault, at: 500 * Self.millisecond)
        queue.push(.heal, at: options.chaosSeconds * Self.second)
        while !isOver, report.violations.isEmpty, let next = queue.pop() {
            now = max(now, next.time)
            perform(next.element)
        }
        if report.violations.isEmpty { checkAtEnd() }
        report.virtualMilliseconds = now / 1000
        report.traceHash = trace.hash
        report.trace = trace.lines
        return report
    }

    private func perform(_ action: EnvoySimAction) {
        report.steps += 1
        trace.mix(now)
        switch action {
        case .produce(let envoy): produce(envoy)
        case .timer(let envoy, let life, let number):
            if envoys[envoy].life == life { step(envoy, .timerFired(number)) }
        case .request(let request, let partition): serve(request, at: partition)
        case .reply(let reply, let request, let life): receive(reply, to: request, life: life)
        case .timeout(let envoy, let life, let request):
            guard envoys[envoy].life == life, envoys[envoy].asked == request else { return }
            envoys[envoy].asked = nil
            step(envoy, .failed(.unavailable(retryAfter: nil)))
        case .start(let envoy): start(envoy)
        case .replicate(let partition): replicate(partition)
        case .promote(let partition, let keep): promote(partition, keep: keep)
        case .restore(let envoy): if healedAt == nil { restore(envoy: envoy) }
        case .operate: operate()
        case .gossip: gossip()
        case .fault: fault()
        case .heal: heal()
        case .settle: settle()
        }
    }

    func later(_ milliseconds: UInt64) -> UInt64 { now + 200 + generator.below(milliseconds * Self.millisecond) }

    func newQueue() -> QueueID {
        defer { nextQueue += 1 }
        return QueueID(high: 0x0E, low: nextQueue)
    }

    func newItem() -> UInt64 {
        defer { nextItem += 1 }
        return nextItem
    }

    func machine(_ disk: EnvoySimDisk, seed: UInt64) -> EnvoyMachine {
        // One more than there are partitions: the last is a bolt that lies.
        EnvoyMachine(servers: 4, fence: disk.sight.fence, held: disk.held, seed: seed, limits: limits)
    }

    func index(of name: PartitionName) -> Int? { partitions.firstIndex { $0.name == name } }

    func walk(_ slice: SliceID, in registers: SliceRegisterSet) -> SliceWalk? {
        genesis.flatMap { registers.walk(slice.index, from: $0, by: witness) }
    }

    /// Who owns a slice in truth.
    func owner(of slice: SliceID) -> Int? { walk(slice, in: published).flatMap { index(of: $0.owner) } }
}
