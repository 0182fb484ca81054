public import CRDT

extension PartitionMachine {
    /// What happened outside. Words of peers come as `received` only: they are another type, and never trusted.
    public enum Event: Sendable {
        /// The database is open and recovered. First event, once.
        case started(PartitionDurable)
        /// Somebody wants these changes of the partition's tables: all of them in one record, in this order, or none;
        /// answered at this level. At most `PartitionLimits.recordCommandsMax`, within the bytes of one record.
        /// Answered by `Effect.complete`, always and once.
        case command(CommandID, [[UInt8]], level: PartitionAckLevel)
        /// Answers `Effect.persist`: all of it is durable.
        case persisted(BatchID)
        /// Answers `Effect.persist`: nothing of it is durable, nor ever will be.
        case persistFailed(BatchID, PersistFailure)
        /// Answers `Effect.load`: records from the position asked for; empty where it is no longer held.
        case loaded(LoadID, [JournalRecord])
        /// An authenticated link to a bolt of this partition stands.
        case linkUp(LinkID, ReplicaID)
        /// It is gone, for whatever reason.
        case linkDown(LinkID)
        /// A peer said this.
        case received(PartitionMessage, on: LinkID)
        /// Answers `Effect.schedule`.
        case timerFired(TimerID)
        /// An operator or a lease asks for something. Answered by `Effect.resolve`, once; its fate is in the journal.
        case operation(OperationID, PartitionOperation)
        /// What the roster, siblings or an archive know: the highest epoch seen, and members whose disks are cut off.
        case outside(PartitionHearsay)
        /// The vault was opened or closed: a sealed bolt is neither primary nor candidate.
        case sealed(Bool)
        /// The disk was full and has room again, or some was made: what waits is tried at once.
        case roomMade
        /// Answers `Effect.takeSnapshot`: it is built up to this point and can be read.
        case snapshotTaken(LinkID, LogPoint, bytes: UInt64, digest: Bytes32)
        /// Answers `Effect.installSnapshot`: the database is exchanged, whole, and holds this.
        case snapshotInstalled(PartitionDurable)
        /// Building or installing a snapshot failed; what was held before is still held.
        case snapshotFailed(LinkID)
    }

    /// What is to be done outside: in this order for each destination.
    public enum Effect: Hashable, Sendable {
        /// Write this in ONE transaction; answered by `persisted` or `persistFailed`. One is on its way at any time.
        case persist(BatchID, PartitionWrite)
        /// Read durable records from a position on, at most that many bytes but at least one; answered by `loaded`.
        case load(LoadID, from: UInt64, bytesMax: Int)
        /// Send this. Where the link is gone it is dropped.
        case send(PartitionMessage, on: LinkID)
        /// Close the link.
        case close(LinkID)
        /// Fire this timer after this long on a monotonic clock.
        case schedule(TimerID, after: Duration)
        /// A command's one and only answer.
        case complete(CommandID, PartitionOutcome)
        /// An operation's answer.
        case resolve(OperationID, PartitionResolution)
        /// Build a copy of the database for the peer on this link, while work goes on; answered by `snapshotTaken`,
        /// then the shell sends its bytes on the link by itself.
        case takeSnapshot(LinkID)
        /// The peer on this link sends a snapshot of this size and digest: build it aside, verify it, keep this disk's
        /// own promise, identity and salvage, exchange. Answered by `snapshotInstalled` or `snapshotFailed`.
        case installSnapshot(LinkID, LogPoint, bytes: UInt64, digest: Bytes32)
        /// The role changed: what may be served changes with it, before anything else is done.
        case role(PartitionRole)
        /// Something to be told to people, logged or counted.
        case notify(PartitionNotification)
    }
}

/// How durable a change of a partition is to be, or has become.
public enum PartitionAckLevel: UInt8, Comparable, Sendable, CaseIterable {
    /// On the primary's disk: may be lost with it, and may be answered on both sides of a network split.
    case local = 1
    /// On the disks of the primary and of every member in sync, at least one standby among them.
    case paired = 2

    /// Weaker before stronger.
    public static func < (left: PartitionAckLevel, right: PartitionAckLevel) -> Bool { left.rawValue < right.rawValue }
}

/// What became of a command.
public enum PartitionOutcome: Hashable, Sendable {
    /// It is in the journal at this point, at this level; everything up to `safe` is safe.
    case done(LogPoint, level: PartitionAckLevel, safe: UInt64)
    /// It is not in the journal and never will be.
    case refused(PartitionRefusal)
    /// It is durable here but its level was not reached before this bolt ceased to be primary: whether it survives
    /// shows in the journal of the next epoch. Ask there; a repeat must be harmless.
    case undecided(LogPoint)
}

/// Why a command was refused. State is unchanged.
public enum PartitionRefusal: Hashable, Sendable {
    /// Another bolt is primary, as far as is known.
    case notPrimary(ReplicaID?)
    /// A hand-over runs: ask again in a moment.
    case handingOver
    /// No standby is in sync, and the command must not be answered below `paired`.
    case notPaired
    /// Too many commands wait for the disk.
    case overloaded
    /// A change over `PartitionLimits.commandBytesMax`, more changes than one record holds, or none.
    case tooLarge
    /// The disk did not take it.
    case storage(PersistFailure)
}

/// Why a transaction did not come to be.
public enum PersistFailure: UInt8, Sendable, CaseIterable {
    /// No room: it may be tried again.
    case full = 1
    /// The fence in the database is not the one that was named: another life of this process, or another machine.
    case fenced = 2
    /// The records do not follow what is held.
    case mismatch = 3
}

/// What is asked of a partition.
public enum PartitionOperation: Hashable, Sendable {
    /// Begin the first epoch: refused where the journal holds one.
    case found(members: [ReplicaID])
    /// Become primary. `expect`: refuse unless the log to stand on ends there. `acceptingLoss`: go on without promises
    /// that are missing. `cause` is `promotion`, `failover` or `restore`.
    case promote(PartitionCause, expect: LogPoint?, acceptingLoss: Bool)
    /// Say what a promotion would stand on and lack; binds nobody and changes nothing.
    case check
    /// Hand over to a standby in sync; `to` nil: to the one that is furthest.
    case switchover(to: ReplicaID?)
    /// Take a disk out that still lives. It lasts: its bolt takes part again with an empty disk only.
    case remove(ReplicaID)
}

/// What became of an operation.
public enum PartitionResolution: Hashable, Sendable {
    /// Done: the epoch that reigns and its first record.
    case done(PartitionEpoch, LogPoint)
    /// What a promotion would stand on; `missing` are members whose promise cannot be had, `bound` says what may be
    /// lost.
    case report(LogPoint, missing: [ReplicaID], bound: String?)
    /// Not done, and never will be. Nothing changed.
    case refused(PartitionOperationRefusal)
    /// This bolt can't say: walk the journal of the present primary for the id.
    case ask(ReplicaID?)
}

/// Why an operation was refused. Nothing changed.
public enum PartitionOperationRefusal: Hashable, Sendable {
    /// A living link to a primary stands here or at a member that answered: `switchover` is for that (P10).
    case primaryLives(ReplicaID)
    /// This bolt is no member, or was cut off.
    case notMember
    /// This bolt is sealed.
    case sealed
    /// This disk is new and the others' promises are not all known yet.
    case forgetful(missing: [ReplicaID])
    /// Promises are missing; with data loss accepted it would go on. `bound` says what may be lost.
    case promisesMissing([ReplicaID], bound: String)
    /// The tail that was promised cannot be had from this member.
    case tailMissing(ReplicaID, bound: String)
    /// The log does not end where the operator expects.
    case unexpected(LogPoint)
    /// Somebody promised a higher epoch.
    case outbid(PartitionEpoch)
    /// Not a standby in sync.
    case notInSync(ReplicaID?)
    /// This bolt is not the primary; who is, as far as is known.
    case notPrimary(ReplicaID?)
    /// Another operation runs.
    case busy(OperationID)
    /// An epoch so far above what is held that nobody could have minted it.
    case absurdEpoch(UInt64)
    /// The disk did not take it.
    case storage(PersistFailure)
    /// The journal is not empty, or somebody holds one: there is nothing to found.
    case alreadyFounded
    /// The list of members is empty, too long, or lacks this disk.
    case badMembers
    /// The hand-over was cancelled: this disk did not take it in time.
    case notTaken(ReplicaID)
    /// What is left would be one disk, which would acknowledge alone while the other still lives: only a signed act
    /// takes it out. Or the primary alone would be in sync, and the removal could not become safe: another standby
    /// has to be in sync first.
    case lastStandby(ReplicaID)
}

/// What others say about this partition: never trusted for anything but caution.
public struct PartitionHearsay: Hashable, Sendable {
    /// Highest epoch number that was gossiped, archived or reported.
    public var epoch: UInt64
    /// Disks that a signed act cut off: they are no members any more.
    public var cut: [ReplicaID]
    /// Hearsay.
    public init(epoch: UInt64, cut: [ReplicaID]) { (self.epoch, self.cut) = (epoch, cut) }
}

/// What a bolt does for its partition, as it is; what it is meant to do is the topology's.
public enum PartitionRole: Hashable, Sendable {
    /// Nothing yet: before the first epoch is known.
    case waiting
    /// Holds a copy; `inSync` where the primary waits for it.
    case standby(primary: ReplicaID?, inSync: Bool)
    /// Asks for promises.
    case candidate(PartitionEpoch)
    /// Reigns.
    case primary(PartitionEpoch)
    /// Reigns still, but takes no more commands: a hand-over runs.
    case handingOver(PartitionEpoch, to: ReplicaID)
    /// Serves nothing: removed, cut off, or its log contradicts what was safe. The reason is for people.
    case fenced(String)
}

/// Something to be told.
public enum PartitionNotification: Hashable, Sendable {
    /// An epoch began, here or elsewhere.
    case epochBegan(PartitionEpoch, cause: PartitionCause)
    /// The in-sync set or the members changed.
    case configurationChanged(PartitionConfiguration)
    /// Records after the fork were dropped and kept as salvage.
    case truncated(from: UInt64, through: UInt64)
    /// A peer said something that cannot be: it was not obeyed.
    case contradiction(ReplicaID, String)
    /// All up to there is safe.
    case safe(UInt64)
}
