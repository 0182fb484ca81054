/// Resources that require each other.
extension StackGraph {
    /// Tells, of each group of resources that reach each other, one circle that can be on a machine.
    ///
    /// Groups are found in steps that follow resources and requirements. Within one, the shortest ways back from its
    /// first members are looked at; a circle is told where all on it can meet. A group on which the steps end is told
    /// too: whether it is a circle was not found out, and what is that entangled is no loss.
    mutating func findCircles(_ edges: [[Int]]) {
        for group in Components.ordered(edges) where group.count > 1 || edges[group[0]].contains(group[0]) {
            let members = Set(group)
            var isFound = false
            for start in group.prefix(PolicyStackLimits.circleStartsMax) where !isFound && !steps.isOver {
                guard let way = wayBack(from: start, edges, within: members), canAllMeet(way), !steps.isOver else {
                    continue
                }
                let list = words(way + [start], isLong: way.count > 11)
                fault(.cycle, start, "a circle: \(list); a file requires the directories above it")
                isFound = true
            }
            guard !isFound, steps.isOver else { continue }
            let names = group.prefix(3).map { definitions[$0].resource.id.text }.joined(separator: ", ")
            fault(
                .cycle, group[0],
                "may be a circle: \(group.count) resources reach each other by what they require, such as \(names), "
                    + "in more ways than are looked at")
        }
    }

    private func words(_ way: [Int], isLong: Bool) -> String {
        let names = way.prefix(12).map { definitions[$0].resource.id.text }
        return names.joined(separator: " requires ") + (isLong ? " requires …" : "")
    }

    /// Whether each two of them can meet. Those of one kind are asked once: most circles are of one.
    private mutating func canAllMeet(_ way: [Int]) -> Bool {
        var firsts: [(kind: Int, place: Int)] = []
        var counts: [Int: Int] = [:]
        for place in way {
            let kind = definitions[place].kind
            if counts[kind] == nil { firsts.append((kind, place)) }
            counts[kind, default: 0] += 1
        }
        steps.take(way.count)
        for (order, first) in firsts.enumerated() {
            if counts[first.kind, default: 0] > 1, !canMeet(first.place, first.place) { return false }
            for second in firsts[..<order] {
                guard canMeet(first.place, second.place) else { return false }
                guard !steps.isOver else { return true }
            }
        }
        return true
    }

    /// A shortest way from a place back to it, without the place at the end; nil where the steps are over.
    private mutating func wayBack(from start: Int, _ edges: [[Int]], within members: Set<Int>) -> [Int]? {
        var cameFrom: [Int: Int] = [:]
        var queue = [start]
        var next = 0
        while next < queue.count, !steps.isOver {
            let place = queue[next]
            next += 1
            steps.take(1 + edges[place].count)
            for target in edges[place] where members.contains(target) {
                if target == start {
                    var way = [place]
                    while let before = cameFrom[way[way.count - 1]] { way.append(before) }
                    return way.reversed()
                }
                guard cameFrom[target] == nil else { continue }
                cameFrom[target] = place
                queue.append(target)
            }
        }
        return nil
    }
}
