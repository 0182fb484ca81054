import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Laws of slice registers on generated histories")
struct SliceRegisterLawTests {
    @Test("Merge is commutative, associative, idempotent and inflationary (R3, P7)", arguments: 0..<60 as Range<UInt64>)
    func lattice(seed: UInt64) throws {
        let world = try #require(SliceWorld())
        var generator = SeededGenerator(seed: seed)
        let all = world.history(&generator, count: 24)
        let parts = (0..<3).map { _ in world.set(all.map { generator.below(2) == 0 ? $0 : nil }) }
        let (a, b, c) = (parts[0], parts[1], parts[2])
        #expect(a.merged(with: b) == b.merged(with: a))
        #expect(a.merged(with: b).merged(with: c) == a.merged(with: b.merged(with: c)))
        #expect(a.merged(with: a) == a)
        #expect(a.merged(with: b).includes(a) && a.merged(with: b).includes(b))
        #expect(a.merged(with: b).deltas().map(\.canonicalBytes) == b.merged(with: a).deltas().map(\.canonicalBytes))
        #expect(
            a.merged(with: b).digest(of: world.genesis.id, by: world.witness)
                == b.merged(with: a).digest(of: world.genesis.id, by: world.witness))
    }

    @Test("The owner does not depend on the order of arrival, doubled or not (P7)", arguments: 0..<60 as Range<UInt64>)
    func orderOfArrival(seed: UInt64) throws {
        let world = try #require(SliceWorld())
        var generator = SeededGenerator(seed: seed)
        let all = world.history(&generator, count: 30)
        let once = world.set(all)
        for _ in 0..<4 {
            var other = SliceRegisterSet()
            for signed in world.shuffle(all + all.prefix(7), &generator) {
                _ = other.absorb(SliceDelta([signed]), mesh: SliceWorld.mesh, witness: world.witness)
            }
            #expect(other == once)
            for index in 0..<2 as Range<UInt32> { #expect(world.walk(other, index) == world.walk(once, index)) }
        }
    }

    @Test(
        "Positions rise by one along the walk; everything is on it, lost, or inert (P7)",
        arguments: 0..<60 as Range<UInt64>)
    func walk(seed: UInt64) throws {
        let world = try #require(SliceWorld())
        var generator = SeededGenerator(seed: seed)
        let set = world.set(world.history(&generator, count: 30))
        for index in 0..<2 as Range<UInt32> {
            let walk = try #require(world.walk(set, index))
            #expect(walk.path.map(\.register.position) == (0..<walk.path.count).map { UInt64($0) + 1 })
            var base = walk.genesis
            for step in walk.path {
                #expect(step.transition.base == base.hash && step.transition.from == base.owner)
                base = step.register
            }
            let lost = walk.losers.map(\.count).reduce(0, +)
            #expect(walk.path.count + lost + walk.inert.count == set.hashes(of: walk.genesis.slice).count)
            #expect(walk.losers.allSatisfy { !$0.holders.isEmpty })
        }
    }

    @Test("More knowledge never undoes a hand-on by a takeover of its base (P7)", arguments: 0..<60 as Range<UInt64>)
    func handOnsStay(seed: UInt64) throws {
        let world = try #require(SliceWorld())
        var generator = SeededGenerator(seed: seed)
        var set = world.set(world.history(&generator, count: 12))
        let before = try #require(world.walk(set))
        for (number, step) in before.path.enumerated() where step.transition.isHandOn {
            let base = number == 0 ? before.genesis : before.path[number - 1].register
            for act in 0..<8 as Range<UInt64> {
                let late = world.takeover(base, to: world.other(than: base.owner, Int(act)), act: 100 + act)
                set.merge(world.set([late]))
            }
        }
        let after = try #require(world.walk(set))
        let firstTakeover = before.path.firstIndex { !$0.transition.isHandOn } ?? before.path.count
        #expect(after.path.prefix(firstTakeover) == before.path.prefix(firstTakeover))
        #expect(after.register == before.register)
    }

    @Test("An envoy follows what the bolts know and never goes back (P2, P6)", arguments: 0..<60 as Range<UInt64>)
    func envoyFollows(seed: UInt64) throws {
        let world = try #require(SliceWorld())
        var generator = SeededGenerator(seed: seed)
        let all = world.shuffle(world.history(&generator, count: 20), &generator)
        let first = try #require(world.register())
        var envoy = SliceFreshness(register: first, epoch: SliceWorld.seal(0).point.epoch)
        var set = SliceRegisterSet()
        var seen: [SliceClaim] = []
        for signed in all {
            _ = set.absorb(SliceDelta([signed]), mesh: SliceWorld.mesh, witness: world.witness)
            let walk = try #require(world.walk(set))
            let claim = try #require(set.claim(walk, epoch: envoy.epoch, remembered: envoy.register.hash))
            let isNew = walk.register != envoy.register
            try envoy.accept(claim, mesh: SliceWorld.mesh, witness: world.witness)
            #expect(envoy.register == walk.register)
            // What it took before, and left, it does not take again.
            for old in seen where old.register != envoy.register {
                var copy = envoy
                #expect(throws: SliceFreshness.Refusal.self) {
                    try copy.accept(old, mesh: SliceWorld.mesh, witness: world.witness)
                }
                #expect(copy == envoy)
            }
            if isNew { seen.append(claim) }
        }
    }
}
