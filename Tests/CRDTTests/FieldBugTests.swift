import Testing

@testable import CRDT

/// Known mistakes of other libraries, one test each, named after where they were found.
@Suite("R3: mistakes that others made, sets")
struct FieldBugTests {
    typealias Set3 = [ORSet<UInt64>]

    /// Every way to join three states two at a time.
    private func joins(_ states: Set3) -> Set3 {
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].flatMap { order in
            let (a, b, c) = (states[order[0]], states[order[1]], states[order[2]])
            return [a.merged(with: b).merged(with: c), a.merged(with: b.merged(with: c))]
        }
    }

    @Test("riak_dt #78: a removal advances the context, so removed entries do not survive a merge")
    func removalAdvances() throws {
        var states = Set3(repeating: ORSet(), count: 3)
        let added = try states[0].add(1, at: dot(0, 1))
        for at in 1...2 { states[at].merge(added) }
        #expect(states[0].context == states[1].context)
        try states[1].remove(1, at: dot(1, 1))
        #expect(states[1].context.includes(states[0].context) && states[1].context != states[0].context)
        for joined in joins(states) { #expect(joined.elements == []) }
    }

    @Test("riak_dt #82: an element on both sides, removed on both, is gone in merge(b, merge(a, c))")
    func removedOnBothSides() throws {
        var states = Set3(repeating: ORSet(), count: 3)
        try states[0].add(1, at: dot(0, 1))
        try states[1].add(1, at: dot(1, 1))
        states[2] = states[0].merged(with: states[1])
        try states[0].remove(1, at: dot(0, 2))
        try states[1].remove(1, at: dot(1, 2))
        #expect(!states[1].merged(with: states[0].merged(with: states[2])).contains(1))
        for joined in joins(states) { #expect(joined.elements == []) }
    }

    @Test("riak_dt #99, #113: a removal seen before its addition holds, through merges and a restart")
    func deferredRemoval() throws {
        var (author, late) = (ORSet<UInt64>(), ORSet<UInt64>())
        let added = try author.add(1, at: dot(0, 1))
        let removal = try #require(try author.remove(1, at: dot(0, 2)))
        late.merge(removal)
        try late.add(2, at: dot(1, 1))
        try late.remove(2, at: dot(1, 2))
        late = try decoded(late.canonicalBytes)
        late.merge(try decoded(ORSet<UInt64>().merged(with: late).canonicalBytes))
        late.merge(added)
        #expect(late.isEmpty)
        #expect(late.merged(with: author) == late)
    }

    @Test("akka #22188, PR 22259: holes left by deltas out of order delete nothing; all orders, all prefixes")
    func holes() throws {
        var (a, b) = (ORSet<UInt64>(), ORSet<UInt64>())
        var deltas = [try a.add(1, at: dot(0, 1)), try a.add(2, at: dot(0, 2)), try a.add(1, at: dot(0, 3))]
        b.merge(deltas[1])
        deltas.append(try #require(try b.remove(2, at: dot(1, 1))))
        deltas.append(try b.add(2, at: dot(1, 2)))
        deltas.append(try #require(try a.remove(1, at: dot(0, 4))))
        let whole = a.merged(with: b)
        #expect(whole.elements == [2])
        for order in orders(deltas.count) {
            var state = ORSet<UInt64>()
            for (taken, index) in order.enumerated() {
                state.merge(deltas[index])
                #expect(state.contains(2) || !order.prefix(taken + 1).contains(4))
                if taken % 3 == order[0] % 3 { #expect(state.merged(with: whole) == whole) }
            }
            #expect(state == whole)
        }
    }

    @Test("akka #22606, PR 22619: one mutation is one irreducible delta, and delivery again is no news")
    func irreducible() throws {
        var state = ORSet<UInt64>()
        var other = ORSet<UInt64>()
        let deltas = [
            try state.add(1, at: dot(0, 1)), try state.add(1, at: dot(0, 2)),
            try #require(try state.remove(1, at: dot(0, 3))),
        ]
        for delta in deltas {
            #expect(delta.decomposed() == [delta])
            #expect(other.news(in: delta) == delta)
            other.merge(delta)
            let before = other
            #expect(other.news(in: delta) == nil)
            other.merge(delta)
            #expect(other == before)
        }
        #expect(other == state)
        #expect(try state.remove(1, at: dot(0, 4)) == nil)
        // A death that comes without its removal, as no honest replica sends it, is news wherever it changes something.
        try state.add(7, at: dot(0, 4))
        let bare = ORSet<UInt64>(rows: EmptyCollection(), context: CausalContext([dot(0, 4)]))
        #expect(state.news(in: bare) == bare && !state.includes(bare))
        state.merge(bare)
        #expect(state.news(in: bare) == nil && state.includes(bare))
    }

    @Test("akka #22631, #22648, PR 22668: merged removal deltas equal merged states", arguments: seeds(30))
    func mergedRemovals(seed: UInt64) throws {
        var world = SetWorld(seed: seed, keys: 2)
        for _ in 0..<40 { try world.step() }
        let byDelta = world.events.map(\.delta).reduce(ORSet()) { $0.merged(with: $1) }
        let byState = world.replicas.reduce(ORSet()) { $0.merged(with: $1) }
        #expect(byDelta == byState, "seed \(seed)")
    }

    @Test("akka #22890, PR 23597: a removal's delta carries only its own dot and targets")
    func ironRule() throws {
        var state = ORSet<UInt64>()
        for counter in 1...5 { try state.add(UInt64(counter), at: dot(0, UInt64(counter))) }
        try state.add(3, at: dot(1, 1))
        let removal = try #require(try state.remove(3, at: dot(2, 1)))
        #expect(removal.context.allDots == [dot(0, 3), dot(1, 1), dot(2, 1)])
        #expect(removal.isEmpty)
        var map = AmendableORSet<UInt64, UInt64>()
        try map.admit(1, 10, at: dot(0, 1))
        #expect(try map.amend(1, 11, at: dot(0, 2))?.context.allDots == [dot(0, 2)])
        #expect(try map.revoke(1, at: dot(1, 1))?.context.allDots == [dot(0, 1), dot(1, 1)])
    }

    @Test("akka #25315: mutations without effect use no dot, so sequences stay gapless", arguments: seeds(10))
    func gapless(seed: UInt64) throws {
        var world = SetWorld(seed: seed)
        for _ in 0..<60 { try world.step() }
        world.deliverAll()
        for state in world.replicas {
            #expect(state.context.intervalCount == state.context.replicaCount, "seed \(seed)")
        }
    }

    @Test("akka.net #5689: both orders of a merge give the same bytes", arguments: seeds(20))
    func argumentOrder(seed: UInt64) throws {
        var (sets, maps) = (SetWorld(seed: seed), MapWorld(seed: seed))
        for _ in 0..<40 {
            try sets.step()
            try maps.step()
        }
        let (a, b) = (sets.replicas[0], sets.replicas[1])
        #expect(a.merged(with: b).canonicalBytes == b.merged(with: a).canonicalBytes, "seed \(seed)")
        let (c, d) = (maps.replicas[0], maps.replicas[1])
        #expect(c.merged(with: d).canonicalBytes == d.merged(with: c).canonicalBytes, "seed \(seed)")
    }

    @Test("delta_crdt_ex #65: no part of a difference deletes what lives at both ends", arguments: seeds(30))
    func partialDifference(seed: UInt64) throws {
        var world = SetWorld(seed: seed)
        for _ in 0..<60 { try world.step() }
        let (mine, theirs) = (world.replicas[0], world.replicas[1])
        let parts = theirs.delta(since: mine.context).decomposed()
        for cut in 0...parts.count {
            let received = parts.shuffled(using: &world.random).prefix(cut).reduce(mine) { $0.merged(with: $1) }
            for (dot, _) in mine.store.columns.ordered where theirs.element(at: dot) != nil {
                #expect(received.element(at: dot) != nil, "seed \(seed)")
            }
            #expect(received.merged(with: theirs) == mine.merged(with: theirs), "seed \(seed)")
        }
    }

    @Test("rust-crdts op gap: the second event before the first loses neither, here or at the author")
    func operationGap() throws {
        var (author, reader) = (ORSet<UInt64>(), ORSet<UInt64>())
        let first = try author.add(1, at: dot(0, 1))
        let second = try author.add(2, at: dot(0, 2))
        reader.merge(second)
        #expect(reader.context.difference(from: CausalContext()) == [DotRange(replica(0), 2...2)])
        #expect(author.merged(with: reader).elements == [1, 2])
        reader.merge(first)
        #expect(reader == author)
    }

    @Test("rust-crdts double-spent dot: found before a merge, nobody removed silently")
    func doubleSpending() throws {
        var (live, restored) = (ORSet<UInt64>(), ORSet<UInt64>())
        try live.add(1, at: dot(0, 1))
        let forged = try restored.add(2, at: dot(0, 1))
        #expect(live.disagreement(with: forged) == dot(0, 1))
        #expect(live.disagreement(with: live) == nil)
        #expect(throws: DotFailure.used(dot(0, 1))) { try live.add(3, at: dot(0, 1)) }
        #expect(throws: DotFailure.used(dot(0, 1))) { try live.remove(1, at: dot(0, 1)) }
        #expect(throws: DotFailure.outOfRange(dot(0, 0))) { try live.add(3, at: dot(0, 0)) }
        #expect(live.elements == [1])
    }

    @Test("heckj laws: joining keeps one's own dots, a later addition survives, add wins")
    func addWins() throws {
        var (a, b) = (ORSet<UInt64>(), ORSet<UInt64>())
        try b.add(9, at: dot(1, 1))
        try b.add(8, at: dot(1, 2))
        a.merge(b)
        #expect(try a.context.next(replica(0)) == dot(0, 1))
        try a.remove(9, at: a.context.next(replica(0)))
        b.merge(a)
        try b.add(9, at: b.context.next(replica(1)))
        a.merge(b)
        #expect(a.contains(9) && b.contains(9))
        // Concurrently removed at one and added at the other: in, at both, in both orders.
        let removal = try #require(try a.remove(8, at: a.context.next(replica(0))))
        let addition = try b.add(8, at: b.context.next(replica(1)))
        a.merge(addition)
        b.merge(removal)
        #expect(a == b && a.contains(8))
    }

    @Test("cr-sqlite PR 299, #71, PR 336: admitted again after a revocation, in every order of arrival")
    func readmission() throws {
        var map = AmendableORSet<UInt64, UInt64>()
        let deltas = [
            try map.admit(1, 10, at: dot(0, 1)), try #require(try map.amend(1, 11, at: dot(0, 2))),
            try #require(try map.revoke(1, at: dot(1, 1))), try map.admit(1, 20, at: dot(2, 1)),
            try #require(try map.amend(1, 21, at: dot(1, 2))),
        ]
        for order in orders(deltas.count) {
            var state = AmendableORSet<UInt64, UInt64>()
            for index in order { state.merge(deltas[index]) }
            #expect(state == map && state[1] == 21)
        }
    }

    @Test(
        "superfly/cr-sqlite PR 5, corrosion PR 352: several revoke one dot, relayed by any path", arguments: seeds(20))
    func concurrentRevocations(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var states = Set3(repeating: ORSet(), count: 4)
        let added = try states[0].add(1, at: dot(0, 1))
        for at in 1...3 { states[at].merge(added) }
        var queue: [(to: Int, delta: ORSet<UInt64>)] = []
        for at in 0...1 {
            let removal = try #require(try states[at].remove(1, at: states[at].context.next(replica(at))))
            queue += (0...3).filter { $0 != at }.map { ($0, removal) }
        }
        while !queue.isEmpty {
            let (to, delta) = queue.remove(at: random.below(queue.count))
            guard let news = states[to].news(in: delta) else { continue }
            states[to].merge(news)
            queue += (0...3).filter { $0 != to }.map { ($0, news) }
        }
        for state in states { #expect(state == states[0] && state.isEmpty, "seed \(seed)") }
    }

    @Test("corrosion PR 43: what lies behind a stretch of removed events still arrives")
    func clearedStretch() throws {
        var author = ORSet<UInt64>()
        var reader = ORSet<UInt64>()
        reader.merge(try author.add(0, at: dot(0, 1)))
        for counter in UInt64(2)...200 {
            let delta = try author.add(counter, at: dot(0, counter))
            if counter % 50 == 0 { reader.merge(delta) }
        }
        for counter in UInt64(2)...150 { try author.remove(counter, at: author.context.next(replica(1))) }
        #expect(author.context.difference(from: reader.context).count == 5)
        reader.merge(author.delta(since: reader.context))
        #expect(reader == author && reader.elements.count == 51)
    }

    @Test("y-crdt #607, #407, #268: a merged batch is the batch applied one by one", arguments: seeds(20))
    func batches(seed: UInt64) throws {
        var (sets, maps) = (SetWorld(seed: seed), MapWorld(seed: seed))
        for _ in 0..<60 {
            try sets.step()
            try maps.step()
        }
        let batch = sets.events.map(\.delta).shuffled(using: &sets.random).prefix(8)
        let joined = batch.reduce(ORSet()) { $0.merged(with: $1) }
        for state in sets.replicas {
            #expect(state.merged(with: joined) == batch.reduce(state) { $0.merged(with: $1) }, "seed \(seed)")
            let parts = joined.decomposed()
            #expect(parts.reduce(ORSet()) { $0.merged(with: $1) } == joined, "seed \(seed)")
            let news = state.news(in: joined) ?? ORSet()
            #expect(state.merged(with: news) == state.merged(with: joined), "seed \(seed)")
        }
        let mapBatch = maps.events.map(\.delta).shuffled(using: &maps.random).prefix(8)
        let mapJoined = mapBatch.reduce(AmendableORSet()) { $0.merged(with: $1) }
        for state in maps.replicas {
            #expect(state.merged(with: mapJoined) == mapBatch.reduce(state) { $0.merged(with: $1) }, "seed \(seed)")
            let parts = mapJoined.decomposed()
            #expect(parts.reduce(AmendableORSet()) { $0.merged(with: $1) } == mapJoined, "seed \(seed)")
            let news = state.news(in: mapJoined) ?? AmendableORSet()
            #expect(state.merged(with: news) == state.merged(with: mapJoined), "seed \(seed)")
        }
    }

    @Test("Pekko pruning, Redis tombstones, riak doomstones: away for long, none returns, none is lost")
    func longAbsence() throws {
        var home = ORSet<UInt64>()
        for counter in UInt64(1)...300 { try home.add(counter, at: dot(0, counter)) }
        var away = home
        let mine = try away.add(1000, at: dot(5, 1))
        for counter in UInt64(1)...300 where counter % 3 != 0 {
            try home.remove(counter, at: home.context.next(replica(1)))
        }
        try home.add(1, at: home.context.next(replica(2)))
        // The removals are no longer kept anywhere: only the state is exchanged, after a restart.
        home = try decoded(home.canonicalBytes)
        let fromHome = home.delta(since: away.context)
        home.merge(away.delta(since: home.context))
        away.merge(fromHome)
        #expect(away == home && home.elements.count == 102 && home.contains(1) && home.contains(1000))
        home.merge(mine)
        #expect(home == away)
    }

    @Test(
        "automerge Bloom filters: nothing probabilistic decides; colliding hashes change no answer",
        arguments: seeds(10))
    func collidingHashes(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var set = ORSet<Colliding>()
        var model: [Colliding: Set<Dot>] = [:]
        for _ in 0..<300 {
            let element = Colliding(value: UInt64(random.below(20)))
            let next = try set.context.next(replica(random.below(3)))
            if random.chance(60) {
                try set.add(element, at: next)
                model[element, default: []].insert(next)
            } else {
                let removed = try set.remove(element, at: next) != nil
                #expect(removed == (model[element] != nil), "seed \(seed)")
                model[element] = nil
            }
            #expect(set.elements == model.keys.sorted(), "seed \(seed)")
            #expect(set.dots(of: element) == (model[element] ?? []).sorted(), "seed \(seed)")
        }
    }
}

/// An element whose hashes nearly all collide.
struct Colliding: LatticeElement {
    let value: UInt64

    static func < (left: Colliding, right: Colliding) -> Bool { left.value < right.value }
    func siphash(_ key: SipKey) -> UInt64 { value & 1 }
    func encode(to encoder: inout CanonicalEncoder) { value.encode(to: &encoder) }
    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) { value = try UInt64(from: &decoder) }
    init(value: UInt64) { self.value = value }
}

/// Every order of `count` things.
func orders(_ count: Int) -> [[Int]] {
    if count == 0 { return [[]] }
    return orders(count - 1).flatMap { rest in
        (0...rest.count).map { place in
            var longer = rest
            longer.insert(count - 1, at: place)
            return longer
        }
    }
}
