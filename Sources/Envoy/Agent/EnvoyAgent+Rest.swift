internal import CRDT
internal import Identity
internal import Logging
internal import Spanner

extension EnvoyAgent {
    /// Why the agent goes on.
    enum Wake: Hashable, Sendable {
        /// The machine wants to report.
        case report
        /// A pass is due, and no bolt is asked first.
        case pass
        /// A pass is over: what came of it is to be told.
        case passed
        /// A bolt says that there is something new.
        case told
        /// The agent ends.
        case ended
    }

    /// What is waited for at a bolt.
    struct Wait: Sendable {
        var address: String
        var held: Bytes32?
        var order: UInt64
    }

    /// Whether the last report was taken.
    var isServed: Bool {
        if case .success? = last { true } else { false }
    }

    /// Rests until the machine wants to report, a pass is due or over, or a bolt has news.
    func rest(until report: ContinuousClock.Instant) async -> Wake {
        if Task.isCancelled { return .ended }
        if beside.hasPassed { return .passed }
        var (end, wake) = (report, Wake.report)
        if let desk, desk.held != nil, !beside.isPassing {
            let pass = desk.isDue ? .now : clock.next(isServed: isServed) ?? report
            if pass < report { (end, wake) = (pass, .pass) }
        }
        let (ends, continuation) = AsyncStream<Void>.makeStream()
        beside.wake = continuation
        let isTold = await Self.rest(until: end, on: port, wait: wait(), ends: beside.isPassing ? ends : nil)
        beside.wake = nil
        if Task.isCancelled { return .ended }
        if isTold { return .told }
        return beside.hasPassed ? .passed : wake
    }

    /// What to wait for while it rests; nil where nobody would tell.
    private func wait() -> Wait? {
        guard let desk, isServed, !isWaitMuted, let hearing else { return nil }
        let taken = newsTaken
        return Wait(address: hearing, held: desk.held == nil ? nil : taken.accepted?.leaf, order: taken.order)
    }

    /// What news there is to be of: the policy that was accepted, and the last order that was taken, whether or not a
    /// pass has carried it out by now.
    var newsTaken: (accepted: PolicyMark?, order: UInt64) {
        guard let desk else { return (nil, 0) }
        let owner = PolicyDesk.Owner(sight).partition ?? desk.sight.accepted?.partition
        return (desk.sight.accepted, owner.map { desk.sight.obeyed(of: $0) } ?? 0)
    }

    /// True where a bolt has news before the time is over, or `ends` does. One that cannot be asked changes nothing:
    /// the time is then slept through.
    private static func rest(
        until end: ContinuousClock.Instant, on port: any EnvoyPort, wait: Wait?, ends: AsyncStream<Void>?
    ) async -> Bool {
        await withTaskGroup(of: Bool?.self) { group in
            group.addTask {
                try? await Task.sleep(until: end, clock: .continuous)
                return false
            }
            if let wait { group.addTask { await news(on: port, wait) } }
            if let ends {
                group.addTask {
                    for await _ in ends {}
                    return false
                }
            }
            // The first answer ends the others; news that came at the same moment is news all the same.
            var isTold = false
            for await answer in group {
                guard let answer else { continue }
                isTold = isTold || answer
                group.cancelAll()
            }
            return isTold
        }
    }

    /// True as soon as there is news; nil where waiting is of no use.
    private static func news(on port: any EnvoyPort, _ wait: Wait) async -> Bool? {
        while !Task.isCancelled {
            let begun = ContinuousClock.now
            guard let isNews = try? await port.policyWait(held: wait.held, order: wait.order, at: wait.address)
            else { return nil }
            if isNews { return true }
            // One that does not let anybody wait is not asked again and again.
            guard ContinuousClock.now - begun >= EnvoyLimits.waitMin else { return nil }
        }
        return nil
    }

    // MARK: The certificate

    /// Gets new certificates in time for as long as the agent runs, beside everything else that it does.
    func renewWhenDue() async {
        guard let renewal else { return }
        var clock = RenewalClock(renewal.validity, seed: UInt64.random(in: .min ... .max))
        var failures = 0
        while !Task.isCancelled {
            note(clock, failure: nil, failures: failures)
            if let wait = clock.wait(now: .now()) {
                guard (try? await Task.sleep(for: wait)) != nil else { return }
                continue
            }
            do {
                clock.renewed(try await renewal.renew(at: addresses))
                failures = 0
                logger.info("the certificate was renewed", metadata: ["until": "\(clock.end)"])
            } catch {
                guard !Task.isCancelled else { return }
                clock.failed()
                failures += 1
                note(clock, failure: "\(error)", failures: failures)
                logger.warning(
                    "the certificate could not be renewed; it is tried again",
                    metadata: ["until": "\(clock.end)", "reason": "\(error)"])
            }
        }
    }

    private func note(_ clock: RenewalClock, failure: String?, failures: Int) {
        func time(_ time: UnixTime) -> WallTime { WallTime(milliseconds: UInt64(max(0, time.seconds)) &* 1_000) }
        // A failure stays told until a renewal.
        if failures > 0, failure == nil { return }
        history.note(
            RenewalHistory(due: time(clock.due), end: time(clock.end), failure: failure, failures: failures))
    }
}
