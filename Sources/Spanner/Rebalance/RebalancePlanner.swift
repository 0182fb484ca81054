/// Plans which slices should change their owner: pure, the same for the same input in any order.
///
/// Each partition's *share* is what its weight gives it of every group that it serves, counted as load: envoys, an
/// empty slice as one. A plan moves slices until every partition is within the tolerance of its share, and no more:
///
/// 1. Slices that their owner must not keep (a drain, weight 0, a group that it does not serve) go to whoever gains
///    most. What cannot go stays, and is named as a blocker.
/// 2. Then the move that takes most off the partitions' distances from tolerance is made, again and again: from who has
///    too many to who lacks some, if need be over others, or in exchange for a lighter slice.
/// 3. The number of moves is compared with what any plan would need. Where slices are few, all smaller plans are tried.
///
/// A plan never depends on how the board came to be what it is, so a second plan on its result is empty. The exception
/// is capacity: what leaves a partition makes room in it for a later plan only.
public struct RebalancePlanner: Sendable {
    /// A planner.
    public init() {}

    /// The plan for an input. Fails with `RebalanceError` where the input contradicts itself or is over a limit.
    ///
    /// Grows with slices × partitions; 4,096 slices of 1,000,000 envoys over 100 partitions take well under a second.
    public func plan(_ input: RebalanceInput) throws(RebalanceError) -> RebalancePlan {
        let rules = try RebalanceRules(input)
        let (board, isLeast) = Self.board(rules)
        let bound = RebalanceBound(rules, violation: board.totalViolation, unplaced: board.unplaced)
        return RebalancePlan(
            moves: Self.moves(board), blockers: RebalanceBlockers(board).found, loads: Self.loads(board),
            least: .init(
                bound: isLeast ? board.moveCount : min(bound.moves, board.moveCount),
                isProved: isLeast || bound.moves >= board.moveCount, needs: bound.needs))
    }

    /// Where the slices should be, and whether all smaller plans were compared.
    private static func board(_ rules: RebalanceRules) -> (RebalanceBoard, isLeast: Bool) {
        var board = RebalanceBoard(rules)
        board.placeMandatory()
        board.settle()
        guard rules.isMovable.count(where: { $0 }) <= RebalanceLimits.exactSlicesMax else { return (board, false) }
        var budget = RebalanceLimits.exactNodesMax
        if board.totalViolation > 0 {
            // Within tolerance at any price, if there is a way at all.
            var search = RebalanceSearch(rules, goal: (0, board.unplaced), budget: budget)
            if case .found(let better) = search.search(moves: rules.slices.count, budget: &budget) { board = better }
        }
        var isLeast = false
        for _ in 0..<RebalanceLimits.exactRoundsMax {
            (board, isLeast) = smaller(than: board, &budget)
            let before = board.totalViolation
            var settled = board
            settled.settle()
            guard settled.totalViolation < before else { break }
            (board, isLeast) = (settled, false)
        }
        return (board, isLeast)
    }

    /// The smallest board that is as good, and whether that is proved.
    private static func smaller(than board: RebalanceBoard, _ budget: inout Int) -> (RebalanceBoard, Bool) {
        let goal = (violation: board.totalViolation, unplaced: board.unplaced)
        let bound = RebalanceBound(board.rules, violation: goal.violation, unplaced: goal.unplaced)
        var moves = bound.moves
        while moves < board.moveCount {
            var search = RebalanceSearch(board.rules, goal: goal, budget: budget)
            switch search.search(moves: moves, budget: &budget) {
            case .found(let better): return (better, true)
            case .none: moves += 1
            case .exhausted: return (board, false)
            }
        }
        return (board, true)
    }

    // MARK: The result

    private static func moves(_ board: RebalanceBoard) -> [RebalancePlan.Move] {
        let rules = board.rules
        func rank(_ slice: Int) -> (Int, Int64, Int) { (rules.mustLeave[slice] ? 0 : 1, -rules.load[slice], slice) }
        let moved = rules.slices.indices.filter { board.home[$0] != rules.origin[$0] }.sorted { rank($0) < rank($1) }
        return moved.map { slice in
            let entry = rules.slices[slice]
            return RebalancePlan.Move(
                slice: entry.id, from: entry.owner, to: rules.sites[board.home[slice]].partition,
                envoys: entry.envoys, bytes: entry.bytes, why: why(slice, board))
        }
    }

    private static func why(_ slice: Int, _ board: RebalanceBoard) -> RebalancePlan.Why {
        let (rules, from, to) = (board.rules, board.rules.origin[slice], board.home[slice])
        let site = rules.sites[from]
        if rules.mustLeave[slice], site.isLeaving { return .leaving }
        if rules.mustLeave[slice] { return site.isDraining ? .drain : site.weight == 0 ? .weightless : .notServing }
        return .balance(
            surplus: whole(rules.baseLoad[from] - rules.share[from]),
            deficit: whole(rules.share[to] - rules.baseLoad[to]))
    }

    private static func loads(_ board: RebalanceBoard) -> [RebalancePlan.Load] {
        let rules = board.rules
        var (before, after) = (Array(repeating: 0, count: rules.siteCount), Array(repeating: 0, count: rules.siteCount))
        var envoys = Array(repeating: (before: UInt64(0), after: UInt64(0)), count: rules.siteCount)
        for slice in rules.slices.indices where rules.origin[slice] >= 0 {
            before[rules.origin[slice]] += 1
            after[board.home[slice]] += 1
            envoys[rules.origin[slice]].before += rules.slices[slice].envoys
            envoys[board.home[slice]].after += rules.slices[slice].envoys
        }
        return rules.sites.indices.map { site in
            RebalancePlan.Load(
                partition: rules.sites[site].partition, share: whole(rules.share[site]),
                before: whole(rules.baseLoad[site]), after: whole(board.load[site]),
                envoysBefore: envoys[site].before, envoysAfter: envoys[site].after, slicesBefore: before[site],
                slicesAfter: after[site], miss: miss(site, board))
        }
    }

    /// Rounded to the nearest.
    private static func whole(_ load: Int64) -> UInt64 {
        UInt64((max(0, load) + RebalanceBoard.unit / 2) / RebalanceBoard.unit)
    }

    private static func miss(_ site: Int, _ board: RebalanceBoard) -> RebalancePlan.Miss? {
        let rules = board.rules
        guard board.violation(site) > 0 else { return nil }
        let isOver = board.load[site] > rules.high[site]
        var (isPossible, lightest): (Bool, Int64?) = (false, nil)
        for slice in rules.slices.indices where rules.isMovable[slice] && (board.home[slice] == site) == isOver {
            let home = board.home[slice]
            if isOver {
                let takers = rules.sites.indices.filter { $0 != site && rules.mayTake(slice, $0) }
                isPossible = isPossible || !takers.isEmpty
                guard takers.contains(where: { board.load[$0] < rules.high[$0] }) else { continue }
            } else {
                guard rules.mayTake(slice, site) else { continue }
                isPossible = true
                guard board.load[home] > rules.low[home] else { continue }
            }
            lightest = min(lightest ?? .max, rules.load[slice])
        }
        if let lightest { return .tooCoarse(lightest: whole(lightest)) }
        return isOver ? (isPossible ? .nobodyHasRoom : .nothingLeaves) : isPossible ? .nobodyCanSpare : .nothingComes
    }
}
