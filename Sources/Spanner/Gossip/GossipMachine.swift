internal import CRDT

/// The heart of a bolt's roster plane: what it writes, what it tells its peers, what it takes from them, and when an
/// answer may be given. Owns no socket, disk, clock or key.
///
/// One transaction is on its way to disk at a time. What is written or received meanwhile waits and goes with the next,
/// under one signature (group commit). Memory changes, peers hear and callers are answered only after `persisted`.
///
/// Dissemination is Demers' rumour mongering backed by anti-entropy (PODC 1987), with exact differences from version
/// vectors; back-propagation and redundant sends are avoided as in Enes et al. (arXiv 1803.02750). A peer that has to
/// ask for a replica's events is relayed them at once from then on, as Plumtree grafts (Leitão et al., SRDS 2007).
public struct GossipMachine: Sendable {
    enum TimerPurpose: Sendable, Equatable {
        case round
        case authoring
        case spread(CommandID)
    }

    /// Whether own events may be written.
    enum Authoring: Sendable, Equatable {
        /// A context of some peer is awaited, for a bounded time.
        case waiting
        /// Yes.
        case open
        /// A peer claims own events that are not held: they are asked for until this round.
        case suspended(until: UInt64)
        /// Own events were lost: a new incarnation is awaited.
        case renewing
    }

    let settings: GossipSettings
    let signer: any RunSigner
    let witness: any Witness
    let mutation: GossipMutation?
    let freezeRounds: UInt64

    /// What this bolt is. Its replica changes with `incarnationReady`.
    public internal(set) var own: GossipSelf
    /// What is durable here and in force.
    public internal(set) var roster: Roster
    /// Rounds since the start.
    public internal(set) var round: UInt64 = 0
    /// What happened since the start, over all peers.
    public internal(set) var counters = GossipCounters()

    var generator: SeededGenerator
    var builder: RunBuilder
    var authoring = Authoring.waiting
    var started = false
    var expelled = false
    var suspects: Set<KeyFingerprint> = []
    /// Replicas that are frozen, or about to be.
    var forked: Set<ReplicaID> = []
    /// Proofs that were checked and are not in the roster yet.
    var pendingForks: [ReplicaID: ForkProof] = [:]
    /// The replica whose proof is on its way to the disk.
    var freezing: ReplicaID?
    var audits: [ReplicaID: ForkAudit] = [:]
    var auditLoads: [LoadID: ReplicaID] = [:]

    /// Admitted bolts but this one, in order of their names: worked out anew when an act or an address changes them.
    var otherBolts: [Principal] = []
    var links: [LinkID: LinkState] = [:]
    var peers: [KeyFingerprint: PeerState] = [:]
    var statuses: [PrincipalID: PeerStatus] = [:]
    var wants: [ReplicaID: Want] = [:]
    var loads: [LoadID: (peer: KeyFingerprint, link: LinkID, replica: ReplicaID, after: UInt64, fresh: Bool)] = [:]
    var timers: [TimerID: TimerPurpose] = [:]

    var commands: [PendingCommand] = []
    var commandBytes = 0
    var staged: [StagedRun] = []
    var stagedHeads: [ReplicaID: ChainHead] = [:]
    var stagedThrough: UInt64 = 0
    var imports: [(command: CommandID, through: UInt64)] = []
    var inFlight: Batch?
    var waiters: [SpreadWaiter] = []

    var effects: [Effect] = []
    var nextNumber: UInt64 = 1
    var digestCache: (revision: UInt64, digest: Bytes32)?

    /// A machine over what is durable. `seed` feeds its choices of peers and nothing else.
    ///
    /// `settings` must have no `violations`.
    public init(
        own: GossipSelf, roster: Roster, witness: any Witness, signer: any RunSigner,
        settings: GossipSettings = GossipSettings(), seed: UInt64
    ) {
        self.init(
            own: own, roster: roster, witness: witness, signer: signer, settings: settings, seed: seed, mutation: nil)
    }

    /// A machine with a deliberate fault, for proving the checkers.
    package init(
        own: GossipSelf, roster: Roster, witness: any Witness, signer: any RunSigner, settings: GossipSettings,
        seed: UInt64, mutation: GossipMutation?
    ) {
        precondition(settings.violations.isEmpty, "gossip settings: \(settings.violations)")
        (self.own, self.roster, self.witness, self.signer) = (own, roster, witness, signer)
        (self.settings, self.mutation) = (settings, mutation)
        generator = SeededGenerator(seed: seed)
        builder = RunBuilder(replica: own.replica, mesh: own.mesh, witness: witness, signer: signer)
        forked = Set(roster.forks.map(\.replica))
        freezeRounds = UInt64(max(2, (settings.freezeTimeout / settings.roundInterval).rounded(.up)))
    }

    /// The only way in. The same state and the same event always give the same effects, in the same order.
    public mutating func step(_ event: Event) -> [Effect] {
        precondition(effects.isEmpty, "a step within a step")
        switch event {
        case .started: start()
        case .command(let id, let payloads, let at, let level): take(id, payloads, at: at, level: level)
        case .imported(let id, let runs): take(id, imported: runs)
        case .persisted(let batch): persisted(batch)
        case .persistFailed(let batch): persistFailed(batch)
        case .loaded(let load, let runs): loaded(load, runs)
        case .linkUp(let link, let identity, let dialed): linkUp(link, identity, dialed: dialed)
        case .linkDown(let link): linkDown(link)
        case .received(let message, let link): received(message, on: link)
        case .undecodable(let link): close(link, .undecodable)
        case .timerFired(let timer): fired(timer)
        case .incarnationReady(let replica): renew(replica)
        case .frozen(let roster): frozen(roster)
        case .freezeFailed: freezing = nil
        }
        defer { effects = [] }
        return effects
    }

    private mutating func start() {
        guard !started else { return }
        started = true
        // The first round comes early and at no common instant: bolts that start together don't stay in step.
        schedule(.round, after: generator.jitter(settings.roundInterval))
        reviewMembers()
        carryStrays()
        if otherBolts.isEmpty {
            openAuthoring(afterExchange: false)
        } else {
            schedule(.authoring, after: settings.authoringWait)
        }
    }

    private mutating func fired(_ timer: TimerID) {
        guard let purpose = timers.removeValue(forKey: timer) else { return }
        switch purpose {
        case .round: beginRound()
        case .authoring: if authoring == .waiting { openAuthoring(afterExchange: false) }
        case .spread(let command): spreadTimedOut(command)
        }
    }

    @discardableResult
    mutating func schedule(_ purpose: TimerPurpose, after delay: Duration) -> TimerID {
        let timer = TimerID(number())
        timers[timer] = purpose
        effects.append(.schedule(timer, after: delay))
        return timer
    }

    /// The next number for a timer, batch or load of this machine.
    mutating func number() -> UInt64 {
        defer { nextNumber += 1 }
        return nextNumber
    }

    mutating func notify(_ notification: Notification) { effects.append(.notify(notification)) }

    /// The roster's digest, computed once for each of its revisions.
    mutating func digest() -> Bytes32 {
        if let digestCache, digestCache.revision == roster.revision { return digestCache.digest }
        let digest = roster.digest
        digestCache = (roster.revision, digest)
        return digest
    }

    /// Where a replica's history will stand once everything that waits is durable.
    func plannedHead(_ replica: ReplicaID) -> ChainHead { stagedHeads[replica] ?? roster.head(of: replica) }
}

/// What happened in one machine since it started.
public struct GossipCounters: Hashable, Sendable {
    /// Transactions that became durable.
    public var batches: UInt64 = 0
    /// Runs that became durable.
    public var runsApplied: UInt64 = 0
    /// Events that became durable.
    public var eventsApplied: UInt64 = 0
    /// Runs that did not verify.
    public var runsRejected: UInt64 = 0
    /// Runs that were held already.
    public var runsDuplicate: UInt64 = 0
    /// Runs dropped because too many waited.
    public var runsDropped: UInt64 = 0
    /// Transactions that the disk did not take.
    public var persistFailures: UInt64 = 0
    /// Commands answered at the level that was asked for.
    public var commandsDone: UInt64 = 0
    /// Commands answered at a lower level than was asked for.
    public var commandsBelowLevel: UInt64 = 0
    /// Commands refused.
    public var commandsRefused: UInt64 = 0
    /// Links that were closed because nothing was heard.
    public var freezes: UInt64 = 0

    /// Nothing happened yet.
    public init() {}
}
