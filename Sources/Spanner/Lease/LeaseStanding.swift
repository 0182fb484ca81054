public import CRDT

/// What a bolt is to its partition, as far as the lease is concerned.
public enum LeaseRole: UInt8, Hashable, Sendable, CaseIterable {
    /// Sealed, fenced, not in sync, or no member: must not have the lease.
    case ineligible = 1
    /// A standby that may be promoted.
    case standby = 2
    /// Reigns: should have the lease, so that nobody else tries.
    case primary = 3
}

/// How a bolt stands with the lease. For status and for deciding when to try; no safety rests on it.
public enum LeaseStanding: Hashable, Sendable {
    /// Must not have it; watches.
    case idle(holder: ReplicaID?)
    /// Would take it if it became free.
    case candidate(holder: ReplicaID?)
    /// Has it, by the engine's word and by its own count of time.
    case holder(LeaseToken)
    /// A primary without it: another may try to be promoted. It reigns on until somebody is promised a newer epoch.
    case lost(to: ReplicaID?)
    /// The engine does not answer: nobody is promoted automatically, a primary reigns on. `held`: it had the lease when
    /// it was last told.
    case unavailable(held: Bool, why: String)
    /// The engine must not be campaigned at; the text says why and what to do.
    case refused(String)
}

/// Something about a lease to be told to people.
public enum LeaseNotification: Hashable, Sendable {
    /// The engine does not answer.
    case silent(String)
    /// It answers again.
    case answers
    /// Its history went back, or it is another one: it was restored or rebuilt. Standbys wait a whole lease.
    case wentBack(from: LeaseMark, to: LeaseMark)
    /// A grant ended before its time.
    case endedEarly(LeaseToken)
    /// A promotion did not come to be: the lease is given back, so that another may try.
    case givenBack(LeaseToken)
    /// It answered what was not asked.
    case contradiction(String)
}
