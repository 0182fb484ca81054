internal import CRDT
internal import Spanner

/// Who takes a primary's part over. The machine knows who is in sync and linked; that somebody is sealed, or
/// that its disk is full, only its standing tells, so a target is chosen here, before anything is stopped for it.
struct HandoverHeir {
    /// Why nobody takes over.
    enum Refusal: Equatable {
        /// These are in sync, or are the one that is wanted, and are sealed.
        case sealed([ReplicaID])
        /// These are in sync, or are the one that is wanted, and their disks are full.
        case full([ReplicaID])
        /// Nobody is in sync, or the one that is wanted is not.
        case notInSync(ReplicaID?)
    }

    /// Standbys in sync with a link, the furthest first.
    private let able: [ReplicaID]
    private let sealed: Set<ReplicaID>
    /// Those that serve nobody: taken where an operator names one, never chosen.
    private let drained: Set<ReplicaID>
    private let full: Set<ReplicaID>

    /// Chosen by the primary's own standing and by what its siblings say of themselves.
    init(_ primary: PartitionStanding, siblings: [PartitionStanding]) {
        let following = primary.members.filter { $0.disk != primary.disk && $0.isInSync && $0.isLinked }
        able = following.sorted { left, right in
            let (one, other) = (left.acknowledged ?? 0, right.acknowledged ?? 0)
            return one == other ? left.disk < right.disk : one > other
        }.map(\.disk)
        sealed = Set(siblings.filter(\.isSealed).map(\.disk))
        drained = Set(siblings.filter(\.isDrained).map(\.disk))
        full = Set(siblings.filter(\.isFull).map(\.disk))
    }

    /// The disk that takes over: the one that is wanted, else the furthest that can.
    func disk(_ wanted: ReplicaID? = nil) -> Result<ReplicaID, Refusal> {
        if let wanted, sealed.contains(wanted) { return .failure(.sealed([wanted])) }
        if let wanted, full.contains(wanted) { return .failure(.full([wanted])) }
        let candidates = able.filter { wanted == nil ? !drained.contains($0) : $0 == wanted }
        guard !candidates.isEmpty else { return .failure(.notInSync(wanted)) }
        let open = candidates.filter { !sealed.contains($0) }
        if let heir = open.first(where: { !full.contains($0) }) { return .success(heir) }
        return .failure(open.isEmpty ? .sealed(candidates) : .full(open))
    }
}

extension HandoverHeir.Refusal: Error {}
