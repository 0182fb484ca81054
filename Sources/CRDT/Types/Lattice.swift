/// A state that only ever grows: any two have a least upper bound, and merging is finding it.
///
/// `merge` is commutative, associative and idempotent, so deltas may arrive in any order, twice, or as part of a whole
/// state. Delta mutators of the types here return a value of the same type that holds the change alone; joining it
/// gives what joining the whole state would give. See Almeida et al., *Delta state replicated data types*
/// (arXiv 1603.01529).
public protocol Lattice: Equatable, Sendable {
    /// Becomes the least upper bound of itself and `other`.
    mutating func merge(_ other: Self)

    /// Whether merging `other` would change nothing.
    func includes(_ other: Self) -> Bool
}

extension Lattice {
    /// The least upper bound of both, leaving both as they are.
    public func merged(with other: Self) -> Self {
        var result = self
        result.merge(other)
        return result
    }

    /// Whether merging `other` would change nothing. Costs a copy and a merge.
    public func includes(_ other: Self) -> Bool { merged(with: other) == self }
}

extension VersionVector: Lattice {}
