extension HandoffSource {
    /// Whatever the state calls for now: at most one record, the consequences of what became safe, and reads.
    mutating func advance(_ effects: inout [Effect]) {
        // A seal of an earlier life has its time from now on, whether it is safe or not.
        if state.phase == .sealed, timers[.seal] == nil { setTimer(.seal, settings.sealTimeout, &effects) }
        propose(&effects)
        if isSettled, let since = state.since, since.position > announced {
            announced = since.position
            announce(&effects)
            propose(&effects)
        }
        if !hasEnded, let ending {
            hasEnded = true
            effects.append(.ended(ending))
        }
        pump(&effects)
    }

    private var ending: HandoffSourceState.Phase? {
        guard isSettled, pending == nil else { return nil }
        switch state.phase {
        case .planned: return cancelReason == nil ? nil : .cancelled
        case .done: return .done
        // The target may be gone for good: one that is not asks, and is told.
        case .cancelled: return .cancelled
        case .overtaken: return .overtaken
        case .sending, .sealed, .sent, .garbage: return nil
        }
    }

    /// Proposes the next record, if one is due. One at a time: the next depends on what this one does.
    private mutating func propose(_ effects: inout [Effect]) {
        guard pending == nil, let record = nextRecord() else { return }
        pending = record
        effects.append(.journal(record))
        if case .sealed = record { setTimer(.seal, settings.sealTimeout, &effects) }
    }

    private func nextRecord() -> HandoffSourceRecord? {
        switch state.phase {
        case .planned:
            // Nothing was promised to anybody yet.
            return cancelReason == nil && !isSuperseded ? .begun(order) : nil
        case .sending:
            if let cancelReason { return .cancelled(order.id, reason: cancelReason) }
            return isReadyToSeal ? .sealed(order.id) : nil
        case .sealed:
            if let cancelReason { return .cancelled(order.id, reason: cancelReason) }
            // Not only where the seal is safe: it may not be for as long as a standby is away.
            if wantsUnseal, isSettled || mutation != .waitForStandbys {
                guard state.seals < HandoffLimits.sealsMax, mismatches < HandoffLimits.mismatchesMax else {
                    return .cancelled(order.id, reason: exhaustion)
                }
                return .unsealed(order.id)
            }
            return isSettled ? handOn() : nil
        case .sent where isOvertaken, .garbage where isOvertaken: return .overtaken(order.id)
        case .sent:
            let isServed = isAdopted || mutation == .deleteBeforeTargetIsSafe
            return isSettled && isServed ? .released(order.id) : nil
        case .garbage: return isSettled && isCollected ? .collected(order.id) : nil
        case .done, .cancelled, .overtaken: return nil
        }
    }

    private var exhaustion: String {
        mismatches < HandoffLimits.mismatchesMax
            ? "the target \(order.to) did not come up within \(HandoffLimits.sealsMax) seals"
            : "the digests differed \(HandoffLimits.mismatchesMax) times"
    }

    /// The hand-on, once the target holds everything up to our seal. Not while it may not be known here that an
    /// operator took the slice over: a hand-on beats that, however late it comes. And not while it would not become
    /// safe: unlike a seal it cannot be taken back, for another primary may have told it.
    private func handOn() -> HandoffSourceRecord? {
        guard let seal, !isSuperseded, !holdsSeal || mutation == .handsOnUnheard, !isAlone,
            heldSeal == seal || mutation == .switchBeforeHeld,
            let transition = SliceTransition(ending: order.register, to: order.to, cause: .handOn(seal: seal))
        else { return nil }
        let signature = voice.signer.sign(transition.signedBytes(in: voice.mesh))
        return .handedOn(order.id, SignedTransition(transition, warrant: voice.warrant, signature: signature))
    }

    private var isReadyToSeal: Bool { hasTurn && isStreamed }

    /// Whether what is left to be sent is little enough to be sent while nobody acknowledges, and nothing but other
    /// handoffs stands against that.
    var isStreamed: Bool {
        guard isSettled, !isPaused, !holdsSeal, !isAlone, maySealAgain, confirmed != nil, waiting == nil,
            case .tail(let read, _) = stream
        else { return false }
        return flights.reduce(0) { $0 + $1.bytes } <= settings.sealLagBytes
            && (read.position >= safe || safe - read.position <= settings.sealLagRecords)
    }

    /// What follows from a record that became safe; drawn once in each life.
    private mutating func announce(_ effects: inout [Effect]) {
        switch state.phase {
        case .planned: break
        case .sending: ask(&effects)
        case .sealed:
            if let point = state.sealPoint { effects.append(.digest(at: point)) }
            if stream == .unknown { ask(&effects) }
        case .sent:
            if let transition = state.transition {
                effects.append(.publish(transition))
                send(.handOn(transition), &effects)
            }
            if let point = state.sealPoint, seal == nil { effects.append(.digest(at: point)) }
            setTimer(.retry, settings.retry, &effects)
        case .garbage: if !isOvertaken { effects.append(.collect) }
        case .done: break
        case .cancelled, .overtaken:
            (stream, waiting, flights) = (.unknown, nil, [])
            if mutation != .endsUntold { send(.cancelled, &effects) }
        }
    }

    /// Tells the target that nothing it holds is of use.
    mutating func startAnew(_ effects: inout [Effect]) {
        (stream, waiting, flights, confirmed) = (.unknown, nil, [], nil)
        send(.rewind(to: nil), &effects)
    }

    // MARK: - Time

    mutating func setTimer(_ kind: HandoffTimer.Kind, _ after: Duration, _ effects: inout [Effect]) {
        let number = (timers[kind] ?? 0) &+ 1
        timers[kind] = number
        effects.append(.setTimer(HandoffTimer(kind: kind, number: number), after: after))
    }

    mutating func fire(_ timer: HandoffTimer, _ effects: inout [Effect]) {
        guard timers[timer.kind] == timer.number else { return }
        switch timer.kind {
        case .seal:
            if state.phase == .sealed {
                wantsUnseal = true
            } else if isSealProposed {
                // The disk took longer than that.
                setTimer(.seal, settings.sealTimeout, &effects)
            }
        case .retry: retry(&effects)
        }
    }

    private mutating func retry(_ effects: inout [Effect]) {
        hasRested = true
        guard isSettled else { return setTimer(.retry, settings.retry, &effects) }
        switch state.phase {
        case .planned, .garbage, .done, .cancelled, .overtaken: return
        case .sending: ask(&effects)
        case .sealed:
            ask(&effects)
            sendSeal(&effects)
        case .sent:
            guard !isAdopted, let transition = state.transition else { return }
            // A target that lost its disks must hear of the handoff before it can hear of its end.
            ask(&effects)
            send(.handOn(transition), &effects)
        }
    }

    /// Asks how far the target is. The answer carries the number back: one that confirms nothing new means that what
    /// was on its way is lost.
    mutating func ask(_ effects: inout [Effect]) {
        silentAsks += 1
        probe &+= 1
        send(.offer(order, probe: probe), &effects)
        setTimer(.retry, settings.retry, &effects)
    }

    mutating func sendSeal(_ effects: inout [Effect]) {
        guard state.phase == .sealed, isSettled, let seal else { return }
        send(.seal(seal), &effects)
    }

    func send(_ body: HandoffMessage.Body, _ effects: inout [Effect]) {
        effects.append(.send(HandoffMessage(id: order.id, epoch: voice.epoch, body: body)))
    }
}
