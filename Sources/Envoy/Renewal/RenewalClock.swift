internal import BoltClient
internal import Identity
internal import Spanner

/// When a certificate is to be renewed: once three quarters of its life are over, a little later by chance, so that
/// machines that were enrolled together do not ask together; and after a failure with full jitter.
struct RenewalClock {
    /// Longest sleep before the machine's clock is looked at again: it may have been set.
    static let lookMax: Duration = .seconds(3_600)

    private var generator: SeededGenerator
    private var validity: Validity
    private var share: Duration = .zero
    private var backoff = Backoff(base: .seconds(60), cap: .seconds(3_600))
    private var retryAt: ContinuousClock.Instant?

    init(_ validity: Validity, seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        self.validity = validity
        draw()
    }

    private mutating func draw() {
        let life = max(0, validity.notAfter.seconds - validity.notBefore.seconds)
        share = .seconds(life / 4 * 3) + generator.jitter(.seconds(life / 20))
    }

    /// From when on it is to be renewed.
    var due: UnixTime { validity.notBefore.adding(share) }

    /// Until when the certificate holds.
    var end: UnixTime { validity.notAfter }

    /// How long to wait before the next look, or nil: it is to be renewed now.
    func wait(now: UnixTime, at instant: ContinuousClock.Instant = .now) -> Duration? {
        if let retryAt, retryAt > instant { return min(Self.lookMax, retryAt - instant) }
        guard now < due else { return nil }
        return min(Self.lookMax, .seconds(max(1, due.seconds - now.seconds)))
    }

    /// There is a new certificate.
    mutating func renewed(_ validity: Validity) {
        self.validity = validity
        retryAt = nil
        backoff.reset()
        draw()
    }

    /// Nobody gave one.
    mutating func failed(at instant: ContinuousClock.Instant = .now) {
        retryAt = instant + max(.seconds(5), backoff.next(using: &generator))
    }
}
