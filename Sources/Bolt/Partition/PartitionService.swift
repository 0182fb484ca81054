internal import BoltAPI
internal import CRDT
internal import Dispatch
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import SpannerWire
internal import Synchronization

/// The one owner of a bolt's part in its partition: steps the machine, executes its effects in order, holds the only
/// connection to `partition.db`.
///
/// Everything that changes state passes through its serial queue. A flush blocks that queue and nothing else; commands
/// that come meanwhile are in one record with the next flush.
actor PartitionService {
    /// The queue that it runs on.
    nonisolated let executor: NodeExecutor
    /// The same, for the actor's runtime.
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Which partition.
    nonisolated let identity: PartitionIdentity
    /// Which disk of it.
    nonisolated let own: PartitionSelf
    nonisolated let settings: PartitionSettings
    let store: PartitionStore
    /// Opens and closes what the journal keeps sealed; follows the journal's keyring.
    nonisolated let sealing: SealService
    let logger: Logger
    let metrics: MetricsRegistry
    /// What ends the process where the store can no longer be trusted.
    let failure: @Sendable (StoreError) -> Void
    /// Records that the journal keeps for standbys that were away.
    let recordsKept: UInt64
    /// For so long the scrub reads at each look, and a step more.
    let scrubTime: Duration
    var machine: PartitionMachine

    var links: [LinkID: (link: PeerLink, disk: ReplicaID)] = [:]
    /// Every disk that somebody named.
    var disks: Set<ReplicaID> = []
    var surroundings = PartitionSurroundings()
    var heard = PartitionHearsay(epoch: 0, cut: [])
    var told: PartitionHearsay?

    // The disk.
    var due: (batch: BatchID, write: PartitionWrite)?
    var settled: PartitionMachine.Event?
    var broken: String?
    /// What the start found: nothing is done with the disk then.
    let damage: StoreError?
    var isFull = false
    /// What the node says of the same disk: that it is full, and that the reserve is what is left of it.
    var disk = (isFull: false, isReserveSpent: false)
    /// Who is told that the disk was found full here, and whether the reserve was given up for that.
    var foundFull: (@Sendable (_ isReserveSpent: Bool) -> Void)?
    var closed = false

    // Those who wait.
    var writes: [UInt64: PendingWrite] = [:]
    var nextWrite: UInt64 = 1
    var nextCommand: UInt64 = 1
    var owners: [CommandID: CommandOwner] = [:]
    var queued: [CommandID] = []
    var queuedHead = 0
    /// Writes that are durable here and wait for the standbys, by position.
    var unsafe: [(position: UInt64, write: UInt64)] = []
    var operations: [OperationID: [CheckedContinuation<PartitionResolution, Never>]] = [:]
    /// Operations whose lines of the audit log somebody sees to.
    var kept: Set<OperationID> = []
    var ledger = ReleaseLedger()
    /// Those that bring nothing new.
    nonisolated let quiet = QuietCheckIns()

    // The keyring that the vault follows.
    var keyring: [UInt8]?
    var hasFollowed = false

    // Reads for standbys that are behind.
    var reads: [JournalRead] = []
    var isReadScheduled = false
    var readAgainAt = ContinuousClock.now

    // Snapshots.
    var shipments: [LinkID: SnapshotShipment] = [:]
    var arrival: SnapshotArrival?

    /// Slices: nil where this bolt has no part in them.
    nonisolated let slices: SliceContext?
    var desk = HandoffDesk()
    /// Whether an operator has this bolt serve nobody.
    var isDrained = false
    var pace = CheckInPace()
    /// Tells the node.
    var tellNews: (@Sendable (SliceNews) -> Void)?
    /// Asks the node in which slices envoys are.
    var placing: (@Sendable ([PrincipalID]) async -> [PrincipalID: SliceID])?

    // Looks.
    var founder: FounderState
    var hasRestored = false
    var isRosterKnown = false
    let began = ContinuousClock.now
    var lastTold = ContinuousClock.now - .seconds(60)
    var lastStanding: PartitionStanding?
    var publish: (@Sendable (PartitionStanding) -> Void)?
    var replays = SalvageReplay()
    var contradictions: [ReplicaID: (at: ContinuousClock.Instant, suppressed: Int)] = [:]
    var scrubPlace: ScrubPlace?
    var compactionsPutOff = 0

    /// How things stood at the last look or change of role: for whoever can't wait for the queue.
    nonisolated let board: Mutex<PartitionBoard>
    nonisolated let mailbox = Mutex(Mailbox())
    /// Check-ins that wait.
    private nonisolated let checkIns = Mutex(0)

    struct Mailbox {
        var inputs: [PartitionInput] = []
        var scheduled = false
    }

    init(
        _ start: sending PartitionStart, settings: PartitionSettings, recordsKept: UInt64, scrubPercent: Int = 1,
        witness: any Witness, sealing: SealService, logger: Logger, metrics: MetricsRegistry,
        slices: SliceContext? = nil,
        failure: @escaping @Sendable (StoreError) -> Void
    ) {
        self.slices = slices
        executor = NodeExecutor(label: "bolt.partition")
        (identity, own, self.settings) = (start.store.identity, start.own, settings)
        (self.logger, self.metrics, self.failure, self.sealing) = (logger, metrics, failure, sealing)
        (self.recordsKept, founder) = (recordsKept, start.founder)
        scrubTime = PartitionServiceLimits.lookInterval * scrubPercent / 100
        machine = PartitionMachine(own: start.own, witness: witness, settings: settings)
        board = Mutex(PartitionBoard(own: start.own))
        (store, damage) = (start.store, start.damage)
    }

    /// Begins over what is durable. `publish` is given each standing that everybody is to hear of.
    func start(publish: @escaping @Sendable (PartitionStanding) -> Void) {
        self.publish = publish
        if let damage {
            fail(damage, "opening the journal")
            return look()
        }
        followKeyring()
        sealing.tell { [weak self] in self?.post(.sealChanged) }
        do {
            let durable = try store.durable()
            step(.started(durable))
            replays.isDue = true
        } catch { fail(error, "reading the journal's state") }
        look()
    }

    /// Hands something to the service, behind what waits. Any thread; never blocks.
    nonisolated func post(_ input: PartitionInput) {
        let wake = mailbox.withLock { box in
            box.inputs.append(input)
            defer { box.scheduled = true }
            return !box.scheduled
        }
        if wake { executor.queue.async { self.assumeIsolated { $0.drain() } } }
    }

    nonisolated func post(_ input: PartitionInput, after pause: Duration) {
        executor.queue.asyncAfter(deadline: .now() + pause.dispatch) { self.post(input) }
    }

    /// Counts one more check-in that waits; false where that would be more than `limit`.
    nonisolated func enter(limit: Int) -> Bool {
        checkIns.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
    }

    /// One check-in less waits.
    nonisolated func leave() { checkIns.withLock { $0 -= 1 } }

    /// Has the queue run once more behind what waits.
    func wake() {
        let wake = mailbox.withLock { box in
            defer { box.scheduled = true }
            return !box.scheduled
        }
        if wake { executor.queue.async { self.assumeIsolated { $0.drain() } } }
    }

    /// One run: what came in, then the answer of the last flush, then the next flush. So all that came during a flush
    /// is in the next record.
    private func drain() {
        let (inputs, more): ([PartitionInput], Bool) = mailbox.withLock { box in
            box.scheduled = false
            let taken = Array(box.inputs.prefix(PartitionServiceLimits.inputsPerRun))
            box.inputs.removeFirst(taken.count)
            return (taken, !box.inputs.isEmpty)
        }
        for input in inputs { take(input) }
        turnDisk()
        runDesk()
        if more || due != nil || settled != nil { wake() } else { checkpoint() }
    }

    /// Steps the answer of the last flush, and flushes what that or anything before asked for.
    func turnDisk() {
        if let answer = settled {
            settled = nil
            followKeyring()
            step(answer)
        }
        if let (batch, write) = due {
            due = nil
            settled = commit(batch, write)
        }
    }

    /// Everything that was asked of the disk is done and answered. For what must not overtake it.
    func settleDisk() {
        while due != nil || settled != nil { turnDisk() }
    }

    private func take(_ input: PartitionInput) {
        guard !closed else { return give(back: input) }
        switch input {
        case .linkUp(let link, let disk):
            links[link.id] = (link, disk)
            note(disks: [disk])
            step(.linkUp(link.id, disk))
        case .message(let link, let message, let bytes):
            metrics.add(.partitionReceived, by: Double(bytes))
            hear(message, on: link)
            link.processed(bytes: bytes)
        case .linkDown(let link):
            guard links.removeValue(forKey: link) != nil else { return }
            step(.linkDown(link))
            lost(link)
        case .timer(let timer): step(.timerFired(timer))
        case .look: look()
        case .surroundings(let surroundings):
            (self.surroundings, isRosterKnown) = (surroundings, true)
            tellHearsay()
        case .hearsay(let hearsay): hear(hearsay)
        case .sealChanged: applySeal()
        case .room(let isFull, let isReserveSpent): hearRoom(isFull: isFull, isReserveSpent: isReserveSpent)
        case .readOn: readOn()
        case .copySnapshot(let link): copySnapshot(link)
        case .snapshotSealed(let link, let result): sealed(link, result)
        case .shipSnapshot(let link): ship(link)
        case .snapshotVerified(let link, let result): verified(link, result)
        case .slices(let line, let partition, let message, let bytes):
            metrics.add(.partitionReceived, by: Double(bytes))
            hearSlices(message, from: partition)
            // Behind what the message gave the desk to do: a sender that is faster than the desk has to wait.
            desk.inbox.append(.dealt(line, bytes: bytes))
        case .registersMoved(let slices): registersMoved(slices)
        case .registersHeard: registersHeard()
        case .desk(let event): desk.inbox.append(event)
        }
    }

    private func give(back input: PartitionInput) {
        switch input {
        case .message(let link, _, let bytes): link.processed(bytes: bytes)
        case .slices(let line, _, _, let bytes): line.processed(bytes: bytes)
        case _: break
        }
    }

    private func hear(_ message: PeerMessage, on link: PeerLink) {
        guard links[link.id] != nil else { return }
        switch message {
        case .partition(let message):
            if let hello = message.hello { note(disks: (hello.configuration?.members ?? []) + hello.acquaintances) }
            step(.received(message, on: link.id))
        case .snapshotPiece(let offset, let bytes): take(piece: bytes, at: offset, on: link.id)
        case .replay(let number, let command): replay(command, as: number, for: link)
        case .replayed(let number, let verdict): replayed(number, verdict)
        case .gossip, .disk, .standing, .expelled, .handoff, .handoffReply, .sliceOrder, .sliceReport, .sliceCensus,
            .sliceRemains, .sliceRemainsTaken:
            break
        }
    }

    /// Answers from the service's state, now. `body` must not block.
    func read<Value: Sendable>(_ body: @Sendable (isolated PartitionService) throws -> Value) rethrows -> Value {
        try body(self)
    }

    /// Ends: what waits is answered as far as it can be, the log is copied back, nothing is written any more.
    func close() {
        guard !closed else { return }
        settleDisk()
        closed = true
        endWaiting()
        for (link, _) in shipments { drop(link) }
        arrival = nil
        guard broken == nil else { return }
        do { try store.close() } catch {
            logger.warning("the partition's store did not close cleanly", metadata: [LogKeys.why: "\(error)"])
        }
    }
}

/// What whoever can't wait for the service's queue is told.
struct PartitionBoard: Sendable {
    /// How things stood.
    var standing: PartitionStanding
    /// When they were looked at.
    var at = ContinuousClock.now
    /// When a primary, or this bolt as one, was last heard of.
    var primaryHeard: ContinuousClock.Instant?

    init(own: PartitionSelf) {
        standing = PartitionStanding(
            role: .waiting, isInSync: false, isForgetful: true, epoch: .none, promised: .none,
            tip: LogPoint(epoch: .none, position: 0, hash: own.partition), safe: 0, disk: own.disk, primary: nil,
            members: [], reason: "reading its state")
    }
}

extension PartitionMessage {
    /// What its sender holds, where it says so.
    var hello: PartitionHello? {
        switch self {
        case .hello(let hello), .mismatch(_, let hello), .surveyed(_, let hello), .promised(_, _, _, let hello),
            .acquainted(let hello):
            hello
        case .append, .durable, .cut, .snapshot, .survey, .promiseMe, .declined, .fetch, .fetched, .acquaint,
            .takeOver:
            nil
        }
    }
}
