/// Finds what keeps a board from what the topology asks for.
struct RebalanceBlockers {
    /// What was found, by partition and group.
    private(set) var found: [RebalancePlan.Blocker] = []
    private let board: RebalanceBoard
    private let rules: RebalanceRules

    init(_ board: RebalanceBoard) {
        (self.board, rules) = (board, board.rules)
        findStrangers()
        for site in rules.sites.indices {
            findSource(site)
            findTarget(site)
        }
        for group in rules.groups.indices { findGroup(group) }
        var seen: Set<Key> = []
        found = found.filter { seen.insert(Key(subject: $0.subject, refusal: $0.refusal)).inserted }
    }

    private struct Key: Hashable {
        let subject: RebalancePlan.Blocker.Subject
        let refusal: RebalanceRefusal
    }

    private mutating func add(
        _ subject: RebalancePlan.Blocker.Subject, _ refusal: RebalanceRefusal, slices: [Int] = [], load: Int64
    ) {
        let envoys = slices.reduce(UInt64(0)) { $0 &+ rules.slices[$1].envoys }
        found.append(
            .init(
                subject: subject, refusal: refusal, slices: slices.count, envoys: envoys,
                load: UInt64(max(0, load) / RebalanceBoard.unit)))
    }

    /// Owners that the topology does not name.
    private mutating func findStrangers() {
        let strays = rules.slices.indices.filter { rules.origin[$0] < 0 }
        for owner in Set(strays.map { rules.slices[$0].owner }).sorted() {
            let own = strays.filter { rules.slices[$0].owner == owner }
            add(.source(owner), .unknown, slices: own, load: own.reduce(0) { $0 + rules.load[$1] })
        }
    }

    /// A partition that should hand on and cannot.
    private mutating func findSource(_ site: Int) {
        guard rules.cannotRelease[site] != nil else { return }
        let leaving = rules.slices.indices.filter { rules.mustLeave[$0] && rules.origin[$0] == site }
        let mandatory = leaving.reduce(0) { $0 + rules.load[$1] }
        let over = rules.baseLoad[site] - rules.high[site]
        guard !leaving.isEmpty || over > 0 else { return }
        for refusal in RebalanceRules.state(rules.sites[site].facts) {
            add(.source(rules.sites[site].partition), refusal, slices: leaving, load: max(mandatory, over))
        }
    }

    /// A partition that should be sent slices and cannot take them.
    private mutating func findTarget(_ site: Int) {
        let entry = rules.sites[site]
        let meant = rules.groups.indices.filter { entry.isMeant(for: rules.groups[$0].id) }
        guard !meant.isEmpty else { return }
        if rules.capacity[site] < rules.share[site], let capacity = entry.facts.capacity {
            let missing = rules.share[site] - rules.capacity[site]
            add(.target(entry.partition, nil), .full(capacity: capacity), load: missing)
        }
        let lacks = rules.low[site] - rules.baseLoad[site]
        guard lacks > 0 else { return }
        for refusal in RebalanceRules.state(entry.facts) { add(.target(entry.partition, nil), refusal, load: lacks) }
        for group in meant {
            for refusal in groupRefusals(site, group) {
                add(.target(entry.partition, rules.groups[group].id), refusal, load: lacks)
            }
        }
        let still = rules.low[site] - board.load[site]
        guard still > 0 else { return }
        let newer = rules.slices.indices.filter { isTooNew($0, site) }
        if let refusal = older(site, than: newer) { add(.target(entry.partition, nil), refusal, load: still) }
        if let capacity = entry.facts.capacity, lacksRoom(site) {
            add(.target(entry.partition, nil), .full(capacity: capacity), load: still)
        }
    }

    /// A group some of whose slices have to go and have nowhere to go.
    private mutating func findGroup(_ group: Int) {
        let own = rules.slices.indices.filter { rules.group[$0] == group }
        let id = rules.groups[group].id
        let meant = rules.sites.indices.filter { rules.sites[$0].isMeant(for: id) }
        guard !meant.isEmpty else {
            guard !own.isEmpty else { return }
            return add(.group(id), .nobody, slices: own, load: own.reduce(0) { $0 + rules.load[$1] })
        }
        let stuck = own.filter {
            rules.mustLeave[$0] && rules.isMovable[$0] && board.home[$0] == rules.origin[$0]
        }
        guard !stuck.isEmpty else { return }
        let load = stuck.reduce(0) { $0 + rules.load[$1] }
        for site in meant {
            let entry = rules.sites[site]
            var refusals = RebalanceRules.standing(entry, rules.groups[group])
            if let refusal = older(site, than: stuck.filter { isTooNew($0, site) }) { refusals.append(refusal) }
            if refusals.isEmpty, let capacity = entry.facts.capacity { refusals = [.full(capacity: capacity)] }
            for refusal in refusals { add(.target(entry.partition, id), refusal, slices: stuck, load: load) }
        }
    }

    private func groupRefusals(_ site: Int, _ group: Int) -> [RebalanceRefusal] {
        let state = RebalanceRules.state(rules.sites[site].facts)
        return RebalanceRules.standing(rules.sites[site], rules.groups[group]).filter { !state.contains($0) }
    }

    /// Whether only its owner's version keeps a slice from the partition.
    private func isTooNew(_ slice: Int, _ site: Int) -> Bool {
        let from = rules.origin[slice]
        return rules.isMovable[slice] && from != site && rules.takes[rules.group[slice] * rules.siteCount + site]
            && rules.sites[from].facts.wireVersion > rules.sites[site].facts.wireVersion
    }

    private func older(_ site: Int, than slices: [Int]) -> RebalanceRefusal? {
        let needed = slices.map { rules.sites[rules.origin[$0]].facts.wireVersion }.max()
        return needed.map { .older(version: rules.sites[site].facts.wireVersion, needed: $0) }
    }

    private func lacksRoom(_ site: Int) -> Bool {
        let room = rules.capacity[site] - rules.baseLoad[site] - board.inbound[site]
        return rules.slices.indices.contains { slice in
            rules.isMovable[slice] && board.home[slice] != site && rules.mayTake(slice, site)
                && rules.load[slice] > room
        }
    }
}
