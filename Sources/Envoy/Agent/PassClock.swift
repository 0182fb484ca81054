internal import Spanner

/// When the next pass is due, by a clock that nobody sets: once each interval, a little earlier by chance, so that
/// machines that were started together do not go on together.
struct PassClock {
    /// Time between passes where no owner ever asked for one.
    static let intervalDefault: Duration = .seconds(60)
    /// Least time between passes, whatever an owner asks for: the machine has other things to do.
    static let intervalMin: Duration = .milliseconds(100)

    private var generator: SeededGenerator
    private var last: ContinuousClock.Instant?
    private var jitter: Duration = .zero
    /// Time between passes.
    private(set) var interval = intervalDefault

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    /// The owner asks to be told at other times.
    mutating func adopt(_ interval: Duration) { self.interval = max(Self.intervalMin, interval) }

    /// A pass was made.
    mutating func passed(at now: ContinuousClock.Instant) {
        last = now
        jitter = generator.jitter(interval / 10)
    }

    /// When the next is due. Where a bolt answers, a report comes first, and the pass follows it.
    func next(isServed: Bool) -> ContinuousClock.Instant? {
        last.map { $0 + (isServed ? interval + interval / 4 : interval) - jitter }
    }

    /// Whether one is due now; `isReported`: a report was just answered.
    func isDue(at now: ContinuousClock.Instant, isReported: Bool) -> Bool {
        guard let last else { return true }
        return now >= last + (isReported ? interval / 2 : interval - jitter)
    }
}
