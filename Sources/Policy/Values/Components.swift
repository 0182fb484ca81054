/// Which things lead to each other, each after what it leads to.
enum Components {
    /// Groups of places that reach each other, each group after those that it leads to; places of a group ascending.
    /// Groups that do not depend on each other come in the order of their first places. Tarjan's algorithm, without
    /// recursion: linear in places and edges.
    static func ordered(_ edges: [[Int]]) -> [[Int]] {
        var run = Run(edges: edges)
        for place in edges.indices where run.index[place] == nil { run.visit(place) }
        return run.groups
    }

    private struct Run {
        let edges: [[Int]]
        var index: [Int?]
        var low: [Int]
        var isOnStack: [Bool]
        var stack: [Int] = []
        var next = 0
        var groups: [[Int]] = []

        init(edges: [[Int]]) {
            self.edges = edges
            index = Array(repeating: nil, count: edges.count)
            low = Array(repeating: 0, count: edges.count)
            isOnStack = Array(repeating: false, count: edges.count)
        }

        mutating func enter(_ place: Int) {
            (index[place], low[place]) = (next, next)
            next += 1
            stack.append(place)
            isOnStack[place] = true
        }

        mutating func visit(_ start: Int) {
            var path = [(place: start, edge: 0)]
            enter(start)
            while let (place, edge) = path.last {
                if edge < edges[place].count {
                    path[path.count - 1].edge += 1
                    let target = edges[place][edge]
                    if let seen = index[target] {
                        if isOnStack[target] { low[place] = min(low[place], seen) }
                    } else {
                        enter(target)
                        path.append((target, 0))
                    }
                    continue
                }
                path.removeLast()
                if let above = path.last { low[above.place] = min(low[above.place], low[place]) }
                if low[place] == index[place] { close(place) }
            }
        }

        mutating func close(_ root: Int) {
            var group: [Int] = []
            while let place = stack.popLast() {
                isOnStack[place] = false
                group.append(place)
                if place == root { break }
            }
            groups.append(group.sorted())
        }
    }
}
