import CRDT
import Spanner

/// What is to happen.
enum HandoffSimAction {
    case persisted(partition: Int, life: UInt64, position: UInt64)
    case replicated(partition: Int, life: UInt64, position: UInt64)
    case message(HandoffMessage, to: Int)
    case reply(HandoffReply, to: Int)
    case sourceTimer(partition: Int, life: UInt64, HandoffID, HandoffTimer)
    case targetTimer(partition: Int, life: UInt64, HandoffID, HandoffTimer)
    case shell(partition: Int, life: UInt64, HandoffID, HandoffSource.Effect)
    case targetShell(partition: Int, life: UInt64, HandoffID, HandoffTarget.Effect)
    case client(Int)
    case gossip
    case operate
    case fault
    case outage
    case lose
    case takeOver(lost: Int)
    case directed(HandoffSimAct)
    case start(partition: Int, keep: UInt64)
    case heal
    case settle
}

/// One envoy that sends results to its slice, one after the other, again until they are acknowledged.
struct HandoffSimClient {
    let slice: SliceID
    var next: UInt64 = 1
    var target = 0
    var acknowledgedSinceHealing = false
}

/// Partitions with the daemon's own handoff machines on a virtual clock, network and journal. One seed decides
/// everything.
///
/// The partitions themselves are a model: a journal, of which a prefix is safe, and promotions that lose any part of
/// the rest. The partition plane proves that the real ones are like that.
public final class HandoffSimulation: SimLedger {
    static let millisecond: UInt64 = 1000
    static let second: UInt64 = 1_000_000

    let options: HandoffSimOptions
    let witness = TestWitness()
    let settings: HandoffSettings
    var generator: SeededGenerator
    var queue = SimQueue<HandoffSimAction>()
    var now: UInt64 = 0
    var partitions: [HandoffSimPartition] = []
    var genesis: SliceGenesis?
    var clients: [HandoffSimClient] = []
    /// All transitions that anybody published.
    var published = SliceRegisterSet()
    private var publishedWalks: [SliceID: (count: Int, walk: SliceWalk)] = [:]
    /// Slices that operators took over: what their owner had may come late.
    var takenOver: Set<SliceID> = []
    /// The highest number that was acknowledged, by slice.
    var acknowledged: [SliceID: UInt64] = [:]
    var nextHandoff: UInt64 = 1
    /// How far a directed run is.
    var course = HandoffSimCourse()
    /// When the last message in its turn arrives, by direction and receiver.
    var arrivals: [UInt64] = Array(repeating: 0, count: 6)
    var report: SimReport
    var trace: SimTrace
    var healedAt: UInt64?
    var isOver = false

    /// Partitions that are ready to run.
    public init(_ options: HandoffSimOptions) {
        self.options = options
        var settings = HandoffSettings()
        (settings.retry, settings.sealTimeout) = (.milliseconds(200), .milliseconds(500))
        (settings.sealLagBytes, settings.sealLagRecords) = (8, 6)
        self.settings = settings
        generator = SeededGenerator(seed: options.seed ^ 0x51CE_0FF5)
        report = SimReport(seed: options.seed)
        trace = SimTrace(keepsAll: options.keepsTrace)
        let names = ["north", "south", "west"].map { PartitionName(checked: $0) }
        partitions = names.enumerated().map { HandoffSimPartition(index: $0.offset, name: $0.element) }
        for index in partitions.indices { partitions[index].mutation = options.mutant?.mutation }
        genesis = SliceGenesis(
            apply: TestWitness.digest([7]), name: GroupName(checked: "fleet"), slices: 3,
            candidates: names.map { Placement.Candidate(partition: $0) }, hashedBy: witness)
        guard let genesis else { return }
        clients = (0..<genesis.slices).map { HandoffSimClient(slice: SliceID(group: genesis.id, index: $0)) }
    }

    /// Runs to the end, or to the first broken promise.
    public func run() -> SimReport {
        for partition in partitions.indices { begin(partition) }
        for client in clients.indices { queue.push(.client(client), at: generator.below(50) * Self.millisecond) }
        queue.push(.gossip, at: 50 * Self.millisecond)
        if options.plan == nil {
            queue.push(.operate, at: 100 * Self.millisecond)
            if options.hasCrashes { queue.push(.fault, at: 500 * Self.millisecond) }
            if options.hasOutages { queue.push(.outage, at: 700 * Self.millisecond) }
            if options.hasLosses { queue.push(.lose, at: 900 * Self.millisecond) }
            queue.push(.heal, at: options.chaosSeconds * Self.second)
        } else {
            prepare()
        }
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

    private func perform(_ action: HandoffSimAction) {
        switch action {
        case .persisted(let partition, let life, let position): persisted(partition, life, position)
        case .replicated(let partition, let life, let position): replicated(partition, life, position)
        case .message(let message, let partition): deliver(message, to: partition)
        case .reply(let reply, let partition): deliver(reply, to: partition)
        case .sourceTimer(let partition, let life, let id, let timer):
            if partitions[partition].life == life { step(partition, source: id, .timerFired(timer)) }
        case .targetTimer(let partition, let life, let id, let timer):
            if partitions[partition].life == life { step(partition, target: id, .timerFired(timer)) }
        case .shell(let partition, let life, let id, let effect):
            if partitions[partition].life == life { carryOut(effect, of: id, at: partition) }
        case .targetShell(let partition, let life, let id, let effect):
            if partitions[partition].life == life { carryOut(effect, of: id, at: partition) }
        case .client(let client): work(client)
        case .gossip: gossip()
        case .operate: operate()
        case .fault: fault()
        case .outage: outage()
        case .lose: lose()
        case .takeOver(let lost): takeOver(from: lost)
        case .directed(let act): direct(act)
        case .start(let partition, let keep): start(partition, keep: keep)
        case .heal: heal()
        case .settle: settle()
        }
    }

    /// Who owns a slice, as far as anybody knows.
    func publishedWalk(_ slice: SliceID) -> SliceWalk? {
        if let known = publishedWalks[slice], known.count == published.count { return known.walk }
        guard let genesis, let walk = published.walk(slice.index, from: genesis, by: witness) else { return nil }
        publishedWalks[slice] = (published.count, walk)
        return walk
    }

    func index(of name: PartitionName) -> Int? { partitions.firstIndex { $0.name == name } }

    // MARK: - Machines

    func step(_ partition: Int, source id: HandoffID, _ event: HandoffSource.Event) {
        guard partitions[partition].isUp, partitions[partition].sources[id] != nil, report.violations.isEmpty
        else { return }
        report.steps += 1
        trace.mix(now)
        let isAlone = partitions[partition].isAlone(at: now)
        partitions[partition].sources[id]?.isAlone = isAlone
        let effects = partitions[partition].sources[id]?.step(event) ?? []
        for effect in effects { perform(effect, of: id, at: partition) }
    }

    func step(_ partition: Int, target id: HandoffID, _ event: HandoffTarget.Event) {
        guard partitions[partition].isUp, partitions[partition].targets[id] != nil, report.violations.isEmpty
        else { return }
        report.steps += 1
        trace.mix(now)
        let effects = partitions[partition].targets[id]?.step(event) ?? []
        for effect in effects { perform(effect, of: id, at: partition) }
    }

    func makeSource(_ state: HandoffSourceState, at partition: Int) {
        let owner = partitions[partition]
        let voice = HandoffSource.Voice(
            mesh: TestIdentity.mesh, epoch: owner.epoch, warrant: owner.identity.warrant, signer: owner.identity.signer)
        partitions[partition].sources[state.order.id] = HandoffSource(
            state: state, safe: owner.safe, voice: voice, settings: settings, witness: witness,
            mutation: options.mutant?.mutation)
        if course.deaf.contains(partition) { step(partition, source: state.order.id, .holdSeal(true)) }
        tellSource(state.order.id, at: partition)
        step(partition, source: state.order.id, .start)
    }

    func makeTarget(_ state: HandoffTargetState, at partition: Int) {
        partitions[partition].targets[state.order.id] = HandoffTarget(
            state: state, safe: partitions[partition].safe, mesh: TestIdentity.mesh, settings: settings,
            witness: witness, mutation: options.mutant?.mutation)
        tellTarget(state.order.id, at: partition)
        step(partition, target: state.order.id, .start)
    }

    // MARK: - Journal

    /// Puts a record into the journal; it is durable a little later, and safe a little later still.
    @discardableResult
    func journal(_ content: HandoffSimContent, at partition: Int) -> LogPoint {
        let point = partitions[partition].append(content)
        let done = max(partitions[partition].diskFree, now + 200 + generator.below(2000))
        partitions[partition].diskFree = done
        queue.push(
            .persisted(partition: partition, life: partitions[partition].life, position: point.position), at: done)
        pass(.unwritten, content, at: partition)
        return point
    }

    private func persisted(_ partition: Int, _ life: UInt64, _ position: UInt64) {
        guard partitions[partition].life == life, partitions[partition].isUp else { return }
        partitions[partition].durable = position
        let entry = partitions[partition].journal[Int(position) - 1]
        aimOutage(at: partition, entry.content)
        let slow = chance(3) ? generator.below(300) * Self.millisecond : 0
        let reached = max(now, partitions[partition].outage.until) + 500 + generator.below(4000) + slow
        let done = max(partitions[partition].standbysFree, reached)
        partitions[partition].standbysFree = done
        queue.push(.replicated(partition: partition, life: life, position: position), at: done)
        switch entry.content {
        case .begin, .join, .forget: break
        case .write: if partitions[partition].isAlone(at: now) { count(work: "writes at local") }
        case .source(let record): step(partition, source: record.id, .journaled(record, at: entry.point))
        case .target(let record): step(partition, target: record.id, .journaled(record, at: entry.point))
        case .remove(let id, _): step(partition, source: id, .collected)
        }
        aim(at: partition, entry.content)
        pass(.durable, entry.content, at: partition)
    }

    private func replicated(_ partition: Int, _ life: UInt64, _ position: UInt64) {
        guard partitions[partition].life == life, partitions[partition].isUp else { return }
        let before = partitions[partition].safe
        partitions[partition].safe = max(before, position)
        let safe = partitions[partition].safe
        pass(.safe, before..<safe, at: partition)
        guard partitions[partition].isUp else { return }
        // Answers first: they are older than what a machine may do next.
        let due = partitions[partition].waiting.filter { $0.position <= safe }
        partitions[partition].waiting.removeAll { $0.position <= safe }
        for answer in due { acknowledge(answer.slice, answer.number, at: answer.position, by: partition) }
        for id in partitions[partition].sources.keys.sorted() { step(partition, source: id, .safe(through: safe)) }
        for id in partitions[partition].targets.keys.sorted() { step(partition, target: id, .safe(through: safe)) }
        pass(.told, before..<safe, at: partition)
    }
}
