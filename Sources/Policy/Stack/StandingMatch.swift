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
    func canMeet(_ other: StandingMatch, _ steps: inout StepCount) -> Bool {
        steps.take(1 + labels.count)
        guard !steps.isOver else { return true }
        if let groups, let others = other.groups, !TextPattern.mayMeet(groups, others, &steps) { return false }
        if let names, let others = other.names, !TextPattern.mayMeet(names, others, &steps) { return false }
        for (label, patterns) in labels {
            guard let others = other.labels[label] else { continue }
            guard TextPattern.mayMeet(patterns, others, &steps) else { return false }
        }
        return true
    }
}

/// A layer of a stack.
struct StackLayer: Hashable, Sendable {
    /// Who gets it.
    var standing: StandingMatch
    /// What they get.
    var layer: PolicyLayer
}
