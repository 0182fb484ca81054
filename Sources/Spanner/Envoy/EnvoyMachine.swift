/// When an envoy checks in, with whom, and what it may forget: no socket, disk or clock inside.
///
/// It goes round the bolts that it knows: a failure is followed at once by the next bolt until all were tried, then by
/// exponential backoff with full jitter. What it holds is deleted only up to what the owner of its slice says is safe
/// (P6), under a fence that never goes back (P2).
public struct EnvoyMachine: Sendable {
    /// What happened outside.
    public enum Event: Sendable {
        /// The agent runs; `held` is what its queue holds.
        case started(held: HeldResults)
        /// Answers `Effect.schedule`; an older number is ignored.
        case timerFired(Int)
        /// A result is durable in the queue.
        case queued(HeldResults)
        /// Answers `Effect.checkIn`.
        case answered(Answer)
        /// Answers `Effect.checkIn`: it failed or was refused.
        case failed(Failure)
        /// Answers `Effect.release`: the deletion is durable.
        case released(HeldResults)
    }

    /// What is to be done outside, in this order.
    public enum Effect: Hashable, Sendable {
        /// Check in with the bolt at this place of the list; answered by `answered` or `failed`.
        case checkIn(server: Int)
        /// Fire timer `number` after this long; answered by `timerFired`.
        case schedule(Int, after: Duration)
        /// Delete what is safe elsewhere; answered by `released`.
        case release(through: UInt64)
        /// Keep this fence durably before anything under it is acted upon.
        case remember(Fence)
        /// Something to be told.
        case notify(Notification)
    }

    /// What the queue holds: `first...last`, or nothing.
    public struct HeldResults: Hashable, Sendable {
        /// Lowest sequence still held; `last + 1` where none is.
        public var first: UInt64
        /// Highest sequence ever given out; 0 where none was.
        public var last: UInt64
        /// A stretch of the queue.
        public init(first: UInt64, last: UInt64) { (self.first, self.last) = (first, last) }
    }

    /// The highest authority seen: an answer under a lower one is not obeyed.
    public struct Fence: Hashable, Comparable, Sendable {
        /// Hand-over count of the slice's register.
        public var register: UInt64
        /// The partition's epoch.
        public var epoch: UInt64
        /// An authority.
        public init(register: UInt64, epoch: UInt64) { (self.register, self.epoch) = (register, epoch) }
        /// By register, then epoch.
        public static func < (left: Fence, right: Fence) -> Bool {
            (left.register, left.epoch) < (right.register, right.epoch)
        }
    }

    /// What a check-in brought back.
    public struct Answer: Hashable, Sendable {
        /// Stored at the owner up to here.
        public var storedThrough: UInt64
        /// Safe up to here: may be deleted.
        public var releaseThrough: UInt64
        /// Who says so.
        public var fence: Fence
        /// When the owner wants to hear again.
        public var nextInterval: Duration
        /// How many bolts the list now has.
        public var servers: Int

        /// An answer.
        public init(
            storedThrough: UInt64, releaseThrough: UInt64, fence: Fence, nextInterval: Duration, servers: Int
        ) {
            (self.storedThrough, self.releaseThrough, self.fence) = (storedThrough, releaseThrough, fence)
            (self.nextInterval, self.servers) = (nextInterval, servers)
        }
    }

    /// Why a check-in brought nothing.
    public enum Failure: Hashable, Sendable {
        /// No answer, or one that says "later": another bolt may do.
        case unavailable(retryAfter: Duration?)
        /// The roster refuses this envoy: asking elsewhere changes nothing, so it is asked slowly.
        case refused
    }

    /// For the shell to log.
    public enum Notification: Hashable, Sendable {
        /// An answer under an authority that was superseded; nothing of it was obeyed.
        case staleAnswer(Fence, seen: Fence)
        /// Every bolt failed; waiting that long.
        case allServersFailed(attempts: Int, wait: Duration)
        /// The owner acknowledges more than was ever queued; ignored.
        case impossibleRelease(UInt64, last: UInt64)
        /// The roster refuses this envoy.
        case refused(wait: Duration)
        /// The first success after failures.
        case recovered(afterFailures: Int)
    }

    private var generator: SeededGenerator
    private var held = HeldResults(first: 1, last: 0)
    private var fence: Fence
    private var serverCount: Int
    private var server: Int
    private var failures = 0
    private var timer = 0
    private var checkingIn = false
    private let limits: Limits

    /// Bounds of the agent's patience.
    public struct Limits: Hashable, Sendable {
        /// Longest first wait after all bolts failed; doubles with each round.
        public var backoffFirst: Duration = .seconds(1)
        /// Longest wait ever.
        public var backoffMax: Duration = .seconds(300)
        /// Wait between attempts of an envoy that the roster refuses.
        public var refusedWait: Duration = .seconds(60)
        /// Shortest time between check-ins that an owner may ask for.
        public var intervalMin: Duration = .milliseconds(100)
        /// Longest time between check-ins that an owner may ask for.
        public var intervalMax: Duration = .seconds(3600)
        /// The usual bounds.
        public init() {}
    }

    /// An agent that knows `servers` bolts (at least one) and has seen `fence`.
    public init(servers: Int, fence: Fence, seed: UInt64, limits: Limits = Limits()) {
        precondition(servers > 0, "an envoy without a bolt to ask: \(servers)")
        var generator = SeededGenerator(seed: seed)
        (self.serverCount, self.fence, self.limits) = (servers, fence, limits)
        self.server = Int(generator.below(UInt64(servers)))
        self.generator = generator
    }

    /// The only way in. The same state and the same event always give the same effects, in the same order.
    public mutating func step(_ event: Event) -> [Effect] {
        switch event {
        case .started(let held):
            self.held = held
            return begin()
        case .timerFired(let number):
            return number == timer && !checkingIn ? begin() : []
        case .queued(let held):
            self.held = held
            return []
        case .answered(let answer):
            return obey(answer)
        case .failed(let failure):
            return endure(failure)
        case .released(let held):
            self.held = held
            return []
        }
    }

    /// How many check-ins failed since the last that did not.
    public var failuresInARow: Int { failures }

    private mutating func begin() -> [Effect] {
        checkingIn = true
        return [.checkIn(server: server)]
    }

    private mutating func obey(_ answer: Answer) -> [Effect] {
        guard checkingIn else { return [] }
        checkingIn = false
        var effects: [Effect] = []
        if failures > 0 { effects.append(.notify(.recovered(afterFailures: failures))) }
        failures = 0
        serverCount = max(1, answer.servers)
        server = min(server, serverCount - 1)
        guard answer.fence >= fence else {
            effects.append(.notify(.staleAnswer(answer.fence, seen: fence)))
            return effects + wait(limits.backoffFirst)
        }
        if answer.fence > fence {
            fence = answer.fence
            effects.append(.remember(fence))
        }
        if answer.releaseThrough > held.last {
            effects.append(.notify(.impossibleRelease(answer.releaseThrough, last: held.last)))
        } else if answer.releaseThrough >= held.first {
            effects.append(.release(through: answer.releaseThrough))
        }
        let more = answer.storedThrough < held.last
        let interval = max(limits.intervalMin, min(limits.intervalMax, answer.nextInterval))
        return effects + wait(more ? limits.intervalMin : interval - generator.jitter(interval / 10))
    }

    private mutating func endure(_ failure: Failure) -> [Effect] {
        guard checkingIn else { return [] }
        checkingIn = false
        failures += 1
        server = (server + 1) % serverCount
        switch failure {
        case .refused:
            let pause = limits.refusedWait + generator.jitter(limits.refusedWait)
            return [.notify(.refused(wait: pause))] + wait(pause)
        case .unavailable(let retryAfter):
            guard failures.isMultiple(of: serverCount) else { return begin() }
            let round = min(failures / serverCount - 1, 20)
            let bound = min(limits.backoffMax, limits.backoffFirst * (1 << round))
            let pause = max(min(retryAfter ?? .zero, limits.backoffMax), generator.jitter(bound))
            return [.notify(.allServersFailed(attempts: failures, wait: pause))] + wait(pause)
        }
    }

    private mutating func wait(_ duration: Duration) -> [Effect] {
        timer += 1
        return [.schedule(timer, after: max(duration, limits.intervalMin))]
    }
}
