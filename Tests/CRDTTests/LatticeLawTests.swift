import CRDT
import Testing

@Suite("R3: laws of every lattice, on generated states")
struct LatticeLawTests {
    @Test("version vectors", arguments: seeds(20))
    func versionVector(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let vectors = (0..<4).map { _ in
            var vector = VersionVector()
            for _ in 0..<random.below(5) { vector[replica(random.below(4))] = UInt64(random.below(6)) }
            return vector
        }
        let states = vectors.map { CausalContext($0) }
        #expect(brokenLaws(states) == [], "seed \(seed)")
        for a in vectors {
            #expect(CausalContext(a).prefix == a, "seed \(seed)")
            for b in vectors {
                #expect(a.merged(with: b) == b.merged(with: a), "seed \(seed)")
                #expect(CausalContext(a.merged(with: b)) == CausalContext(a).merged(with: CausalContext(b)))
                #expect(a.includes(b) == (a.merged(with: b) == a), "seed \(seed)")
            }
        }
    }

    @Test("causal contexts with gaps", arguments: seeds(30))
    func causalContext(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let states = (0..<4).map { _ in
            CausalContext((0..<random.below(30)).map { _ in dot(random.below(3), UInt64(random.below(20)) + 1) })
        }
        #expect(brokenLaws(states) == [], "seed \(seed)")
    }

    @Test("grow-only sets", arguments: seeds(20))
    func growOnlySet(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let states = (0..<4).map { _ in GSet((0..<random.below(6)).map { _ in UInt64(random.below(300)) }) }
        #expect(brokenLaws(states) == [], "seed \(seed)")
    }

    @Test("ordered registers", arguments: seeds(20))
    func orderedRegister(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let states = (0..<4).map { _ in
            random.chance(20)
                ? OrderedRegister<UInt64, UInt64>()
                : OrderedRegister(rank: UInt64(random.below(3)), value: UInt64(random.below(3)))
        }
        #expect(brokenLaws(states) == [], "seed \(seed)")
    }

    @Test("last-writer-wins registers, also when two writers share a stamp", arguments: seeds(20))
    func lastWriterWins(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let states = (0..<4).map { _ in
            var register = LWWRegister<UInt64>()
            var clock = HybridClock()
            for _ in 0..<random.below(3) {
                register.set(
                    UInt64(random.below(3)), by: replica(random.below(2)), clock: &clock,
                    physicalMilliseconds: UInt64(random.below(3)))
            }
            return register
        }
        #expect(brokenLaws(states) == [], "seed \(seed)")
    }

    @Test("observed-remove sets: states and deltas of one history", arguments: seeds(25))
    func observedRemoveSet(seed: UInt64) throws {
        var world = SetWorld(seed: seed)
        for _ in 0..<40 { try world.step() }
        let states = world.replicas + world.events.prefix(2).map(\.delta) + world.events.suffix(1).map(\.delta)
        #expect(brokenLaws(states) == [], "seed \(seed)")
    }

    @Test("observed-remove sets: equal to the model, and deltas equal whole states", arguments: seeds(60))
    func setModel(seed: UInt64) throws {
        var world = SetWorld(seed: seed, replicas: 4)
        for step in 0..<80 {
            try world.step()
            for at in world.replicas.indices {
                #expect(world.replicas[at].elements == world.model(at), "seed \(seed) step \(step)")
            }
        }
        let whole = world.replicas.reduce(ORSet()) { $0.merged(with: $1) }
        let dots = world.replicas.map(\.context)
        for (at, state) in world.replicas.enumerated() {
            for other in dots.indices {
                let caughtUp = state.merged(with: world.replicas[other].delta(since: state.context))
                #expect(caughtUp == state.merged(with: world.replicas[other]), "seed \(seed) \(at) from \(other)")
            }
        }
        world.deliverAll()
        for state in world.replicas {
            #expect(state == whole, "seed \(seed)")
            #expect(state.canonicalBytes == whole.canonicalBytes, "seed \(seed)")
        }
    }

    @Test("amendable sets: states and deltas of one history", arguments: seeds(25))
    func amendableSet(seed: UInt64) throws {
        var world = MapWorld(seed: seed)
        for _ in 0..<40 { try world.step() }
        let states = world.replicas + world.events.prefix(2).map(\.delta) + world.events.suffix(1).map(\.delta)
        #expect(brokenLaws(states) == [], "seed \(seed)")
    }

    @Test("amendable sets: equal to the model, and deltas equal whole states", arguments: seeds(60))
    func mapModel(seed: UInt64) throws {
        var world = MapWorld(seed: seed)
        for step in 0..<80 {
            try world.step()
            for at in world.replicas.indices {
                for key in 0..<UInt64(world.keys) {
                    let values = world.replicas[at].entries(key).map(\.dot)
                    #expect(values == world.model(at, key), "seed \(seed) step \(step)")
                }
            }
        }
        let whole = world.replicas.reduce(AmendableORSet()) { $0.merged(with: $1) }
        for state in world.replicas {
            for other in world.replicas {
                #expect(
                    state.merged(with: other.delta(since: state.context)) == state.merged(with: other), "seed \(seed)")
            }
        }
        world.deliverAll()
        for state in world.replicas {
            #expect(state == whole, "seed \(seed)")
            #expect(state.canonicalBytes == whole.canonicalBytes, "seed \(seed)")
        }
    }
}
