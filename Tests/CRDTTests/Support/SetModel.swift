import CRDT

/// One event as the naive model sees it.
struct SetEvent {
    enum Kind: Equatable {
        case add(UInt64)
        case remove(targets: [Dot])
    }

    let dot: Dot
    let kind: Kind
}

/// The specification: an element is in if an addition of it has been observed that no observed removal targets.
func modelElements(_ observed: some Sequence<SetEvent>) -> [UInt64] {
    var dead: Set<Dot> = []
    for event in observed {
        if case .remove(let targets) = event.kind { dead.formUnion(targets) }
    }
    var elements: Set<UInt64> = []
    for event in observed {
        if case .add(let element) = event.kind, !dead.contains(event.dot) { elements.insert(element) }
    }
    return elements.sorted()
}

/// Replicas of one set that mutate at random and receive each other's deltas in any order, twice, or not at all.
struct SetWorld {
    var random: SplitMix64
    var replicas: [ORSet<UInt64>]
    var observed: [Set<Int>]
    var events: [(event: SetEvent, delta: ORSet<UInt64>)] = []
    let keys: Int

    init(seed: UInt64, replicas count: Int = 3, keys: Int = 4) {
        random = SplitMix64(seed: seed)
        replicas = Array(repeating: ORSet(), count: count)
        observed = Array(repeating: [], count: count)
        self.keys = keys
    }

    /// One mutation or delivery.
    mutating func step() throws {
        let at = random.below(replicas.count)
        switch random.below(10) {
        case 0..<3: try add(UInt64(random.below(keys)), at: at)
        case 3..<5: try remove(UInt64(random.below(keys)), at: at)
        default:
            if !events.isEmpty { deliver(random.below(events.count), to: at) }
        }
    }

    mutating func add(_ element: UInt64, at: Int) throws {
        let dot = try replicas[at].context.next(replica(at))
        let delta = try replicas[at].add(element, at: dot)
        record(SetEvent(dot: dot, kind: .add(element)), delta, at)
    }

    mutating func remove(_ element: UInt64, at: Int) throws {
        let dot = try replicas[at].context.next(replica(at))
        let targets = replicas[at].dots(of: element)
        guard let delta = try replicas[at].remove(element, at: dot) else { return }
        record(SetEvent(dot: dot, kind: .remove(targets: targets)), delta, at)
    }

    private mutating func record(_ event: SetEvent, _ delta: ORSet<UInt64>, _ at: Int) {
        observed[at].insert(events.count)
        events.append((event, delta))
    }

    mutating func deliver(_ event: Int, to at: Int) {
        replicas[at].merge(events[event].delta)
        observed[at].insert(event)
    }

    mutating func deliverAll() {
        for at in replicas.indices {
            for event in events.indices.shuffled(using: &random) { deliver(event, to: at) }
        }
    }

    func model(_ at: Int) -> [UInt64] { modelElements(observed[at].map { events[$0].event }) }
}
