public import BoltAPI
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
    /// How a single pass ended.
    public enum Pass: Hashable, Sendable {
        /// All that the queue held is stored at the owner.
        case delivered(CheckInResponse)
        /// No bolt took the report; everything is kept.
        case unavailable(reason: String)
        /// The mesh refuses this envoy; everything is kept.
        case refused(reason: String)
    }

    private let port: any EnvoyPort
    private let queue: QueueStore
    private let memory: EnvoyMemory
    private let logger: Logger
    private let interval: Duration?
    private let isPinned: Bool
    private let traits: @Sendable () -> [String: JSONValue]
    private var machine: EnvoyMachine
    private var bolts: [BoltAddress]
    private var last: (response: CheckInResponse?, failure: EnvoyPortFailure?)
    /// Whether the last report was of the queue that new records get into, not of one that a copy brought along.
    private var lastWasOfPresentQueue = false

    /// An agent over an open queue.
    ///
    /// `seeds` are asked while no answer has brought a list, or always where they are `pinned`; at least one bolt must
    /// be known one way or the other, else `StoreError` `unknown` is thrown. `interval`, where given, is used instead
    /// of what the owner asks for.
    public init(
        port: any EnvoyPort, queue: sending QueueStore, seeds: [BoltAddress], pinned: Bool = false,
        interval: Duration? = nil, seed: UInt64, limits: EnvoyMachine.Limits = EnvoyMachine.Limits(), logger: Logger,
        traits: @escaping @Sendable () -> [String: JSONValue] = { MachineTraits.gather() }
    ) throws(StoreError) {
        let memory = EnvoyMemory(meta: queue.meta)
        let known = pinned ? [] : try memory.bolts()
        isPinned = pinned
        let bolts = known.isEmpty ? seeds : known
        guard !bolts.isEmpty else {
            throw StoreError(
                .unknown, what: "starting the agent", why: "it knows no bolt", next: "enrol it: bolt-envoy enroll")
        }
        (self.port, self.memory, self.bolts, self.logger) = (port, memory, bolts, logger)
        (self.interval, self.traits) = (interval, traits)
        machine = EnvoyMachine(servers: bolts.count, fence: try memory.fence(), seed: seed, limits: limits)
        self.queue = queue
    }

    /// Reports until cancelled: one `run` record each time, then everything that waits.
    public func run() async throws(StoreError) {
        try record()
        var pending = machine.step(.started(held: try held()))
        while !Task.isCancelled {
            var next: (number: Int, after: Duration)?
            while !pending.isEmpty {
                let effect = pending.removeFirst()
                if case .schedule(let number, let after) = effect {
                    next = (number, after)
                } else {
                    pending += try await perform(effect)
                }
            }
            guard let next else { return }
            guard (try? await Task.sleep(for: next.after)) != nil else { return }
            if machine.failuresInARow == 0 { try record() }
            pending = machine.step(.queued(try held())) + machine.step(.timerFired(next.number))
        }
    }

    /// One pass: a `run` record, then reports until all is stored or every bolt was tried. At most
    /// `EnvoyLimits.passesMax` reports.
    public func runOnce() async throws(StoreError) -> Pass {
        try record()
        var pending = machine.step(.started(held: try held()))
        for _ in 0..<EnvoyLimits.passesMax {
            var timer: Int?
            while !pending.isEmpty {
                let effect = pending.removeFirst()
                if case .schedule(let number, _) = effect {
                    timer = number
                } else {
                    pending += try await perform(effect)
                }
            }
            switch last {
            case (_, .refused(let reason)?): return .refused(reason: reason)
            case (_, let failure?): return .unavailable(reason: failure.reason)
            case (let response?, nil):
                if try queue.held().items == 0 { return .delivered(response) }
                if lastWasOfPresentQueue, response.storedThrough >= (try held().last) { return .delivered(response) }
            case (nil, nil): break
            }
            guard let timer else { break }
            pending = machine.step(.timerFired(timer))
        }
        return .unavailable(reason: "the queue did not drain within \(EnvoyLimits.passesMax) reports")
    }

    /// Puts a result of a caller into the queue. Durable when it returns.
    public func enqueue(_ bodies: [[UInt8]]) throws(StoreError) -> [QueueAdmission] { try queue.append(bodies) }

    /// Closes the queue; the agent is of no further use.
    public func close() throws(StoreError) { try queue.close() }

    private func perform(_ effect: EnvoyMachine.Effect) async throws(StoreError) -> [EnvoyMachine.Effect] {
        switch effect {
        case .checkIn(let server):
            return machine.step(try await checkIn(server: server))
        case .release(let through):
            let batch = try queue.batch(itemsMax: 1, bytesMax: 1)
            try queue.release(batch.incarnation, through: through)
            try queue.checkpointIfNeeded()
            return machine.step(.released(try held()))
        case .remember(let fence):
            try memory.remember(fence)
            return []
        case .notify(let notification):
            log(notification)
            return []
        case .schedule:
            return []
        }
    }

    private func checkIn(server: Int) async throws(StoreError) -> EnvoyMachine.Event {
        let address = bolts[min(server, bolts.count - 1)].address
        let batch = try queue.batch(itemsMax: EnvoyLimits.batchItemsMax, bytesMax: EnvoyLimits.batchBytesMax)
        let fence = try memory.fence()
        let request = CheckInRequest(
            traits: traits(),
            queueIncarnation: incarnation(batch.incarnation),
            firstHeld: batch.firstHeld,
            results: batch.records.map { EnvoyResult(sequence: $0.sequence, body: Base64Bytes($0.body)) },
            highest: OwnerMark(register: fence.register, epoch: fence.epoch))
        do {
            let response = try await port.checkIn(request, at: address)
            lastWasOfPresentQueue = queue.incarnation == .current(batch.incarnation)
            if EnvoyMachine.Fence(register: response.register, epoch: response.epoch) < fence {
                // Nothing of it is obeyed (P2): neither what it says is safe nor whom it names.
                last = (nil, .unavailable(reason: "\(address) answers under a superseded authority", retryAfter: nil))
            } else {
                last = (response, nil)
                try memory.remember(response.bolts)
                if !response.bolts.isEmpty, !isPinned { bolts = response.bolts }
            }
            return .answered(answer(of: response, to: batch))
        } catch let failure as EnvoyPortFailure {
            last = (nil, failure)
            logger.warning(
                "check-in failed", metadata: ["bolt.address": "\(address)", "reason": "\(failure.reason)"])
            switch failure {
            case .unavailable(_, let retryAfter): return .failed(.unavailable(retryAfter: retryAfter))
            case .refused: return .failed(.refused)
            case .rejected: return .failed(.unavailable(retryAfter: nil))
            }
        } catch let error as StoreError {
            throw error
        } catch {
            last = (nil, .unavailable(reason: "\(error)", retryAfter: nil))
            return .failed(.unavailable(retryAfter: nil))
        }
    }

    private func answer(of response: CheckInResponse, to batch: QueuedBatch) -> EnvoyMachine.Answer {
        // A copy of a queue whose original went on: the owner may have more of it than was ever held here.
        let bound = lastWasOfPresentQueue ? UInt64.max : batch.records.last?.sequence ?? batch.firstHeld - 1
        let asked = response.nextIntervalSeconds.isFinite ? max(0, min(86_400, response.nextIntervalSeconds)) : 60
        return EnvoyMachine.Answer(
            storedThrough: min(bound, response.storedThrough), releaseThrough: min(bound, response.releaseThrough),
            fence: EnvoyMachine.Fence(register: response.register, epoch: response.epoch),
            nextInterval: interval ?? .milliseconds(Int64(asked * 1000)), servers: bolts.count)
    }

    private func held() throws(StoreError) -> EnvoyMachine.HeldResults {
        let batch = try queue.batch(itemsMax: 1, bytesMax: 1)
        let items = UInt64(try queue.held().items)
        return EnvoyMachine.HeldResults(first: batch.firstHeld, last: batch.firstHeld + items - 1)
    }

    private func incarnation(_ queue: QueueID) -> QueueIncarnation {
        guard let incarnation = QueueIncarnation(bytes: queue.bytes) else {
            preconditionFailure("a queue id of \(queue.bytes.count) bytes")
        }
        return incarnation
    }

    private func record() throws(StoreError) {
        let facts = traits()
        guard let json = try? APIJSON.encode(RunRecord(traits: facts)) else { return }
        if case .dropped(let soFar)? = try queue.append([Array(json)]).first {
            logger.error("the queue is full: a record was dropped", metadata: ["dropped": "\(soFar)"])
        }
    }

    private func log(_ notification: EnvoyMachine.Notification) {
        switch notification {
        case .staleAnswer(let fence, let seen):
            logger.warning(
                "an answer under a superseded authority was not obeyed",
                metadata: ["fence": "\(fence.register).\(fence.epoch)", "seen": "\(seen.register).\(seen.epoch)"])
        case .allServersFailed(let attempts, let wait):
            logger.warning(
                "no bolt took the report; going on from what is held",
                metadata: ["attempts": "\(attempts)", "wait": "\(wait)"])
        case .impossibleRelease(let through, let last):
            logger.error(
                "a bolt acknowledged more than was ever queued; ignored",
                metadata: ["through": "\(through)", "last": "\(last)"])
        case .refused(let wait):
            logger.error("the mesh refuses this envoy", metadata: ["wait": "\(wait)"])
        case .recovered(let failures):
            logger.info("reporting again", metadata: ["failures": "\(failures)"])
        }
    }
}
