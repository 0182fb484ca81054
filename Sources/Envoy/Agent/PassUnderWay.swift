internal import BoltAPI
internal import Spanner
internal import SpannerStore

/// A pass, and what is told of it: of the policy that it puts in force, whatever is accepted while it goes on.
struct PassUnderWay: Sendable {
    let work: PolicyPass
    /// The policy's grant.
    let grant: [UInt8]
    /// What is known of it before its end: when it began, and whether the owner was away then.
    let record: PassRecord
}

/// How an agent's reports and its passes go on beside each other.
struct PassesBeside {
    /// Where passes are begun; nil where whoever makes one waits for its end.
    var begin: AsyncStream<PassUnderWay>.Continuation?
    /// Whether one is under way.
    var isPassing = false {
        didSet { (since, isToldLong) = (isPassing ? (.now(), .now) : nil, false) }
    }
    /// Since when: by the machine's clock, and by one that nobody sets.
    private(set) var since: (at: WallTime, instant: ContinuousClock.Instant)?
    /// Whether it was told that the present one takes long.
    private(set) var isToldLong = false
    /// Whether one ended of which no report has told.
    var hasPassed = false
    /// Why what came of one could not be kept: the agent ends.
    var failure: StoreError?
    /// Ends the rest between reports.
    var wake: AsyncStream<Void>.Continuation?

    /// For how long the present one goes on, where that is more than passes should take and was not told yet.
    mutating func toldLong(at now: ContinuousClock.Instant, interval: Duration) -> Duration? {
        let most = max(EnvoyLimits.passLong, interval * EnvoyLimits.passLongIntervals)
        guard let since, !isToldLong, now - since.instant > most else { return nil }
        isToldLong = true
        return now - since.instant
    }
}
