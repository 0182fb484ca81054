/// Where each move stands. An event concerns one move, and must not cost a look at all 65,536 of them: what is asked
/// at each event is counted as it changes.
extension RebalanceTask {
    /// Where a move stands.
    enum Place: UInt8, Sendable {
        /// No register of its slice is known.
        case unknown
        /// The slice is where it was, and no attempt is open.
        case waiting
        /// An attempt is open.
        case inFlight
        /// The slice is where it should be.
        case done
        /// Somebody else moved the slice elsewhere.
        case elsewhere
    }

    /// How many moves are where.
    package struct Tally: Hashable, Sendable {
        /// On their way.
        package internal(set) var inFlight = 0
        /// Where they should be.
        package internal(set) var done = 0
        /// Moved elsewhere by somebody else.
        package internal(set) var overtaken = 0
    }

    /// Whether nothing is to begin, and what is in flight is to wait.
    var isStill: Bool { state.isPaused || hold != nil }

    /// Whether moves go back.
    var isBack: Bool { state.isReversed }

    /// Where a move leads, in the present direction.
    func destination(_ move: RebalanceMove) -> PartitionName { isBack ? move.from : move.to }
    func origin(_ move: RebalanceMove) -> PartitionName { isBack ? move.to : move.from }

    /// The handoff of a move's open attempt; nil where the slice has moved, or somebody else moved it.
    func order(_ number: UInt32) -> HandoffOrder? {
        let (move, attempts) = (state.job.moves[Int(number)], state.attempts[Int(number)])
        guard isOpen(number), let register = registers[move.slice] else { return nil }
        let id = identify(number, attempts.began - 1, attempts.isBack)
        return HandoffOrder(id: id, register: register, to: attempts.isBack ? move.from : move.to)
    }

    /// Whether the slice is still where the open attempt takes it from.
    private func isOpen(_ number: UInt32) -> Bool {
        let (move, attempts) = (state.job.moves[Int(number)], state.attempts[Int(number)])
        guard attempts.isOpen, attempts.began > 0, let owner = registers[move.slice]?.owner else { return false }
        return owner == (attempts.isBack ? move.to : move.from)
    }

    private func identify(_ move: UInt32, _ attempt: UInt32, _ isBack: Bool) -> HandoffID {
        HandoffID(task: state.job.id, move: move, isReverse: isBack, attempt: attempt, hashedBy: witness)
    }

    /// The move whose open attempt has this id.
    func openMove(_ id: HandoffID) -> UInt32? {
        flights[id].flatMap { order($0)?.id == id ? $0 : nil }
    }

    /// The partition that hands on under this id: the one that may say how it stands. Nil where no open attempt of this
    /// task has the id.
    public func source(of id: HandoffID) -> PartitionName? { openMove(id).flatMap { order($0) }?.from }

    /// Moves in flight, ascending.
    var openMoves: [UInt32] { open.sorted() }

    // MARK: - Places

    /// Where a move stands, by the registers and the journal.
    func place(of number: UInt32) -> Place {
        let move = state.job.moves[Int(number)]
        guard let owner = registers[move.slice]?.owner else { return .unknown }
        if isOpen(number) { return .inFlight }
        if owner == destination(move) { return .done }
        return owner == origin(move) ? .waiting : .elsewhere
    }

    /// A life begins: where everything stands.
    mutating func findPlaces() {
        for number in state.attempts.indices.map({ UInt32($0) }) {
            let attempts = state.attempts[Int(number)]
            if attempts.isOpen, attempts.began > 0 {
                flights[identify(number, attempts.began - 1, attempts.isBack)] = number
            }
            if attempts.failures > 0 { failed.insert(number) }
            review(number)
        }
    }

    /// What a record changes of where moves stand.
    mutating func notePlaces(of record: RebalanceRecord) {
        switch record {
        case .planned, .paused, .throttled, .cancelled, .ended, .forgotten: break
        case .resumed: (failed, firstWaiting) = ([], 0)
        case .reversed:
            (failed, firstWaiting) = ([], 0)
            for number in state.attempts.indices { review(UInt32(number)) }
        case .began(let move, let attempt): noteBegun(move, attempt)
        case .beganTogether(let attempts): for one in attempts { noteBegun(one.move, one.attempt) }
        case .failed(let move, let attempt, _, _):
            flights[identify(move, attempt, state.attempts[Int(move)].isBack)] = nil
            failed.insert(move)
            review(move)
        }
    }

    private mutating func noteBegun(_ move: UInt32, _ attempt: UInt32) {
        flights[identify(move, attempt, state.attempts[Int(move)].isBack)] = move
        review(move)
    }

    /// A move may stand elsewhere than before.
    mutating func review(_ number: UInt32) {
        let (before, after) = (places[Int(number)], place(of: number))
        if after == .waiting { firstWaiting = min(firstWaiting, Int(number)) }
        guard before != after else { return }
        if after == .done, before != .unknown { noteMoved() }
        places[Int(number)] = after
        count(before, -1)
        count(after, 1)
        if after == .inFlight { open.insert(number) } else { open.remove(number) }
    }

    private mutating func count(_ place: Place, _ change: Int) {
        switch place {
        case .unknown, .waiting: break
        case .inFlight: tally.inFlight += change
        case .done: tally.done += change
        case .elsewhere: tally.overtaken += change
        }
    }

    /// The next moves that may begin, at most so many: not in flight, not there, not given up, and not too soon after
    /// they failed; those that failed less often first.
    mutating func nextMoves(_ count: Int) -> [UInt32] {
        guard count > 0 else { return [] }
        while firstWaiting < places.count, !isFresh(firstWaiting) { firstWaiting += 1 }
        var (next, index): ([UInt32], Int) = ([], firstWaiting)
        while index < places.count, next.count < count {
            if isFresh(index) { next.append(UInt32(index)) }
            index += 1
        }
        guard next.count < count else { return next }
        let again = failed.filter { number in
            let failures = state.attempts[Int(number)].failures
            return places[Int(number)] == .waiting && failures > 0 && failures < HandoffLimits.attemptsMax
                && retryAt[number].map { $0 <= time } ?? true
        }
        let sorted = again.sorted { left, right in
            (state.attempts[Int(left)].failures, left) < (state.attempts[Int(right)].failures, right)
        }
        return next + sorted.prefix(count - next.count)
    }

    /// Whether a move may begin that never failed, as far as an operator has not forgiven it.
    private func isFresh(_ index: Int) -> Bool {
        places[index] == .waiting && state.attempts[index].failures == 0
    }
}
