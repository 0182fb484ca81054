@testable import CRDT

/// Goes through every history of up to `eventsMax` events that replicas can make of some keys, and for each through
/// every order in which its events can reach an observer, in or out of causal order.
///
/// A history is what its events are: author, key, and for a removal the additions it names. For each way of having seen
/// earlier events the author's real state is built and its real mutator called, so exactly the histories that can
/// happen are made. For each set of observed events the state is reached over every last delivery; if all agree at
/// every set, then all orders agree. Histories that differ only in the names of replicas and keys, or in the order of
/// unrelated events, are visited once.
struct Explorer<Subject: SetUnderTest> {
    private struct Event {
        let replica: Int
        let key: UInt64
        /// Bit mask of the events that a removal names; nil for an addition.
        let targets: Int?
        let dot: Dot
        let delta: ORSet<UInt64>
    }

    private(set) var histories = 0
    private(set) var deliveries = 0
    private(set) var violations: [String] = []
    private var visited: Set<[UInt8]> = []
    private let replicaCount: Int
    private let keyCount: Int
    private let eventsMax: Int
    private let violationsMax = 3

    init(replicas: Int, keys: Int, eventsMax: Int) {
        replicaCount = replicas
        keyCount = keys
        self.eventsMax = eventsMax
    }

    mutating func run() throws { try extend([], [Subject()]) }

    /// `states[mask]` is the state of whoever has observed the events in `mask`.
    private mutating func extend(_ events: [Event], _ states: [Subject]) throws {
        guard events.count < eventsMax, violations.count < violationsMax else { return }
        for author in 0..<replicaCount {
            let own = events.indices.reduce(0) { events[$1].replica == author ? $0 | 1 << $1 : $0 }
            let counter = UInt64(own.nonzeroBitCount) + 1
            for key in 0..<UInt64(keyCount) {
                var tried: Set<Int> = []
                for seen in states.indices where seen & own == own {
                    var subject = states[seen]
                    let dot = Dot(replica(author), counter)
                    if seen == states.count - 1 {
                        let delta = try subject.add(key, at: dot)
                        let event = Event(replica: author, key: key, targets: nil, dot: dot, delta: delta)
                        try visit(events + [event], states, local: subject, seen)
                        subject = states[seen]
                    }
                    let targets = mask(subject.state.dots(of: key), events)
                    guard targets != 0, tried.insert(targets).inserted else { continue }
                    guard let delta = try subject.remove(key, at: dot) else { continue }
                    let event = Event(replica: author, key: key, targets: targets, dot: dot, delta: delta)
                    try visit(events + [event], states, local: subject, seen)
                }
            }
        }
    }

    private func mask(_ dots: [Dot], _ events: [Event]) -> Int {
        events.indices.reduce(0) { dots.contains(events[$1].dot) ? $0 | 1 << $1 : $0 }
    }

    private mutating func visit(_ events: [Event], _ before: [Subject], local: Subject, _ seen: Int) throws {
        guard visited.insert(canonical(events)).inserted, violations.count < violationsMax else { return }
        histories += 1
        let newest = events.count - 1
        var states = before
        states.reserveCapacity(before.count * 2)
        for mask in before.indices {
            var state = before[mask]
            state.merge(events[newest].delta)
            states.append(state)
        }
        if states[seen | 1 << newest] != local { report("mutator differs from its delta", events) }
        var bySeen: [CausalContext: Subject] = [:]
        for mask in states.indices {
            let state = states[mask]
            if bySeen.updateValue(state, forKey: state.state.context).map({ $0 != state }) ?? false {
                report("equal contexts, different states", events)
            }
            guard mask >= before.count else { continue }
            if state.state.elements != expected(events, mask) { report("differs from the model", events) }
            for index in 0..<newest where mask >> index & 1 == 1 {
                var other = states[mask & ~(1 << index)]
                other.merge(events[index].delta)
                deliveries += 1
                if other != state { report("order of delivery matters", events) }
            }
        }
        try extend(events, states)
    }

    private func expected(_ events: [Event], _ mask: Int) -> [UInt64] {
        var dead = 0
        for index in events.indices where mask >> index & 1 == 1 { dead |= events[index].targets ?? 0 }
        var elements: Set<UInt64> = []
        for index in events.indices where (mask & ~dead) >> index & 1 == 1 && events[index].targets == nil {
            elements.insert(events[index].key)
        }
        return elements.sorted()
    }

    private mutating func report(_ what: String, _ events: [Event]) {
        guard violations.count < violationsMax else { return }
        let history = events.map { event in
            "\(event.replica)\(event.targets == nil ? "+" : "-")\(event.key)"
                + (event.targets.map { "(\(String($0, radix: 2)))" } ?? "")
        }
        violations.append("\(what): \(history.joined(separator: " "))")
    }

    /// The least form of a history under renaming of replicas and keys: per replica its events, targets by dot.
    private func canonical(_ events: [Event]) -> [UInt8] {
        var least: [UInt8]?
        for order in permutations(replicaCount) {
            for keys in permutations(keyCount) {
                var form: [UInt8] = []
                for author in order {
                    for event in events where event.replica == author {
                        form.append(1 + UInt8(keys[Int(event.key)]))
                        form.append(UInt8(event.targets.map { mapped($0, order, events) } ?? 0))
                    }
                    form.append(0)
                }
                if let known = least, !form.lexicographicallyPrecedes(known) { continue }
                least = form
            }
        }
        return least ?? []
    }

    /// The targets as a mask over the events grouped by replica in this order.
    private func mapped(_ targets: Int, _ order: [Int], _ events: [Event]) -> Int {
        var (mask, position) = (0, 0)
        for author in order {
            for index in events.indices where events[index].replica == author {
                if targets >> index & 1 == 1 { mask |= 1 << position }
                position += 1
            }
        }
        return mask
    }
}

private func permutations(_ count: Int) -> [[Int]] {
    if count == 0 { return [[]] }
    return permutations(count - 1).flatMap { rest in
        (0...rest.count).map { place in
            var longer = rest
            longer.insert(count - 1, at: place)
            return longer
        }
    }
}
