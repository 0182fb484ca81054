internal import CRDT

/// The heart of a partition: who reigns, what is in the journal, and when an answer may be given. Owns no socket, disk,
/// clock or key.
///
/// Primary and standbys as in viewstamped replication (Oki, Liskov, PODC 1988), with two differences: a write waits for
/// every member in sync, not for a majority, so that two bolts are enough; and a promotion therefore asks all but one
/// of the disks that could hold something acknowledged, not a majority. One transaction is on its way to disk at a
/// time; what is written meanwhile goes with the next (group commit), and standbys write at the same time as the
/// primary.
public struct PartitionMachine: Sendable {
    /// What a read of records is for.
    enum LoadPurpose: Sendable {
        /// A standby of this reign lacks what follows this position.
        case feed(ReplicaID, PartitionEpoch, after: UInt64)
        /// The candidate on this link lacks them.
        case fetch(LinkID, OperationID)
    }

    /// A snapshot that comes in.
    struct Installation: Sendable {
        let link: LinkID
        let epoch: PartitionEpoch
        let point: LogPoint
        let bytes: UInt64
        let digest: Bytes32
        /// Disks that its sender counted, members and others.
        let counted: Set<ReplicaID>
        var isRunning = false
    }

    let own: PartitionSelf
    let settings: PartitionSettings
    let witness: any Witness
    let chain: JournalChain
    let mutation: PartitionMutation?
    let inSyncTicks: Int
    let promiseTicks: Int
    let handoverTicks: Int
    let resumeTicks: Int

    var isStarted = false
    var isSealed: Bool
    var isForgetful = true
    var fencedBecause: String?
    /// Where it is fenced because the partition went on without what this disk holds: the last record that both hold.
    public internal(set) var partedAt: UInt64?

    // What is durable, and what will be.
    var durable: PartitionLogState
    var planned: PartitionLogState
    var promised = PartitionEpoch.none
    var plannedPromise = PartitionEpoch.none
    var acquaintances: [ReplicaID] = []
    var durableAcquaintances: [ReplicaID] = []
    /// All up to here is safe, as far as is known; at most the durable tip.
    var safe: UInt64 = 0
    var durableSafe: UInt64 = 0
    var staged: [PartitionStagedWrite] = []
    var inFlight: (batch: BatchID, write: PartitionStagedWrite)?
    /// The disk has no room: what waits is tried again at each look.
    var waitsForRoom = false

    // Others.
    var links: [LinkID: ReplicaID] = [:]
    var peers: [ReplicaID: PartitionPeer] = [:]
    /// The highest epoch number that others name, as far as somebody can have minted it.
    var hearsayEpoch: UInt64 = 0
    /// The last one that nobody can have minted: told once.
    var absurdHearsay: UInt64 = 0
    var cutOff: [ReplicaID] = []
    /// Who answered this forgetful disk's request to be counted.
    var acquainted: [ReplicaID: PartitionHello] = [:]
    /// Links on which it asked lately.
    var acquaintAsked: Set<LinkID> = []
    var acquaintTicks = 0
    var isRemembering = false

    // Roles. At most one of reign and candidacy.
    var reign: PartitionReign?
    var candidacy: PartitionCandidacy?
    var beginning: PartitionBeginning?
    /// The primary that is followed, or was last.
    var following: (disk: ReplicaID, epoch: PartitionEpoch, ticks: Int)?
    /// All up to there is safe, says the primary that is followed.
    var followedSafe: UInt64 = 0
    /// The epoch whose log the own one is known to be a part of, so that a cut under it is an old word said twice.
    var matchedEpoch: PartitionEpoch?
    /// A mismatch was told: what does not follow is dropped in silence until something follows.
    var isAskingForLog = false
    var installation: Installation?
    /// Looks until the own epoch is taken up again; nil where it is not.
    var resumption: Int?
    /// Looks until a reign that a mere promise ended is claimed back; nil where it is not.
    var reclaim: Int?
    /// A switchover that this bolt gave way to: its outcome shows in the next epoch.
    var handedOver: (operation: OperationID, to: ReplicaID, ticks: Int)?
    /// Removals that wait for their record to be safe.
    var removals: [(operation: OperationID, position: UInt64)] = []
    /// Promises that old primaries gave to own candidacies while they had promised nobody else.
    var undisturbed: [ReplicaID: PartitionEpoch] = [:]

    /// A deliberate fault happened once: two that go on above each other would never end.
    var hasGoneOn = false
    var loads: [LoadID: LoadPurpose] = [:]
    /// The last thing that a candidate asked for while another read for it went on.
    var fetchesAsked: [LinkID: (operation: OperationID, from: UInt64)] = [:]
    /// A hand-over that the journal ended with at the start.
    var openHandover: OperationID?
    var timer: TimerID?
    var toldRole: PartitionRole?
    var effects: [Effect] = []
    var nextNumber: UInt64 = 1

    /// A machine for this disk; what is durable comes with `started`. `settings` must have no `violations`. `sealed`:
    /// whether the vault is closed as yet.
    public init(
        own: PartitionSelf, witness: any Witness, settings: PartitionSettings = PartitionSettings(),
        sealed: Bool = false
    ) {
        self.init(own: own, witness: witness, settings: settings, sealed: sealed, mutation: nil)
    }

    /// A machine with a deliberate fault, for proving the checkers.
    package init(
        own: PartitionSelf, witness: any Witness, settings: PartitionSettings, sealed: Bool = false,
        mutation: PartitionMutation?
    ) {
        precondition(settings.violations.isEmpty, "partition settings: \(settings.violations)")
        (self.own, self.settings, self.witness, self.mutation) = (own, settings, witness, mutation)
        chain = JournalChain(witness: witness)
        isSealed = sealed
        durable = PartitionLogState(PartitionDurable(genesis: own.partition))
        planned = durable
        func ticks(_ time: Duration) -> Int { max(1, Int((time / settings.heartbeatInterval).rounded(.up))) }
        (inSyncTicks, promiseTicks) = (ticks(settings.inSyncTimeout), ticks(settings.promiseTimeout))
        (handoverTicks, resumeTicks) = (ticks(settings.handoverTimeout), ticks(settings.resumeTimeout))
    }

    /// The only way in. The same state and the same event always give the same effects, in the same order.
    public mutating func step(_ event: Event) -> [Effect] {
        precondition(effects.isEmpty, "a step within a step")
        switch event {
        case .started(let durable): start(durable)
        case .command(let command, let changes, let level): take(command, changes, level)
        case .persisted(let batch): persisted(batch)
        case .persistFailed(let batch, let failure): persistFailed(batch, failure)
        case .loaded(let load, let records): loaded(load, records)
        case .linkUp(let link, let disk): linkUp(link, disk)
        case .linkDown(let link): linkDown(link)
        case .received(let message, let link): received(message, on: link)
        case .timerFired(let timer): fired(timer)
        case .operation(let operation, let asked): take(operation, asked)
        case .outside(let hearsay): heard(hearsay)
        case .sealed(let sealed): seal(sealed)
        case .roomMade: waitsForRoom = false
        case .snapshotTaken(let link, let point, let bytes, let digest): snapshotTaken(link, point, bytes, digest)
        case .snapshotInstalled(let durable): snapshotInstalled(durable)
        case .snapshotFailed(let link): snapshotFailed(link)
        }
        conclude()
        defer { effects = [] }
        return effects
    }

    /// What every step ends with: records of what waits, the next transaction, what became safe, what is sent of it.
    private mutating func conclude() {
        guard isStarted else { return }
        if reign != nil {
            writeWaiting()
            advance()
        }
        submit()
        if reign != nil { feedAll() }
        beginInstallation()
        let role = self.role
        if role != toldRole {
            toldRole = role
            effects.append(.role(role))
        }
    }

    private mutating func start(_ state: PartitionDurable) {
        guard !isStarted else { return }
        isStarted = true
        adopt(state)
        scheduleTick()
        awaitOwnReign()
        if isLeftOut { fence(PartitionMachine.removedReason) }
        resumeIfDue()
    }

    /// A bolt that reigned when its process ended, or when it was sealed, is to reign again if nobody else does.
    private mutating func awaitOwnReign() {
        guard durable.tip.position > 0, plannedPromise.minter == own.disk else { return }
        if durable.tip.epoch == plannedPromise {
            resumption = durable.configuration?.members == [own.disk] ? 0 : resumeTicks
        } else if settings.resumesByItself, durable.tip.epoch.minter == own.disk {
            // It sought a new epoch and ended before that began: nobody else knows that somebody is to reign.
            reclaim = resumeTicks
        }
    }

    /// Takes over what is durable, at the start or after a snapshot.
    mutating func adopt(_ state: PartitionDurable) {
        durable = PartitionLogState(state)
        planned = durable
        (promised, plannedPromise) = (state.promised, state.promised)
        (safe, durableSafe) = (state.safe, state.safe)
        acquaintances = Array(Set(state.acquaintances)).sorted()
        durableAcquaintances = acquaintances
        openHandover = state.openHandover
        // A copy of another disk's files, or of an earlier life of this one, is marked as forgetful by the store.
        isForgetful = (state.isForgetful || !isCounted && !isOnceCounted(state)) && !forgets
    }

    private var isCounted: Bool { acquaintances.contains(own.disk) || durable.counted.contains(own.disk) }

    /// Whether this disk was counted by all others once.
    private func isOnceCounted(_ state: PartitionDurable) -> Bool { !state.isForgetful && state.tip.position > 0 }

    /// Whether the partition took this disk out: all others counted it once, and what is safe names it no more.
    var isLeftOut: Bool { !isForgetful && !isCounted && durable.tip.position > 0 && !forgets }

    /// For people.
    static let removedReason =
        "this disk was removed from the partition: to take part again, give the bolt an empty one"

    private mutating func fired(_ fired: TimerID) {
        guard isStarted, fired == timer else { return }
        scheduleTick()
        if waitsForRoom { waitsForRoom = false }
        for disk in peers.keys { peers[disk]?.silentTicks += 1 }
        if following != nil { following?.ticks += 1 }
        if fencedBecause != nil { return }
        if reign != nil { tickPrimary() }
        if candidacy != nil { tickCandidacy() }
        tickResumption()
        tickForgetful()
        tickHandedOver()
        if inFlight == nil, staged.isEmpty, safe > durableSafe { stage { _ in } }
    }

    private mutating func scheduleTick() {
        let next = TimerID(number())
        timer = next
        effects.append(.schedule(next, after: settings.heartbeatInterval))
    }

    /// The next number for a timer, batch or load of this machine.
    mutating func number() -> UInt64 {
        defer { nextNumber += 1 }
        return nextNumber
    }

    mutating func notify(_ notification: PartitionNotification) { effects.append(.notify(notification)) }

    mutating func send(_ message: PartitionMessage, to disk: ReplicaID) {
        guard let link = peers[disk]?.link else { return }
        effects.append(.send(message, on: link))
    }

    /// Serves nothing any more; what was held stays as it is. `fork`: all after it is on this disk and not in the log
    /// that the partition goes on with.
    mutating func fence(_ reason: String, partingAt fork: UInt64? = nil) {
        guard fencedBecause == nil else { return }
        partedAt = fork
        if reign != nil { stepDown(nil) }
        abandonBeginning()
        if candidacy != nil { giveUp(.notMember) }
        (resumption, reclaim, installation) = (nil, nil, nil)
        fencedBecause = reason
    }

    private mutating func seal(_ sealed: Bool) {
        guard sealed != isSealed else { return }
        isSealed = sealed
        if sealed {
            if reign != nil { stepDown(nil) }
            abandonBeginning()
            if candidacy != nil { giveUp(.sealed) }
            (resumption, reclaim) = (nil, nil)
        } else if isStarted, fencedBecause == nil {
            awaitOwnReign()
        }
    }
}
