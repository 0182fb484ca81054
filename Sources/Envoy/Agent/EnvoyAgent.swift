public import BoltAPI
internal import BoltClient
internal import CRDT
internal import Foundation
public import Logging
public import Spanner
public import SpannerStore

/// The agent: steps an `EnvoyMachine`, does what it says, one thing after the other.
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
    let traits: @Sendable () -> [String: JSONValue]
    private let isPinned: Bool
    var machine: EnvoyMachine
    /// The owner that it follows: durable before anything under it is acted upon.
    var sight: OwnerSight
    var history: HistoryKeeper
    /// `host:port` of the bolts that are asked, in this order.
    private(set) var addresses: [String]
    /// What came of the last report.
    var last: Result<CheckInResponse, EnvoyPortFailure>?
    /// What failed since the pass began.
    var attempts: [ClientError.Attempt] = []
    /// Whether the agent goes on after this pass: only then is there a wait to tell of.
    var isLasting = false

    /// An agent over an open queue.
    ///
    /// `seeds` (`host:port`) are asked while no answer has brought a list, or always where they are `pinned`; at least
    /// one bolt must be known one way or the other, else `StoreError` `unknown` is thrown. Owners are followed as
    /// `trust` verifies them. `interval`, where given, is used instead of what the owner asks for. What came of reports
    /// is kept in `directory`, where given.
    public init(
        port: any EnvoyPort, trust: OwnerTrust, queue: sending QueueStore, seeds: [String], pinned: Bool = false,
        interval: Duration? = nil, seed: UInt64, limits: EnvoyMachine.Limits = EnvoyMachine.Limits(), logger: Logger,
        directory: EnvoyDirectory? = nil,
        traits: @escaping @Sendable () -> [String: JSONValue] = { MachineTraits.gather() }
    ) throws(StoreError) {
        let memory = EnvoyMemory(meta: queue.meta)
        let known = pinned ? [] : try memory.bolts().map(\.address)
        isPinned = pinned
        let addresses = known.isEmpty ? seeds : known
        guard !addresses.isEmpty else {
            throw StoreError(
                .unknown, what: "starting the agent", why: "it knows no bolt", next: "name one with --bolt")
        }
        let sight = try memory.sight()
        (self.port, self.memory, self.addresses, self.logger) = (port, memory, addresses, logger)
        (self.trust, self.sight) = (trust, sight)
        (self.interval, self.traits) = (interval, traits)
        history = HistoryKeeper(directory)
        machine = EnvoyMachine(
            servers: addresses.count, fence: sight.fence, held: try queue.queues(), seed: seed, limits: limits)
        self.queue = queue
    }

    /// Reports until cancelled: one `run` record each time that nothing waits, then everything that waits.
    public func run() async throws(StoreError) {
        isLasting = true
        defer { isLasting = false }
        try record()
        var pending = machine.step(.started)
        while !Task.isCancelled {
            let pause = try await settle(pending)
            try keepHistory(nextAttempt: pause.duration)
            guard (try? await Task.sleep(for: pause.duration)) != nil else { break }
            // While results wait, one more record of each attempt to tell them would tell nothing.
            if machine.isAllStored { try record() }
            pending = machine.step(.timerFired(pause.timer))
        }
        try keepHistory(nextAttempt: nil)
    }

    /// One pass: a `run` record unless `recording` is false, then reports without a pause until all is stored, no bolt
    /// takes it, or a limit is reached. `progress` is called after each report that is followed by another.
    public func runOnce(
        recording: Bool = true, limits: PassLimits = PassLimits(),
        progress: @Sendable (Progress) -> Void = { _ in }
    ) async throws(StoreError) -> Pass {
        let pass = try await deliver(recording: recording, limits: limits, progress: progress)
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

    /// Closes the queue; the agent is of no further use.
    public func close() throws(StoreError) { try queue.close() }

    /// Does what the machine says until it wants to wait.
    private func settle(_ effects: [EnvoyMachine.Effect]) async throws(StoreError) -> Pause {
        var (pending, pause) = (effects[...], Pause?.none)
        while let effect = pending.popFirst() {
            switch effect {
            case .checkIn(let server, let id, let after):
                let address = addresses[min(server, addresses.count - 1)]
                pending += machine.step(try await report(id, after: after, to: address))
            case .release(let id, let through):
                try queue.release(id, through: through)
                try queue.checkpointIfNeeded()
                try tellHeld()
            case .startOver:
                try queue.startOver(as: .random())
                try tellHeld()
            // What the fence stands for is kept when it is judged, before the machine hears of it.
            case .remember: break
            case .notify(let notification): log(notification)
            case .schedule(let timer, let duration): pause = Pause(timer: timer, duration: duration)
            }
        }
        guard let pause else { preconditionFailure("run and runOnce are called one at a time: \(machine)") }
        return pause
    }

    /// Takes the list of bolts that an answer brought, durably.
    func take(_ bolts: [BoltAddress]) throws(StoreError) {
        try memory.remember(bolts)
        if !bolts.isEmpty, !isPinned { addresses = bolts.map(\.address) }
    }

    /// Tells the machine what the queues hold now.
    func tellHeld() throws(StoreError) { _ = machine.step(.held(try queue.queues())) }

    private func record() throws(StoreError) {
        let facts = traits()
        if let json = try? APIJSON.encode(RunRecord(traits: facts)),
            case .dropped(let soFar)? = try queue.append([Array(json)], at: .now()).first
        {
            logger.error("the queue is full: a record was dropped", metadata: ["dropped": "\(soFar)"])
        }
        try tellHeld()
    }
}

/// A wait that the machine asked for.
private struct Pause {
    let timer: Int
    let duration: Duration
}
