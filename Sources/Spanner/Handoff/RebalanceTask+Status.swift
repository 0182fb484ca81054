extension RebalanceTask {
    /// After how long without progress a move counts as stuck.
    static let stuckAfter: Duration = .seconds(10)

    /// How it stands.
    public func status() -> RebalanceStatus {
        var status = RebalanceStatus(phase: state.phase, isPaused: state.isPaused)
        status.moves = state.job.moves.count
        for (index, move) in state.job.moves.enumerated() {
            status.envoys &+= move.envoys
            status.bytes &+= move.bytes
            let place = place(of: UInt32(index))
            switch place {
            case .unknown: break
            case .waiting, .inFlight: stand(UInt32(index), move, place, &status)
            case .done:
                status.done += 1
                status.envoysDone &+= move.envoys
                status.bytesDone &+= move.bytes
            case .elsewhere: status.overtaken += 1
            }
        }
        status.stuck.sort { ($0.since, $0.move) < ($1.since, $1.move) }
        status.remaining = remaining(status)
        return status
    }

    private func stand(
        _ number: UInt32, _ move: RebalanceMove, _ place: Place, _ status: inout RebalanceStatus
    ) {
        if place == .inFlight {
            status.inFlight += 1
            status.bytesDone &+= min(standings[number]?.bytes ?? 0, move.bytes)
            guard !isStill, let (since, reason) = hindrance(of: number) else { return }
            status.stuck.append(
                RebalanceStatus.Stuck(move: number, slice: move.slice, since: since, reason: reason))
        } else if let (since, reason) = failure(of: number, &status) {
            status.stuck.append(
                RebalanceStatus.Stuck(move: number, slice: move.slice, since: since, reason: reason))
        }
    }

    /// Why a move in flight does not get on; nil where it does. Attempts before it count where it is no farther yet.
    private func hindrance(of number: UInt32) -> (since: Duration, reason: String)? {
        guard let standing = standings[number] else { return nil }
        let since = min(standing.since, failing[number]?.since ?? standing.since)
        guard time - since >= RebalanceTask.stuckAfter else { return nil }
        let before = failing[number] == nil ? nil : state.attempts[Int(number)].reason
        return (since, standing.hindrance ?? before ?? "no progress")
    }

    /// Why a move that is not in flight failed; nil where it did not, or only just.
    private func failure(
        of number: UInt32, _ status: inout RebalanceStatus
    ) -> (since: Duration, reason: String)? {
        let attempts = state.attempts[Int(number)]
        let (since, reason) = (failing[number]?.since ?? began, attempts.reason ?? "no reason given")
        guard attempts.failures < HandoffLimits.attemptsMax else {
            status.givenUp += 1
            return (since, "given up after \(attempts.failures) attempts: \(reason)")
        }
        let goesOn = (state.phase == .moving || state.phase == .reversing) && !isStill
        guard goesOn, failing[number] != nil, time - since >= RebalanceTask.stuckAfter else { return nil }
        let times = attempts.failures == 1 ? "once" : "\(attempts.failures) times"
        return (since, "failed \(times), and is tried again: \(reason)")
    }

    /// So many slices, or so long a time in which something got on, make a rate: before that the first pieces of the
    /// first slices would be taken for the whole.
    static let rateSlicesMin = 3
    static let rateTimeMin: Duration = .seconds(5)
    /// What is told at a tick happened since the one before.
    private static let rateTick: Duration = .seconds(1)

    /// From what really went over since the first of it did, in this life and direction and since an operator changed
    /// how it goes: the mean over all of that time, so that one slow slice changes little.
    private func remaining(_ status: RebalanceStatus) -> Duration? {
        let (done, all) = RebalanceTask.work(status)
        guard state.phase == .moving || state.phase == .reversing, !isStill else { return nil }
        guard let bytesAtStart, done > bytesAtStart, let movedAt, time > began else { return nil }
        guard tally.done - slicesAtStart >= RebalanceTask.rateSlicesMin || time - movedAt >= RebalanceTask.rateTimeMin
        else { return nil }
        let left = all > done ? all - done : 0
        let elapsed = (time - max(began, movedAt - RebalanceTask.rateTick)) / .milliseconds(1)
        let rate = Double(done - bytesAtStart) / max(1, elapsed)
        return .milliseconds(Int64(min((Double(left) / rate).rounded(), 1e15)))
    }
}
