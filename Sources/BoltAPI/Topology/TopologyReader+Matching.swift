import Spanner

/// Which machines fall where: groups that no machine reaches, rules that never apply, machines that fit no group or
/// two of them.
extension TopologyReader {
    mutating func checkMatching(_ topology: Topology) {
        for (index, group) in topology.groups.enumerated() {
            guard let place = groupPlaces.first(where: { $0.name == group.name })?.position else { continue }
            checkReach(of: group, after: topology.groups[..<index], at: place)
        }
        checkCrossings(topology)
        if !topology.groups.contains(where: \.takesAll), !topology.groups.isEmpty, !unreadGroups {
            yaml.warning(
                "unmatched_machines", "machines that fit no group are refused; end with a group without match rules",
                at: listPlaces["groups"] ?? .init(line: 1, column: 1))
        }
    }

    private mutating func checkReach(
        of group: Topology.Group, after earlier: ArraySlice<Topology.Group>, at place: SourcePosition
    ) {
        if let all = earlier.first(where: \.takesAll) {
            yaml.warning(
                "unreachable_group", "no machine reaches the group \(group.name): \(all.name) before it takes all",
                at: place)
            return
        }
        let rules = Array(zip(group.match, rulePlaces[place] ?? []))
        var dead = 0
        for (rule, position) in rules {
            guard let over = earlier.first(where: { $0.match.contains { $0.covers(rule) } }) else { continue }
            dead += 1
            yaml.warning(
                "overlapping_rules",
                "a rule of the group \(group.name) never applies: \(over.name) before it takes the same machines",
                at: position)
        }
        if dead > 0, dead == group.match.count {
            yaml.warning(
                "unreachable_group", "no machine reaches the group \(group.name): none of its rules ever applies",
                at: place)
        }
    }

    /// Patterns of host names of two groups of which neither is within the other, with a machine that fits both: what
    /// is meant may be seen from it. Rules by labels alone are left out, since any two of them may fit one machine.
    private mutating func checkCrossings(_ topology: Topology) {
        var left = TopologyLimits.crossingsMax
        for (index, group) in topology.groups.enumerated() {
            guard let place = groupPlaces.first(where: { $0.name == group.name })?.position else { continue }
            for (rule, position) in zip(group.match, rulePlaces[place] ?? []) {
                for earlier in topology.groups[..<index] {
                    for other in earlier.match {
                        left -= 1
                        guard left >= 0 else { return }
                        guard let machine = crossing(rule, other) else { continue }
                        yaml.warning(
                            "crossing_rules",
                            "“\(rule.hostname ?? "*")” of the group \(group.name) and “\(other.hostname ?? "*")” of "
                                + "\(earlier.name) both fit “\(machine)”; \(earlier.name) takes it", at: position)
                    }
                }
            }
        }
    }

    private func crossing(_ rule: Topology.Rule, _ other: Topology.Rule) -> String? {
        guard let one = rule.hostname, let two = other.hostname, !rule.covers(other), !other.covers(rule),
            rule.labels.allSatisfy({ other.labels[$0.key] ?? $0.value == $0.value })
        else { return nil }
        return Glob(one).shared(with: Glob(two))
    }
}
