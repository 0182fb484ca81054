public import NIOCore
public import Spanner
import Synchronization

/// Keeps dialing bolts that are known and not linked, each with pauses that grow and are drawn at full jitter.
///
/// Holds no task: each dial ends in the timer of the next, and `stop` ends them all.
public final class PeerDialer: Sendable {
    /// One bolt to be dialed.
    public struct Target: Hashable, Sendable {
        /// `host:port`.
        public let address: String
        /// The key that should answer; nil for a seed that is not in the roster yet.
        public let expected: KeyFingerprint?

        /// A bolt to be dialed.
        public init(address: String, expected: KeyFingerprint?) { (self.address, self.expected) = (address, expected) }
    }

    private struct Attempt {
        var target: Target
        var failures = 0
        var timer: Scheduled<Void>?
        var running = false
        /// The key that answered there last: a seed's, which the roster may know under another address.
        var answered: KeyFingerprint?
    }

    private struct State {
        var attempts: [String: Attempt] = [:]
        var stopped = false
    }

    private let transport: PeerTransport
    private let eventLoop: any EventLoop
    private let report: RefusalReport
    private let isLinked: @Sendable (KeyFingerprint) -> Bool
    private let pauseMin: TimeAmount
    private let pauseMax: TimeAmount
    private let state = Mutex(State())

    /// A dialer without targets. `isLinked` says whether a link with the bolt of that
    /// key stands already, from either side; true of this bolt's own key.
    public init(
        transport: PeerTransport, eventLoop: any EventLoop, report: RefusalReport,
        pauseMin: TimeAmount = TransportLimits.dialPauseMin, pauseMax: TimeAmount = TransportLimits.dialPauseMax,
        isLinked: @escaping @Sendable (KeyFingerprint) -> Bool
    ) {
        (self.transport, self.eventLoop, self.report) = (transport, eventLoop, report)
        (self.pauseMin, self.pauseMax, self.isLinked) = (pauseMin, pauseMax, isLinked)
    }

    /// Replaces what is dialed; at most `TransportLimits.dialTargetsMax`. Links of targets that are gone stay: whether
    /// they may is not the dialer's business.
    public func setTargets(_ targets: some Sequence<Target>) {
        let wanted = Dictionary(
            targets.prefix(TransportLimits.dialTargetsMax).map { ($0.address, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        let fresh: [String] = state.withLock { state in
            guard !state.stopped else { return [] }
            for (address, attempt) in state.attempts where wanted[address] == nil {
                attempt.timer?.cancel()
                state.attempts[address] = nil
            }
            var fresh: [String] = []
            for (address, target) in wanted {
                if state.attempts[address] == nil { fresh.append(address) }
                state.attempts[address, default: Attempt(target: target)].target = target
            }
            return fresh
        }
        for address in fresh { dial(address) }
    }

    /// Ends all dialing. Links that stand are left to their owner.
    public func stop() {
        state.withLock { state in
            state.stopped = true
            for attempt in state.attempts.values { attempt.timer?.cancel() }
            state.attempts = [:]
        }
    }

    private func dial(_ address: String) {
        let attempt: Attempt? = state.withLock { state in
            guard !state.stopped, let attempt = state.attempts[address], !attempt.running else { return nil }
            state.attempts[address]?.running = true
            return attempt
        }
        guard let attempt else { return }
        if let key = attempt.target.expected ?? attempt.answered, isLinked(key) { return again(address, linked: true) }
        guard let (host, port) = PeerDialer.split(address) else { return }
        transport.dial(host: host, port: port, on: eventLoop).whenComplete { [self] result in
            switch result {
            case .success(let connection):
                let begun = NIODeadline.now()
                state.withLock { $0.attempts[address]?.answered = connection.peer.tlsKey }
                connection.channel.closeFuture.whenComplete { [self] _ in
                    again(address, linked: NIODeadline.now() - begun > TransportLimits.dialSettled)
                }
            case .failure(let error):
                let refusal = error as? ConnectionRefusal ?? .unreachable
                report.refused(refusal, remote: address, dialed: true)
                again(address, linked: false)
            }
        }
    }

    /// Sets the timer of the next dial; `linked` starts the pauses over.
    private func again(_ address: String, linked: Bool) {
        state.withLock { state in
            guard !state.stopped, var attempt = state.attempts[address] else { return }
            attempt.failures = linked ? 0 : min(attempt.failures + 1, 20)
            let ceiling = min(pauseMax.nanoseconds, pauseMin.nanoseconds << attempt.failures)
            let pause = TimeAmount.nanoseconds(.random(in: pauseMin.nanoseconds...max(pauseMin.nanoseconds, ceiling)))
            attempt.running = false
            // Where a link stands the timer only looks whether it still does.
            attempt.timer = eventLoop.scheduleTask(in: linked ? max(pause, .seconds(1)) : pause) { [weak self] in
                self?.dial(address)
            }
            state.attempts[address] = attempt
        }
    }

    /// Host and port of `host:port` or `[v6]:port`.
    public static func split(_ address: String) -> (host: String, port: Int)? {
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        var host = String(address[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return host.isEmpty ? nil : (host, port)
    }
}
