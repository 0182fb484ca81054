import CRDT

extension SliceRegisterSet {
    /// What a delta brought.
    public struct Absorption: Hashable, Sendable {
        /// What was new, to be stored and sent on; empty where nothing was.
        public var news = SliceDelta([])
        /// Slices whose owner may have changed, ascending.
        public var slices: [SliceID] = []
        /// Transitions that no key signed that may: nothing of them is kept.
        public var forged = 0
        /// Transitions of slices at their limit: not kept.
        public var refused = 0
    }

    /// Verifies what a peer sent and joins what is authentic. Whether a transition is accepted depends on it and its
    /// certificates alone, never on what else has arrived; one whose base is unknown is kept and waits for it.
    public mutating func absorb(
        _ delta: SliceDelta, mesh: MeshID, witness: some SliceWitness
    ) -> Absorption {
        var result = Absorption()
        var news: [SignedTransition] = []
        var touched: Set<SliceID> = []
        for signed in delta.transitions {
            let slice = signed.transition.slice
            let hash = signed.transition.hash(by: witness)
            // The very proof that is here was verified when it came.
            if entries[slice]?[hash] == signed { continue }
            guard signed.isAuthentic(in: mesh, witness: witness) else {
                result.forged += 1
                continue
            }
            switch insert(signed, hash: hash, of: slice) {
            case .new:
                news.append(signed)
                touched.insert(slice)
            case .known: break
            case .full: result.refused += 1
            }
        }
        result.news = SliceDelta(news)
        result.slices = touched.sorted()
        return result
    }
}
