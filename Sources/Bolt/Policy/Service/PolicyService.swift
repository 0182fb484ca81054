internal import BoltAPI
internal import CRDT
internal import Logging
internal import Policy
internal import Spanner
internal import SpannerStore
internal import Synchronization

/// What a partition's policy needs to know of its surroundings.
struct PolicySurroundings: Sendable {
    /// Envoys of a stretch of the roster that the partition owns.
    let fleet: @Sendable (_ from: Int, _ limit: Int) async -> FleetPage
    /// Grows with everything that may change those.
    let fleetChanges: @Sendable () async -> UInt64
    /// Names this bolt, `name.partition`.
    let bolt: String
}

/// The policy of a bolt's partition: at its primary it makes versions, says who is given them, and shows check-ins what
/// is theirs through its board.
///
/// It lives beside the partition's service and changes nothing but through its journal. Versions are made one at a
/// time; compiling and sealing holds up nobody but those who wait for a version.
actor PolicyService {
    /// The queue that it runs on.
    nonisolated let executor = NodeExecutor(label: "bolt.policy")
    /// The same, for the actor's runtime.
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    nonisolated let partition: PartitionService
    nonisolated let context: SliceContext
    nonisolated let surroundings: PolicySurroundings
    nonisolated let logger: Logger
    nonisolated let metrics: MetricsRegistry
    /// What check-ins are told.
    nonisolated let board = PolicyBoard()
    /// Envoys that hold a request.
    nonisolated let waiters = PolicyWaiters()
    /// What envoys tell of their passes, on its way here.
    nonisolated let tellings = PassTellings()
    /// Lets one version at a time be made.
    nonisolated let gate = AsyncGate(busy: .tooManyRequests)
    /// Lets one push at a time be begun.
    nonisolated let pushGate = AsyncGate(busy: .tooManyRequests)
    /// Secrets changed: told from anywhere.
    nonisolated let secretChanges = Atomic<UInt64>(0)
    nonisolated let isEnding = Atomic<Bool>(false)

    /// What is worked with while this bolt reigns.
    var reign: PolicyReign?
    /// Why no new version can be made, in words; nil where one can.
    var hold: String?
    /// The last revision that was not taken.
    var rejected: StackRejectionView?
    /// Not to be tried again before.
    var retryAt = ContinuousClock.now
    var seenFleet: UInt64 = 0
    var seenSecrets: UInt64 = 0
    var secretsSeenAt = ContinuousClock.now
    var beaconAt: ContinuousClock.Instant?
    /// Outcomes that wait to be written.
    var outcomes: [PrincipalID: PolicyOutcome] = [:]
    /// What is remembered of stacks for history.
    var stackFacts: [Bytes32: StackFacts] = [:]
    var looks = 0
    /// Signatures that were made, for figures: one a version, one a beacon, one an order.
    var signatures = 0

    /// A service over a partition's journal. Nothing happens before `run`.
    init(
        _ partition: PartitionService, context: SliceContext, surroundings: PolicySurroundings, logger: Logger,
        metrics: MetricsRegistry
    ) {
        (self.partition, self.context, self.surroundings) = (partition, context, surroundings)
        (self.logger, self.metrics) = (logger, metrics)
    }

    nonisolated var witness: any Witness { context.board.witness }
    nonisolated var name: PartitionName { partition.identity.partition }

    /// Works until it is ended: a look each `PolicyServiceLimits.lookInterval`.
    func run() async {
        while !isEnding.load(ordering: .relaxed), !Task.isCancelled {
            await look()
            // Not to hold up the end of the process.
            for _ in 0..<10 where !isEnding.load(ordering: .relaxed) {
                try? await Task.sleep(for: PolicyServiceLimits.lookInterval / 10)
            }
        }
    }

    /// Answers everybody who waits; nothing is begun any more.
    nonisolated func drain() {
        isEnding.store(true, ordering: .relaxed)
        waiters.end()
    }

    /// Lets go of its reign once no version is being made: nothing is asked of the journal any more.
    func close() async {
        drain()
        _ = try? await gate.pass { @Sendable in }
        forgetReign()
    }

    /// Waits until this bolt serves policy, for at most `PolicyServiceLimits.readyWait`: it may just be promoted.
    func becomeReady() async {
        let deadline = ContinuousClock.now + PolicyServiceLimits.readyWait
        while reign?.fleet == nil, ContinuousClock.now < deadline, !isEnding.load(ordering: .relaxed) {
            // A task that is cancelled cannot wait: it must not spin either.
            guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { return }
        }
    }

    /// A secret was put or removed: envoys that need it get it soon.
    nonisolated func secretsChanged() { secretChanges.add(1, ordering: .relaxed) }

    /// Answers from the service's state, now. `body` must not block.
    func read<Value: Sendable>(_ body: @Sendable (isolated PolicyService) throws -> Value) rethrows -> Value {
        try body(self)
    }

    // MARK: - Looks

    /// Everything that has no event of its own.
    func look() async {
        waiters.sweep()
        await followReign()
        guard reign != nil else { return }
        lightBeacon()
        await writeOutcomes()
        await lookAfterRollout()
        await lookAfterPushes()
        let now = ContinuousClock.now
        defer { tellFigures() }
        guard now >= retryAt else { return }
        do {
            try await gate.pass { @Sendable [self] in try await doDueWork() }
            hold = nil
        } catch let problem as Problem {
            suspend(problem)
        } catch { suspend(Problem(.internalError, "\(error)")) }
    }

    private func doDueWork() async throws {
        try await lookAtFleet()
        await giveToBare()
        noteSecrets()
        noteLaterHolders()
        try await makeDueVersion()
        try await retire()
    }

    /// Envoys that hold a later version than this head take it under a later epoch only: it may be of a copy that was
    /// put back, or what came after it was lost with a disk.
    private func noteLaterHolders() {
        guard let reign, let head = reign.head, head.head.epoch < reign.epoch, board.hasMetLater else { return }
        self.reign?.needsHead = true
    }

    private func suspend(_ problem: Problem) {
        if hold != problem.detail {
            logger.warning("no new version of the policy is made", metadata: [LogKeys.why: "\(problem.detail)"])
        }
        hold = problem.detail
        retryAt = .now + PolicyServiceLimits.retryPause
    }

    private func noteSecrets() {
        let (seen, now) = (secretChanges.load(ordering: .relaxed), ContinuousClock.now)
        guard seen != seenSecrets || now - secretsSeenAt >= PolicyServiceLimits.secretsInterval else { return }
        (seenSecrets, secretsSeenAt) = (seen, now)
        if reign?.stack?.secretNames.isEmpty == false { reign?.areSecretsDirty = true }
    }

    /// Says again that this bolt reigns and what is the newest: all check-ins are shown the same.
    func lightBeacon() {
        guard let reign, let head = reign.head else { return }
        let now = ContinuousClock.now
        if let beaconAt, now - beaconAt < .seconds(Int(PolicyLimits.beaconSeconds)) { return }
        beaconAt = now
        let beacon = PolicyBeacon(
            partition: name, epoch: reign.epoch, sequence: head.head.sequence, at: WallClock.now())
        let signature = sign(beacon.signedBytes, as: .beacon)
        board.show(beacon: SignedPolicyBeacon(beacon, warrant: context.warrant, signature: signature))
    }

    /// Signs with this bolt's key.
    func sign(_ bytes: (MeshID) -> [UInt8], as kind: SignedPolicyKind) -> [UInt8] {
        signatures += 1
        metrics.add(.policySignatures, [kind.rawValue])
        return context.signer.sign(bytes(context.board.mesh))
    }

    private func tellFigures() {
        metrics.set(.policySequence, [], to: Double(reign?.head?.head.sequence ?? 0))
        metrics.set(.policyEnvoys, [], to: Double(reign?.rows.count ?? 0))
        looks += 1
        // Each is a hash: not with every look.
        if looks % 10 == 1 { metrics.set(.policyCurrent, [], to: Double(board.currentCount())) }
        metrics.set(.policyWaiting, [], to: Double(waiters.count))
        metrics.set(.policyTroubled, [], to: Double(reign?.troubles.count ?? 0))
    }
}

/// What this bolt signs for policy; the label of its metric.
enum SignedPolicyKind: String, Sendable {
    /// A version.
    case head
    /// That this bolt reigns, and what is the newest.
    case beacon
    /// That envoys are to make a pass at once.
    case order
}
