public import CRDT

/// All leaves of a partition in the order of their envoys, as a Merkle tree (RFC 9162, section 2.1): one root says what
/// each of a million envoys is to have, and a path of 20 hashes shows it to one of them.
///
/// A node whose other half is missing is handed up as it is. A change costs the hashes above what changed; the hashes
/// of the rest are kept.
public struct PolicyTree: Sendable {
    private var leaves: [PolicyLeaf]
    /// Hashes, the leaves' first, the root's last. No levels where there are no leaves.
    private var levels: [[Bytes32]]

    private static let nodeDomain = Array("bolt policy node v1".utf8)
    private static let emptyDomain = Array("bolt policy tree without leaves v1".utf8)
    private let empty: Bytes32

    /// A tree of leaves in any order. Of two leaves of one envoy the one given last counts. Takes as many hashes as
    /// there are leaves, and once more for the nodes.
    public init(_ leaves: [PolicyLeaf], by witness: some Witness) {
        self.leaves = PolicyTree.inOrder(leaves)
        empty = witness.hash(PolicyTree.emptyDomain)
        levels = []
        raise(self.leaves.map { $0.hash(by: witness) }, over: [], by: witness)
    }

    /// What stands for all leaves.
    public var root: Bytes32 { levels.last?.first ?? empty }
    /// How many leaves.
    public var count: Int { leaves.count }
    /// All leaves, by envoy.
    public var all: [PolicyLeaf] { leaves }

    /// The leaf of an envoy. Logarithmic.
    public func leaf(of envoy: PrincipalID) -> PolicyLeaf? { place(of: envoy).map { leaves[$0] } }

    /// The way from an envoy's leaf to the root. Logarithmic.
    public func path(of envoy: PrincipalID) -> PolicyPath? {
        guard let place = place(of: envoy) else { return nil }
        var siblings: [Bytes32] = []
        var at = place
        for level in levels.dropLast() {
            let other = at ^ 1
            if other < level.count { siblings.append(level[other]) }
            at >>= 1
        }
        return PolicyPath(index: UInt64(place), count: UInt64(leaves.count), siblings: siblings)
    }

    /// Takes other leaves in, in place of those of the same envoys or beside them, and leaves some envoys out. The
    /// result is the tree of all leaves made anew. Where no envoy comes or goes, a change of one leaf costs the hashes
    /// on its way to the root; otherwise also those of the nodes behind the first that came or went.
    public mutating func replace(_ changed: [PolicyLeaf], removing: [PrincipalID] = [], by witness: some Witness) {
        // Who is both changed and left out is left out.
        let gone = Set(removing)
        let changed = PolicyTree.inOrder(changed.filter { !gone.contains($0.envoy) })
        let places = changed.map { place(of: $0.envoy) }
        let leaving = removing.sorted().filter { place(of: $0) != nil }
        guard leaving.isEmpty, places.allSatisfy({ $0 != nil }) else {
            return rebuild(changed, removing: leaving, by: witness)
        }
        var dirty: [Int] = []
        for (leaf, place) in zip(changed, places) {
            guard let place, leaves[place] != leaf else { continue }
            leaves[place] = leaf
            levels[0][place] = leaf.hash(by: witness)
            dirty.append(place)
        }
        for height in levels.indices.dropFirst() {
            var above: [Int] = []
            for place in dirty where above.last != place >> 1 { above.append(place >> 1) }
            for place in above { levels[height][place] = combine(levels[height - 1], place, by: witness) }
            dirty = above
        }
    }

    /// The same as `replace(_:removing:by:)` on a copy.
    public func replacing(
        _ changed: [PolicyLeaf], removing: [PrincipalID] = [], by witness: some Witness
    ) -> PolicyTree {
        var copy = self
        copy.replace(changed, removing: removing, by: witness)
        return copy
    }

    /// The hash of two halves: of a domain that no leaf has, then both.
    static func node(_ left: Bytes32, _ right: Bytes32, by witness: some Witness) -> Bytes32 {
        var encoder = CanonicalEncoder(capacity: 96)
        encoder.raw(nodeDomain)
        encoder.fixed(left)
        encoder.fixed(right)
        return witness.hash(encoder.bytes)
    }

    // MARK: - Inside

    private static func inOrder(_ leaves: [PolicyLeaf]) -> [PolicyLeaf] {
        let numbered = leaves.enumerated().sorted { left, right in
            (left.element.envoy, left.offset) < (right.element.envoy, right.offset)
        }
        var result: [PolicyLeaf] = []
        result.reserveCapacity(numbered.count)
        for (_, leaf) in numbered {
            if result.last?.envoy == leaf.envoy { result.removeLast() }
            result.append(leaf)
        }
        return result
    }

    private func place(of envoy: PrincipalID) -> Int? {
        var (low, high) = (0, leaves.count)
        while low < high {
            let middle = (low + high) / 2
            if leaves[middle].envoy < envoy { low = middle + 1 } else { high = middle }
        }
        return low < leaves.count && leaves[low].envoy == envoy ? low : nil
    }

    private func combine(_ level: [Bytes32], _ place: Int, by witness: some Witness) -> Bytes32 {
        let (left, right) = (2 * place, 2 * place + 1)
        return right < level.count ? PolicyTree.node(level[left], level[right], by: witness) : level[left]
    }

    /// Merges changes into the leaves; hashes of leaves that stay are kept.
    private mutating func rebuild(_ changed: [PolicyLeaf], removing: [PrincipalID], by witness: some Witness) {
        var merged: [PolicyLeaf] = []
        var hashes: [Bytes32] = []
        merged.reserveCapacity(leaves.count + changed.count)
        hashes.reserveCapacity(leaves.count + changed.count)
        var (old, new, gone) = (0, 0, 0)
        while old < leaves.count || new < changed.count {
            let isNew = new < changed.count && (old == leaves.count || changed[new].envoy <= leaves[old].envoy)
            let envoy = isNew ? changed[new].envoy : leaves[old].envoy
            let isKnown = old < leaves.count && leaves[old].envoy == envoy
            while gone < removing.count, removing[gone] < envoy { gone += 1 }
            if gone == removing.count || removing[gone] != envoy {
                let isSame = isKnown && (!isNew || changed[new] == leaves[old])
                merged.append(isNew ? changed[new] : leaves[old])
                hashes.append(isSame ? levels[0][old] : changed[new].hash(by: witness))
            }
            if isNew { new += 1 }
            if isKnown { old += 1 }
        }
        leaves = merged
        raise(hashes, over: levels, by: witness)
    }

    /// Builds the levels over the leaves' hashes. A node whose halves are where they were, and what they were, is what
    /// it was.
    private mutating func raise(_ hashes: [Bytes32], over before: [[Bytes32]], by witness: some Witness) {
        levels = hashes.isEmpty ? [] : [hashes]
        while let below = levels.last, below.count > 1 {
            let height = levels.count
            let hasOld = height < before.count
            let oldBelow = hasOld ? before[height - 1] : []
            var level: [Bytes32] = []
            level.reserveCapacity((below.count + 1) / 2)
            for place in 0..<(below.count + 1) / 2 {
                let (left, right) = (2 * place, 2 * place + 1)
                let isKept =
                    hasOld && right < below.count && right < oldBelow.count && below[left] == oldBelow[left]
                    && below[right] == oldBelow[right]
                level.append(isKept ? before[height][place] : combine(below, place, by: witness))
            }
            levels.append(level)
        }
    }
}
