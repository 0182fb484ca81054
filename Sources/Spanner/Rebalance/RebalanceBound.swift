/// How many moves a result needs at least, whoever plans it.
///
/// Each move leaves one partition and comes to one. So the moves are at least as many as the slices that have to leave,
/// counted over all partitions, and at least as many as those that have to come; each counted as if the heaviest ones
/// did it.
struct RebalanceBound {
    let needs: [RebalancePlan.Least.Need]
    let moves: Int

    /// The bound for results whose partitions are together out of tolerance by no more than `violation`, with no more
    /// than `unplaced` slices left at an owner that they have to leave.
    init(_ rules: RebalanceRules, violation: Int64, unplaced: Int) {
        let sides = rules.sites.indices.map { Side(rules, $0) }
        // What no plan can mend is no slack for those that can be mended.
        let hopeless = sides.reduce(Int64(0)) { $0 + $1.hopeless }
        var (leaving, coming): ([RebalancePlan.Least.Need], [RebalancePlan.Least.Need]) = ([], [])
        for (site, side) in sides.enumerated() {
            let slack = max(0, violation - hopeless) + side.hopeless
            let name = rules.sites[site].partition
            let over = max(0, side.rest - rules.high[site] - slack)
            let out = side.mandatory.count + Self.count(of: side.own, in: rules, reaching: over)
            if out > 0 {
                let load = Self.whole(side.mandatory.reduce(over) { $0 + rules.load[$1] })
                leaving.append(.init(partition: name, leaves: true, load: load, slices: out))
            }
            // What has to leave counts against it here: without it a partition lacks the more.
            let under = max(0, rules.low[site] - side.rest - slack)
            let come = Self.count(of: side.others, in: rules, reaching: under)
            if come > 0 {
                coming.append(.init(partition: name, leaves: false, load: Self.whole(under), slices: come))
            }
        }
        let out = leaving.reduce(0) { $0 + $1.slices } - unplaced
        let come = coming.reduce(0) { $0 + $1.slices }
        needs = out >= come ? leaving : coming
        moves = max(0, out, come)
    }

    /// One partition: what has to leave it, what else could, and what could come; heaviest first.
    private struct Side {
        let mandatory: [Int]
        let own: [Int]
        let others: [Int]
        /// Its load once what has to leave is gone.
        let rest: Int64
        /// How far out of tolerance it stays, whatever is planned.
        let hopeless: Int64

        init(_ rules: RebalanceRules, _ site: Int) {
            var (mandatory, own, others) = ([Int](), [Int](), [Int]())
            var (leaving, optional, coming): (Int64, Int64, Int64) = (0, 0, 0)
            for slice in rules.lightestFirst.reversed() where rules.isMovable[slice] {
                if rules.origin[slice] != site {
                    guard rules.mayTake(slice, site) else { continue }
                    others.append(slice)
                    coming += rules.load[slice]
                } else if rules.mustLeave[slice] {
                    mandatory.append(slice)
                    leaving += rules.load[slice]
                } else {
                    own.append(slice)
                    optional += rules.load[slice]
                }
            }
            (self.mandatory, self.own, self.others) = (mandatory, own, others)
            rest = rules.baseLoad[site] - leaving
            hopeless = max(0, rest - optional - rules.high[site], rules.low[site] - rest - coming)
        }
    }

    private static func whole(_ load: Int64) -> UInt64 {
        UInt64((max(0, load) + RebalanceBoard.unit - 1) / RebalanceBoard.unit)
    }

    /// How many of the slices, taken in order, reach a load.
    private static func count(of slices: [Int], in rules: RebalanceRules, reaching sum: Int64) -> Int {
        var (left, count) = (sum, 0)
        for slice in slices where left > 0 {
            left -= rules.load[slice]
            count += 1
        }
        return count
    }
}
