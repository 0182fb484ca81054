internal import Spanner

/// Which resources of layers stand in each other's place, lead to each other, or lead nowhere.
///
/// A resource that no machine can have together with another is no matter to it. Whether two can meet is told by their
/// layers' matches and their conditions, and never wrongly denied for traits that are no lists; where it is wrongly
/// allowed or overlooked, the machine itself finds it, as a fault of the resources concerned.
struct StackGraph {
    /// A resource where it is defined.
    private struct Definition {
        let layer: Int
        let resource: PolicyResource
        /// All that has to hold of traits.
        let condition: TraitCondition
        var isDead = false
    }

    private let layers: [StackLayer]
    private let areSelected: Bool
    private var definitions: [Definition] = []
    private var bySlot: [String: [Int]] = [:]
    private var meetings: [[Bool]] = []
    private var found: [StackFault] = []

    /// The graph of layers. `areSelected`: they are those of some machine, so that all of them are for it.
    init(_ layers: [StackLayer], areSelected: Bool = false) {
        (self.layers, self.areSelected) = (layers, areSelected)
        for (place, layer) in layers.enumerated() {
            for resource in layer.layer.resources {
                bySlot[resource.id.slot, default: []].append(definitions.count)
                definitions.append(
                    Definition(
                        layer: place, resource: resource, condition: layer.layer.condition.and(resource.condition)))
            }
        }
        meetings = layers.map { left in layers.map { areSelected || left.standing.canMeet($0.standing) } }
    }

    /// What is wrong, in no particular order. A bounded list.
    mutating func faults() -> [StackFault] {
        found = []
        let shared = bySlot.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
        if let slot = shared.first(where: { $0.count > PolicyStackLimits.definitionsMax }) {
            fault(
                .tooLarge, slot[0],
                "\(definitions[slot[0]].resource.id) is defined \(slot.count) times; "
                    + "at most \(PolicyStackLimits.definitionsMax) are taken")
            return found
        }
        for slot in shared { compare(slot) }
        if !areSelected { findDuplicates(shared) }
        let edges = links()
        findCycles(edges)
        return found
    }

    private mutating func fault(_ code: StackFaultCode, _ place: Int, _ reason: String) {
        guard found.count < 10 * PolicyStackLimits.faultsMax else { return }
        let definition = definitions[place]
        found.append(
            StackFault(code, file: layers[definition.layer].layer.path, line: definition.resource.line, reason: reason))
    }

    private func canMeet(_ left: Int, _ right: Int) -> Bool {
        let (first, second) = (definitions[left], definitions[right])
        return meetings[first.layer][second.layer] && first.condition.canMeet(second.condition)
    }

    /// Marks the definitions that a later one replaces wherever they count.
    private mutating func compare(_ slot: [Int]) {
        for (order, place) in slot.enumerated() {
            definitions[place].isDead = slot[(order + 1)...].contains { later in
                let (first, second) = (definitions[place], definitions[later])
                guard first.layer < second.layer else { return false }
                let standing = layers[second.layer].standing
                return (areSelected || standing.isForAll || standing == layers[first.layer].standing)
                    && second.condition.tests.allSatisfy { first.condition.tests.contains($0) }
            }
        }
    }

    /// Two of one layer in one place, unless their conditions exclude each other.
    private mutating func findDuplicates(_ shared: [[Int]]) {
        for slot in shared {
            for (order, place) in slot.enumerated() {
                let twin = slot[..<order].first {
                    definitions[$0].layer == definitions[place].layer && canMeet($0, place)
                }
                guard let twin else { continue }
                let other = definitions[twin].resource
                fault(
                    .duplicate, place,
                    "\(definitions[place].resource.id) is in this layer already, as \(other.id) in line \(other.line)")
            }
        }
    }

    /// What each definition requires, with the directories above it. Tells references that lead nowhere.
    private mutating func links() -> [[Int]] {
        var hints = 0
        return definitions.indices.map { place in
            let resource = definitions[place].resource
            var targets: Set<Int> = []
            for (ids, what) in [(resource.requires, "requires"), (resource.notifies, "notifies")] {
                for id in ids {
                    let meeting = bySlot[id.slot, default: []].filter { canMeet(place, $0) }
                    if what == "requires" { targets.formUnion(meeting.filter { !definitions[$0].isDead }) }
                    guard meeting.isEmpty else { continue }
                    hints += 1
                    fault(.dangling, place, "\(resource.id) \(what) \(id), \(missing(id, withHint: hints <= 20))")
                }
            }
            if ["directory", "file", "link"].contains(resource.id.type) {
                for path in MachinePath.above(resource.id.name) {
                    targets.formUnion(
                        bySlot["path:\(path)", default: []].filter {
                            definitions[$0].resource.id.type == "directory" && !definitions[$0].isDead
                                && canMeet(place, $0)
                        })
                }
            }
            return definitions[place].isDead ? [] : targets.sorted()
        }
    }

    private func missing(_ id: ResourceID, withHint: Bool) -> String {
        if let other = bySlot[id.slot]?.first {
            return
                "which is only in layers that never meet this one, such as "
                + layers[definitions[other].layer].layer.name
        }
        let near =
            withHint
            ? NearestName.suggest(
                id.text, among: definitions.lazy.map(\.resource.id.text).prefix(PolicyStackLimits.suggestionsMax)) : nil
        return "which is in no layer" + (near.map { "; did you mean \($0)?" } ?? "")
    }

    private mutating func findCycles(_ edges: [[Int]]) {
        for group in Components.ordered(edges) where group.count > 1 || edges[group[0]].contains(group[0]) {
            let members = Set(group)
            // The shortest way back from each of the first few: one that can be on a machine is told.
            for start in group.prefix(32) {
                guard let way = wayBack(from: start, edges, within: members) else { continue }
                let all = way.allSatisfy { first in way.allSatisfy { first == $0 || canMeet(first, $0) } }
                guard all else { continue }
                let names = (way + [start]).prefix(12).map { definitions[$0].resource.id.text }
                let list = names.joined(separator: " requires ") + (way.count > 11 ? " requires …" : "")
                fault(.cycle, start, "a circle: \(list); a file requires the directories above it")
                break
            }
        }
    }

    /// A shortest way from a place back to it, without the place at the end.
    private func wayBack(from start: Int, _ edges: [[Int]], within members: Set<Int>) -> [Int]? {
        var cameFrom: [Int: Int] = [:]
        var queue = [start]
        var next = 0
        while next < queue.count {
            let place = queue[next]
            next += 1
            for target in edges[place] where members.contains(target) {
                if target == start {
                    var way = [place]
                    while let before = cameFrom[way[way.count - 1]] { way.append(before) }
                    return way.reversed()
                }
                guard target != start, cameFrom[target] == nil else { continue }
                cameFrom[target] = place
                queue.append(target)
            }
        }
        return nil
    }
}
