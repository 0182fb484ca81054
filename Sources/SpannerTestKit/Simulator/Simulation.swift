import CRDT
import Spanner

/// A mesh of the daemon's own cores on a virtual clock, network and disk. One seed decides everything.
///
/// A run has three parts: work under faults, then everything heals, then the mesh has ten rounds to come to rest.
/// Checkers look after every step; the first broken promise ends the run.
public final class Simulation {
    static let second: UInt64 = 1_000_000

    let options: SimOptions
    let witness = TestWitness()
    let `operator` = TestIdentity(.operator(OperatorName(checked: "ada")), seed: 1)
    var generator: SeededGenerator
    /// Feeds clocks only, so that wild and tame clocks leave the rest of a run alike (D8).
    var clockGenerator: SeededGenerator
    var queue = SimQueue<SimAction>()
    var now: UInt64 = 0
    var bolts: [SimBolt] = []
    var network: SimNetwork<GossipMessage>
    var nextLink: UInt64 = 1
    var nextCommand: UInt64 = 1
    var workload = SimWorkload()
    var checks = SimChecks()
    var report: SimReport
    var trace: SimTrace
    var genesis: SignedRun
    /// A bolt that comes later, with an act that only it carries.
    var joiner: (bolt: Int, act: SignedAct)?
    /// The slot of a bolt's twin, and of which bolt.
    var twin: (slot: Int, of: Int)?
    var healedAt: UInt64?
    var convergedAt: UInt64?
    var isOver = false
    /// Without faults: for comparing traffic.
    var isPeaceful = false
    /// A bolt that complains all the time.
    var sickBolt: Int?
    /// A bolt whose own traffic is not counted.
    var exemptFromTraffic: Int?
    var messagesSent: UInt64 = 0

    /// A mesh that is ready to run.
    public init(_ options: SimOptions) {
        self.options = options
        generator = SeededGenerator(seed: options.seed)
        clockGenerator = SeededGenerator(seed: options.seed ^ 0xC10C)
        report = SimReport(seed: options.seed)
        trace = SimTrace(keepsAll: options.keepsTrace)
        let count = 3 + Int(generator.below(4))
        network = SimNetwork(bolts: count + 1, pace: .wide)
        genesis = SignedRun(replica: TestIdentity.root.replica(0), first: 1, bodies: [], signature: [])
        let hasJoiner = generator.below(3) == 0
        for index in 0..<count {
            let name = BoltName(checked: "bolt-\(index)")
            let identity = TestIdentity(.bolt(PartitionName(checked: "p\(index)"), name), seed: UInt64(index))
            bolts.append(
                SimBolt(
                    index: index, identity: identity, principal: PrincipalID(high: 1, low: UInt64(index)),
                    disk: SimDisk(incarnation: 0)))
        }
        if options.seed % Simulation.twinEvery == 5 {
            addTwin(of: Int(options.seed / Simulation.twinEvery) % (count - 1))
        }
        found(hasJoiner: hasJoiner)
    }

    /// The genesis: the root's history, which admits the operator, and the operator's acts, which admit the bolts.
    private func found(hasJoiner: Bool) {
        var ada = Admission(
            role: .operator, id: PrincipalID(high: 2, low: 1), name: simName("ada"),
            tlsKey: `operator`.author.tlsKey)
        ada.signingKey = `operator`.author.signingKey
        var payloads: [RosterEvent.Payload] = [
            .open(chain: TestIdentity.root.chain), .act(TestIdentity.root.act(.admit(ada), nonce: 1)),
        ]
        let members = bolts.filter { !$0.isTwin }
        for bolt in members {
            var admission = Admission(
                role: .bolt, id: bolt.principal, name: simName("bolt-\(bolt.index).p\(bolt.index)"),
                tlsKey: bolt.identity.author.tlsKey)
            admission.signingKey = bolt.identity.author.signingKey
            admission.partition = PartitionName(checked: "p\(bolt.index)")
            admission.address = bolt.address
            let act = `operator`.act(.admit(admission), nonce: 100 + UInt64(bolt.index))
            if hasJoiner, bolt.index == members.count - 1 {
                joiner = (bolt.index, act)
            } else {
                payloads.append(.act(act))
            }
        }
        let root = TestIdentity.root.replica(0)
        let roster = Roster(mesh: TestIdentity.mesh, witness: witness)
        let builder = RunBuilder(
            replica: root, mesh: TestIdentity.mesh, witness: witness, signer: TestIdentity.root.signer)
        do throws(RosterDraftError) {
            genesis = try builder.build(payloads, at: WallTime(milliseconds: 0), after: roster.head(of: root))
        } catch {
            preconditionFailure("the genesis cannot be written: \(error)")
        }
    }

    /// Runs to the end, or to the first broken promise.
    public func run() -> SimReport {
        for bolt in bolts where !bolt.isTwin {
            let late = joiner?.bolt == bolt.index ? 10 * Simulation.second : 0
            queue.push(.start(bolt: bolt.index), at: late + generator.below(Simulation.second))
        }
        queue.push(.work, at: Simulation.second)
        if !isPeaceful { queue.push(.fault, at: 3 * Simulation.second) }
        if let sickBolt { queue.push(.complain(bolt: sickBolt), at: 5 * Simulation.second) }
        if twin != nil { queue.push(.twin, at: (6 + options.seed % 20) * Simulation.second) }
        queue.push(.heal, at: options.chaosSeconds * Simulation.second)
        runQueue()
        if report.violations.isEmpty { checkAtEnd() }
        report.virtualMilliseconds = now / 1000
        report.traceHash = trace.hash
        report.outcomeHash = outcome()
        report.trace = trace.lines
        return report
    }

    func perform(_ action: SimAction) {
        switch action {
        case .timer(let bolt, _, let timer): step(bolt, .timerFired(timer))
        case .disk(let bolt, _, let batch): finishWrite(bolt, batch)
        case .load(let bolt, _, let load, let replica, let after, let bytesMax):
            step(bolt, .loaded(load, bolts[bolt].disk.load(replica, after: after, bytesMax: bytesMax)))
        case .incarnation(let bolt, _):
            let incarnation = generator.next() | 1
            bolts[bolt].disk.take(incarnation: incarnation)
            step(bolt, .incarnationReady(bolts[bolt].identity.replica(incarnation)))
        case .freeze(let bolt, _, let proof): freeze(bolt, proof)
        case .dial(let bolt, _): dial(bolt)
        case .importGenesis(let bolt, _): importGenesis(bolt)
        case .up(let connection, let end): bringUp(connection, end)
        case .parcel(let connection, let end, let parcel): arrive(connection, end, parcel)
        case .down(let connection, let end): takeDown(connection, end)
        case .start(let bolt): start(bolt)
        case .resume(let bolt): resume(bolt)
        case .unblock(let from, let to): unblock(from, to)
        case .diskFree(let bolt): bolts[bolt].isDiskFull = false
        case .complain(let bolt): complain(bolt)
        case .twin: cloneTwin()
        case .work: work()
        case .fault: fault()
        case .heal: heal()
        case .finish: isOver = true
        }
    }

    /// One step of a bolt's machine, and what follows from it.
    func step(_ bolt: Int, _ event: GossipMachine.Event) {
        guard bolts[bolt].machine != nil else { return }
        report.steps += 1
        trace.mix(now)
        trace.mix(UInt64(bolt))
        let poisoned = expectation(bolt, event)
        let effects = bolts[bolt].machine?.step(event) ?? []
        if let poisoned { checkTaken(bolt, poisoned) }
        for effect in effects { perform(effect, of: bolt) }
        if let healedAt, convergedAt == nil { lookForConvergence(since: healedAt) }
    }

    /// What a bolt's clock says.
    func wallTime(_ bolt: Int) -> WallTime {
        let base: Int64 = 1_800_000_000_000
        let time = base + Int64(now / 1000) + (options.wildClocks ? bolts[bolt].clockOffset : 0)
        return WallTime(milliseconds: UInt64(max(0, options.wildClocks ? time : base)))
    }
}

/// A name that is known to be one.
func simName(_ text: String) -> PrincipalName {
    guard let name = PrincipalName(text) else { preconditionFailure("\(text) is no name") }
    return name
}
