import CRDT

/// One event of an amendable set as the naive model sees it.
struct MapEvent {
    enum Kind: Equatable {
        case admit(UInt64)
        case amend(UInt64, admission: Dot)
        case revoke(targets: [Dot])
    }

    let dot: Dot
    let kind: Kind
    /// Amendments of the same admission that the author had observed.
    let sawAmendments: Set<Dot>
}

/// Replicas of an amendable set under random mutation and delivery, with the specification beside them.
struct MapWorld {
    var random: SplitMix64
    var replicas: [AmendableORSet<UInt64, UInt64>]
    var observed: [Set<Int>]
    var events: [(event: MapEvent, delta: AmendableORSet<UInt64, UInt64>)] = []
    let keys = 3

    init(seed: UInt64, replicas count: Int = 3) {
        random = SplitMix64(seed: seed)
        replicas = Array(repeating: AmendableORSet(), count: count)
        observed = Array(repeating: [], count: count)
    }

    mutating func step() throws {
        let at = random.below(replicas.count)
        let key = UInt64(random.below(keys))
        let dot = try replicas[at].context.next(replica(at))
        let value = random.next() & 0xFF
        switch random.below(12) {
        case 0..<2:
            let delta = try replicas[at].admit(key, value, at: dot)
            record(MapEvent(dot: dot, kind: .admit(key), sawAmendments: []), delta, at)
        case 2..<5:
            guard let shown = replicas[at].shown(key), let delta = try replicas[at].amend(key, value, at: dot)
            else { return }
            let kind = MapEvent.Kind.amend(key, admission: shown.admission)
            record(MapEvent(dot: dot, kind: kind, sawAmendments: amendments(shown.admission, at)), delta, at)
        case 5:
            let targets = replicas[at].dots(of: key)
            guard let delta = try replicas[at].revoke(key, at: dot) else { return }
            record(MapEvent(dot: dot, kind: .revoke(targets: targets), sawAmendments: []), delta, at)
        default:
            if !events.isEmpty { deliver(random.below(events.count), to: at) }
        }
    }

    /// Amendments of an admission that are in the causal past of what `at` has observed.
    private func amendments(_ admission: Dot, _ at: Int) -> Set<Dot> {
        var dots: Set<Dot> = []
        for event in observed[at].map({ events[$0].event }) {
            if case .amend(_, admission) = event.kind {
                dots.insert(event.dot)
                dots.formUnion(event.sawAmendments)
            }
        }
        return dots
    }

    private mutating func record(
        _ event: MapEvent, _ delta: AmendableORSet<UInt64, UInt64>, _ at: Int
    ) {
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

    /// Dots of the values of `key` at a replica, by admission and dot: from the observed events alone.
    func model(_ at: Int, _ key: UInt64) -> [Dot] {
        let seen = observed[at].map { events[$0].event }
        var dead: Set<Dot> = []
        var dominated: Set<Dot> = []
        for event in seen {
            if case .revoke(let targets) = event.kind { dead.formUnion(targets) }
            dominated.formUnion(event.sawAmendments)
        }
        let admissions = seen.filter { $0.kind == .admit(key) && !dead.contains($0.dot) }.map(\.dot).sorted()
        return admissions.flatMap { admission -> [Dot] in
            let amended = seen.filter {
                $0.kind == .amend(key, admission: admission) && !dominated.contains($0.dot)
            }
            return amended.isEmpty ? [admission] : amended.map(\.dot).sorted()
        }
    }
}
