/// Several slices in a row, each to where the next one makes room: for meshes whose partitions serve different groups,
/// where whoever has too many and whoever lacks some have no group in common.
extension RebalanceBoard {
    /// Partitions as bits of four words: `RebalanceLimits.partitionsMax` of them.
    private typealias Sites = SIMD4<UInt64>

    /// The shortest row of moves that pays.
    func payingChain() -> [Hop]? {
        guard rules.groupCount > 1, rules.sites.indices.contains(where: { violation($0) > 0 }) else { return nil }
        let reach = rules.sites.indices.map { reachable(from: $0) }
        let starts = rules.sites.indices.filter { load[$0] > rules.low[$0] }
            .sorted { (violationAbove($1), $0) < (violationAbove($0), $1) }
        for start in starts {
            for path in paths(from: start, reach) {
                guard let end = path.last, violation(start) > 0 || violation(end) > 0,
                    let hops = chain(along: path)
                else { continue }
                return hops
            }
        }
        return nil
    }

    private func violationAbove(_ site: Int) -> Int64 { max(0, load[site] - rules.high[site]) }

    /// Whom one of a partition's slices could go to, their versions and room apart.
    private func reachable(from site: Int) -> Sites {
        var found = Sites.zero
        for group in rules.groups.indices where !bucket(site, group).isEmpty {
            for to in rules.sites.indices where to != site && rules.takes[group * rules.siteCount + to] {
                found[to >> 6] |= 1 << UInt64(to & 63)
            }
        }
        return found
    }

    /// The shortest path to each partition that is two hops away or more, nearest first.
    private func paths(from start: Int, _ reach: [Sites]) -> [[Int]] {
        var seen = reach[start]
        seen[start >> 6] |= 1 << UInt64(start & 63)
        var frontier = Self.members(of: reach[start]).map { [start, $0] }
        var found: [[Int]] = []
        for _ in 1..<RebalanceLimits.chainHopsMax {
            var next: [[Int]] = []
            for path in frontier {
                let last: Sites = reach[path[path.count - 1]]
                let fresh: Sites = last & ~seen
                seen |= fresh
                for site in Self.members(of: fresh) { next.append(path + [site]) }
            }
            found += next
            frontier = next
        }
        return found
    }

    private static func members(of sites: Sites) -> [Int] {
        (0..<4).flatMap { word in
            var (bits, found) = (sites[word], [Int]())
            while bits != 0 {
                found.append(word << 6 | bits.trailingZeroBitCount)
                bits &= bits - 1
            }
            return found
        }
    }

    /// Slices of about one weight along a path, where moving them all pays.
    private func chain(along path: [Int]) -> [Hop]? {
        var wanted = peak(from: path[0], to: path[path.count - 1])
        guard wanted > 0 else { return nil }
        var hops: [Hop] = []
        for (from, to) in zip(path, path.dropFirst()) {
            guard let slice = nearest(to: wanted, from: from, to: to) else { return nil }
            hops.append(Hop(slice: slice, to: to))
            wanted = rules.load[slice]
        }
        var after = path.map { load[$0] }
        var moved: Int64 = 0
        for (index, hop) in hops.enumerated() {
            after[index] -= rules.load[hop.slice]
            after[index + 1] += rules.load[hop.slice]
            moved += rules.load[hop.slice]
        }
        let before = path.map { violation($0) }
        let then = zip(path, after).map { violation($0, at: $1) }
        let gain = before.reduce(0, +) - then.reduce(0, +)
        let settles = then.count { $0 > 0 } < before.count { $0 > 0 }
        guard gain > 0, settles || gain >= moved / RebalanceLimits.payingPart else { return nil }
        // From the far end: each slice goes where one has left already.
        return hops.reversed()
    }

    private func nearest(to wanted: Int64, from: Int, to: Int) -> Int? {
        var best: (slice: Int, distance: Int64)?
        for group in rules.groups.indices where rules.takes[group * rules.siteCount + to] {
            let slices = bucket(from, group)
            let first = Self.partition(slices) { rules.load[$0] >= wanted }
            let near = [slices[..<first].last { mayGo($0, to) }, slices[first...].first { mayGo($0, to) }]
            for slice in near.compactMap({ $0 }) {
                let distance = abs(rules.load[slice] - wanted)
                guard distance < best?.distance ?? .max else { continue }
                best = (slice, distance)
            }
        }
        return best?.slice
    }
}
