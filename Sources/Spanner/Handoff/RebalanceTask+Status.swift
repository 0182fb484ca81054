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
            guard let register = registers[move.slice] else { continue }
            if order(UInt32(index)) != nil {
                stand(UInt32(index), move, &status)
            } else if register.owner == destination(move) {
                status.done += 1
                status.envoysDone &+= move.envoys
                status.bytesDone &+= move.bytes
            } else if register.owner != origin(move) {
                status.overtaken += 1
            } else {
                stand(UInt32(index), move, &status)
            }
        }
        status.stuck.sort { ($0.since, $0.move) < ($1.since, $1.move) }
        status.remaining = remaining(status)
        return status
    }

    private func stand(_ number: UInt32, _ move: RebalanceMove, _ status: inout RebalanceStatus) {
        let attempts = state.attempts[Int(number)]
        let standing = standings[number]
        if order(number) != nil {
            status.inFlight += 1
            status.bytesDone &+= min(standing?.bytes ?? 0, move.bytes)
            guard let standing, !isStill, time - standing.since >= RebalanceTask.stuckAfter else { return }
            let reason = standing.hindrance ?? "no progress"
            status.stuck.append(
                RebalanceStatus.Stuck(move: number, slice: move.slice, since: standing.since, reason: reason))
        } else if attempts.failures >= HandoffLimits.attemptsMax {
            let reason = "given up after \(attempts.failures) attempts: \(attempts.reason ?? "no reason given")"
            status.stuck.append(
                RebalanceStatus.Stuck(move: number, slice: move.slice, since: retryAt[number] ?? began, reason: reason))
        }
    }

    /// From the bytes that really went over since this life, or this direction, began.
    private func remaining(_ status: RebalanceStatus) -> Duration? {
        guard let bytesAtStart, status.bytesDone > bytesAtStart, time > began, !isStill else { return nil }
        let left = status.bytes > status.bytesDone ? status.bytes - status.bytesDone : 0
        let elapsed = (time - began) / .milliseconds(1)
        let rate = Double(status.bytesDone - bytesAtStart) / max(1, elapsed)
        return .milliseconds(Int64(min(Double(left) / rate, 1e15)))
    }
}
