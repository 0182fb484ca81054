public import BoltAPI
internal import BoltClient
public import CRDT
internal import Foundation
public import Logging
public import Spanner
public import SpannerStore

/// The agent: steps an `EnvoyMachine`, does what it says, one thing after the other; and puts in force what its owner
/// gives it, with a server or without.
///
/// Results are durable in the queue before they are sent and leave it only when their owner says that they are safe.
/// Nothing here ends the process: a bolt that answers nonsense is a failed attempt like any other.
public actor EnvoyAgent {
    let port: any EnvoyPort
    let trust: OwnerTrust
    let queue: QueueStore
    let memory: EnvoyMemory
    let logger: Logger
    let interval: Duration?
    private let gather: @Sendable () async -> [String: JSONValue]
    let renewal: (any CertificateRenewal)?
    /// Facts of the machine, as of the present round.
    private(set) var traits: [String: JSONValue] = [:]
    var machine: EnvoyMachine
    /// The owner that it follows: durable before anything under it is acted upon.
    var sight: OwnerSight
    var history: HistoryKeeper
    /// The bolts that are asked.
    private(set) var known: KnownBolts
    /// What came of the last report.
    var last: Result<CheckInResponse, EnvoyPortFailure>?
    /// What failed since the pass began.
    var attempts: [ClientError.Attempt] = []
    /// Whether the agent goes on after this pass: only then is there a wait to tell of.
    var isLasting = false
    /// What it does with policy; nil where it only reports.
    var desk: PolicyDesk?
    var clock: PassClock
    /// The last pass, or what kept it from being made, of this run.
    public internal(set) var lastPass: PassRecord?
    /// Which of the policy's troubles, and what of its age, was told last.
    var (toldTrouble, toldStanding) = (PolicyTrouble?.none, PolicyStanding.none)
    /// The owner and its epoch to which that was told.
    var toldTo: SliceFreshness?
    /// Where news of policy can be waited for; nil where nobody of the owner's answers.
    var hearing: String?
    /// Whether a bolt told of news that were none: it is not listened to until the next report by the clock.
    var isWaitMuted = false
    /// Passes that go on while it reports.
    var beside = PassesBeside()
    /// Records that a full disk has no room for, in order, and how many before them were let go of.
    var (unkept, unkeptDropped) = ([[UInt8]](), UInt64(0))

    /// An agent over an open queue.
    ///
    /// `seeds` (`host:port`) are asked while no answer has brought a list, or always where they are `pinned`; at least
    /// one bolt must be known one way or the other, else `StoreError` `unknown` is thrown. Owners are followed as
    /// `trust` verifies them. `interval`, where given, is used instead of what the owner asks for. What came of reports
    /// is kept in `directory`, where given. Without `policy` it only reports; without `renewal` its certificate stays.
    public init(
        port: any EnvoyPort, trust: OwnerTrust, queue: sending QueueStore, seeds: [String], pinned: Bool = false,
        interval: Duration? = nil, seed: UInt64, limits: EnvoyMachine.Limits = EnvoyMachine.Limits(), logger: Logger,
        directory: EnvoyDirectory? = nil, policy: PolicyWork? = nil, renewal: (any CertificateRenewal)? = nil,
        traits: @escaping @Sendable () async -> [String: JSONValue] = { MachineTraits.gather() }
    ) throws(StoreError) {
        let memory = EnvoyMemory(meta: queue.meta)
        let sight = try EnvoyAgent.sight(in: memory, trust)
        let known = KnownBolts(
            seeds: seeds, pinned: pinned, kept: try memory.bolts(under: sight, trust),
            unproved: sight.freshness == nil ? [] : try memory.unsignedBolts(), owner: sight.freshness?.register.owner)
        guard !known.asked.isEmpty else {
            throw StoreError(
                .unknown, what: "starting the agent", why: "it knows no bolt", next: "name one with --bolt")
        }
        (self.port, self.memory, self.known, self.logger) = (port, memory, known, logger)
        (self.trust, self.sight) = (trust, sight)
        (self.interval, gather, self.renewal) = (interval, traits, renewal)
        desk = try policy.map { work throws(StoreError) in
            try PolicyDesk(work, trust: trust, store: queue.policy)
        }
        clock = PassClock(seed: ~seed)
        if let interval { clock.adopt(interval) }
        history = HistoryKeeper(directory)
        machine = EnvoyMachine(
            servers: known.asked.count, fence: sight.fence, held: try queue.queues(), seed: seed, limits: limits)
        self.queue = queue
    }

    /// The owner that it follows. Where it has seen none, that of its admission, durable before anybody is asked: else
    /// it would have to believe the first who answers (P2, P6).
    private static func sight(in memory: EnvoyMemory, _ trust: OwnerTrust) throws(StoreError) -> OwnerSight {
        let known = try memory.sight()
        guard known.freshness == nil, let claim = try memory.admission(),
            let begun = try? trust.begin(known, with: claim)
        else { return known }
        try memory.remember(begun)
        return begun
    }

    /// Reports and puts its policy in force until cancelled: what there is to tell of each round, then everything that
    /// waits. However long a pass takes, reports go on beside it; cancelled, it ends once the pass has.
    public func run() async throws(StoreError) {
        let (begun, begin) = AsyncStream<PassUnderWay>.makeStream()
        (isLasting, beside) = (true, PassesBeside(begin: begin))
        defer { (isLasting, beside.begin) = (false, nil) }
        async let _: Void = renewWhenDue()
        async let passes: Void = makePasses(begun)
        try await goRound()
        begin.finish()
        await passes
        if let failure = beside.failure { throw failure }
        try keepHistory(nextAttempt: nil)
    }

    private func goRound() async throws(StoreError) {
        try await begin()
        if !isGoverned { try record() }
        var pause = try await round(machine.step(.started))
        while !Task.isCancelled {
            try keepHistory(nextAttempt: pause.at - .now)
            let wake = await rest(until: pause.at)
            if let failure = beside.failure { throw failure }
            if wake == .ended { break }
            if wake != .passed { try await begin() }
            switch wake {
            case .passed:
                beside.hasPassed = false
                if isServed { pause = try await settle(machine.step(.timerFired(pause.timer))) }
            case .pass:
                guard try await passIfDue(isReported: false), isServed else { continue }
                pause = try await settle(machine.step(.timerFired(pause.timer)))
            case .report, .told:
                let before = newsTaken
                beside.hasPassed = false
                // While results wait, one more record of each attempt to tell them would tell nothing.
                if machine.isAllStored, !isGoverned { try record() }
                pause = try await round(machine.step(.timerFired(pause.timer)))
                isWaitMuted = wake == .told && before == newsTaken
            case .ended: break
            }
        }
    }

    /// Whether the machine has a policy in force, of which each pass is told.
    private var isGoverned: Bool { desk?.held != nil }

    /// A new round begins: the facts are read afresh, and what is the matter is told.
    private func begin() async throws(StoreError) {
        traits = await gather()
        try keepUnkept()
        _ = try tellTrouble(at: desk?.work.now() ?? .now())
    }

    /// Reports, then makes the pass that is due and tells of it.
    private func round(_ effects: [EnvoyMachine.Effect]) async throws(StoreError) -> Pause {
        var pause = try await settle(effects)
        for number in 0..<EnvoyLimits.passesInARowMax {
            guard try await passIfDue(isReported: isServed, byClock: number == 0), isServed else { break }
            pause = try await settle(machine.step(.timerFired(pause.timer)))
        }
        return pause
    }

    /// One round: a `run` record unless `recording` is false or a policy is in force, then reports without a pause
    /// until all is stored, no bolt takes it, or a limit is reached; a pass over the policy, and reports of that.
    /// `progress` is called after each report that is followed by another.
    public func runOnce(
        recording: Bool = true, limits: PassLimits = PassLimits(),
        progress: @Sendable (Progress) -> Void = { _ in }
    ) async throws(StoreError) -> Pass {
        try await begin()
        var pass = try await deliver(recording: recording && !isGoverned, limits: limits, progress: progress)
        for number in 0..<EnvoyLimits.passesInARowMax {
            guard try await passIfDue(isReported: isServed, byClock: number == 0) else { break }
            if case .failed = pass { break }
            pass = try await deliver(recording: false, limits: limits, progress: progress)
        }
        try keepHistory(nextAttempt: nil, isUrgent: true)
        return pass
    }

    private func deliver(
        recording: Bool, limits: PassLimits, progress: @Sendable (Progress) -> Void
    ) async throws(StoreError) -> Pass {
        let end = ContinuousClock.now + limits.duration
        attempts = []
        if recording { try record() }
        var pending = machine.step(.started)
        var reports = 0
        while true {
            let pause = try await settle(pending)
            switch last {
            case .failure(let failure)? where failure.kind != .contradicted:
                return .failed(failure, attempts: attempts)
            case .success(let response)? where machine.isAllStored: return .delivered(response)
            case _: break
            }
            reports += 1
            let isFruitless = machine.fruitlessInARow >= limits.fruitlessMax
            if reports >= limits.reportsMax || isFruitless || ContinuousClock.now >= end { break }
            progress(Progress(reports: reports, waiting: try queue.held().items))
            pending = machine.step(.timerFired(pause.timer))
        }
        guard case .failure(let failure)? = last else { return .partly(waiting: try queue.held().items) }
        return .failed(failure, attempts: attempts)
    }

    /// Puts results of a caller into the queue. Durable when it returns.
    public func enqueue(_ bodies: [[UInt8]]) throws(StoreError) -> [QueueAdmission] {
        let admissions = try queue.append(bodies, at: .now())
        try tellHeld()
        return admissions
    }

    /// Returns once the agent is not busy with the machine's disk: a watchdog's question. A pass that goes on keeps it
    /// from nothing.
    public func pulse() {}

    /// The next round makes a pass over the policy, whatever the time.
    public func makeDue() { desk?.isDue = true }

    /// The policy that is in force: hash of this machine's leaf, and the version's sequence; nil where there is none.
    public var policyInForce: (leaf: Bytes32, sequence: UInt64)? {
        guard desk?.held != nil, let mark = desk?.sight.accepted else { return nil }
        return (mark.leaf, mark.sequence)
    }

    /// Closes the queue; the agent is of no further use. Records that a full disk has still no room for are lost with
    /// it: then `StoreError` `full` is thrown, which says how many.
    public func close() throws(StoreError) {
        try keepUnkept()
        try queue.close()
        let lost = UInt64(unkept.count) + unkeptDropped
        guard lost == 0 else {
            throw StoreError(
                .full, what: "ending the agent", why: "its disk has no room for \(lost) of its records, which are lost",
                next: "make room on the disk; what came of passes is told again with the next ones")
        }
    }

    /// Does what the machine says until it wants to wait.
    private func settle(_ effects: [EnvoyMachine.Effect]) async throws(StoreError) -> Pause {
        var (pending, pause) = (effects[...], Pause?.none)
        while let effect = pending.popFirst() {
            switch effect {
            case .checkIn(let server, let id, let after):
                let address = addresses[min(server, addresses.count - 1)]
                pending += machine.step(try await reportUnlessFull(id, after: after, to: address))
            case .release(let id, let through):
                try unlessFull { () throws(StoreError) in
                    try queue.release(id, through: through)
                    try queue.checkpointIfNeeded()
                }
                try tellHeld()
            case .startOver:
                // Where it is not done all is held as before: the owner contradicts again, and it is tried again.
                try unlessFull { () throws(StoreError) in try queue.startOver(as: .random()) }
                try tellHeld()
            // What the fence stands for is kept when it is judged, before the machine hears of it.
            case .remember: break
            case .notify(let notification): log(notification)
            case .schedule(let timer, let duration): pause = Pause(timer: timer, at: .now + duration)
            }
        }
        guard let pause else { preconditionFailure("run and runOnce are called one at a time: \(machine)") }
        return pause
    }

    /// Takes the list of bolts that an obeyed answer brought: durably where it is the owner's word.
    func take(_ response: CheckInResponse) throws(StoreError) {
        let kept = known.take(response, under: sight, trust)
        history.note(known)
        guard let kept else { return }
        // A full disk is to hold up nothing of an answer: the list comes again with the next.
        try unlessFull { () throws(StoreError) in try memory.remember(kept) }
    }

    /// `host:port` of the bolts that are asked, in this order.
    var addresses: [String] { known.asked }

    /// Tells the machine what the queues hold now.
    func tellHeld() throws(StoreError) { _ = machine.step(.held(try queue.queues())) }

    private func record() throws(StoreError) {
        if let json = try? APIJSON.encode(RunRecord(traits: traits)) { try put(Array(json)) }
    }
}

/// A wait that the machine asked for.
private struct Pause {
    let timer: Int
    let at: ContinuousClock.Instant
}
