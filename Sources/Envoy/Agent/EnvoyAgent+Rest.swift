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

    /// Rests until the machine wants to report, a pass is due, or a bolt has news.
    func rest(until report: ContinuousClock.Instant) async -> Wake {
        var (end, wake) = (report, Wake.report)
        if let desk, desk.held != nil {
            let pass = desk.isDue ? .now : clock.next(isServed: isServed) ?? report
            if pass < report { (end, wake) = (pass, .pass) }
        }
        let isTold = await Self.rest(until: end, on: port, wait: wait())
        if Task.isCancelled { return .ended }
        return isTold ? .told : wake
    }

    /// What to wait for while it rests; nil where nobody would tell.
    private func wait() -> Wait? {
        guard let desk, isServed, !isWaitMuted, let hearing else { return nil }
        let owner = PolicyDesk.Owner(sight).partition ?? desk.sight.accepted?.partition
        return Wait(
            address: hearing, held: desk.held == nil ? nil : desk.sight.accepted?.leaf,
            order: owner.map { desk.sight.obeyed(of: $0) } ?? 0)
    }

    /// True where a bolt has news before the time is over. One that cannot be asked changes nothing: the time is then
    /// slept through.
    private static func rest(
        until end: ContinuousClock.Instant, on port: any EnvoyPort, wait: Wait?
    ) async -> Bool {
        guard let wait else {
            try? await Task.sleep(until: end, clock: .continuous)
            return false
        }
        return await withTaskGroup(of: Bool?.self) { group in
            group.addTask {
                try? await Task.sleep(until: end, clock: .continuous)
                return false
            }
            group.addTask { await news(on: port, wait) }
            defer { group.cancelAll() }
            for await answer in group {
                if let answer { return answer }
            }
            return false
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
