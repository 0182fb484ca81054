internal import Spanner

/// Which machines a layer is for, by what the roster says of them. Without any pattern: all.
struct StandingMatch: Hashable, Sendable {
    /// One of these fits the group; nil: any, also none.
    var groups: [String]?
    /// One of these fits the name; nil: any.
    var names: [String]?
    /// Of each label one of its patterns fits; by the label's name.
    var labels: [String: [String]] = [:]

    /// Whether it is for everybody.
    var isForAll: Bool { groups == nil && names == nil && labels.isEmpty }

    func holds(for machine: StandingFacts) -> Bool {
        if let groups {
            guard let group = machine.group?.text, groups.contains(where: { TextPattern.matches($0, group) }) else {
                return false
            }
        }
        if let names, !names.contains(where: { TextPattern.matches($0, machine.name.text) }) { return false }
        return labels.allSatisfy { label, patterns in
            guard let value = machine.labels[label] else { return false }
            return patterns.contains { TextPattern.matches($0, value) }
        }
    }

    /// Whether there can be a machine for which both hold. Never wrongly false.
    func canMeet(_ other: StandingMatch) -> Bool {
        if let groups, let others = other.groups, !TextPattern.mayMeet(groups, others) { return false }
        if let names, let others = other.names, !TextPattern.mayMeet(names, others) { return false }
        return labels.allSatisfy { label, patterns in
            other.labels[label].map { TextPattern.mayMeet(patterns, $0) } ?? true
        }
    }
}

/// A layer of a stack.
struct StackLayer: Hashable, Sendable {
    /// Who gets it.
    var standing: StandingMatch
    /// What they get.
    var layer: PolicyLayer
}
