public import CRDT

/// The way from one leaf to the root of its tree.
public struct PolicyPath: Hashable, Sendable {
    /// Place of the leaf, from 0.
    public let index: UInt64
    /// How many leaves the tree has; more than `index`.
    public let count: UInt64
    /// Hashes of the other halves, from the leaf up: at most `PolicyLimits.pathMax`.
    public let siblings: [Bytes32]

    /// A path as it travels; `root(from:by:)` says what it leads to.
    public init(index: UInt64, count: UInt64, siblings: [Bytes32]) {
        (self.index, self.count, self.siblings) = (index, count, siblings)
    }

    /// The root that a leaf with this hash and this path belongs to; nil where no tree of so many leaves has such a
    /// path (RFC 9162, section 2.1.3.2). Work is bounded by `PolicyLimits.pathMax`.
    public func root(from leaf: Bytes32, by witness: some Witness) -> Bytes32? {
        guard index < count, siblings.count <= PolicyLimits.pathMax else { return nil }
        var (place, last) = (index, count - 1)
        var hash = leaf
        for sibling in siblings {
            guard last > 0 else { return nil }
            if place & 1 == 1 || place == last {
                hash = PolicyTree.node(sibling, hash, by: witness)
                // A node that has no other half is handed up as it is.
                while place & 1 == 0, place > 0 { (place, last) = (place >> 1, last >> 1) }
            } else {
                hash = PolicyTree.node(hash, sibling, by: witness)
            }
            (place, last) = (place >> 1, last >> 1)
        }
        return last == 0 ? hash : nil
    }
}

extension PolicyPath: CanonicalValue {
    /// Index, count, siblings.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.integer(index)
        encoder.integer(count)
        encoder.list(siblings) { encoder, sibling in encoder.fixed(sibling) }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        index = try decoder.integer()
        count = try decoder.integer()
        guard index < count else { throw .invalid(what: "place in a tree") }
        siblings = try decoder.list("siblings", limit: PolicyLimits.pathMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try decoder.fixed()
        }
    }
}
