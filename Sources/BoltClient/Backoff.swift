/// Full-jitter exponential backoff: each wait is uniform between zero and a bound that doubles up to a cap, so that a
/// fleet which lost its server does not come back all at once.
public struct Backoff: Sendable {
    /// Bound of the first wait.
    public let base: Duration
    /// Bound of every wait.
    public let cap: Duration
    private var failures = 0

    /// A backoff that has seen no failure. `base` must be positive and `cap` not below it.
    public init(base: Duration = .milliseconds(500), cap: Duration = .seconds(60)) {
        precondition(base > .zero && cap >= base, "a backoff of \(base) up to \(cap)")
        (self.base, self.cap) = (base, cap)
    }

    /// The wait after one more failure.
    public mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        let doubled = base * (1 << min(failures, 30))
        failures += 1
        return min(doubled, cap) * Double.random(in: 0...1, using: &generator)
    }

    /// The wait after one more failure, by the system's randomness.
    public mutating func next() -> Duration {
        var generator = SystemRandomNumberGenerator()
        return next(using: &generator)
    }

    /// Forgets the failures, after a success.
    public mutating func reset() { failures = 0 }
}
