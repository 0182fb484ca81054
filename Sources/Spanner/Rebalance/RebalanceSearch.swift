/// Compares a plan with all smaller ones, where slices are few. Every step is counted: it ends whatever the input.
struct RebalanceSearch {
    /// What came of a search.
    enum Outcome {
        /// The best board with so few moves, by violation, then by what moves.
        case found(RebalanceBoard)
        /// There is none.
        case none
        /// The steps ran out first.
        case exhausted
    }

    private let goal: (violation: Int64, unplaced: Int)
    /// Slices that can move: those that have to first, then the heaviest; equal ones stand together.
    private let order: [Int]
    private var board: RebalanceBoard
    /// Steps that are left.
    private var budget: Int
    private var best: (board: RebalanceBoard, violation: Int64, moved: Int64)?

    /// A search from where the slices are now, for results at least as good as `goal`.
    init(_ rules: RebalanceRules, goal: (violation: Int64, unplaced: Int), budget: Int) {
        (self.goal, self.budget) = (goal, budget)
        board = RebalanceBoard(rules)
        func rank(_ slice: Int) -> (Int, Int64, Int, Int, Int) {
            (rules.mustLeave[slice] ? 0 : 1, -rules.load[slice], rules.group[slice], rules.origin[slice], slice)
        }
        order = rules.slices.indices.filter { rules.isMovable[$0] }.sorted { rank($0) < rank($1) }
    }

    /// The best result with at most that many moves; `budget` is what is left of it afterwards.
    mutating func search(moves: Int, budget left: inout Int) -> Outcome {
        best = nil
        visit(0, moves, goal.unplaced, moved: 0)
        left = max(0, budget)
        if let best { return .found(best.board) }
        return budget < 0 ? .exhausted : .none
    }

    /// Decides one slice after the other: it stays, or goes to one of those that may take it.
    private mutating func visit(_ depth: Int, _ moves: Int, _ mayStay: Int, moved: Int64) {
        budget -= 1
        guard budget >= 0 else { return }
        let violation = board.totalViolation
        guard depth < order.count, moves > 0 else {
            let rest = order[min(depth, order.count)...].count { board.rules.mustLeave[$0] }
            guard violation <= goal.violation, rest <= mayStay else { return }
            if let best, (best.violation, best.moved) <= (violation, moved) { return }
            best = (board, violation, moved)
            return
        }
        let slice = order[depth]
        let weight = board.rules.load[slice]
        let origin = board.rules.origin[slice]
        // Each move takes off twice its load at most, and the loads of optional slices only fall from here.
        if !board.rules.mustLeave[slice], violation - goal.violation > Int64(2 * moves) * weight { return }
        // Of slices that are alike, one never goes to a lower place than the one before it; staying is the highest.
        let floor = depth > 0 && isAlike(order[depth - 1], slice) ? place(order[depth - 1]) : 0
        for site in max(0, floor)..<max(floor, board.rules.siteCount) where board.mayGo(slice, site) {
            board.put(slice, at: site)
            visit(depth + 1, moves - 1, mayStay, moved: moved + weight)
            board.put(slice, at: origin)
        }
        let stays = board.rules.mustLeave[slice] ? mayStay - 1 : mayStay
        if stays >= 0 { visit(depth + 1, moves, stays, moved: moved) }
    }

    /// Where a slice was put; the highest number where it stays.
    private func place(_ slice: Int) -> Int {
        board.home[slice] == board.rules.origin[slice] ? board.rules.siteCount : board.home[slice]
    }

    private func isAlike(_ left: Int, _ right: Int) -> Bool {
        board.rules.load[left] == board.rules.load[right] && board.rules.group[left] == board.rules.group[right]
            && board.rules.origin[left] == board.rules.origin[right]
    }
}
