internal import CRDT
internal import Spanner

/// Which resources of layers stand in each other's place, lead to each other, or lead nowhere.
///
/// A resource that no machine can have together with another is no matter to it. Whether two can meet is told by their
/// layers' matches and their conditions, and never wrongly denied for traits that are no lists; where it is wrongly
/// allowed or overlooked, the machine itself finds it, as a fault of the resources concerned.
///
/// Anybody who may read can have a stack judged. So all searches count their steps, up to a named limit: what would
/// take more is refused as too large, and is never a matter of minutes.
struct StackGraph {
    /// A resource where it is defined.
    struct Definition {
        let layer: Int
        let resource: PolicyResource
        /// All that has to hold of traits.
        let condition: TraitCondition
        /// Definitions of one kind meet the same others: they are of one layer and have the same condition.
        let kind: Int
        var isDead = false
    }

    /// What a kind of definitions has in common.
    private struct Kind: Hashable {
        let layer: Int
        let condition: [UInt8]
    }

    let layers: [StackLayer]
    private let areSelected: Bool
    private(set) var definitions: [Definition] = []
    private var bySlot: [ByteText: [Int]] = [:]
    private var meetings: [[Bool]] = []
    /// Which layers have the same match, by the number of the first of them.
    private var matches: [Int] = []
    private var found: [StackFault] = []
    /// Steps of the search that is under way.
    var steps = StepCount(most: PolicyStackLimits.comparisonsMax)
    /// Steps of searches that are over.
    private(set) var spent = 0

    /// The graph of layers. `areSelected`: they are those of some machine, so that all of them are for it.
    init(_ layers: [StackLayer], areSelected: Bool = false) {
        (self.layers, self.areSelected) = (layers, areSelected)
        var kinds: [Kind: Int] = [:]
        var standings: [StandingMatch: Int] = [:]
        for (place, layer) in layers.enumerated() {
            matches.append(standings[layer.standing] ?? place)
            standings[layer.standing] = matches[place]
            for resource in layer.layer.resources {
                var encoder = CanonicalEncoder(capacity: 16)
                resource.condition.encode(to: &encoder)
                let common = Kind(layer: place, condition: encoder.bytes)
                let kind = kinds[common] ?? kinds.count
                kinds[common] = kind
                bySlot[resource.id.slot, default: []].append(definitions.count)
                definitions.append(
                    Definition(
                        layer: place, resource: resource, condition: layer.layer.condition.and(resource.condition),
                        kind: kind))
            }
        }
        meetings = Array(repeating: Array(repeating: true, count: layers.count), count: layers.count)
        guard !areSelected else { return }
        for (left, layer) in layers.enumerated() {
            for right in 0..<left {
                let isMet = layer.standing.canMeet(layers[right].standing, &steps)
                (meetings[left][right], meetings[right][left]) = (isMet, isMet)
            }
        }
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
        guard !steps.isOver else {
            found.append(
                StackFault(
                    .tooLarge, file: "stack.yaml", line: nil,
                    reason: "whether its layers fit together takes more than \(steps.most) "
                        + "comparisons of their matches, conditions and requirements",
                    next: "define a resource in fewer layers, or give fewer patterns, conditions or requirements"))
            return found
        }
        spent += steps.taken
        steps = StepCount(most: PolicyStackLimits.circleStepsMax)
        findCircles(edges)
        spent += steps.taken
        return found
    }

    mutating func fault(_ code: StackFaultCode, _ place: Int, _ reason: String) {
        guard found.count < 10 * PolicyStackLimits.faultsMax else { return }
        let definition = definitions[place]
        found.append(
            StackFault(code, file: layers[definition.layer].layer.path, line: definition.resource.line, reason: reason))
    }

    /// Whether a machine may have both; true where the steps are over.
    mutating func canMeet(_ left: Int, _ right: Int) -> Bool {
        steps.take()
        guard !steps.isOver else { return true }
        let (first, second) = (definitions[left], definitions[right])
        return meetings[first.layer][second.layer] && first.condition.canMeet(second.condition, &steps)
    }

    /// Marks the definitions that a later one replaces wherever they count.
    private mutating func compare(_ slot: [Int]) {
        for (order, place) in slot.enumerated() where !steps.isOver {
            let isDead = slot[(order + 1)...].contains { later in
                let (first, second) = (definitions[place], definitions[later])
                steps.take()
                guard first.layer < second.layer, !steps.isOver else { return false }
                let isWider = layers[second.layer].standing.isForAll || matches[first.layer] == matches[second.layer]
                guard areSelected || isWider else { return false }
                steps.take(first.condition.tests.count * second.condition.tests.count)
                return second.condition.tests.allSatisfy { first.condition.tests.contains($0) }
            }
            definitions[place].isDead = isDead
        }
    }

    /// Two of one layer in one place, unless their conditions exclude each other.
    private mutating func findDuplicates(_ shared: [[Int]]) {
        for slot in shared {
            for (order, place) in slot.enumerated() {
                let twin = slot[..<order].first {
                    definitions[$0].layer == definitions[place].layer && canMeet($0, place)
                }
                // Once the steps are over all seem to meet: what is said then is that it is too large.
                guard let twin, !steps.isOver else { continue }
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
            guard !steps.isOver else { return [] }
            let resource = definitions[place].resource
            var targets: Set<Int> = []
            for (ids, what) in [(resource.requires, "requires"), (resource.notifies, "notifies")] {
                for id in ids where !steps.isOver {
                    let meeting = bySlot[id.slot, default: []].filter { canMeet(place, $0) }
                    if what == "requires" { targets.formUnion(meeting.filter { !definitions[$0].isDead }) }
                    guard meeting.isEmpty else { continue }
                    hints += 1
                    fault(.dangling, place, "\(resource.id) \(what) \(id), \(missing(id, withHint: hints <= 20))")
                }
            }
            if ["directory", "file", "link"].contains(resource.id.type) {
                for path in MachinePath.above(resource.id.name) where !steps.isOver {
                    steps.take(1 + path.utf8.count / 64)
                    targets.formUnion(
                        bySlot[ResourceID.slot(ofPath: path), default: []].filter {
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
}
