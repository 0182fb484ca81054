internal import BoltAPI
internal import Identity
internal import Spanner
internal import SpannerStore

/// Notes what comes of reports and passes and writes it to the agent's directory: before each rest that is longer than
/// a second, so that it says how things stand for as long as they do; before shorter ones once a second at most, and
/// where reports begin to fail, or to be taken again.
struct HistoryKeeper {
    /// What is left out is written within this.
    static let pause: Duration = .seconds(1)

    private let directory: EnvoyDirectory?
    private var history: ReportHistory
    private var written: (at: ContinuousClock.Instant, isFailing: Bool)?
    private var cannotWrite = false

    /// Goes on with what an earlier run noted there; without a directory nothing is written.
    init(_ directory: EnvoyDirectory?) {
        self.directory = directory
        history = directory?.history() ?? ReportHistory()
    }

    /// A report was taken.
    mutating func note(_ response: CheckInResponse, at address: String) {
        history.isFailing = false
        history.stored = ReportHistory.Stored(
            at: .now(), address: address, partition: response.owner.partition,
            storedThrough: response.storedThrough, releaseThrough: response.releaseThrough, level: response.level,
            keptBy: response.custody?.keptBy)
    }

    /// The bolts that are known by now.
    mutating func note(_ known: KnownBolts) {
        guard !known.kept.isEmpty else { return }
        let signed = known.signed
        var room = EnvoyLimits.notedAddressBytesMax
        let addresses = known.asked.prefix { address in
            room -= address.utf8.count
            return room >= 0
        }
        history.bolts = ReportHistory.Bolts(
            count: known.kept.count, signedBy: signed?.owner, epoch: signed?.epoch, number: signed?.number,
            asked: known.asked.count, addresses: Array(addresses))
    }

    /// A report brought nothing.
    mutating func note(_ failure: EnvoyPortFailure, at address: String, inARow: Int) {
        history.isFailing = true
        history.failure = ReportHistory.Failure(
            at: .now(), address: address, kind: failure.kind, code: failure.code, reason: failure.reason,
            next: failure.next, inARow: inARow)
    }

    /// What the policy is and what came of it.
    mutating func note(_ change: (inout PolicyHistory) -> Void) {
        var policy = history.policy ?? PolicyHistory()
        change(&policy)
        history.policy = policy
    }

    /// What came of renewing the certificate.
    mutating func note(_ renewal: RenewalHistory) { history.renewal = renewal }

    /// Writes it, where it is time to. Returns why that could not be done, the first time that it could not.
    mutating func keep(
        _ depth: QueueDepth, oldest: WallTime?, nextAttempt: WallTime?, isUrgent: Bool
    ) -> IdentityError? {
        guard let directory else { return nil }
        history.nextAttempt = nextAttempt
        history.queue = ReportHistory.Queue(
            records: depth.items, bytes: depth.bytes, dropped: depth.dropped, oldest: oldest)
        let now = ContinuousClock.now
        // What is left out before a short rest is written after it.
        if !isUrgent, let written, written.isFailing == history.isFailing, now < written.at + Self.pause { return nil }
        written = (now, history.isFailing)
        do {
            try directory.save(history)
            cannotWrite = false
            return nil
        } catch {
            defer { cannotWrite = true }
            return cannotWrite ? nil : error
        }
    }
}
