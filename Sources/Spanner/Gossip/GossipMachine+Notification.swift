public import CRDT

extension GossipMachine {
    /// What the machine has to tell: the shell makes log lines, metrics and wake-ups of it.
    public enum Notification: Hashable, Sendable {
        /// These runs are durable and in force. Whoever derives state from the roster looks again.
        case applied([AppliedRun])
        /// An admitted bolt's status changed, as seen from here.
        case peerStatus(PrincipalID, PeerStatus)
        /// The machine speaks with this peer on this link. `member`: it is admitted; otherwise it is only listened to.
        case peerReady(LinkID, PeerIdentity, member: Bool)
        /// A run of this peer was not taken; what else it sent was.
        case quarantined(Dot, RejectReason, from: PeerIdentity)
        /// A peer does not take a run of this bolt's history or of what it carries.
        case refusedByPeer(Dot, RejectReason, by: PeerIdentity)
        /// A replica wrote two histories: it is frozen where they part.
        case forked(ReplicaID, at: UInt64)
        /// A peer's vector is equal and its digest is not: one of the replicas told two stories.
        case diverged(from: PeerIdentity)
        /// A peer holds signed events of this bolt's own replica that are not held here: the disk forgot them.
        case ownHistoryLost(ReplicaID, held: UInt64, seen: UInt64)
        /// Own events may be written: a peer's context was seen, or none could be had in time.
        case authoringOpened(afterExchange: Bool)
        /// The disk did not take a batch; what it held is asked for again.
        case persistFailed(BatchID, runs: Int)
        /// This bolt is removed or banned.
        case selfExpelled(banned: Bool)
        /// Everything that waits is at its limit: this many runs were dropped, to be asked for again.
        case overloaded(droppedRuns: Int)
    }

    /// One run that came to be in force.
    public struct AppliedRun: Hashable, Sendable {
        /// Whose history.
        public var replica: ReplicaID
        /// Its first counter.
        public var first: UInt64
        /// Its last counter.
        public var last: UInt64
        /// Whether it was written here.
        public var own: Bool
    }
}
