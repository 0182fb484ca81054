import CRDT

extension HandoffTarget {
    /// Whatever the state calls for now.
    mutating func advance(_ effects: inout [Effect]) {
        if settle() || (probe != 0 && state.phase == .receiving && isSettled) { report(&effects) }
        propose(&effects)
        if state.phase == .adopted, !isServed, let transition = state.transition {
            isServed = true
            effects.append(.serve(transition))
        }
        if isSettled, let since = state.since, since.position > announced {
            announced = since.position
            announce(&effects)
            propose(&effects)
        }
    }

    /// How much is held, safe, and how many pieces may come.
    private mutating func report(_ effects: inout [Effect]) {
        switch state.phase {
        case .receiving, .held:
            let credit = max(1, HandoffLimits.piecesInFlightMax - pending.count - unsettled.count)
            reply(.progress(safeProgress, credit: UInt32(credit), probe: probe), &effects)
            probe = 0
        case .unknown, .adopted, .dropped: break
        }
    }

    /// Proposes what does not depend on a piece, where nothing is on its way.
    private mutating func propose(_ effects: inout [Effect]) {
        guard pending.isEmpty else { return }
        switch state.phase {
        case .unknown: break
        case .receiving:
            if let salvageReason { return journal(.claimed(order.id, reason: salvageReason), &effects) }
            if let dropReason { return journal(.dropped(order.id, reason: dropReason), &effects) }
            hold(&effects)
        case .held:
            if let salvageReason { return journal(.claimed(order.id, reason: salvageReason), &effects) }
            if let dropReason { return journal(.dropped(order.id, reason: dropReason), &effects) }
            // The source said that this is all of it, and keeps its copy until this is safe.
            if let handOn, handOn.transition.seal == state.seal {
                journal(.adopted(order.id, handOn), &effects)
            }
        case .dropped:
            // It is ours after all: the source still has everything.
            if handOn != nil { journal(.opened(order), &effects) }
        case .adopted: break
        }
    }

    /// Everything up to the seal is here: is it the same?
    private mutating func hold(_ effects: inout [Effect]) {
        guard let wantedSeal, digesting != wantedSeal, state.progress.stage == .tail(wantedSeal.point) else { return }
        digesting = wantedSeal
        effects.append(.digest(at: wantedSeal.point))
    }

    mutating func digested(_ point: LogPoint, _ digest: Bytes32, _ effects: inout [Effect]) {
        guard let seal = digesting, seal.point == point else { return }
        digesting = nil
        guard state.phase == .receiving, pending.isEmpty, state.progress.stage == .tail(point) else { return }
        if digest == seal.digest || mutation == .hintWindow {
            journal(.held(order.id, seal), &effects)
        } else {
            // One of both is wrong, and the source has the original.
            wantedSeal = nil
            reply(.mismatch(seal), &effects)
            journal(.truncated(order.id, to: nil), &effects)
        }
    }

    /// What follows from a record that became safe; drawn once in each life.
    private mutating func announce(_ effects: inout [Effect]) {
        switch state.phase {
        case .unknown, .receiving: break
        case .held:
            if let seal = state.seal { reply(.held(seal), &effects) }
        case .adopted:
            guard let transition = state.transition else { return }
            reply(.adopted(transition.transition.hash(by: witness)), &effects)
            end(&effects)
        case .dropped:
            // It is ours after all: it comes once more.
            guard handOn == nil else { return }
            reply(.dropped, &effects)
            end(&effects)
        }
    }

    mutating func end(_ effects: inout [Effect]) {
        guard ended != state.phase else { return }
        ended = state.phase
        effects.append(.ended(state.phase))
    }

    mutating func journal(_ record: HandoffTargetRecord, _ effects: inout [Effect]) {
        pending.append(record)
        _ = ahead.apply(record, at: ahead.since ?? LogPoint(epoch: .none, position: 0, hash: .zero))
        effects.append(.journal(record))
    }

    func reply(_ body: HandoffReply.Body, _ effects: inout [Effect]) {
        effects.append(.reply(HandoffReply(id: order.id, body: body)))
    }

    mutating func setTimer(_ effects: inout [Effect]) {
        let number = (timers[.retry] ?? 0) &+ 1
        timers[.retry] = number
        effects.append(.setTimer(HandoffTimer(kind: .retry, number: number), after: settings.retry))
    }

    /// The source may not know that we are here, or what we hold.
    mutating func fire(_ timer: HandoffTimer, _ effects: inout [Effect]) {
        guard timers[timer.kind] == timer.number, timer.kind == .retry else { return }
        guard !state.isOver || handOn != nil && state.phase == .dropped else { return }
        setTimer(&effects)
        guard isSettled else { return }
        if state.phase == .receiving { report(&effects) }
        if state.phase == .held, let seal = state.seal { reply(.held(seal), &effects) }
    }
}
