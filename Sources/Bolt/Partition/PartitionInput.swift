internal import CRDT
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import SpannerWire

/// What reaches the partition's service from outside, in order: posted from any thread, taken by the service alone.
enum PartitionInput: Sendable {
    /// A link stands with a bolt of this partition that has this disk.
    case linkUp(PeerLink, ReplicaID)
    /// It said something; its bytes are given back once that is dealt with.
    case message(PeerLink, PeerMessage, bytes: Int)
    /// It is gone.
    case linkDown(LinkID)
    /// A timer of the machine fired.
    case timer(TimerID)
    /// Time to look after what has no event of its own.
    case look
    /// What the roster now says of the partition's bolts.
    case surroundings(PartitionSurroundings)
    /// What others say about this partition.
    case hearsay(PartitionHearsay)
    /// Whether the bolt's disk is full, and whether what is left of it is its reserve.
    case room(isFull: Bool, isReserveSpent: Bool)
    /// The bolt was sealed or unsealed by other than its journal.
    case sealChanged
    /// The next piece of the journal that a standby lacks may be read.
    case readOn
    /// Copy on for the snapshot to this link.
    case copySnapshot(LinkID)
    /// A copy for this link is verified, or is not to be had.
    case snapshotSealed(LinkID, Result<PartitionSnapshot, StoreError>)
    /// Send on of the snapshot to this link.
    case shipSnapshot(LinkID)
    /// What came in on this link was read through.
    case snapshotVerified(LinkID, Result<IncomingSnapshot, StoreError>)
    /// A word about slices of another partition's bolt; its bytes are given back once that is dealt with.
    case slices(any SliceLine, PartitionName, PeerMessage, bytes: Int)
    /// Owners of these slices may have changed.
    case registersMoved([SliceID])
    /// This bolt heard what other bolts know since it started.
    case registersHeard
    /// Something for the desk that was put off.
    case desk(HandoffDesk.Event)
}

/// What a roster says of one partition's bolts; disks are named by the hash of their bolt's signing key.
struct PartitionSurroundings: Hashable, Sendable {
    /// Keys of bolts whose admission has ended: their disks are cut off.
    var dead: Set<Bytes32> = []
    /// Keys of the other bolts that are admitted to this partition.
    var siblings: Set<Bytes32> = []
}

/// What became of commands that were asked for together.
enum PartitionWriteAnswer: Sendable {
    /// All are in the journal, the last of them at this point, at this level; all up to `safe` is safe. What each did,
    /// in order.
    case done(LogPoint, level: PartitionAckLevel, safe: UInt64, [JournaledOutcome])
    /// None is in the journal, nor ever will be.
    case refused(PartitionRefusal)
    /// Some or all are durable here, and whether they stay shows in the journal of whoever reigns. A repeat must be
    /// harmless.
    case undecided(LogPoint?)
}

/// Bounds of the service around the machine.
enum PartitionServiceLimits {
    /// Inputs taken in one run of the queue.
    static let inputsPerRun = 1024
    /// Bytes of a snapshot between two words of how far it is.
    static let snapshotWordBytes: UInt64 = 16 * 1024 * 1024
    /// Time between looks.
    static let lookInterval: Duration = .milliseconds(250)
    /// Longest time without telling everybody how things stand.
    static let standingInterval: Duration = .seconds(2)
    /// Envoys of which it is remembered what they were last answered.
    static let quietEnvoysMax = 65_536
    /// How old the look at the partition may be by which they are answered from memory.
    static let quietBoardAge: Duration = .seconds(1)
    /// How long an answer waits for the standbys.
    static let pairedWait: Duration = .seconds(1)
    /// How long an answer waits at all: a disk may be full or slow.
    static let answerWait: Duration = .seconds(10)
    /// How long it waits for a disk that is known to be full.
    static let fullDiskWait: Duration = .milliseconds(500)
    /// How long a bolt that is to found waits for its siblings: one of them may know better.
    static let foundingWait: Duration = .seconds(3)
    /// Operations that may wait for their end here.
    static let operationsMax = 64
    /// Disks that are remembered as named by somebody.
    static let disksMax = 256
    /// While others wait for the disk, reading for a standby that is behind takes one part in this many of the time.
    static let readShare = 6
    /// The longest that a read waits for that.
    static let readPauseMax: Duration = .milliseconds(500)
    /// Bytes of a snapshot that may wait to be written to one link.
    static let shipAheadBytes = 2 * 1024 * 1024
    /// Pause where they do.
    static let shipPause: Duration = .milliseconds(5)
    /// Silence after which a snapshot that comes in is given up.
    static let snapshotSilence: Duration = .seconds(10)
    /// Salvaged commands that are on their way to the primary.
    static let replaysMax = 32
    /// How long one may be on its way.
    static let replayWait: Duration = .seconds(5)
    /// Time between two lines of log about the same peer's contradictions.
    static let contradictionInterval: Duration = .seconds(30)
    /// Places of queues that are remembered until they are safe.
    static let releasesMax = 200_000
    /// Rows that a step of the scrub reads.
    static let scrubRows = 64
    /// Looks in a row at which compaction gives way to those who wait.
    static let compactionsPutOffMax = 4
}
