extension HandoffTarget {
    /// The answer to a message of a handoff of which the journal says nothing and that is no offer: where it was
    /// cancelled, there is nothing to drop. Nil: wait for the offer, which the source repeats.
    public static func answer(toUnknown message: HandoffMessage) -> HandoffReply? {
        message.body == .cancelled ? HandoffReply(id: message.id, body: .dropped) : nil
    }

    mutating func receive(_ message: HandoffMessage, _ effects: inout [Effect]) {
        switch message.body {
        case .offer(let offered, let probe): if offered == order { answer(probe, &effects) }
        case .piece(let piece): take(piece, &effects)
        case .rewind(let point): rewind(to: point, from: message.epoch, &effects)
        case .seal(let seal): sealed(seal, &effects)
        case .handOn(let signed): handedOn(signed, &effects)
        case .cancelled: cancelled(&effects)
        }
    }

    /// Says how far it is, or looks whether it can begin.
    private mutating func answer(_ probe: UInt64, _ effects: inout [Effect]) {
        switch state.phase {
        case .unknown:
            self.probe = probe
            guard !isChecking, pending.isEmpty else { return }
            isChecking = true
            effects.append(.check(order))
        case .receiving:
            // Answered in the same step where the last record is safe.
            self.probe = probe
        case .held:
            guard isSettled, let seal = state.seal else { return }
            reply(.held(seal), &effects)
            reply(
                .progress(safeProgress, credit: UInt32(HandoffLimits.piecesInFlightMax), probe: probe), &effects)
        case .adopted:
            guard isSettled, let transition = state.transition else { return }
            reply(.adopted(transition.transition.hash(by: witness)), &effects)
        case .dropped: if isSettled, handOn == nil { reply(.dropped, &effects) }
        }
    }

    mutating func checked(_ blockers: [String], _ effects: inout [Effect]) {
        guard isChecking else { return }
        isChecking = false
        guard state.phase == .unknown, pending.isEmpty else { return }
        guard blockers.isEmpty || mutation == .reverseOverGarbage else {
            let named = blockers.prefix(HandoffLimits.blockersMax).map { HandoffSource.cut($0) }
            reply(.refused(named), &effects)
            return end(&effects)
        }
        journal(.opened(order), &effects)
    }

    private mutating func take(_ piece: HandoffPiece, _ effects: inout [Effect]) {
        guard ahead.phase == .receiving || ahead.phase == .held, dropReason == nil, salvageReason == nil,
            pending.count + unsettled.count < 2 * HandoffLimits.piecesInFlightMax,
            piece.content.count <= HandoffLimits.pieceBytesMax
        else { return }
        // A hand-on that is known says that nothing follows the seal.
        if ahead.phase == .held, handOn != nil { return }
        var trial = ahead.progress
        guard trial.take(piece.place) != .none else {
            // Doubled, out of order, or of another epoch: say where we are, once what is on its way is safe.
            if pending.isEmpty, isSettled, ahead.phase == .receiving {
                reply(.progress(safeProgress, credit: 1, probe: 0), &effects)
            }
            return
        }
        digesting = nil
        var stored = piece
        if mutation == .hintWindow, received.pieces >= 3 { stored = HandoffPiece(place: piece.place, content: []) }
        journal(.stored(order.id, stored), &effects)
    }

    /// The source's journal does not have what we hold. What is held up to a seal goes only for a later epoch: a late
    /// message of the same reign must not take it away.
    private mutating func rewind(to point: LogPoint?, from epoch: PartitionEpoch, _ effects: inout [Effect]) {
        guard pending.isEmpty, state.progress.canRewind(to: point), state.progress.stage != .empty else { return }
        switch state.phase {
        case .receiving: break
        case .held: guard let seal = state.seal, epoch > seal.point.epoch, handOn == nil else { return }
        case .unknown, .adopted, .dropped: return
        }
        digesting = nil
        journal(.truncated(order.id, to: point), &effects)
    }

    private mutating func sealed(_ seal: SliceSeal, _ effects: inout [Effect]) {
        switch state.phase {
        case .unknown, .dropped: return
        case .receiving: wantedSeal = seal
        case .held:
            wantedSeal = seal
            if isSettled, seal == state.seal { reply(.held(seal), &effects) }
        case .adopted: answer(0, &effects)
        }
    }

    /// The slice is ours, whatever we hold: where something is missing, the source still has it.
    private mutating func handedOn(_ signed: SignedTransition, _ effects: inout [Effect]) {
        guard order.leads(to: signed.transition), signed.isAuthentic(in: mesh, witness: witness) else { return }
        if state.phase == .adopted { return answer(0, &effects) }
        handOn = signed
        wantedSeal = signed.transition.seal
        (dropReason, salvageReason) = (nil, nil)
        if state.phase == .unknown, pending.isEmpty { journal(.opened(order), &effects) }
    }

    private mutating func cancelled(_ effects: inout [Effect]) {
        switch state.phase {
        case .unknown:
            if pending.isEmpty { reply(.dropped, &effects) } else { dropReason = "cancelled by the source" }
            endUnopened(&effects)
        case .receiving, .held:
            if handOn == nil {
                dropReason = dropReason ?? "cancelled by the source"
            } else {
                // It handed on and says this: an operator took the slice over since.
                salvage("the source sends no more of what an operator took over")
            }
        case .adopted: break
        case .dropped: if isSettled { reply(.dropped, &effects) }
        }
    }

    /// What came is kept, whatever else was asked.
    mutating func salvage(_ reason: String) {
        guard state.phase != .adopted, state.phase != .dropped else { return }
        salvageReason = salvageReason ?? reason
    }

    /// Nothing was begun here, and nothing will be.
    mutating func endUnopened(_ effects: inout [Effect]) {
        if state.phase == .unknown, pending.isEmpty, handOn == nil { end(&effects) }
    }
}
