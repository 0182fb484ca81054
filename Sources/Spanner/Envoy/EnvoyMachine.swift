/// When an envoy checks in, with whom, what it tells, and what it may forget: no socket, disk or clock inside.
///
/// It goes round the bolts that it knows: a failure is followed at once by the next bolt until all were tried, then by
/// exponential backoff with full jitter. Served by others than its owner's bolts, it tries those again after a while.
/// Each report is of one queue: the oldest that holds something its owner has not stored; where all is stored, of one
/// after the other, so that each is heard of. What it holds is deleted only up to what the owner of its slice says is
/// safe (P6), under a fence that never goes back (P2).
public struct EnvoyMachine: Sendable {
    private var generator: SeededGenerator
    private var held: HeldQueues
    private var fence: Fence
    private var serverCount: Int
    private var server: Int
    private var failures = 0
    private var fruitless = 0
    private var timer = 0
    private var checkingIn = false
    private var reported: QueueID
    /// Up to where the owner said, last, that it has stored each queue. Read by key alone.
    private var stored: [QueueID: UInt64] = [:]
    /// How long it has waited between reports at bolts that are not its owner's, and after how much it goes home.
    private var (awayFor, homeAfter) = (Duration.zero, Duration?.none)
    private let limits: Limits

    /// An agent that knows `servers` bolts (at least one), has seen `fence` and holds `held`.
    public init(servers: Int, fence: Fence, held: HeldQueues, seed: UInt64, limits: Limits = Limits()) {
        precondition(servers > 0, "an envoy without a bolt to ask: \(servers)")
        var generator = SeededGenerator(seed: seed)
        (self.serverCount, self.fence, self.held, self.limits) = (servers, fence, held, limits)
        reported = held.present.id
        server = Int(generator.below(UInt64(servers)))
        self.generator = generator
    }

    /// The only way in. The same state and the same event always give the same effects, in the same order.
    public mutating func step(_ event: Event) -> [Effect] {
        switch event {
        case .started: return checkingIn ? [] : begin()
        case .timerFired(let number): return number == timer && !checkingIn ? begin() : []
        case .held(let held):
            self.held = held
            return []
        case .answered(let answer): return obey(answer)
        case .failed(let failure): return endure(failure)
        }
    }

    /// How many check-ins failed since the last that did not.
    public var failuresInARow: Int { failures }

    /// How many answers in a row took nothing of what waits, though something does.
    public var fruitlessInARow: Int { fruitless }

    /// Whether the owner said of everything that is held that it is stored.
    public var isAllStored: Bool { !held.all.contains(where: hasUnstored) }

    private func hasUnstored(_ queue: HeldQueue) -> Bool {
        !queue.isEmpty && (stored[queue.id] ?? 0) < queue.last
    }

    private mutating func begin() -> [Effect] {
        checkingIn = true
        reported = nextToReport()
        return [.checkIn(server: server, queue: reported, after: stored[reported] ?? 0)]
    }

    private func nextToReport() -> QueueID {
        let all = held.all
        if let waiting = all.first(where: hasUnstored) { return waiting.id }
        guard let place = all.firstIndex(where: { $0.id == reported }) else { return all[0].id }
        return all[(place + 1) % all.count].id
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
            server = (server + 1) % serverCount
            return effects + wait(limits.backoffFirst)
        }
        if answer.fence > fence {
            fence = answer.fence
            effects.append(.remember(fence))
        }
        guard let queue = held.queue(reported) else { return effects + wait(limits.intervalMin) }
        let highest = max(answer.storedThrough, answer.releaseThrough)
        if queue.id == held.present.id, highest > queue.last {
            // Only the original of an older copy can have sent more than this queue ever held.
            effects.append(.notify(.acknowledgedTooMuch(highest, last: queue.last)))
            return effects + startOver()
        }
        effects += take(answer, of: queue)
        return effects + waitAfter(answer)
    }

    /// What the answer says of the queue that was reported. A copy of a queue never holds more than its original told,
    /// so of an earlier queue the owner may have more than is held here.
    private mutating func take(_ answer: Answer, of queue: HeldQueue) -> [Effect] {
        let storedThrough = min(answer.storedThrough, queue.last)
        // What is not stored cannot be safe.
        let safeThrough = min(answer.releaseThrough, storedThrough)
        let before = stored[queue.id] ?? (queue.first > 0 ? queue.first - 1 : 0)
        let isProgress = storedThrough > before || safeThrough >= queue.first
        stored[queue.id] = storedThrough
        fruitless = isProgress || isAllStored ? 0 : fruitless + 1
        return safeThrough >= queue.first ? [.release(queue.id, through: safeThrough)] : []
    }

    private mutating func waitAfter(_ answer: Answer) -> [Effect] {
        let interval = max(limits.intervalMin, min(limits.intervalMax, answer.nextInterval))
        guard !isAllStored else {
            let pause = interval - generator.jitter(interval / 10)
            headHome(among: answer.home, after: pause)
            return wait(pause)
        }
        return wait(fruitless == 0 ? limits.intervalMin : min(interval, backoff(round: fruitless - 1)))
    }

    private mutating func endure(_ failure: Failure) -> [Effect] {
        guard checkingIn else { return [] }
        checkingIn = false
        switch failure {
        case .contradicted:
            // The owner may have lost what it had not called safe: it is told everything again, from the first held.
            if stored.removeValue(forKey: reported) ?? 0 > 0 { return begin() }
            return [.notify(.contradicted(reported))] + startOver()
        case .refused:
            failures += 1
            server = (server + 1) % serverCount
            let pause = limits.refusedWait + generator.jitter(limits.refusedWait)
            return [.notify(.refused(wait: pause))] + wait(pause)
        case .unavailable(let retryAfter):
            failures += 1
            server = (server + 1) % serverCount
            guard failures.isMultiple(of: serverCount) else { return begin() }
            let bound = backoff(round: failures / serverCount - 1)
            let pause = max(min(retryAfter ?? .zero, limits.backoffMax), generator.jitter(bound))
            return [.notify(.allServersFailed(attempts: failures, wait: pause))] + wait(pause)
        }
    }

    /// Whoever was served elsewhere for a while tries its owner's bolts again: at one of them, drawn, and at a time of
    /// its own, so that they are not met by all at once. Where it is not there, it goes round as after any failure.
    private mutating func headHome(among home: Int, after pause: Duration) {
        guard home > 0, server >= home else {
            (awayFor, homeAfter) = (.zero, nil)
            return
        }
        let patience = homeAfter ?? limits.homeAfter + generator.jitter(limits.homeAfter)
        homeAfter = patience
        awayFor += pause
        guard awayFor >= patience else { return }
        server = Int(generator.below(UInt64(min(home, serverCount))))
        (awayFor, homeAfter) = (.zero, nil)
    }

    /// Goes on under a new queue. A bolt that is wrong again and again makes this rare, not frequent.
    private mutating func startOver() -> [Effect] {
        stored.removeAll()
        fruitless += 1
        return [.startOver] + wait(backoff(round: fruitless - 1))
    }

    /// Longest wait of a round: doubles with each.
    private func backoff(round: Int) -> Duration {
        min(limits.backoffMax, limits.backoffFirst * (1 << max(0, min(round, 20))))
    }

    private mutating func wait(_ duration: Duration) -> [Effect] {
        timer += 1
        return [.schedule(timer, after: max(duration, limits.intervalMin))]
    }
}
