public import CRDT

/// All signed transitions that a bolt knows: a grow-only set, so that any two join, in any order, to the same.
///
/// Content-addressed and without dots: a transition is what its hash says, whoever sent it. Of two proofs of one
/// transition the lower is kept. Nothing in here was not verified when it came in, so joining verifies nothing.
/// Below `SliceLimits.transitionsPerSliceMax` transitions of a slice the laws of a lattice hold; at that rail further
/// ones are refused and counted.
public struct SliceRegisterSet: Lattice {
    /// By slice, then by hash. Nothing observable depends on the order of the dictionaries.
    var entries: [SliceID: [Bytes32: SignedTransition]] = [:]
    /// Transitions in all.
    public private(set) var count = 0

    /// An empty set: every slice belongs to its first owner.
    public init() {}

    /// Equal exactly if both hold the same transitions with the same proofs.
    public static func == (left: SliceRegisterSet, right: SliceRegisterSet) -> Bool { left.entries == right.entries }

    /// Union; for one transition the lower proof.
    public mutating func merge(_ other: SliceRegisterSet) {
        for (slice, transitions) in other.entries {
            // In order, so that at the limit, too, equal sets take in the same.
            for (hash, signed) in transitions.sorted(by: { $0.key < $1.key }) {
                insert(signed, hash: hash, of: slice)
            }
        }
    }

    /// What became of one transition.
    enum Insertion { case new, known, full }

    @discardableResult
    mutating func insert(_ signed: SignedTransition, hash: Bytes32, of slice: SliceID) -> Insertion {
        let known = entries[slice]
        if let present = known?[hash] {
            guard signed.precedes(present) else { return .known }
            entries[slice]?[hash] = signed
            return .new
        }
        guard (known?.count ?? 0) < SliceLimits.transitionsPerSliceMax else { return .full }
        entries[slice, default: [:]][hash] = signed
        count += 1
        return .new
    }

    /// All transitions, by slice, then by hash.
    public var transitions: [SignedTransition] { slices.flatMap { ordered($0) } }

    /// The transitions of this set that satisfy a condition. They were verified when they came in here.
    public func filter(_ isKept: (SignedTransition) -> Bool) -> SliceRegisterSet {
        var kept = SliceRegisterSet()
        for slice in slices {
            for (hash, signed) in (entries[slice] ?? [:]).sorted(by: { $0.key < $1.key }) where isKept(signed) {
                kept.insert(signed, hash: hash, of: slice)
            }
        }
        return kept
    }

    /// The slices that have a transition, ascending.
    public var slices: [SliceID] { entries.keys.sorted() }

    /// The transition that began a register; nil where it is not known.
    public func transition(_ hash: Bytes32, of slice: SliceID) -> SignedTransition? { entries[slice]?[hash] }

    /// The hashes of a slice's transitions, ascending.
    public func hashes(of slice: SliceID) -> [Bytes32] { (entries[slice] ?? [:]).keys.sorted() }

    /// Everything, in pieces that fit into one message each: what is stored, and what a stranger is sent.
    public func deltas() -> [SliceDelta] { SliceDelta.pieces(of: transitions) }

    /// What a peer lacks of these slices, if `known` is what it has of them.
    public func deltas(of wanted: some Sequence<SliceID>, lacking known: Set<Bytes32>) -> [SliceDelta] {
        let missing = Set(wanted).sorted()
            .flatMap { slice in
                (entries[slice] ?? [:]).sorted { $0.key < $1.key }.filter { !known.contains($0.key) }.map(\.value)
            }
        return SliceDelta.pieces(of: missing)
    }

    /// Hash over the hashes of all transitions of one group: two bolts that agree in it agree in the group's owners.
    public func digest(of group: GroupID, by witness: some Witness) -> Bytes32 {
        var encoder = CanonicalEncoder()
        for slice in slices where slice.group == group {
            encoder.integer(UInt64(slice.index))
            encoder.list(hashes(of: slice)) { encoder, hash in encoder.fixed(hash) }
        }
        return witness.hash(encoder.bytes)
    }

    private func ordered(_ slice: SliceID) -> [SignedTransition] {
        (entries[slice] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }
}
