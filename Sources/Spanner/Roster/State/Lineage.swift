internal import CRDT

/// Which keys belong together, and what was decided about them.
///
/// Two keys are of one lineage where one ever signed the other on, or where one certificate or admission names both
/// (a TLS key and a signing key): undirected, over everything ever held. Lineages only grow together.
struct Lineage: Sendable {
    struct Group: Sendable {
        var members: [Bytes32]
        /// Acts that ban one of the members.
        var bans: [Int] = []
        /// Acts that remove a bolt or an operator with one of these keys.
        var removals: [Removal] = []
        /// Whether it has a key of a bolt or operator: then histories or acts hang on it.
        var isPrivileged = false

        var cutsSomething: Bool { isPrivileged && !(bans.isEmpty && removals.isEmpty) }
    }

    /// A removal of a bolt counts where the act is in force; one of an operator always counts.
    struct Removal: Hashable, Sendable {
        let act: Int
        let always: Bool
    }

    private var nodes: [Bytes32: Int] = [:]
    private var parents: [Int] = []
    private var groups: [Int: Group] = [:]

    /// The lineage of `key`; nil for one that stands alone with nothing decided about it.
    func group(of key: Bytes32) -> Group? { nodes[key].flatMap { groups[root($0)] } }

    /// Whether both keys are of one lineage.
    func areRelated(_ left: Bytes32, _ right: Bytes32) -> Bool {
        if left == right { return true }
        guard let left = nodes[left], let right = nodes[right] else { return false }
        return root(left) == root(right)
    }

    /// All keys of `key`'s lineage, itself included.
    func members(with key: Bytes32) -> [Bytes32] { group(of: key)?.members ?? [key] }

    func isBanned(_ key: Bytes32) -> Bool { group(of: key)?.bans.isEmpty == false }

    /// Joins two lineages. True where cuts may follow from it.
    mutating func link(_ left: Bytes32, _ right: Bytes32, isPrivileged: Bool) -> Bool {
        let (one, two) = (intern(left), intern(right))
        let (first, second) = (root(one), root(two))
        var merged = first
        if first != second, let one = groups[first], let two = groups[second] {
            let (kept, gone) = one.members.count >= two.members.count ? (first, second) : (second, first)
            var (group, other) = kept == first ? (one, two) : (two, one)
            group.members += other.members
            group.bans += other.bans
            group.removals += other.removals
            group.isPrivileged = group.isPrivileged || other.isPrivileged
            other.members = []
            parents[gone] = kept
            groups[gone] = nil
            groups[kept] = group
            merged = kept
        }
        if isPrivileged { groups[merged]?.isPrivileged = true }
        return groups[merged]?.cutsSomething ?? false
    }

    /// Notes a ban. True where cuts may follow from it.
    mutating func ban(_ key: Bytes32, act: Int) -> Bool {
        let node = intern(key)
        let place = root(node)
        groups[place]?.bans.append(act)
        return groups[place]?.cutsSomething ?? false
    }

    mutating func remove(_ key: Bytes32, _ removal: Removal) {
        let node = intern(key)
        groups[root(node)]?.removals.append(removal)
    }

    private mutating func intern(_ key: Bytes32) -> Int {
        if let known = nodes[key] { return known }
        let place = parents.count
        nodes[key] = place
        parents.append(place)
        groups[place] = Group(members: [key])
        return place
    }

    /// Smaller lineages are hung below larger ones, so that the way up is logarithmic without being shortened.
    private func root(_ node: Int) -> Int {
        var place = node
        while parents[place] != place { place = parents[place] }
        return place
    }
}
