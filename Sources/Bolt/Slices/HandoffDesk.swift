internal import CRDT
internal import Spanner
internal import SpannerStore

/// What a partition's service keeps of slices: the machines of its reign, and what they wait for. Rebuilt from the
/// journal with each reign.
struct HandoffDesk {
    /// Something for the desk, in its turn: never within a step of the partition's machine.
    enum Event: Sendable {
        /// A reign began, or everything is to be read from the journal again.
        case reign
        /// All of the journal up to here is safe.
        case safe(UInt64)
        /// For one source.
        case source(HandoffID, HandoffSource.Event)
        /// For one target.
        case target(HandoffID, HandoffTarget.Event)
        /// A piece may go now, as the budget has it.
        case paced(HandoffID)
        /// An effect that was put off.
        case perform(HandoffID, HandoffSource.Effect)
        /// For one task.
        case task(PrincipalID, RebalanceTask.Event)
        /// A record of a task is durable at this place.
        case taskJournaled(PrincipalID, RebalanceRecord, at: UInt64)
        /// The digest of a source's slice goes on.
        case digestOn(HandoffID)
        /// What is staged for a target, up to this place, is looked at further.
        case judgeOn(HandoffID, at: LogPoint)
        /// Rows of the next slice that was handed on may go.
        case collectNext
        /// There is room in the budget: those who were refused for want of it have their turn.
        case roomFree
        /// All that came of a message over this line is dealt with: as much may be read again.
        case dealt(any SliceLine, bytes: Int)
    }

    /// A task that this partition drives.
    struct TaskRun {
        var machine: RebalanceTask
        /// Records in the journal, those on their way included.
        var records: UInt64
        /// A record that is durable and not safe yet.
        var unsafe: (record: RebalanceRecord, position: UInt64)?
        /// What became of the last command.
        var refusal: String?
        /// When it was begun here, by the wall clock.
        var began: WallTime
        /// The apply that it stands on; nil where that is not known.
        var apply: Bytes32?
    }

    /// A piece that was read, with the last record that it may show something of.
    struct ReadPiece {
        let piece: HandoffPiece
        let shows: UInt64
    }

    /// The digest of a source's slice at its seal, as far as it is.
    struct DigestRun {
        let point: LogPoint
        var digest: SliceDigest
    }

    /// A record that is written at the end of the desk's run, with what is done then.
    struct PendingRecord {
        let command: PartitionCommand
        let reply: (PartitionService.SliceRecordFate) -> Void
    }

    /// A handoff that was asked for while there was no room for it, or before what it stands on was heard of here.
    struct WaitingOrder {
        let order: HandoffOrder
        let driver: PartitionName
        var at: ContinuousClock.Instant
    }

    /// An offer of a slice whose register was not heard of here yet.
    struct EarlyOffer {
        let message: HandoffMessage
        let from: PartitionName
    }

    /// A register and an epoch that this bolt signed for.
    struct SignedClaim {
        let register: Bytes32
        let epoch: PartitionEpoch
        let signature: SliceVoucher.Signature
    }

    /// The bolts that this bolt signed for last.
    struct SignedBolts {
        var bolts: EnvoyBolts
        let epoch: PartitionEpoch
        let number: UInt64
        let signature: [UInt8]
    }

    var inbox: [Event] = []
    /// The reign whose machines these are; nil while there are none.
    var epoch: PartitionEpoch?
    var safe: UInt64 = 0
    var sources: [HandoffID: HandoffSource] = [:]
    var targets: [HandoffID: HandoffTarget] = [:]
    /// Sources by slice: at most one that is not over.
    var sending: [SliceID: HandoffID] = [:]
    var snapshots: [HandoffID: SliceSnapshot] = [:]
    /// Pieces that wait until what they show is safe.
    var unsafePieces: [HandoffID: ReadPiece] = [:]
    /// Digests of slices that are sealed, on their way.
    var digests: [HandoffID: DigestRun] = [:]
    /// What targets have staged, put together as it comes: nothing but its digest is left to do when the seal is there.
    var folds: [HandoffID: StagedFold] = [:]
    /// Pieces that wait for the budget.
    var paced: [HandoffID: HandoffPiece] = [:]
    /// Who drives the task of a source.
    var drivers: [HandoffID: PartitionName] = [:]
    /// What those who drive tasks let all handoffs from here take. It counts while they drive one that runs.
    var driverLimits: [PartitionName: HandoffBudget.Limits] = [:]
    /// A task that is being written and does not run yet.
    var beginning: PrincipalID?
    /// Registers that this partition took over by a handoff.
    var adopted: Set<Bytes32> = []
    /// Handoffs whose rows here go, in the order in which they do.
    var collecting: [HandoffID] = []
    /// Whether some of them are on their way out, or the pause after that is not over.
    var isCollecting = false
    /// What this run of the desk has journaled.
    var records: [PendingRecord] = []
    /// Whether it is to be looked which sources may seal.
    var turnsDue = false
    /// What begins when there is room, or when more is heard of owners, first come first.
    var waiting: [WaitingOrder] = []
    /// What is looked at again when more is heard of owners.
    var early: [HandoffID: EarlyOffer] = [:]
    /// When the seals of sources were proposed, as far as this reign proposed them.
    var sealed: [HandoffID: ContinuousClock.Instant] = [:]
    /// What was signed for envoys of each slice in this reign.
    var vouchers: [SliceID: SignedClaim] = [:]
    /// The list of bolts that envoys are told now: outlasts a reign, so that no number is given twice.
    var bolts: SignedBolts?
    var tasks: [PrincipalID: TaskRun] = [:]
    /// A task that is being removed from the journal's tables: it takes no command any more.
    var forgetting: PrincipalID?
    var budget = HandoffBudget()
    /// Whether every envoy that was seen here is in its slice.
    var isPlaced = false
    var isPlacing = false
    /// The last envoy that was looked at; nil at the beginning, and at the end.
    var placedThrough: PrincipalID?
    var ticked = ContinuousClock.now
    var counted = ContinuousClock.now - .seconds(60)
    /// About how many bytes slices have, for the census.
    var sizes = SliceSizes()
    var told: (census: SliceCensus, at: ContinuousClock.Instant)?
    /// How many slices of other partitions had rows here when they were counted last.
    var left = 0
    /// Those of them that are still to be looked at.
    var remaining: [SliceID] = []
    /// What is on its way to one of those.
    var remains: RemainsOnTheirWay?
    /// The last envoy of each that its owner did not take: only later ones are sent.
    var skipped: [SliceID: PrincipalID] = [:]
    /// Envoys that were given another group, and whose rows are still in the slice where they were.
    var reassigned: [PrincipalID] = []
    /// The last that was looked at; nil at the beginning, and at the end.
    var reassignedThrough: PrincipalID?
    /// Where envoys belong whose rows are here in slices that no group in force has; they are looked after with those.
    var homes: [PrincipalID: SliceID] = [:]
    /// The last of them that was looked at; nil at the beginning, and at the end.
    var displacedThrough: (slice: SliceID, envoy: PrincipalID)?
    var isAskingHomes = false
    /// The one of them for which the journal is waited for.
    var settling: PrincipalID?
    /// Those that the owner of their new slice did not take.
    var refused: Set<PrincipalID> = []
    /// Handoffs away from here that count in the budget: those whose slice is not handed on yet.
    var inFlight: Set<HandoffID> = []
    /// Whether siblings' registers were heard since this bolt started: before that nothing is handed on.
    var hasHeard = false

    /// Slices that are on their way here.
    var arriving: Set<SliceID> { Set(targets.values.filter(\.isArriving).map(\.order.slice)) }

    /// Handoffs away from here whose slice is handed on, and not removed here yet.
    var leaving: Int { sending.values.count { !inFlight.contains($0) } }

    /// A handoff waits for room, in its place if it waits already.
    mutating func wait(for order: HandoffOrder, asked driver: PartitionName) {
        let waiter = WaitingOrder(order: order, driver: driver, at: .now)
        waiting.removeAll { waiter.at - $0.at >= SliceShellLimits.waitingAge }
        if let index = waiting.firstIndex(where: { $0.order.id == order.id }) {
            waiting[index] = waiter
        } else if waiting.count < HandoffLimits.slicesInFlightMax {
            waiting.append(waiter)
        }
    }

    /// An offer waits until more is heard of owners; its source says it again all the same.
    mutating func wait(for offer: HandoffMessage, of source: PartitionName) {
        guard early[offer.id] != nil || early.count < HandoffLimits.slicesInFlightMax else { return }
        early[offer.id] = EarlyOffer(message: offer, from: source)
    }

    /// The reign is over: everything goes, for the next primary goes on from the journal. What was read of lines is
    /// given back all the same.
    mutating func end() {
        let (heard, limits, bolts) = (hasHeard, budget.limits, bolts)
        let dealt = inbox.filter { if case .dealt = $0 { true } else { false } }
        self = HandoffDesk()
        (hasHeard, budget, inbox, self.bolts) = (heard, HandoffBudget(limits: limits), dealt, bolts)
    }

    /// What handoffs from here may take, with one that this partition drives: of several drivers, the least.
    func limits(with driver: PartitionName?) -> HandoffBudget.Limits {
        let active = Set(drivers.values).union(driver.map { [$0] } ?? [])
        let known = driverLimits.filter { active.contains($0.key) }.map(\.value)
        guard !known.isEmpty else { return budget.limits }
        return HandoffBudget.Limits(
            slices: known.map(\.slices).min() ?? budget.limits.slices,
            bytesPerSecond: known.compactMap(\.bytesPerSecond).min(),
            addedMilliseconds: known.compactMap(\.addedMilliseconds).min())
    }
}
