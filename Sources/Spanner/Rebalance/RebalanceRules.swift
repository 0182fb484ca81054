/// What stays the same while a plan is searched: the input by numbers, shares, and who may take what.
struct RebalanceRules {
    let groups: [RebalanceInput.Group]
    let slices: [RebalanceInput.Slice]
    let sites: [RebalanceInput.Site]
    var siteCount: Int { sites.count }
    var groupCount: Int { groups.count }

    /// Per slice.
    let load: [Int64]
    let group: [Int]
    let origin: [Int]
    let isMovable: [Bool]
    let mustLeave: [Bool]
    /// All slices, lightest first, equal ones by number.
    let lightestFirst: [Int]

    /// Per partition, in thousandths of a load of one.
    let share: [Int64]
    let low: [Int64]
    let high: [Int64]
    let baseLoad: [Int64]
    let capacity: [Int64]
    /// Per partition: what keeps it from handing on anything.
    let cannotRelease: [RebalanceRefusal?]
    /// Per group and partition: whether it may take slices of it, their version and its room apart.
    let takes: [Bool]

    init(_ input: RebalanceInput) throws(RebalanceError) {
        try Self.check(input)
        groups = input.groups.sorted { $0.id < $1.id }
        slices = input.slices.sorted { $0.id < $1.id }
        sites = input.sites.sorted { $0.partition < $1.partition }
        let (groups, slices, sites) = (groups, slices, sites)
        let siteNumber = Dictionary(uniqueKeysWithValues: sites.enumerated().map { ($1.partition, $0) })
        let groupNumber = Dictionary(uniqueKeysWithValues: groups.enumerated().map { ($1.id, $0) })
        group = slices.map { groupNumber[$0.id.group] ?? 0 }
        load = slices.map { Int64($0.load) * RebalanceBoard.unit }
        let moving = slices.map { $0.destination.flatMap { siteNumber[$0] } }
        origin = slices.indices.map { moving[$0] ?? siteNumber[slices[$0].owner] ?? -1 }
        cannotRelease = sites.map { Self.cannotRelease($0.facts) }
        let (group, load, origin, cannotRelease) = (group, load, origin, cannotRelease)
        isMovable = slices.indices.map {
            slices[$0].destination == nil && origin[$0] >= 0 && cannotRelease[origin[$0]] == nil
        }
        mustLeave = slices.indices.map {
            slices[$0].destination == nil && origin[$0] >= 0 && !sites[origin[$0]].isMeant(for: groups[group[$0]].id)
        }
        lightestFirst = slices.indices.sorted { (load[$0], $0) < (load[$1], $1) }
        takes = groups.flatMap { group in
            sites.map { site in site.isMeant(for: group.id) && Self.standing(site, group).isEmpty }
        }
        var base = Array(repeating: Int64(0), count: sites.count)
        for slice in slices.indices where origin[slice] >= 0 { base[origin[slice]] += load[slice] }
        baseLoad = base
        capacity = sites.map { site in
            site.facts.capacity.map { Int64(min($0, RebalanceLimits.envoysMax)) * RebalanceBoard.unit } ?? .max
        }
        share = Self.shares(groups, sites, group, load)
        let slack = Self.slack(share, input)
        let (share, capacity) = (share, capacity)
        low = sites.indices.map { min(max(0, share[$0] - slack[$0]), capacity[$0]) }
        high = sites.indices.map { min(share[$0] + slack[$0], capacity[$0]) }
    }

    /// How far each partition may be from its share: by the tolerance, and by a load of one in any case. Who should
    /// have nothing may have nothing.
    private static func slack(_ share: [Int64], _ input: RebalanceInput) -> [Int64] {
        // Each group's part of a share is rounded down: that must not make a difference of just one too large.
        let least = RebalanceBoard.unit + Int64(input.groups.count)
        return share.map { $0 == 0 ? 0 : max($0 * Int64(input.tolerance) / 10_000, least) }
    }

    /// Whether the partition may take the slice, its room apart.
    func mayTake(_ slice: Int, _ site: Int) -> Bool {
        let from = origin[slice]
        return takes[group[slice] * siteCount + site] && from >= 0
            && sites[site].facts.wireVersion >= sites[from].facts.wireVersion
    }

    /// Whether some partition may take the slice, its room apart.
    func hasTaker(_ slice: Int) -> Bool {
        sites.indices.contains { $0 != origin[slice] && mayTake(slice, $0) }
    }

    /// All that keeps a partition from owning slices of a group, as far as the slices' owner has no part in it.
    func refusals(_ site: Int, _ group: Int) -> [RebalanceRefusal] {
        let (site, group) = (sites[site], groups[group])
        var found: [RebalanceRefusal] = []
        if site.isLeaving {
            found.append(.leaving)
        } else {
            if !site.groups.contains(group.id) { found.append(.notServing) }
            if site.weight == 0 { found.append(.weightless) }
            if site.isDraining { found.append(.draining) }
        }
        return found + Self.standing(site, group)
    }

    /// What the facts of a partition say against its owning slices of a group.
    static func standing(_ site: RebalanceInput.Site, _ group: RebalanceInput.Group) -> [RebalanceRefusal] {
        var found = state(site.facts)
        if site.facts.lacksSecrets.contains(group.id) { found.append(.lacksSecrets) }
        if group.zonesMin > 1, site.facts.zones.count < group.zonesMin {
            found.append(.tooFewZones(count: site.facts.zones.count, needed: group.zonesMin))
        }
        return found
    }

    /// What the facts of a partition say against its taking part in any handoff.
    static func state(_ facts: RebalanceInput.Facts) -> [RebalanceRefusal] {
        var found: [RebalanceRefusal] = []
        if !facts.isReachable { found.append(.unreachable) }
        if facts.isSealed { found.append(.sealed) }
        if !facts.isInSync { found.append(.notInSync) }
        return found
    }

    private static func cannotRelease(_ facts: RebalanceInput.Facts) -> RebalanceRefusal? { state(facts).first }

    /// What each partition's weight gives it of every group that it is meant for.
    private static func shares(
        _ groups: [RebalanceInput.Group], _ sites: [RebalanceInput.Site], _ group: [Int], _ load: [Int64]
    ) -> [Int64] {
        var totals = Array(repeating: Int64(0), count: groups.count)
        for slice in group.indices { totals[group[slice]] += load[slice] }
        var shares = Array(repeating: Int64(0), count: sites.count)
        for (number, entry) in groups.enumerated() {
            let meant = sites.indices.filter { sites[$0].isMeant(for: entry.id) }
            let weights = meant.reduce(Int64(0)) { $0 + weight(sites[$1]) }
            guard weights > 0 else { continue }
            // Whole and rest apart: the product of both would leave 63 bits.
            let (whole, rest) = totals[number].quotientAndRemainder(dividingBy: weights)
            for site in meant {
                shares[site] += whole * weight(sites[site]) + rest * weight(sites[site]) / weights
            }
        }
        return shares
    }

    private static func weight(_ site: RebalanceInput.Site) -> Int64 { Int64(min(site.weight, Placement.weightMax)) }

    private static func check(_ input: RebalanceInput) throws(RebalanceError) {
        let counts = [
            ("slices", input.slices.count, RebalanceLimits.slicesMax),
            ("partitions", input.sites.count, RebalanceLimits.partitionsMax),
            ("groups", input.groups.count, RebalanceLimits.groupsMax),
        ]
        for (what, count, limit) in counts where count > limit {
            throw RebalanceError.tooMany(what: what, count: count, limit: limit)
        }
        guard (0...RebalanceLimits.toleranceMax).contains(input.tolerance) else {
            throw RebalanceError.badTolerance(input.tolerance)
        }
        var envoys: UInt64 = 0
        for slice in input.slices {
            let (sum, overflow) = envoys.addingReportingOverflow(slice.load)
            guard !overflow, sum <= RebalanceLimits.envoysMax else { throw RebalanceError.tooManyEnvoys }
            envoys = sum
        }
        if let twice = repeated(input.slices.map(\.id)) { throw RebalanceError.repeatedSlice(twice) }
        if let twice = repeated(input.sites.map(\.partition)) { throw RebalanceError.repeatedPartition(twice) }
        if let twice = repeated(input.groups.map(\.id)) { throw RebalanceError.repeatedGroup(twice) }
        let known = Set(input.groups.map(\.id))
        let strangers = input.slices.lazy.filter { !known.contains($0.id.group) }.map(\.id)
        if let stranger = strangers.min() { throw RebalanceError.unknownGroup(stranger) }
    }

    /// The lowest value that stands more than once.
    private static func repeated<Value: Comparable>(_ values: [Value]) -> Value? {
        let sorted = values.sorted()
        return zip(sorted, sorted.dropFirst()).first { $0 == $1 }?.0
    }
}
