public import CRDT

extension HandoffSource {
    /// What happens to the source's side.
    public enum Event: Sendable {
        /// The first event of each life.
        case start
        /// A record of this handoff is durable here, at this place.
        case journaled(HandoffSourceRecord, at: LogPoint)
        /// A record was not journaled, and will not be; it may be proposed again.
        case refused(HandoffSourceRecord)
        /// All of our journal up to here is safe.
        case safe(through: UInt64)
        /// From the target.
        case received(HandoffReply)
        /// A piece that was asked for.
        case read(HandoffPiece)
        /// The records between did nothing to the slice.
        case skipped(after: LogPoint, through: LogPoint)
        /// The journal does not go back as far as that; a snapshot is needed.
        case tailGone(after: LogPoint)
        /// The first of the places asked for that is in our journal; nil: none is.
        case located(LogPoint?)
        /// The digest of the slice's rows at this place.
        case digested(at: LogPoint, Bytes32)
        /// A timer.
        case timerFired(HandoffTimer)
        /// An operator, or the task, wants the slice to stay. Before the hand-on only.
        case cancel(reason: String)
        /// An operator holds the handoff, or lets it go on.
        case pause(Bool)
        /// Streams on and does not seal, until told.
        case holdSeal(Bool)
        /// Whether it may seal, as far as other handoffs of the partition go: of those that are ready some at a time.
        /// A seal that stands does not end by this.
        case turn(Bool)
        /// Another register of the slice than the order's is in force.
        case registerMoved(SliceRegister)
        /// Our hand-on counts, and whoever had the slice by it handed it on himself: he served it, *safe*.
        case passedOn
        /// Our hand-on counts, and an operator took the slice over after it: our copy may be the last.
        case overtaken
        /// Our copy of the slice is gone.
        case collected
    }

    /// What the shell does for the source's side.
    public enum Effect: Hashable, Sendable {
        /// Journal this. Answered by `journaled` or `refused`.
        case journal(HandoffSourceRecord)
        /// Send this to the target's primary.
        case send(HandoffMessage)
        /// Read a snapshot's piece: of this snapshot, or where that is gone or nil, the first of a new one. A snapshot
        /// shows the tables at one place of the journal: `at`, which is a seal, or the present one. Answered by `read`.
        case readSnapshot(of: LogPoint?, piece: UInt32, at: LogPoint?)
        /// Read what the records after that place did to the slice, up to this position at most. Answered by `read`,
        /// `skipped` or `tailGone`.
        case readTail(after: LogPoint, upTo: UInt64)
        /// Which of these places is in our journal, and safe? The first that is. Answered by `located`.
        case locate([LogPoint])
        /// Digest of the slice's rows at this place. Answered by `digested`.
        case digest(at: LogPoint)
        /// Put the hand-on into the register, and tell everybody. It is safe.
        case publish(SignedTransition)
        /// Remove our copy. Answered by `collected`.
        case collect
        /// Wake me after this time.
        case setTimer(HandoffTimer, after: Duration)
        /// The slice is handed on already; the way back is a handoff from the target.
        case tooLateToCancel
        /// It is over; the machine still answers a target that asks, and may be dropped and rebuilt at any time.
        case ended(HandoffSourceState.Phase)
    }
}
