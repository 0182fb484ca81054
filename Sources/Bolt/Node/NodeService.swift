internal import CRDT
internal import Dispatch
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import SpannerWire
internal import Synchronization

/// The one owner of the node's state: steps the gossip machine, executes its effects in order, holds the only
/// connection to the store.
///
/// Everything that changes state passes through its serial queue. Flushes block that queue and nothing else.
public actor NodeService {
    /// The queue that it runs on.
    nonisolated let executor: NodeExecutor
    /// The same, for the actor's runtime.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let store: BoltStore
    let witness: any Witness
    let signer: any RunSigner
    let logger: Logger
    let metrics: MetricsRegistry
    nonisolated let table: ConnectionTable
    let chain: EventChain
    var machine: GossipMachine
    var links: [LinkID: PeerLink] = [:]
    /// When others were known to hold what was written here lately, in milliseconds since it was asked for.
    var spreads = SpreadTimes()
    var waiting: [CommandID: CheckedContinuation<CommandOutcome, Never>] = [:]
    var nextCommand: UInt64 = 1
    var reviewDue = false
    /// The roster's bolts, worked out once until an act or amendment may have changed them.
    var knownBolts: [Principal]?
    var boltsStale = false { didSet { noteChange() } }
    /// Links whose bolts were not who the roster says.
    var mismatches = LinkMismatches()
    /// Bolts that seem to be two.
    var twins = IdentityTwins()
    /// The life that was named on each link.
    var linkLives: [LinkID: ReplicaID] = [:]
    /// Who waits for own events to be allowed.
    var authoringWaiters: [CheckedContinuation<Bool, Never>] = []
    /// Bytes of disk that are to be kept back.
    let reserveBytes: Int
    /// Whether the reserve was given up: own admissions and results are refused until it is held again.
    var reserveSpent: Bool { didSet { noteRoom() } }
    var toldRoom = DiskRoom()
    var lastReserveLook = ContinuousClock.now
    /// Whether the disk did not take the last write for want of room.
    var storeFull: Bool { didSet { noteRoom() } }
    /// What people should know about the lease of this partition.
    var leaseTrouble: String?
    var closed = false
    var peersChanged: (@Sendable () -> Void)?
    /// The other plane.
    nonisolated let partition: PartitionService
    /// Links with bolts of the same partition, with the disks that they named.
    var siblings: [LinkID: ReplicaID] = [:]
    var ownStanding: PartitionStanding?
    /// What other bolts said last of their part.
    var standings: [PrincipalID: HeardStanding] = [:]
    /// Standbys that do not catch up.
    var stillness = StandbyStillness()
    /// Last words of bolts that the roster does not know yet, one for each link.
    var unplaced: [LinkID: PartitionStanding] = [:]
    var toldSurroundings: PartitionSurroundings?
    /// What peers say of this bolt's own admission.
    var expulsion = Expulsion()
    /// Who owns what; nil where this bolt has no part in it.
    nonisolated let board: OwnershipBoard?
    var ownership = OwnershipNews()
    /// Whether the roster was read anew since the board was.
    var isOwnershipStale = false
    /// What ends the process where the store can no longer be trusted.
    let failure: @Sendable (StoreError) -> Void

    nonisolated let mailbox = Mutex(Mailbox())
    /// Grows with everything that may change what a read says: a reader that saw it unchanged need not ask again.
    nonisolated let changes = Atomic<UInt64>(1)
    /// Links whose replication need not wait for this queue.
    nonisolated let shortcuts = ReplicationShortcuts()

    struct Mailbox {
        var inputs: [NodeInput] = []
        var scheduled = false
    }

    /// How many inputs wait for one run of the queue before the next is scheduled.
    static let inputsPerRun = 1024

    init(
        executor: NodeExecutor, store: sending BoltStore, machine: GossipMachine, witness: any Witness,
        signer: any RunSigner, partition: PartitionService, reserveBytes: Int, reserveSpent: Bool, logger: Logger,
        metrics: MetricsRegistry, table: ConnectionTable, board: OwnershipBoard? = nil,
        failure: @escaping @Sendable (StoreError) -> Void
    ) {
        self.board = board
        (self.executor, self.store, self.machine) = (executor, store, machine)
        (self.witness, self.signer, self.logger, self.metrics) = (witness, signer, logger, metrics)
        (self.table, self.failure, self.reserveBytes) = (table, failure, reserveBytes)
        (self.reserveSpent, storeFull, self.partition) = (reserveSpent, reserveSpent, partition)
        chain = EventChain(mesh: machine.own.mesh, witness: witness)
    }

    /// Begins: rounds, and with the first exchange of contexts writing.
    func start(peersChanged: @escaping @Sendable () -> Void) {
        self.peersChanged = peersChanged
        step(.started)
        lookAtOwnership(anew: true)
        tellHeard()
        tellSurroundings()
        noteRoom()
        peersChanged()
    }

    /// Hands something to the node, behind what waits. Any thread; never blocks.
    nonisolated func post(_ input: NodeInput) {
        if case .link(.message(let link, let message, let bytes)) = input, message.isReplication,
            shortcuts.take(link.id)
        {
            return partition.post(.message(link, message, bytes: bytes))
        }
        let wake = mailbox.withLock { box in
            box.inputs.append(input)
            defer { box.scheduled = true }
            return !box.scheduled
        }
        if wake { executor.queue.async { self.assumeIsolated { $0.drain() } } }
    }

    private func drain() {
        let (inputs, more): ([NodeInput], Bool) = mailbox.withLock { box in
            let taken = Array(box.inputs.prefix(NodeService.inputsPerRun))
            box.inputs.removeFirst(taken.count)
            box.scheduled = !box.inputs.isEmpty
            return (taken, box.scheduled)
        }
        for input in inputs {
            switch input {
            case .link(let event): take(event)
            case .timer(let timer): step(.timerFired(timer))
            case .standing(let standing): spread(standing)
            case .diskFull(let isReserveSpent):
                (reserveSpent, storeFull) = (reserveSpent || isReserveSpent, true)
            case .leaseTrouble(let trouble): leaseTrouble = trouble
            case .review: review()
            case .news(let news): take(news)
            }
        }
        if more { executor.queue.async { self.assumeIsolated { $0.drain() } } } else { checkpoint() }
    }

    private func take(_ event: PeerLinkEvent) {
        switch event {
        case .up(let link):
            guard let identity = link.peer.bolt, !closed else { return link.close() }
            links[link.id] = link
            step(.linkUp(link.id, identity, dialed: link.dialed))
            greet(link)
        case .message(let link, let message, let bytes):
            guard case .gossip(let gossip) = message else {
                hearPartition(message, on: link, bytes: bytes)
                if message.isReplication { shortcuts.caughtUp(link.id) }
                return
            }
            hear(gossip, on: link.id)
            link.processed(bytes: bytes)
        case .undecodable(let link, let why):
            logger.notice(
                "peer sent what is no message",
                metadata: [LogKeys.peer: "\(link.peer.verified.id)", LogKeys.why: "\(why)"])
            step(.undecodable(link.id))
        case .down(let link):
            shortcuts.forget(link.id)
            linkLives[link.id] = nil
            guard links.removeValue(forKey: link.id) != nil else { return }
            forget(link.id)
            step(.linkDown(link.id))
            peersChanged?()
        }
    }

    private func hear(_ message: GossipMessage, on link: LinkID) {
        meet(message, on: link)
        step(.received(message, on: link))
        switch message {
        case .durable, .context: spreads.note { machine.holders(of: $0) }
        case .hello, .want, .events, .reject, .fork, .ping, .unknown: break
        }
    }

    /// The bolts of the roster with their addresses, in order of their names.
    var bolts: [Principal] {
        if let knownBolts { return knownBolts }
        let bolts = machine.roster.bolts
        knownBolts = bolts
        return bolts
    }

    /// Asks the machine for a change and waits for its one answer.
    func command(_ payloads: [RosterEvent.Payload], level: Spanner.AckLevel) async -> CommandOutcome {
        let begun = ContinuousClock.now
        let outcome: CommandOutcome = await withCheckedContinuation { continuation in
            let id = CommandID(nextCommand)
            nextCommand += 1
            guard !closed else { return continuation.resume(returning: .refused(.storage)) }
            waiting[id] = continuation
            step(.command(id, payloads: payloads, at: WallClock.now(), level: level))
        }
        if case .done(let dots, _) = outcome, let dot = dots.first {
            spreads.follow(dot, since: begun)
            spreads.note { machine.holders(of: $0) }
        }
        return outcome
    }

    /// Takes in runs that came by file.
    func importRuns(_ runs: [SignedRun]) async -> CommandOutcome {
        await withCheckedContinuation { continuation in
            let id = CommandID(nextCommand)
            nextCommand += 1
            waiting[id] = continuation
            step(.imported(id, runs))
        }
    }

    /// Answers from the node's state, now. `body` must not block.
    func read<Value: Sendable>(_ body: @Sendable (isolated NodeService) throws -> Value) rethrows -> Value {
        try body(self)
    }

    /// Ends: what waits is refused, the log is copied back, nothing is written any more.
    func close() {
        guard !closed else { return }
        closed = true
        for link in links.values { link.close() }
        for continuation in waiting.values { continuation.resume(returning: .refused(.storage)) }
        waiting = [:]
        answerAuthoringWaiters(false)
        do { try store.close() } catch {
            logger.warning("store did not close cleanly", metadata: [LogKeys.why: "\(error)"])
        }
    }
}
