/// P4, D3: the disks of one partition against each other.
enum PartitionRule {
    static func check(_ history: MeshHistory) -> [Violation] { history.partitions.flatMap(check) }

    private static func check(_ partition: PartitionEnd) -> [Violation] {
        var found = partition.members.compactMap { member in
            member.finding.map { Violation(.damaged, member.bolt, $0) }
        }
        let whole = partition.members.filter { $0.finding == nil }
        for (place, one) in whole.enumerated() {
            for other in whole[(place + 1)...] { found += compare(one, other, partition.name) }
        }
        guard let primary = whole.first(where: { $0.bolt == partition.primary }) else {
            let who = partition.primary.map { "\($0), whose disk can't be read" } ?? "nobody"
            return found + [Violation(.noPrimary, partition.name, "primary at the end: \(who)")]
        }
        for member in whole where member.tip.position < primary.safe {
            found.append(
                Violation(
                    .behind, member.bolt,
                    "holds up to \(member.tip.position), safe is \(primary.safe) at \(primary.bolt)"))
        }
        return found
    }

    private static func compare(_ one: MemberEnd, _ other: MemberEnd, _ partition: String) -> [Violation] {
        var found: [Violation] = []
        for begin in one.begins {
            for same in other.begins where same.isSameEpoch(as: begin) && same != begin {
                found.append(
                    Violation(
                        .twoBegins, partition,
                        "epoch \(begin.number).\(begin.renewal)@\(begin.minter) begins at \(begin.position) on "
                            + "\(one.bolt) and at \(same.position) on \(other.bolt)"))
            }
        }
        let both = min(one.safe, other.safe)
        guard let fork = fork(one, other) else {
            if both > 0 {
                found.append(
                    Violation(.diverged, partition, "\(one.bolt) and \(other.bolt) share no epoch, \(both) is safe"))
            }
            return found
        }
        if fork < both {
            found.append(
                Violation(
                    .diverged, partition,
                    "\(one.bolt) and \(other.bolt) part after \(fork), both call \(both) safe"))
        }
        return found
    }

    /// The last position up to which both journals are equal; nil where they share no epoch. Two journals that hold the
    /// same first record of an epoch are equal from there to where the first of them ends that epoch.
    private static func fork(_ one: MemberEnd, _ other: MemberEnd) -> UInt64? {
        if one.tip == other.tip { return one.tip.position }
        if one.tip.position == 0 || other.tip.position == 0 { return 0 }
        for (place, begin) in one.begins.enumerated().reversed() {
            guard let match = other.begins.lastIndex(of: begin) else { continue }
            return min(end(ofEpochAt: place, one), end(ofEpochAt: match, other))
        }
        return nil
    }

    private static func end(ofEpochAt place: Int, _ member: MemberEnd) -> UInt64 {
        place + 1 < member.begins.count ? member.begins[place + 1].position - 1 : member.tip.position
    }
}
