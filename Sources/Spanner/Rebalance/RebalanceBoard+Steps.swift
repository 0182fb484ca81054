/// The steps by which a board comes nearer to the shares, each the best one there is.
///
/// Whether there is a step depends on the board alone, not on how it came about: a plan that is carried out leaves
/// nothing for the next one.
extension RebalanceBoard {
    /// One slice to one partition.
    struct Hop: Hashable {
        let slice: Int
        let to: Int
    }

    /// Gives each slice that has to leave its owner to the partition that gains most: those first that fewest can
    /// take, then the heaviest.
    mutating func placeMandatory() {
        let choices = rules.slices.indices.filter { rules.mustLeave[$0] && rules.isMovable[$0] }
            .map { slice in (slice: slice, takers: rules.sites.indices.count { rules.mayTake(slice, $0) }) }
            .sorted { ($0.takers, -rules.load[$0.slice], $0.slice) < ($1.takers, -rules.load[$1.slice], $1.slice) }
        for (slice, _) in choices {
            let weight = rules.load[slice]
            var best: (site: Int, gain: Int64, room: Int64)?
            for site in rules.sites.indices where mayGo(slice, site) {
                let gain = violation(site) - violation(site, at: load[site] + weight)
                let room = rules.share[site] - load[site]
                if let known = best, (known.gain, known.room) >= (gain, room) { continue }
                best = (site, gain, room)
            }
            if let best { put(slice, at: best.site) }
        }
    }

    /// Makes steps until none pays.
    mutating func settle() {
        var exchanges = 0
        for _ in 0..<(4 * rules.slices.count + 1024) {
            if let hop = bestMove() {
                put(hop.slice, at: hop.to)
            } else if let hops = payingChain() {
                for hop in hops { put(hop.slice, at: hop.to) }
            } else if exchanges < RebalanceLimits.exchangesMax, let hops = payingExchange() {
                exchanges += 1
                for hop in hops { put(hop.slice, at: hop.to) }
            } else {
                return
            }
        }
    }

    // MARK: One slice

    /// What moving that load from one partition to another takes off their violations.
    func gain(_ weight: Int64, from: Int, to: Int) -> Int64 {
        violation(from) + violation(to) - violation(from, at: load[from] - weight)
            - violation(to, at: load[to] + weight)
    }

    /// The load whose move gains most; 0 or less where none gains. Each side's gain rises until its need is met, stays
    /// while it has room, then falls; the sum stops rising where one falls or neither rises.
    func peak(from: Int, to: Int) -> Int64 {
        let (over, spare) = (load[from] - rules.high[from], load[from] - rules.low[from])
        let (under, space) = (rules.low[to] - load[to], rules.high[to] - load[to])
        return max(min(over, space), min(under, spare))
    }

    /// Whether a step pays: a partition more is within tolerance, or enough of what moves is balance gained.
    private func pays(_ gain: Int64, moving weight: Int64, settles: Bool) -> Bool {
        gain > 0 && (settles || gain >= weight / RebalanceLimits.payingPart)
    }

    private func settles(_ weight: Int64, from: Int, to: Int) -> Bool {
        func outside(_ site: Int, _ load: Int64) -> Int { violation(site, at: load) > 0 ? 1 : 0 }
        return outside(from, load[from] - weight) + outside(to, load[to] + weight)
            < outside(from, load[from]) + outside(to, load[to])
    }

    /// The slice whose move from one partition to the other pays best; the lightest of equals, and of equally light
    /// ones one of the group that the one has most more of. So each group of a fleet that is yet to enrol is spread.
    private func bestSlice(from: Int, to: Int) -> (slice: Int, gain: Int64)? {
        let peak = peak(from: from, to: to)
        guard peak > 0 else { return nil }
        var best: (slice: Int, gain: Int64, surplus: Int)?
        func consider(_ slice: Int) {
            let weight = rules.load[slice]
            let gain = gain(weight, from: from, to: to)
            guard pays(gain, moving: weight, settles: settles(weight, from: from, to: to)) else { return }
            let surplus = bucket(from, rules.group[slice]).count - bucket(to, rules.group[slice]).count
            if let known = best,
                (known.gain, -rules.load[known.slice], known.surplus, -known.slice) >= (gain, -weight, surplus, -slice)
            {
                return
            }
            best = (slice, gain, surplus)
        }
        for group in rules.groups.indices where rules.takes[group * rules.siteCount + to] {
            let slices = bucket(from, group)
            guard !slices.isEmpty else { continue }
            let first = Self.partition(slices) { rules.load[$0] >= peak }
            if let above = slices[first...].first(where: { mayGo($0, to) }) { consider(above) }
            if let below = slices[..<first].last(where: { mayGo($0, to) }) { consider(below) }
        }
        return best.map { ($0.slice, $0.gain) }
    }

    /// The best move of one slice: to whoever lacks most, or else from whoever has most too many.
    private func bestMove() -> Hop? {
        let under = rules.sites.indices.map { ($0, rules.low[$0] - load[$0]) }.filter { $0.1 > 0 }
        for (to, _) in under.sorted(by: { ($1.1, $0.0) < ($0.1, $1.0) }) {
            var best: (slice: Int, gain: Int64)?
            for from in rules.sites.indices where from != to {
                guard let found = bestSlice(from: from, to: to), found.gain > best?.gain ?? 0 else { continue }
                best = found
            }
            if let best { return Hop(slice: best.slice, to: to) }
        }
        let over = rules.sites.indices.map { ($0, load[$0] - rules.high[$0]) }.filter { $0.1 > 0 }
        for (from, _) in over.sorted(by: { ($1.1, $0.0) < ($0.1, $1.0) }) {
            var best: (slice: Int, gain: Int64, to: Int)?
            for to in rules.sites.indices where from != to {
                guard let found = bestSlice(from: from, to: to), found.gain > best?.gain ?? 0 else { continue }
                best = (found.slice, found.gain, to)
            }
            if let best { return Hop(slice: best.slice, to: best.to) }
        }
        return nil
    }

    // MARK: Exchanges

    /// A heavier slice for a lighter one, where that brings a partition within tolerance.
    private func payingExchange() -> [Hop]? {
        let sites = rules.sites.indices
        for from in sites {
            for to in sites where from != to && (violation(from) > 0 || violation(to) > 0) {
                let peak = peak(from: from, to: to)
                if peak > 0, let hops = exchange(from: from, to: to, wanted: peak) { return hops }
            }
        }
        return nil
    }

    private func exchange(from: Int, to: Int, wanted: Int64) -> [Hop]? {
        var best: (hops: [Hop], gain: Int64, moved: Int64)?
        let there = rules.groups.indices.filter { rules.takes[$0 * rules.siteCount + from] }.map { bucket(to, $0) }
        for group in rules.groups.indices where rules.takes[group * rules.siteCount + to] {
            for given in bucket(from, group) where mayGo(given, to) {
                for slices in there {
                    let first = Self.partition(slices) { rules.load[$0] >= rules.load[given] - wanted }
                    for index in [first - 1, first] where slices.indices.contains(index) {
                        let taken = slices[index]
                        let net = rules.load[given] - rules.load[taken]
                        guard net > 0, mayGo(taken, from), settles(net, from: from, to: to) else { continue }
                        let gain = gain(net, from: from, to: to)
                        let moved = rules.load[given] + rules.load[taken]
                        guard gain > 0, (gain, -moved) > (best?.gain ?? 0, -(best?.moved ?? 0)) else { continue }
                        best = ([Hop(slice: taken, to: from), Hop(slice: given, to: to)], gain, moved)
                    }
                }
            }
        }
        return best?.hops
    }
}
