extension HandoffSource {
    private var isStreaming: Bool {
        switch state.phase {
        case .sending, .sealed, .sent: true
        case .planned, .garbage, .done, .cancelled, .overtaken: false
        }
    }

    /// Up to where the journal may be read: what is safe, and never past a seal.
    private var tailLimit: UInt64 {
        guard let seal = state.sealPoint, isSettled else { return safe }
        return min(safe, seal.position)
    }

    /// Asks for the next piece, if one may be sent: one read at a time.
    mutating func pump(_ effects: inout [Effect]) {
        if let piece = waiting, isSendable(piece) {
            waiting = nil
            dispatch(piece, &effects)
        }
        // After the hand-on nobody may hold it still: the slice is served by nobody until the target has it.
        let isHeldStill = isPaused && state.phase != .sent
        guard isStreaming, isSettled, !isHeldStill, !isReading, waiting == nil, flights.count < credit else { return }
        switch stream {
        case .unknown, .locating: return
        case .snapshot(let point, let next):
            isReading = true
            effects.append(.readSnapshot(of: point, piece: next, at: state.sealPoint))
        case .tail(let read, _):
            guard read.position < tailLimit else { return }
            isReading = true
            effects.append(.readTail(after: read, upTo: tailLimit))
        }
    }

    // MARK: - What was read

    mutating func read(_ piece: HandoffPiece, _ effects: inout [Effect]) {
        isReading = false
        guard isStreaming, piece.content.count <= HandoffLimits.pieceBytesMax else { return }
        switch (piece.place, stream) {
        case (.snapshot(let point, let number, _), .snapshot(let known, let next)):
            // A new snapshot begins with its first piece, whatever was asked for.
            guard number == 0 || (known == point && number == next) else { return }
        case (.tail(let after, _), .tail(let read, _)):
            guard after == read else { return }
        default: return  // asked for before the stream was set back
        }
        if isSendable(piece) { dispatch(piece, &effects) } else { waiting = piece }
    }

    private func isSendable(_ piece: HandoffPiece) -> Bool {
        switch piece.place {
        case .snapshot(let point, _, _): return point.position <= safe
        case .tail(_, let through): return through.position <= safe
        }
    }

    private mutating func dispatch(_ piece: HandoffPiece, _ effects: inout [Effect]) {
        var place = piece.place
        switch piece.place {
        case .snapshot(let point, let number, let isLast):
            stream = isLast ? .tail(read: point, sent: point) : .snapshot(point, next: number &+ 1)
        case .tail(_, let through):
            guard case .tail(_, let sent) = stream else { return }
            place = .tail(after: sent, through: through)
            stream = .tail(read: through, sent: through)
        }
        flights.append(Flight(place: place, bytes: piece.content.count))
        send(.piece(HandoffPiece(place: place, content: piece.content)), &effects)
    }

    /// Records that did nothing to the slice are not sent, but for the seal: the target must come to its place.
    mutating func skip(_ after: LogPoint, _ through: LogPoint) {
        isReading = false
        guard case .tail(let read, let sent) = stream, read == after, waiting == nil else { return }
        if through == state.sealPoint {
            waiting = HandoffPiece(place: .tail(after: after, through: through), content: [])
        } else {
            stream = .tail(read: through, sent: sent)
        }
    }

    /// The target is too far behind for our journal: it begins anew.
    mutating func tailGone(_ after: LogPoint, _ effects: inout [Effect]) {
        isReading = false
        guard case .tail(let read, _) = stream, read == after else { return }
        startAnew(&effects)
    }

    // MARK: - What the target says

    mutating func receive(_ reply: HandoffReply.Body, _ effects: inout [Effect]) {
        silentAsks = 0
        if mutation != .endsUntold, let body = HandoffSource.answer(to: reply, of: state.phase) {
            return send(body, &effects)
        }
        switch reply {
        case .refused(let blockers):
            // Before it takes anything, for what it would take, or for what it holds by now.
            guard state.phase == .sending || state.phase == .sealed else { return }
            let why = blockers.isEmpty ? "no reason given" : blockers.joined(separator: "; ")
            cancelReason = cancelReason ?? HandoffSource.cut("\(order.to) cannot take it: \(why)")
        case .progress(let progress, let credit, let probe):
            guard isStreaming else { return }
            self.credit = min(max(1, Int(credit)), HandoffLimits.piecesInFlightMax)
            follow(progress, isAnswer: probe == self.probe, &effects)
        case .held(let seal):
            if state.phase == .sealed { heldSeal = seal }
        case .mismatch(let seal): mismatch(seal)
        case .adopted(let register):
            if state.phase == .sent, register == state.transition?.transition.hash(by: witness) { isAdopted = true }
        case .dropped: break
        }
    }

    /// The answer to a target's word on a handoff that is over here, as its journal says: where no slice comes of it,
    /// the target is told so whenever it asks. Nil: there is nothing to say, or what would be said is not safe yet.
    public static func answer(
        to reply: HandoffReply, of state: HandoffSourceState, safe: UInt64, epoch: PartitionEpoch
    ) -> HandoffMessage? {
        guard reply.id == state.order.id, (state.since?.position ?? 0) <= safe,
            let body = answer(to: reply.body, of: state.phase)
        else { return nil }
        return HandoffMessage(id: reply.id, epoch: epoch, body: body)
    }

    private static func answer(
        to reply: HandoffReply.Body, of phase: HandoffSourceState.Phase
    ) -> HandoffMessage.Body? {
        guard phase == .cancelled || phase == .overtaken else { return nil }
        switch reply {
        case .progress, .held, .mismatch: return .cancelled
        case .refused, .adopted, .dropped: return nil
        }
    }

    private mutating func mismatch(_ seal: SliceSeal) {
        guard seal == self.seal else { return }
        switch state.phase {
        case .sealed where !wantsUnseal:
            mismatches += 1
            wantsUnseal = true
        case .sent: break
        case .planned, .sending, .sealed, .garbage, .done, .cancelled, .overtaken: return
        }
        // The target threw away what it had, and says so next.
        (stream, waiting, flights, confirmed) = (.unknown, nil, [], nil)
    }

    private mutating func follow(_ progress: HandoffProgress, isAnswer: Bool, _ effects: inout [Effect]) {
        switch progress.stage {
        case .empty:
            let hasBegun: Bool
            switch stream {
            case .snapshot(_, let next): hasBegun = next > 0 || isReading
            case .tail: hasBegun = true
            case .unknown, .locating: hasBegun = false
            }
            if isAnswer || !hasBegun { restart() }
        case .snapshot(let point, let pieces):
            let hasLanded = land { place in
                if case .snapshot(let of, let number, _) = place { return of == point && number == pieces &- 1 }
                return false
            }
            guard !hasLanded, isAnswer || stream == .unknown else { return }
            (flights, waiting) = ([], nil)
            stream = .snapshot(point, next: pieces)
        case .tail(let tip): follow(tip, progress.marks, isAnswer: isAnswer, &effects)
        }
    }

    private mutating func follow(
        _ tip: LogPoint, _ marks: [LogPoint], isAnswer: Bool, _ effects: inout [Effect]
    ) {
        let isKnown = land { place in
            switch place {
            case .snapshot(let point, _, let isLast): return isLast && point == tip
            case .tail(_, let through): return through == tip
            }
        }
        if isKnown {
            confirmed = tip
            maySealAgain = maySealAgain || hasRested
            return
        }
        if tip == confirmed {
            maySealAgain = maySealAgain || hasRested
            // Nothing came since it was asked: what was on its way is lost.
            if isAnswer, !flights.isEmpty {
                (flights, waiting) = ([], nil)
                stream = .tail(read: tip, sent: tip)
            }
            return
        }
        guard isAnswer || stream == .unknown else { return }
        if case .locating = stream { return }
        (flights, waiting) = ([], nil)
        stream = .locating(tip)
        effects.append(.locate([tip] + marks.reversed().filter { $0 != tip }))
    }

    /// Counts the pieces up to the one that the target confirms; whether it was on its way.
    private mutating func land(_ isConfirmed: (HandoffPiece.Place) -> Bool) -> Bool {
        guard let last = flights.lastIndex(where: { isConfirmed($0.place) }) else { return false }
        for flight in flights[...last] {
            sent.pieces &+= 1
            sent.bytes &+= UInt64(flight.bytes)
        }
        flights.removeSubrange(...last)
        return true
    }

    private mutating func restart() {
        (flights, waiting, confirmed) = ([], nil, nil)
        stream = .snapshot(nil, next: 0)
    }

    /// The shell found which of the target's places is ours.
    mutating func located(_ point: LogPoint?, _ effects: inout [Effect]) {
        guard case .locating(let tip) = stream else { return }
        stream = .unknown
        if let point, point == tip, point.position <= max(tailLimit, state.sealPoint?.position ?? 0) {
            stream = .tail(read: tip, sent: tip)
            confirmed = tip
            maySealAgain = maySealAgain || hasRested
        } else {
            confirmed = nil
            send(.rewind(to: point == tip ? nil : point), &effects)
        }
    }
}
