extension LeaseMachine {
    /// An answer to `asked`. What follows at once is bounded whatever an engine answers: a look leads to a renewal or a
    /// campaign, a renewal that failed to a campaign, and after a campaign there is always a wait.
    mutating func take(_ answer: LeaseAnswer, to asked: Pending) -> [Effect] {
        let recovered = recover()
        switch (asked.request, answer) {
        case (.observe, .observed(let view)):
            let effects = recovered + see(view)
            return effects + (wanted == .observe ? later(settings.pollInterval) : act())
        case (.campaign, .granted(let token, let ttl, let mark)):
            return recovered + note(mark) + win(token, ttl, asked)
        case (.campaign, .occupied(let view)):
            return recovered + see(view) + later(settings.pollInterval)
        case (.renew(let token), .renewed(let ttl, let view)):
            return recovered + see(view) + win(token, ttl, asked)
        case (.renew(let token), .gone(let view)):
            return recovered + lose(token) + see(view) + afterLoss()
        case (.release, .released(let mark)):
            holding = nil
            (seen, hasView) = (nil, false)
            return recovered + note(mark) + later(settings.pollInterval)
        case (.observe, _), (.campaign, _), (.renew, _), (.release, _):
            return recovered + [.notify(.contradiction("the engine answered what was not asked"))]
                + later(settings.retryMax)
        }
    }

    /// No answer, or a refusal.
    mutating func fail(_ failure: LeaseFailure, of asked: Pending) -> [Effect] {
        if case .release = asked.request {
            // It ends by itself soon.
            holding = nil
            (seen, hasView) = (nil, false)
        }
        switch failure {
        case .unreachable(let why):
            let isFirst = self.failure == nil
            self.failure = why
            failures = min(failures + 1, 16)
            var effects: [Effect] = []
            if isFirst {
                let timer = makeTimer()
                outage = timer
                effects = [.notify(.silent(why)), .schedule(timer, after: settings.ttl / 2)]
            }
            return effects + later(min(settings.pollInterval * (1 << failures), settings.retryMax))
        case .refused(let why):
            let recovered = recover()
            refusal = why
            guard case .campaign = asked.request else { return recovered + later(settings.refusalInterval) }
            return recovered + bePatient(settings.refusalInterval) + later(settings.pollInterval)
        }
    }

    private mutating func recover() -> [Effect] {
        outage = nil
        failures = 0
        guard failure != nil else { return [] }
        failure = nil
        return [.notify(.answers)]
    }

    /// Where the engine's history stands; one that went back may have lost a grant that is still good.
    private mutating func note(_ next: LeaseMark) -> [Effect] {
        defer { mark = next }
        guard let mark, mark.cluster != next.cluster || mark.revision > next.revision else { return [] }
        isDisturbed = true
        return [.notify(.wentBack(from: mark, to: next))]
    }

    /// Who has it. A standby waits before it takes what became free: a moment where somebody had it, a whole lease
    /// where the vacancy may come from the engine and the primary will want it back.
    private mutating func see(_ view: LeaseView) -> [Effect] {
        var effects = note(view.mark)
        let wasVacant = hasView && seen == nil
        (seen, hasView) = (view.holder, true)
        guard view.holder == nil else {
            isDisturbed = false
            return effects
        }
        if role != .primary, isDisturbed {
            effects += bePatient(settings.ttl + jitter)
        } else if role != .primary, !wasVacant, patience == nil {
            effects += bePatient(jitter)
        }
        isDisturbed = false
        return effects
    }

    private mutating func win(_ token: LeaseToken, _ ttl: Duration, _ asked: Pending) -> [Effect] {
        let held = holding.flatMap { $0.token == token ? $0 : nil }
        // Nobody campaigns while patient: it became so since it asked.
        let isUnwanted = role == .ineligible || role == .standby && patience != nil
        var next = Holding(token: token, validity: asked.validity)
        next.isDoubtful = asked.isLate
        next.mustRelease = held?.mustRelease ?? isUnwanted
        next.isTried = held?.isTried ?? false
        var effects: [Effect] = []
        if ttl < settings.ttl {
            // Shorter than asked for: count from the earliest instant at which it may have been granted.
            next.validity = makeTimer()
            effects.append(.schedule(next.validity, after: max(.zero, ttl - settings.requestTimeout)))
        }
        if role == .standby, !next.isTried, !next.isDoubtful, !next.mustRelease, !isStopping {
            next.isTried = true
            effects.append(.tryPromotion(token))
        }
        holding = next
        (seen, hasView, refusal, isDisturbed) = (LeaseHolder(who: me, token: token), true, nil, false)
        let isUrgent = next.mustRelease || isStopping || next.isDoubtful
        return effects + (isUrgent ? act() : later(settings.renewInterval))
    }

    private mutating func lose(_ token: LeaseToken) -> [Effect] {
        defer { holding = nil }
        guard let holding, holding.token == token, !holding.isDoubtful else { return [] }
        return [.notify(.endedEarly(token))]
    }

    /// The lease was ours and is not: a primary takes it again at once if it can.
    private mutating func afterLoss() -> [Effect] {
        if case .campaign = wanted, !isStopping { return act() }
        return later(settings.pollInterval)
    }
}
