internal import BoltAPI
internal import CRDT
internal import Spanner
internal import SpannerStore
internal import Synchronization

/// One check-in within its limits.
struct PendingCheckIn: Sendable {
    /// The envoy, as its certificate says.
    let envoy: PrincipalID
    /// Its queue.
    let queue: QueueID
    /// First result that the queue still holds.
    let firstHeld: UInt64
    /// Results in order.
    let results: [SequencedResult]
    /// What it reports of its machine.
    let traits: EnvoyRecord.Traits?
    /// Its slice; nil where no topology is in force.
    var slice: SliceID?
    /// When another bolt took it that kept it for this partition; nil where it comes at once.
    var keptAt: WallTime?
    /// What the envoy remembers of its owner; nil where it does not say, and is shown nothing.
    var seen: OwnerMark?
    /// The bolts that its envoy is to be told of; nil where nobody is.
    var bolts: EnvoyBolts?
    /// Whether a bolt of another partition passed it on: then the envoy needs the owner's signature.
    var isPassedOn = false
}

/// What became of a check-in that is durable.
struct CheckInReceipt: Sendable {
    /// All results up to here are stored.
    let storedThrough: UInt64
    /// All up to here are stored safely: the envoy may delete them.
    let releaseThrough: UInt64
    /// How safe this check-in is.
    var level: PartitionAckLevel
    /// Number of the epoch in which it was written.
    let epoch: UInt64
    /// The number of the owner of the envoy's slice that took it: 1 before there were slices, 2 at the first owner, and
    /// more with each change of owner. For people.
    var register: UInt64 = 1
    /// What proves the owner to an envoy that has not seen it in this epoch (P2); nil where there is nothing to prove.
    var voucher: [UInt8]?
    /// This bolt's signature over what is stored and safe; nil where the envoy needs none.
    var signature: [UInt8]?
    /// The bolts that the envoy is told of, where this bolt signed for them: they and no others.
    var bolts: SignedEnvoyBolts?
    /// The bolt that keeps it for an owner that is away, `name.partition`; nil where the owner has it.
    var keptBy: String?
}

/// What a bolt does with a check-in of its partition.
enum CheckInAnswer: Sendable {
    /// It is durable.
    case stored(CheckInReceipt)
    /// It is at fault, or this bolt's disk is; a repeat elsewhere is harmless.
    case refused(Problem)
    /// Another bolt reigns, or will: ask there.
    case elsewhere
}

extension PartitionService {
    /// Bytes of results that one command holds, but for the last result.
    private static let batchBytes = 192 * 1024

    /// Answers a check-in that brings nothing new, without waiting for anybody; nil where it has to be stored.
    nonisolated func answerQuietly(_ checkIn: PendingCheckIn) -> CheckInReceipt? {
        let (epoch, isPaired) = board.withLock { board -> (PartitionEpoch?, Bool) in
            let standing = board.standing
            // A primary on its way out, without room, or one that stood still, has the queue decide.
            let isAtWork = standing.role == .primary && !standing.isFull && !standing.isDrained
            let isFresh = ContinuousClock.now - board.at < PartitionServiceLimits.quietBoardAge
            let isPaired = standing.members.contains { $0.isInSync && $0.isLinked && $0.disk != standing.disk }
            return (isAtWork && isFresh ? standing.epoch : nil, isPaired)
        }
        guard let epoch else { return nil }
        return quiet.answer(
            to: checkIn, in: epoch, register: register(of: checkIn), isPaired: isPaired, now: WallClock.now())
    }

    private nonisolated func register(of checkIn: PendingCheckIn) -> Bytes32? {
        checkIn.slice.flatMap { slices?.board.register(of: $0)?.hash }
    }

    /// Journals when envoys were last seen that brought nothing new. Nobody waits for it. Those of slices that are not
    /// this partition's to write any more are let go of, as `store(_:)` would not take them: a seal is before all of
    /// it, or behind, and what a slice holds is told by its digest.
    func journalSightings() {
        guard machine.role.reigns else { return quiet.forget() }
        let sightings = quiet.takeSightings().filter { isWritable($0.envoy, in: $0.slice) }
        var rest = sightings.map { PartitionCommand.EnvoySighting(envoy: $0.envoy, at: $0.at, traits: nil) }[...]
        while !rest.isEmpty {
            begin([.seen(Array(rest.prefix(PartitionLimits.sightingsMax)))], level: .local) { _ in }
            rest = rest.dropFirst(PartitionLimits.sightingsMax)
        }
    }

    /// Whether a check-in of an envoy that was routed by its slice may be written here now. From there to the journal
    /// nothing else may run.
    private func isWritable(_ envoy: PrincipalID, in slice: SliceID?) -> Bool {
        // A seal is before all of it, or behind. Without a slice: it was routed before the first topology came.
        guard slice.map({ takes($0) }) ?? (slices?.board.hasSlices != true) else { return false }
        // It was routed before the envoy was given another group: what is left of it here may be on its way already.
        return slices?.board.reassigned(envoy).map { $0.slice == slice } ?? true
    }

    /// Stores a check-in, where this bolt reigns: answered once it is durable here, and, while a standby is in sync,
    /// on all of those, or after a moment.
    func store(_ checkIn: PendingCheckIn) async -> CheckInAnswer {
        guard machine.role.reigns, broken == nil, !closed else { return .elsewhere }
        guard isWritable(checkIn.envoy, in: checkIn.slice) else { return .elsewhere }
        let walk = checkIn.slice.flatMap { slices?.board.walk(of: $0) }
        let commands: [PartitionCommand]
        do throws(StoreError) { commands = try self.commands(for: checkIn) } catch {
            fail(error, "reading a queue")
            return .refused(NodeService.problem(error))
        }
        let begun = ContinuousClock.now
        let answer = await write(commands, level: .paired)
        pace.note(ContinuousClock.now - begun)
        if checkIn.slice == nil, slices?.board.hasSlices == true { placeAnew() }
        switch answer {
        case .done(let point, let level, let safe, let outcomes):
            return receipt(of: checkIn, at: point, level: level, safe: safe, walk, outcomes)
        // Asked again here it would wait for the same disk.
        case .undecided: return isFull && machine.role.reigns ? .refused(PartitionService.diskFull) : .elsewhere
        case .refused(let refusal):
            switch refusal {
            case .notPrimary, .handingOver: return .elsewhere
            case .overloaded:
                return .refused(Problem(.tooManyRequests, "too many check-ins wait for the disk", status: 503))
            case .tooLarge: return .refused(Problem(.tooLarge, "the check-in is too large for the journal"))
            case .storage(.full): return .refused(PartitionService.diskFull)
            case .storage, .notPaired:
                return .refused(Problem(.storeFailure, "the bolt's disk did not take it; nothing was acknowledged"))
            }
        }
    }

    static let diskFull = Problem(
        .storeFull, "the bolt's disk is full; nothing was acknowledged",
        next: "make room on the bolt's disk; other bolts still answer")

    private func commands(for checkIn: PendingCheckIn) throws(StoreError) -> [PartitionCommand] {
        let at = WallClock.now()
        let source = PartitionCommand.EnvoyQueue(envoy: checkIn.envoy, queue: checkIn.queue)
        var commands: [PartitionCommand] = []
        if let slice = checkIn.slice, try store.tables.slices.slice(of: checkIn.envoy) != slice {
            commands.append(.placed([PartitionCommand.EnvoyPlacement(envoy: checkIn.envoy, slice: slice)]))
        }
        if checkIn.firstHeld > 1, checkIn.firstHeld > (try store.tables.results.storedThrough(checkIn.queue)) + 1 {
            // The envoy no longer has what lies before: it must not wait for ever for what nobody can send.
            commands.append(
                .base(source, through: checkIn.firstHeld - 1, reason: "not held by the envoy", at: at))
        }
        var rest = checkIn.results[...]
        while !rest.isEmpty {
            var (count, bytes) = (0, 0)
            for result in rest.prefix(PartitionLimits.resultsMax) {
                guard count == 0 || bytes + result.body.count <= PartitionService.batchBytes else { break }
                (count, bytes) = (count + 1, bytes + result.body.count)
            }
            commands.append(
                .results(
                    PartitionCommand.QueuedResults(source: source, received: at, results: Array(rest.prefix(count)))))
            rest = rest.dropFirst(count)
        }
        var traits = checkIn.traits?.document
        if let digest = checkIn.traits?.digest,
            try store.tables.envoys.record(of: checkIn.envoy)?.traits?.digest == digest
        {
            traits = nil
        }
        // What was kept elsewhere for hours does not make a machine seen that is gone by now.
        let seen = PartitionCommand.EnvoySighting(
            envoy: checkIn.envoy, at: checkIn.keptAt.map { min($0, at) } ?? at, traits: traits)
        commands.append(.seen([seen]))
        return commands
    }

    private func receipt(
        of checkIn: PendingCheckIn, at point: LogPoint, level: PartitionAckLevel, safe: UInt64, _ walk: SliceWalk?,
        _ outcomes: [JournaledOutcome]
    ) -> CheckInAnswer {
        var (stored, known): (Int, UInt64?) = (0, nil)
        for outcome in outcomes {
            switch outcome {
            case .refused(let error): return .refused(NodeService.problem(error))
            case .applied(let receipt):
                stored += receipt?.added ?? 0
                known = receipt?.storedThrough ?? known
            }
        }
        metrics.add(.resultsStored, by: Double(stored))
        // The tables of another reign may hold what is not safe.
        guard machine.role.reigns, machine.tip.epoch == point.epoch else { return .elsewhere }
        do throws(StoreError) {
            let through = if let known { known } else { try store.tables.results.storedThrough(checkIn.queue) }
            let release = ledger.released(checkIn.queue, stored: through, safe: safe)
            var receipt = CheckInReceipt(
                storedThrough: through, releaseThrough: release, level: level, epoch: point.epoch.number)
            if let walk { prove(&receipt, of: checkIn, walk, in: point.epoch) }
            quiet.note(receipt, to: checkIn, in: point.epoch, register: walk?.register.hash)
            return .stored(receipt)
        } catch {
            fail(error, "reading a queue")
            return .refused(NodeService.problem(error))
        }
    }
}
