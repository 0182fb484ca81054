internal import CRDT

/// A run that was found valid: only `Roster.check` makes one, so what reaches `Roster.apply` or the store was verified.
public struct CheckedRun: Sendable {
    /// The run as it is to be stored: without events that were held already.
    public let run: SignedRun
    /// Its events in counter order; never empty.
    public let events: [RosterEvent]
    /// What it follows.
    public let base: ChainHead
    /// Where the replica's history stands after it: the base for checking the next run of this replica.
    public let head: ChainHead
    /// The verified acts among its events, by place in `events`.
    let acts: [Int: VerifiedAct]
}

/// An act whose signature and signer were verified.
struct VerifiedAct: Hashable, Sendable {
    /// Hash over the signer's key and the content: one act, whoever carries it.
    let id: Bytes32
    let act: OperatorAct
    let signer: Author
}

/// Why a run was not taken. The roster is unchanged.
public enum RunRejection: Error, Hashable, Sendable {
    /// All of it is held. Nothing to do.
    case duplicate
    /// It begins after an event that is not held: ask for what follows `after`.
    case gap(after: UInt64)
    /// Another history is held. Where exactly they part shows when both are read: then there is a `ForkProof`.
    case forked(ForkEvidence)
    /// Its replica is frozen where it forked, and this goes on after that.
    case beyondFork(ForkProof)
    /// It is not valid, whatever else may arrive: the peer is told `reason`. `counter` is the first event concerned,
    /// `detail` says what was wrong, in words for a log.
    case refused(RejectReason, counter: UInt64, detail: String)

    /// What the peer is told; nil where the peer did nothing wrong.
    public var reason: RejectReason? {
        switch self {
        case .duplicate, .gap: nil
        case .forked, .beyondFork: .forked
        case .refused(let reason, counter: _, detail: _): reason
        }
    }
}

/// How far a run is to be trusted.
public enum RunTrust: Sendable {
    /// From a peer or from a caller: everything is verified.
    case received
    /// From this bolt's own disk, where only verified runs are written: signatures are not verified again, the chain
    /// is. Check the last run of each replica as `received`: its signature vouches for the whole history.
    case stored
}
