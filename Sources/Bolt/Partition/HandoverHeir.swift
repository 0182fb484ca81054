internal import CRDT
internal import Spanner

/// Who takes a primary's part over. The machine knows who is in sync and linked; that somebody is sealed only its
/// standing tells, so a target is chosen here, before anything is stopped for it.
struct HandoverHeir {
    /// Why nobody takes over.
    enum Refusal: Equatable {
        /// These are in sync, or are the one that is wanted, and are sealed.
        case sealed([ReplicaID])
        /// Nobody is in sync, or the one that is wanted is not.
        case notInSync(ReplicaID?)
    }

    /// Standbys in sync with a link, the furthest first.
    private let able: [ReplicaID]
    private let sealed: Set<ReplicaID>
    /// Those that serve nobody: taken where an operator names one, never chosen.
    private let drained: Set<ReplicaID>

    /// Chosen by the primary's own standing and by what its siblings say of themselves.
    init(_ primary: PartitionStanding, siblings: [PartitionStanding]) {
        let following = primary.members.filter { $0.disk != primary.disk && $0.isInSync && $0.isLinked }
        able = following.sorted { left, right in
            let (one, other) = (left.acknowledged ?? 0, right.acknowledged ?? 0)
            return one == other ? left.disk < right.disk : one > other
        }.map(\.disk)
        sealed = Set(siblings.filter(\.isSealed).map(\.disk))
        drained = Set(siblings.filter(\.isDrained).map(\.disk))
    }

    /// The disk that takes over: the one that is wanted, else the furthest that can.
    func disk(_ wanted: ReplicaID? = nil) -> Result<ReplicaID, Refusal> {
        if let wanted, sealed.contains(wanted) { return .failure(.sealed([wanted])) }
        let candidates = able.filter { wanted == nil ? !drained.contains($0) : $0 == wanted }
        guard !candidates.isEmpty else { return .failure(.notInSync(wanted)) }
        if let heir = candidates.first(where: { !sealed.contains($0) }) { return .success(heir) }
        return .failure(.sealed(candidates))
    }
}

extension HandoverHeir.Refusal: Error {}
