/// Since when a move fails, and from when on the rate is measured.
extension RebalanceTask {
    /// A move that failed and has made no progress since.
    struct Failing: Hashable, Sendable {
        /// Since when nothing got on.
        var since: Duration
        /// The most bytes that any attempt brought over before.
        var bytes: UInt64
    }

    /// A life begins: what the journal says of failures counts on, and what is in flight has its time from now on.
    mutating func recallFailures() {
        for (index, attempts) in state.attempts.enumerated() where attempts.failures > 0 {
            let since = attempts.failingSince.map { moment(of: $0) } ?? time
            failing[UInt32(index)] = Failing(since: since, bytes: 0)
        }
        for move in openMoves { standings[move] = Standing(since: time) }
    }

    /// Bytes beyond all that came over before: whatever made the move fail is over.
    mutating func noteProgress(of move: UInt32, _ bytes: UInt64) {
        guard let known = failing[move], bytes > known.bytes else { return }
        failing[move] = nil
    }

    /// Since when a move that fails now has not got on.
    func failingSince(_ move: UInt32) -> Duration { failing[move]?.since ?? standings[move]?.since ?? time }

    /// What a record changes of these; before the machine forgets how the attempt stood.
    mutating func noteFigures(of record: RebalanceRecord) {
        switch record {
        case .failed(let move, _, _, let since):
            let bytes = max(failing[move]?.bytes ?? 0, standings[move]?.bytes ?? 0)
            failing[move] = Failing(since: moment(of: since), bytes: bytes)
        case .resumed:
            // What was held still is not stuck for that, nor slow.
            failing = [:]
            for move in standings.keys { standings[move]?.since = time }
            measureAnew()
        case .throttled: measureAnew()
        case .reversed: failing = [:]
        case .planned, .paused, .cancelled, .began, .beganTogether, .ended, .forgotten: break
        }
    }

    /// From now on the rate is another one.
    mutating func measureAnew() { (began, bytesAtStart, movedAt) = (time, nil, nil) }

    /// Something got on: from here on there is a rate to be measured.
    mutating func noteMoved() {
        if movedAt == nil { movedAt = time }
    }

    /// How much is done, of how much: bytes, or slices where the plan knew of no bytes.
    static func work(_ status: RebalanceStatus) -> (done: UInt64, all: UInt64) {
        guard status.bytes == 0 else { return (status.bytesDone, status.bytes) }
        return (UInt64(status.done), UInt64(max(0, status.moves - status.overtaken)))
    }

    // MARK: - Clocks

    /// A moment of this life by the clock on the wall.
    func wall(at moment: Duration) -> WallTime {
        let milliseconds = Int64((moment - origin.time) / .milliseconds(1))
        let (sum, overflow) = Int64(clamping: origin.wall.milliseconds).addingReportingOverflow(milliseconds)
        return WallTime(milliseconds: overflow ? 0 : UInt64(max(0, sum)))
    }

    /// When that was, by the clock of this life, never later than now: another driver's clock may be ahead.
    func moment(of wall: WallTime) -> Duration {
        let before = Int64(clamping: origin.wall.milliseconds).subtractingReportingOverflow(
            Int64(clamping: wall.milliseconds))
        guard !before.overflow else { return time }
        return min(time, origin.time - .milliseconds(before.partialValue))
    }
}
