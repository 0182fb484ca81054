/// The state that a plan is searched on: slices and partitions by number, loads in thousandths.
///
/// Slices and partitions are numbered in the order of their ids, so that every choice between equals falls the same way
/// whatever the order of the input. A slice's *origin* is its owner; its *home* is where the plan puts it.
struct RebalanceBoard {
    /// Thousandths in a load of one: an envoy, or an empty slice.
    static let unit: Int64 = 1000

    let rules: RebalanceRules
    /// Per slice: where the plan puts it; -1 where its owner is unknown.
    private(set) var home: [Int]
    /// Per partition: what it has.
    private(set) var load: [Int64]
    /// Per partition: what came to it from others. What leaves it makes room only once it has left, so any order of
    /// the moves keeps within its capacity.
    private(set) var inbound: [Int64]
    /// Per partition and group: the slices there that may move, lightest first.
    private(set) var buckets: [[Int]]

    init(_ rules: RebalanceRules) {
        self.rules = rules
        home = rules.origin
        load = rules.baseLoad
        inbound = Array(repeating: 0, count: rules.siteCount)
        buckets = Array(repeating: [], count: rules.siteCount * rules.groupCount)
        for slice in rules.lightestFirst where rules.isMovable[slice] {
            buckets[rules.origin[slice] * rules.groupCount + rules.group[slice]].append(slice)
        }
    }

    /// Slices of a group at a partition that may move, lightest first.
    func bucket(_ site: Int, _ group: Int) -> [Int] { buckets[site * rules.groupCount + group] }

    /// How far a partition with that load is out of tolerance.
    func violation(_ site: Int, at load: Int64) -> Int64 {
        load > rules.high[site] ? load - rules.high[site] : max(0, rules.low[site] - load)
    }

    /// How far a partition is out of tolerance.
    func violation(_ site: Int) -> Int64 { violation(site, at: load[site]) }

    /// How far all partitions together are out of tolerance.
    var totalViolation: Int64 { rules.sites.indices.reduce(0) { $0 + violation($1) } }

    /// Slices that have to leave their owner, could, and are there still.
    var unplaced: Int {
        home.indices.count { rules.mustLeave[$0] && rules.isMovable[$0] && home[$0] == rules.origin[$0] }
    }

    /// How many slices are away from their owners.
    var moveCount: Int { home.indices.count { home[$0] != rules.origin[$0] } }

    /// Whether the slice may be put there now. Back to its owner it may always go, unless it has to leave.
    func mayGo(_ slice: Int, _ site: Int) -> Bool {
        guard home[slice] != site else { return false }
        if site == rules.origin[slice] { return !rules.mustLeave[slice] }
        return rules.mayTake(slice, site)
            && rules.capacity[site] - rules.baseLoad[site] - inbound[site] >= rules.load[slice]
    }

    /// Puts a slice elsewhere.
    mutating func put(_ slice: Int, at site: Int) {
        let (from, weight, group, origin) = (home[slice], rules.load[slice], rules.group[slice], rules.origin[slice])
        guard from != site else { return }
        home[slice] = site
        load[from] -= weight
        load[site] += weight
        if from != origin { inbound[from] -= weight }
        if site != origin { inbound[site] += weight }
        let (old, new) = (from * rules.groupCount + group, site * rules.groupCount + group)
        buckets[old].remove(at: firstIndex(in: buckets[old], notBefore: slice))
        buckets[new].insert(slice, at: firstIndex(in: buckets[new], notBefore: slice))
    }

    /// The first place in a bucket that stands at or behind a slice's own.
    private func firstIndex(in bucket: [Int], notBefore slice: Int) -> Int {
        let weight = rules.load[slice]
        return Self.partition(bucket) { rules.load[$0] > weight || (rules.load[$0] == weight && $0 >= slice) }
    }

    /// The first index whose slice passes, of slices of which those that pass stand behind the others.
    static func partition(_ slices: [Int], _ passes: (Int) -> Bool) -> Int {
        var (low, high) = (0, slices.count)
        while low < high {
            let middle = (low + high) / 2
            if passes(slices[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
