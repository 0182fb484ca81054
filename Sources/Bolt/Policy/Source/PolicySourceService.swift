internal import BoltAPI
internal import Dispatch
internal import Logging
internal import Spanner
internal import Synchronization

/// Looks after the source of a partition's stacks while this bolt reigns, and offers each new revision: the one owner
/// of the source.
///
/// Whatever fails here, the last good revision stays in force (Q1): a failure is told, with its age, in status, metrics
/// and alarms, and tried again by itself.
actor PolicySourceService {
    /// The queue that it runs on.
    nonisolated let executor = NodeExecutor(label: "bolt.policy-source")
    /// The same, for the actor's runtime.
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Takes a snapshot and says what it made of it.
    typealias Taker = @Sendable (PolicySnapshot) async -> PolicyVerdict

    /// Time between two looks whether there is something to do.
    private static let slice: Duration = .milliseconds(100)
    /// Least time between two looks at a source, however often it is woken.
    static let wakeInterval: Duration = .seconds(1)

    private let source: (any PolicySource)?
    /// Reads of the source, one at a time, whoever asks for them: each blocks, and there is one mirror. Status is told
    /// meanwhile.
    private let reads = DispatchQueue(label: "bolt.policy-source-reads")
    private let pace: PolicyPace
    private let staleAfter: Duration
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let isWoken = Atomic<Bool>(false)
    private let isEnding = Atomic<Bool>(false)

    /// The last revision that was read, whatever became of it.
    private var newest: String?
    /// The last revision that was accepted or refused; it is not offered again while what is in force is of its making.
    private var settled: String?
    private var accepted: String?
    private var goodAt: (wall: WallTime, instant: ContinuousClock.Instant)?
    private var failure: PolicySourceStatus.Failure?
    private var failures: UInt64 = 0
    private var waitsFor: String?
    /// How often in a row a revision had to wait.
    private var waits = 0
    /// Since when this bolt reigns; nil where it does not.
    private var activeSince: ContinuousClock.Instant?

    /// A service over a source; with none it does nothing. `staleAfter`: how old the last good look may become.
    init(
        _ source: (any PolicySource)?, interval: Duration, staleAfter: Duration, logger: Logger,
        metrics: MetricsRegistry
    ) {
        (self.source, self.staleAfter) = (source, staleAfter)
        (pace, self.logger, self.metrics) = (PolicyPace(interval: interval), logger, metrics)
    }

    /// Works until it is ended. `isActive` says whether this bolt reigns: only then is the source looked at; `inForce`
    /// names the revision in force, nil where there is none.
    func run(
        isActive: @Sendable () async -> Bool, inForce: @Sendable () async -> String? = { nil }, take: Taker
    ) async {
        guard source != nil else { return }
        var bits = SystemRandomNumberGenerator()
        var (due, last) = (ContinuousClock.now, ContinuousClock.Instant?.none)
        while !isEnding.load(ordering: .relaxed), !Task.isCancelled {
            let now = ContinuousClock.now
            if await isActive() {
                if activeSince == nil { (activeSince, due) = (now, now) }
                let isPaused = last.map { now - $0 < PolicySourceService.wakeInterval } ?? false
                if !isPaused, isWoken.exchange(false, ordering: .relaxed) || now >= due {
                    await look(inForce: await inForce(), take)
                    last = .now
                    due = .now + pause(&bits)
                }
                tellAge()
            } else {
                rest()
            }
            try? await Task.sleep(for: PolicySourceService.slice)
        }
    }

    /// The pause before the next look. What only had to wait, for a standby or because this bolt has just begun to
    /// reign, is offered again soon, and ever less soon: nobody else tells when it may be taken.
    private func pause(_ bits: inout some RandomNumberGenerator) -> Duration {
        let usual = pace.pause(failures: failures, &bits)
        guard waits > 0 else { return usual }
        return min(usual, PolicySourceService.wakeInterval * (1 << min(waits - 1, 10)))
    }

    /// Looks soon: somebody said that there is something new.
    nonisolated func wake() { isWoken.store(true, ordering: .relaxed) }

    /// Ends `run` before long, and a read that is under way.
    nonisolated func drain() {
        isEnding.store(true, ordering: .relaxed)
        source?.end()
    }

    /// What the source holds now, behind a look that is under way; nil where there is no source.
    nonisolated func current() async throws(PolicySourceError) -> PolicySnapshot? {
        guard let source else { return nil }
        return try await read(source, unless: nil).get()
    }

    private nonisolated func read(
        _ source: any PolicySource, unless known: String?
    ) async -> Result<PolicySnapshot?, PolicySourceError> {
        await withCheckedContinuation { continuation in
            reads.async {
                do throws(PolicySourceError) {
                    continuation.resume(returning: .success(try source.read(unless: known)))
                } catch { continuation.resume(returning: .failure(error)) }
            }
        }
    }

    // MARK: - Looks

    /// Looks at the source once, and offers what is new; and what was accepted once where something else is in force
    /// now: an operator rolled back or published meanwhile, and if that is to stay, a freeze holds this back.
    func look(inForce: String? = nil, _ take: Taker) async {
        guard let source else { return }
        if activeSince == nil { activeSince = .now }
        let isReplaced = inForce != nil && settled == accepted && inForce != accepted
        let snapshot: PolicySnapshot?
        do throws(PolicySourceError) {
            snapshot = try await read(source, unless: isReplaced ? nil : settled).get()
        } catch {
            // Ended with this bolt: the source is not to blame.
            guard !isEnding.load(ordering: .relaxed) else { return }
            metrics.add(.policySourceReads, ["failed"])
            return fail(error.code.rawValue, "\(error.what): \(error.why); \(error.next)", revision: nil)
        }
        guard let snapshot else {
            metrics.add(.policySourceReads, ["unchanged"])
            newest = settled
            // What was refused stays so until it is another.
            guard settled == accepted else {
                if failure?.revision == nil, let refusal { failure = refusal }
                failures = 0
                return
            }
            return succeed(nil)
        }
        newest = snapshot.revision
        let verdict = await take(snapshot)
        switch verdict {
        case .accepted:
            metrics.add(.policySourceReads, ["accepted"])
            if accepted != snapshot.revision {
                logger.info(
                    "a revision of the policy's source is in force", metadata: [LogKeys.what: "\(snapshot.revision)"])
            }
            (settled, accepted, refusal) = (snapshot.revision, snapshot.revision, nil)
            succeed(nil)
        case .refused(let code, let reason):
            metrics.add(.policySourceReads, ["refused"])
            // How many machines there are changes without a revision: what would block itself is offered again.
            settled = code == Problem.Code.rolloutBlocked.rawValue ? nil : snapshot.revision
            fail(code, reason, revision: snapshot.revision)
            // The source itself answers: it is asked at its usual pace.
            (refusal, failures) = (failure, 0)
        case .later(let why):
            metrics.add(.policySourceReads, ["waiting"])
            succeed(why)
        }
    }

    /// Why the settled revision was refused, where it was.
    private var refusal: PolicySourceStatus.Failure?

    private func succeed(_ waiting: String?) {
        if let failure {
            logger.notice("the policy's source is good again", metadata: [LogKeys.what: "\(failure.code) is over"])
        }
        (failure, failures, waitsFor) = (nil, 0, waiting)
        waits = waiting == nil ? 0 : waits + 1
        goodAt = (WallClock.now(), .now)
    }

    private func fail(_ code: String, _ reason: String, revision: String?) {
        failures += 1
        let reason = PolicySourceText.cut(reason)
        let isNew = failure?.code != code || failure?.revision != revision
        if isNew {
            logger.warning(
                "the policy's source has no good revision: the last one stays in force",
                metadata: [LogKeys.why: "\(reason) [\(code)]"])
        }
        let since = isNew ? WallClock.now() : failure?.since ?? WallClock.now()
        failure = PolicySourceStatus.Failure(code: code, reason: reason, revision: revision, since: since)
        (waitsFor, waits) = (nil, 0)
    }

    /// Another bolt reigns: nothing that is known here counts any more.
    private func rest() {
        guard activeSince != nil else { return }
        (activeSince, newest, settled, accepted, goodAt) = (nil, nil, nil, nil, nil)
        (failure, refusal, failures, waitsFor, waits) = (nil, nil, 0, nil, 0)
        metrics.set(.policySourceAge, to: 0)
    }

    // MARK: - Telling

    /// What is known of the source, now.
    func status() -> PolicySourceStatus {
        var status = PolicySourceStatus()
        status.words = source?.words
        (status.revision, status.newest, status.goodAt) = (accepted, newest, goodAt?.wall)
        (status.error, status.failures, status.waitsFor) = (failure, failures, waitsFor)
        let age = age
        status.ageSeconds = UInt64(max(0, age.components.seconds))
        status.isStale = source != nil && activeSince != nil && age > staleAfter
        return status
    }

    private var age: Duration {
        guard let from = goodAt?.instant ?? activeSince else { return .zero }
        return ContinuousClock.now - from
    }

    private func tellAge() { metrics.set(.policySourceAge, to: Double(age.components.seconds)) }
}
