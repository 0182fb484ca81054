public import CRDT

/// Decides when a standby may try to become primary. Pure: owns no engine, clock or randomness.
///
/// A lease is a hint (P9). Whatever an engine does (is gone, ends leases early, grants one twice, goes back in time),
/// the only thing that this machine can cause is a try, and a try is decided by promises and epochs. So it does not
/// depose anybody: a primary that lost the lease or its engine reigns on.
///
/// A grant is counted from when it was *asked* for, on this machine's own monotonic clock: with an honest engine no two
/// bolts count themselves as holders at once, paused processes included.
public struct LeaseMachine: Sendable {
    /// A grant and how long it may be counted on.
    struct Holding: Sendable {
        let token: LeaseToken
        /// When it fires, no renewal was confirmed for a whole lease.
        var validity: TimerID
        var isDoubtful = false
        /// Whether a promotion was tried on it.
        var isTried = false
        /// It is to be given back at the next occasion.
        var mustRelease = false
    }

    /// A request on its way.
    struct Pending: Sendable {
        let id: LeaseRequestID
        let request: LeaseRequest
        /// Set off when it was sent: the end of what it may grant.
        let validity: TimerID
        var isLate = false
    }

    let me: ReplicaID
    let settings: LeaseSettings
    var generator: SeededGenerator
    var role: LeaseRole = .ineligible
    var holding: Holding?
    var pending: Pending?
    /// Who has it, as last told; nil: nobody. Of no meaning before `hasView`.
    var seen: LeaseHolder?
    var hasView = false
    var mark: LeaseMark?
    /// The engine's last failure; nil since it answered.
    var failure: String?
    var failures = 0
    /// Fires when an outage has lasted long enough for leases to have ended in it.
    var outage: TimerID?
    /// What was seen may be the trace of an outage or a restore, not of a dead primary.
    var isDisturbed = true
    /// Why the engine would not be campaigned at.
    var refusal: String?
    /// Until it fires, no campaign.
    var patience: TimerID?
    /// The next look or renewal.
    var tick: TimerID?
    var isStopping = false
    private var lastTimer: UInt64 = 0
    private var lastRequest: UInt64 = 0
    /// How this bolt stands.
    public private(set) var standing: LeaseStanding = .idle(holder: nil)
    private var isStopped = false

    /// A machine that has asked nothing yet. `settings` without violations; `seed` for the jitter.
    public init(me: ReplicaID, settings: LeaseSettings, seed: UInt64) {
        (self.me, self.settings, generator) = (me, settings, SeededGenerator(seed: seed))
    }

    /// The only way in. Same state and same event always give the same effects, in the same order.
    public mutating func step(_ event: Event) -> [Effect] {
        guard !isStopped else { return [] }
        var effects = react(to: event)
        if isStopping, pending == nil, holding == nil {
            isStopped = true
            effects.append(.stopped)
        }
        let now = judged
        if now != standing {
            standing = now
            effects.append(.standing(now))
        }
        return effects
    }

    private mutating func react(to event: Event) -> [Effect] {
        switch event {
        case .started: return act()
        case .role(let next): return enter(next)
        case .answered(let id, let answer):
            guard let asked = pending, asked.id == id else { return [] }
            pending = nil
            return take(answer, to: asked)
        case .failed(let id, let failure):
            guard let asked = pending, asked.id == id else { return [] }
            pending = nil
            return fail(failure, of: asked)
        case .timerFired(let timer): return fire(timer)
        case .tried(let token, let succeeded):
            guard !succeeded, holding?.token == token, role != .primary else { return [] }
            holding?.mustRelease = true
            // Others have a whole lease's time to do better.
            return [.notify(.givenBack(token))] + bePatient(settings.ttl) + act()
        case .stop:
            isStopping = true
            return act()
        }
    }

    private mutating func enter(_ next: LeaseRole) -> [Effect] {
        guard next != role else { return [] }
        let before = role
        role = next
        switch next {
        case .primary:
            patience = nil
            holding?.mustRelease = false
            return seen == nil || seen?.who == me ? act() : []
        case .standby:
            guard before == .primary else { return hasView && seen == nil && patience == nil ? bePatient(jitter) : [] }
            // It handed over, or was deposed: the next one needs the lease, and must not be raced for it.
            holding?.mustRelease = true
            return bePatient(settings.ttl) + act()
        case .ineligible:
            holding?.mustRelease = true
            return holding == nil ? [] : act()
        }
    }

    private mutating func fire(_ timer: TimerID) -> [Effect] {
        switch timer as TimerID? {
        case tick:
            tick = nil
            return act()
        case patience:
            patience = nil
            return act()
        case outage:
            outage = nil
            isDisturbed = true
            return []
        case holding?.validity:
            holding?.isDoubtful = true
            return act()
        case pending?.validity:
            // This process stood still: what the answer grants may have ended meanwhile.
            pending?.isLate = true
            return []
        case _: return []
        }
    }

    /// Sends what is wanted now, unless something is on its way: its answer will bring us back here.
    mutating func act() -> [Effect] {
        guard pending == nil, !isStopping || holding != nil else { return [] }
        let request = wanted
        lastRequest += 1
        let validity = makeTimer()
        let asked = Pending(id: LeaseRequestID(lastRequest), request: request, validity: validity)
        pending = asked
        tick = nil
        let sent = Effect.ask(asked.id, request, within: settings.requestTimeout)
        switch request {
        case .campaign, .renew: return [.schedule(validity, after: settings.ttl), sent]
        case .observe, .release: return [sent]
        }
    }

    /// What to ask next.
    var wanted: LeaseRequest {
        if let holding {
            return holding.mustRelease || isStopping ? .release(holding.token) : .renew(holding.token)
        }
        guard hasView, role != .ineligible, patience == nil else { return .observe }
        guard let seen else { return .campaign(ttl: settings.ttl) }
        // An earlier life of this process, or a grant whose answer was lost: it is ours.
        return seen.who == me ? .renew(seen.token) : .observe
    }

    /// No campaign for that long, counted from now.
    mutating func bePatient(_ time: Duration) -> [Effect] {
        let timer = makeTimer()
        patience = timer
        return [.schedule(timer, after: time)]
    }

    /// The next look or renewal, after that long.
    mutating func later(_ time: Duration) -> [Effect] {
        let timer = makeTimer()
        tick = timer
        return [.schedule(timer, after: time)]
    }

    mutating func makeTimer() -> TimerID {
        lastTimer += 1
        return TimerID(lastTimer)
    }

    var jitter: Duration {
        mutating get { generator.jitter(settings.campaignJitter) }
    }

    private var judged: LeaseStanding {
        if let holding, !holding.isDoubtful { return .holder(holding.token) }
        if let failure { return .unavailable(held: holding != nil, why: failure) }
        if holding != nil { return .unavailable(held: true, why: "it was not renewed in time") }
        if let refusal, role != .ineligible { return .refused(refusal) }
        switch role {
        case .ineligible: return .idle(holder: seen?.who)
        case .standby: return .candidate(holder: seen?.who)
        case .primary: return .lost(to: seen?.who)
        }
    }
}
