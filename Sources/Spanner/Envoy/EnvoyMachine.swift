/// When an envoy checks in, with whom, what it tells, and what it may forget: no socket, disk or clock inside.
///
/// It goes round the bolts that it knows: a failure is followed at once by the next bolt until all were tried, then by
/// exponential backoff with full jitter. Served by others than its owner's bolts, it tries those again after a while.
/// Each report is of one queue: the oldest that holds something its owner has not stored; where all is stored, of one
/// after the other, so that each is heard of. What it holds is deleted only up to what the owner of its slice says is
/// safe (P6), under a fence that never goes back (P2).
///
/// Numbers alone are not believed: this queue may be an older copy of itself, and what the owner has under a number
/// another result. So nothing counts as stored or safe but what this life told this owner, in this epoch, without being
/// contradicted (P5, P6). After a start, a failover or a hand-on, and after others kept reports, what is held is
/// therefore told once more.
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
    /// The queue of the report that is under way, and what it tells begins after this.
    private var (reported, reportedAfter): (QueueID, UInt64)
    /// Up to where each queue need not be told to whoever is asked next: its owner has it, or it is kept for the owner.
    /// Read by key alone.
    private var stored: [QueueID: UInt64] = [:]
    /// Up to where the owner has the same as each queue: it was told all that was held, in this life and under the
    /// present fence, and did not contradict. Read by key alone.
    private var matched: [QueueID: UInt64] = [:]
    /// Queues that were told from the first once more, because the owner contradicted. Read by key alone.
    private var retold: Set<QueueID> = []
    /// How long it has waited between reports at bolts that are not its owner's, and after how much it goes home.
    private var (awayFor, homeAfter) = (Duration.zero, Duration?.none)
    private let limits: Limits

    /// An agent that knows `servers` bolts (at least one), has seen `fence` and holds `held`.
    public init(servers: Int, fence: Fence, held: HeldQueues, seed: UInt64, limits: Limits = Limits()) {
        precondition(servers > 0, "an envoy without a bolt to ask: \(servers)")
        var generator = SeededGenerator(seed: seed)
        (self.serverCount, self.fence, self.held, self.limits) = (servers, fence, held, limits)
        (reported, reportedAfter) = (held.present.id, 0)
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
        reportedAfter = stored[reported] ?? 0
        return [.checkIn(server: server, queue: reported, after: reportedAfter)]
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
            // Another epoch may have lost what this one told, and have something else in its place.
            forget()
            effects.append(.remember(fence))
        }
        guard let queue = held.queue(reported) else { return effects + wait(limits.intervalMin) }
        let highest = max(answer.storedThrough, answer.releaseThrough)
        if answer.isOwners, queue.id == held.present.id, highest > queue.last {
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
        let released = queue.first > 0 ? queue.first - 1 : 0
        let before = stored[queue.id] ?? released
        var storedThrough = min(answer.storedThrough, max(answer.toldThrough, reportedAfter))
        var safeThrough: UInt64 = 0
        if answer.isOwners {
            let known = max(matched[queue.id] ?? 0, released)
            // Of what others kept for it meanwhile the owner was not told by this life.
            let heard = reportedAfter <= known ? max(known, answer.toldThrough) : known
            storedThrough = min(answer.storedThrough, heard)
            matched[queue.id] = storedThrough
            // What is not stored cannot be safe.
            safeThrough = min(answer.releaseThrough, storedThrough, queue.last)
        }
        storedThrough = min(storedThrough, queue.last)
        let isProgress = storedThrough > before || safeThrough >= queue.first
        stored[queue.id] = storedThrough
        if storedThrough == queue.last { retold.remove(queue.id) }
        fruitless = isProgress || isAllStored ? 0 : fruitless + 1
        return safeThrough >= queue.first ? [.release(queue.id, through: safeThrough)] : []
    }

    /// All that is held is to be told anew.
    private mutating func forget() {
        stored.removeAll()
        matched.removeAll()
        retold.removeAll()
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
            (stored[reported], matched[reported]) = (nil, nil)
            let isPartial = reportedAfter >= held.queue(reported)?.first ?? .max
            if isPartial, retold.insert(reported).inserted { return begin() }
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
        forget()
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
