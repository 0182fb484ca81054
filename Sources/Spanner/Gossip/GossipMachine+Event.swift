public import CRDT

extension GossipMachine {
    /// What happened outside. Words of peers come as `received` only: they are another type, and never trusted.
    public enum Event: Sendable {
        /// The roster is rebuilt from disk and the shell runs. First event, once.
        case started
        /// Somebody wants these events to come to be, in this order, under one signature. Answered by
        /// `Effect.complete`, always and once. 1...`RosterLimits.runEventsMax` payloads; `open` is not among them.
        case command(CommandID, payloads: [RosterEvent.Payload], at: WallTime, level: AckLevel)
        /// Runs that came by file: the genesis of the mesh. Checked as a peer's are. Answered by `Effect.complete`.
        case imported(CommandID, [SignedRun])
        /// Answers `Effect.persist`: the batch is durable.
        case persisted(BatchID)
        /// Answers `Effect.persist`: nothing of the batch is durable, nor ever will be. A shell that does not know
        /// which must end the process instead (a failed fsync is never retried).
        case persistFailed(BatchID)
        /// Answers `Effect.load`: runs of the replica asked for, the first of which holds `after + 1`; empty where the
        /// disk could not serve it.
        case loaded(LoadID, [SignedRun])
        /// A mutually authenticated connection to a bolt stands. `dialed`: by this side.
        case linkUp(LinkID, PeerIdentity, dialed: Bool)
        /// The connection is gone, for whatever reason. Also the answer to `Effect.close`.
        case linkDown(LinkID)
        /// A peer said this. Anything of a link that is not up is ignored.
        case received(GossipMessage, on: LinkID)
        /// A peer sent bytes that are no message: the link is closed.
        case undecodable(LinkID)
        /// Answers `Effect.schedule`.
        case timerFired(TimerID)
        /// Answers `Effect.freeze`: the proof is durable, and this is the roster as a start would read it now.
        case frozen(Roster)
        /// Answers `Effect.freeze`: the proof is not durable. It is tried again in the next round.
        case freezeFailed
        /// Answers `Effect.takeNewIncarnation`: from now on this replica writes. Its incarnation is durable.
        case incarnationReady(ReplicaID)
    }

    /// What is to be done outside: in this order for each destination.
    public enum Effect: Hashable, Sendable {
        /// Write these runs in ONE transaction, in this order; answered by `persisted` or `persistFailed`. There is
        /// one batch on its way at any time.
        case persist(BatchID, [SignedRun])
        /// Read durable runs of a replica after a counter, at most that many bytes but at least one run; answered by
        /// `loaded`.
        case load(LoadID, replica: ReplicaID, after: UInt64, bytesMax: Int)
        /// Send this. Where the link is gone it is dropped.
        case send(GossipMessage, on: LinkID)
        /// Close the link once what was sent before is flushed, or at once where it is stuck; answered by `linkDown`.
        case close(LinkID, CloseReason)
        /// Fire this timer after this long on a monotonic clock; answered by `timerFired`.
        case schedule(TimerID, after: Duration)
        /// A command's one and only answer.
        case complete(CommandID, CommandOutcome)
        /// Make this proof durable, read the roster anew with it, and answer by `frozen` or `freezeFailed`. Nothing is
        /// persisted meanwhile.
        case freeze(ForkProof)
        /// Draw a new incarnation, make it durable beside and in the database; answered by `incarnationReady`.
        case takeNewIncarnation
        /// Something to be told to people, logged or counted.
        case notify(Notification)
    }
}

/// How durable a change is to be, or has become.
public enum AckLevel: Hashable, Sendable {
    /// On the disk of this bolt.
    case local
    /// On the disks of this many bolts, this one included; at least 2. It covers the replica's whole history up to
    /// the change.
    case spread(Int)
}

/// What became of a command.
public enum CommandOutcome: Hashable, Sendable {
    /// It is in the roster. `dots` are its events in order; `level` is what was reached, which may be less than was
    /// asked for where peers could not be reached in time: the spreading goes on by itself.
    case done(dots: [Dot], level: AckLevel)
    /// All runs of an import are in the roster, or were before.
    case imported
    /// It is not in the roster and never will be.
    case refused(CommandRefusal)
}

/// Why a command was refused. State is unchanged.
public enum CommandRefusal: Hashable, Sendable {
    /// Too many commands wait for the disk: try again after a moment.
    case overloaded
    /// A payload or the whole command is over a limit, or is an `open`: the caller's mistake.
    case invalid(String)
    /// This bolt is removed or banned: it writes no more.
    case notMember
    /// The disk did not take it.
    case storage
    /// An imported run does not verify.
    case badRun(Dot, RejectReason)
    /// An imported run does not follow what is held.
    case gap(ReplicaID, after: UInt64)
}

/// Why a link is closed.
public enum CloseReason: Hashable, Sendable {
    /// The peer's key is removed from the roster.
    case removed
    /// The peer's key is banned.
    case banned
    /// The peer said something before, or instead of, its opening words, or said them twice.
    case protocolViolation
    /// It speaks no wire version that is spoken here.
    case versionMismatch
    /// It belongs to another mesh.
    case wrongMesh
    /// Its replica or principal is not that of its certificate.
    case identityMismatch
    /// It is this bolt itself.
    case selfLink
    /// Another link to the same peer is kept.
    case superseded
    /// Nothing was heard for the freeze timeout.
    case frozen
    /// It sent more messages or bytes in a round than the limit.
    case flooding
    /// As many links stand as the limit allows.
    case tooManyLinks
    /// It sent bytes that are no message.
    case undecodable
}
