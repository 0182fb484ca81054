import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Slice registers: who owns a slice, and why")
struct SliceRegisterTests {
    @Test("Ids and first owners are functions of the definition alone")
    func genesis() throws {
        let world = try #require(SliceWorld(slices: 64))
        let turned = try #require(
            SliceGenesis(
                apply: world.genesis.apply, name: world.genesis.name, slices: 64,
                candidates: world.genesis.candidates.reversed(), hashedBy: world.witness))
        #expect(turned == world.genesis)
        var encoder = CanonicalEncoder()
        world.genesis.encode(to: &encoder)
        var decoder = CanonicalDecoder(encoder.bytes)
        #expect(try SliceGenesis(from: &decoder, hashedBy: world.witness) == world.genesis)
        #expect(Set((0..<64 as Range<UInt32>).compactMap { world.genesis.owner(of: $0) }).count == 4)
        #expect(world.genesis.owner(of: 64) == nil)
        // A group begins balanced.
        let owners = Dictionary(grouping: (0..<64 as Range<UInt32>).compactMap { world.genesis.owner(of: $0) }) { $0 }
        #expect(owners.values.allSatisfy { $0.count == 16 })
        #expect(Set((0..<64 as Range<UInt32>).compactMap { world.register($0)?.hash }).count == 64)
    }

    @Test("A group without slices, candidates or weights, or with one named twice, is refused")
    func badGenesis() throws {
        let north = Placement.Candidate(partition: PartitionName(checked: "north"))
        func make(_ slices: UInt32, _ candidates: [Placement.Candidate]) -> SliceGenesis? {
            SliceGenesis(
                apply: .zero, name: GroupName(checked: "a"), slices: slices, candidates: candidates,
                hashedBy: TestWitness())
        }
        #expect(make(1, [north]) != nil)
        #expect(make(0, [north]) == nil)
        #expect(make(Placement.slicesMax + 1, [north]) == nil)
        #expect(make(1, []) == nil)
        #expect(make(1, [north, north]) == nil)
        #expect(make(1, [Placement.Candidate(partition: north.partition, weight: 0)]) == nil)
    }

    @Test("A group created on both sides of a split: one definition wins on both, the other's slices are others")
    func twoDefinitions() throws {
        let candidates = SliceWorld.names.map { Placement.Candidate(partition: $0) }
        let made = [5, 2].compactMap { (apply: UInt8) in
            SliceGenesis(
                apply: TestWitness.digest([apply]), name: GroupName(checked: "fleet"), slices: 8,
                candidates: candidates, hashedBy: TestWitness())
        }
        #expect(made.count == 2 && made[0].id != made[1].id)
        let winner = SliceGenesis.winner(among: made)
        #expect(winner == SliceGenesis.winner(among: made.reversed()))
        #expect(winner?.apply == made.map(\.apply).min())
        #expect(SliceGenesis.winner(among: []) == nil)
    }

    @Test("A hand-on beats a takeover of the same register, whichever is heard of first; the loser is shown (P7)")
    func handOnBeatsTakeover() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        for step in 0..<20 {
            let (mine, theirs) = (world.other(than: first.owner), world.other(than: first.owner, 1))
            let handOn = try #require(world.handOn(first, to: mine, seal: UInt64(step)))
            let takeover = try #require(world.takeover(first, to: theirs, act: UInt64(step)))
            let next = try #require(world.handOn(world.after(takeover), to: first.owner))
            for order in [[handOn, takeover, next], [next, takeover, handOn]] {
                let walk = try #require(world.walk(world.set(order)))
                #expect(walk.owner == mine)
                #expect(walk.losers.map(\.transition) == [takeover.transition])
                #expect(walk.losers.first?.holders == [first.owner, theirs].sorted())
                #expect(walk.losers.first?.count == 2 && walk.equivocations.isEmpty)
            }
        }
    }

    @Test("Between takeovers the lowest hash decides; two hand-ons of one register are kept as proof (P7, R6)")
    func lowestHash() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        let takeovers = (0..<3 as Range<UInt64>).compactMap {
            world.takeover(first, to: world.other(than: first.owner, Int($0)), act: $0)
        }
        let walk = try #require(world.walk(world.set(takeovers)))
        #expect(walk.register.hash == takeovers.map { world.after($0).hash }.min())
        #expect(walk.losers.count == 2 && walk.equivocations.isEmpty)
        let twice = (0..<2 as Range<UInt64>).compactMap {
            world.handOn(first, to: world.other(than: first.owner, Int($0)), seal: $0)
        }
        let forked = try #require(world.walk(world.set(twice + takeovers)))
        #expect(forked.register.hash == twice.map { world.after($0).hash }.min())
        #expect(forked.equivocations.map(\.partition) == [first.owner])
        #expect(forked.equivocations.first?.hashes == twice.map { world.after($0).hash }.sorted())
    }

    @Test("What no key signed that may never counts, altered by one bit or signed by another (R5, P7)")
    func forged() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        let to = world.other(than: first.owner)
        let good = try #require(world.handOn(first, to: to))
        let stranger = TestPartition(first.owner, seed: 1)
        let bolt = TestIdentity(.bolt(first.owner, BoltName(checked: "a")), seed: 4)
        let takeover = try #require(world.takeover(first, to: to))
        let otherMesh = MeshID(TestWitness.digest([4]))
        let forgeries = [
            world.partitions[to]?.sign(good.transition),
            SignedTransition(good.transition, warrant: good.warrant, signature: []),
            SignedTransition(good.transition, warrant: stranger.warrant, signature: good.signature),
            SignedTransition(takeover.transition, warrant: takeover.warrant, signature: good.signature),
            bolt.sign(takeover.transition), TestIdentity.root.sign(takeover.transition),
            world.partitions[first.owner]?.sign(takeover.transition), world.operators[0].sign(good.transition),
            world.partitions[first.owner]?.sign(good.transition, mesh: otherMesh),
        ]
        for forgery in forgeries {
            var set = SliceRegisterSet()
            let delta = SliceDelta([try #require(forgery)])
            let result = set.absorb(delta, mesh: SliceWorld.mesh, witness: world.witness)
            #expect(result.forged == 1 && result.news.isEmpty && set == SliceRegisterSet())
        }
        for bit in 0..<(8 * good.signature.count) {
            var signature = good.signature
            signature[bit / 8] ^= 1 << (bit % 8)
            let bad = SignedTransition(good.transition, warrant: good.warrant, signature: signature)
            #expect(!bad.isAuthentic(in: SliceWorld.mesh, witness: world.witness))
        }
    }

    @Test("A transition of somebody who does not own the register, or at a wrong position, is inert (P7)")
    func inert() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        let thief = world.other(than: first.owner)
        let claimed = SliceRegister(slice: first.slice, owner: thief, position: 0, hash: first.hash)
        let far = SliceRegister(slice: first.slice, owner: first.owner, position: 7, hash: first.hash)
        let orphan = SliceRegister(slice: first.slice, owner: thief, position: 3, hash: TestWitness.digest([8]))
        let set = world.set([
            world.handOn(claimed, to: world.other(than: thief)), world.handOn(far, to: thief),
            world.takeover(orphan, to: first.owner),
        ])
        let walk = try #require(world.walk(set))
        #expect(walk.owner == first.owner && walk.path.isEmpty && walk.losers.isEmpty)
        #expect(walk.inert == set.hashes(of: first.slice) && walk.inert.count == 3)
    }

    @Test("Deltas survive their encoding; every byte altered is refused or not authentic; counts are bounded (R10)")
    func encoding() throws {
        let world = try #require(SliceWorld())
        var generator = SeededGenerator(seed: 5)
        let set = world.set(world.history(&generator, count: 6))
        let delta = try #require(set.deltas().first)
        let bytes = delta.canonicalBytes
        var decoder = CanonicalDecoder(bytes)
        #expect(try SliceDelta(from: &decoder) == delta)
        for place in bytes.indices {
            var altered = bytes
            altered[place] ^= 0x41
            var decoder = CanonicalDecoder(altered)
            guard let read = try? SliceDelta(from: &decoder) else { continue }
            var other = set
            _ = other.absorb(read, mesh: SliceWorld.mesh, witness: world.witness)
            #expect(other == set, "byte \(place)")
        }
        for length in 0..<bytes.count {
            var decoder = CanonicalDecoder(bytes.prefix(length))
            #expect(throws: DecodingFailure.self) {
                _ = try SliceDelta(from: &decoder)
                try decoder.finish()
            }
        }
    }

    @Test("A peer is sent what it lacks, and nothing else")
    func lacking() throws {
        let world = try #require(SliceWorld())
        var generator = SeededGenerator(seed: 6)
        let all = world.history(&generator, count: 20)
        let (full, half) = (world.set(all), world.set(Array(all.prefix(9))))
        let known = Set(half.slices.flatMap { half.hashes(of: $0) })
        var caught = half
        var sent = 0
        for delta in full.deltas(of: full.slices, lacking: known) {
            sent += delta.transitions.count
            #expect(caught.absorb(delta, mesh: SliceWorld.mesh, witness: world.witness).forged == 0)
        }
        #expect(caught == full && sent == full.count - half.count)
    }

    @Test("An envoy refuses an older epoch, an older register, and what nobody proves (P2, P6)")
    func freshness() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        let handOn = try #require(world.handOn(first, to: world.other(than: first.owner)))
        let (minter, second) = (ReplicaID(key: .zero, incarnation: 1), world.after(handOn))
        func epoch(_ number: UInt64) -> PartitionEpoch { PartitionEpoch(number: number, minter: minter) }
        var envoy = SliceFreshness(register: first, epoch: epoch(5))
        func accept(_ claim: SliceClaim) throws(SliceFreshness.Refusal) {
            try envoy.accept(claim, mesh: SliceWorld.mesh, witness: world.witness)
        }
        #expect(throws: SliceFreshness.Refusal.olderEpoch) { try accept(SliceClaim(register: first, epoch: epoch(4))) }
        try accept(SliceClaim(register: first, epoch: epoch(6)))
        #expect(throws: SliceFreshness.Refusal.unproved) { try accept(SliceClaim(register: second, epoch: epoch(9))) }
        let bad = SignedTransition(handOn.transition, warrant: handOn.warrant, signature: handOn.signature.reversed())
        #expect(throws: SliceFreshness.Refusal.forged) {
            try accept(SliceClaim(register: second, epoch: epoch(1), path: [bad]))
        }
        // Another owner's reign: its epoch is its own.
        try accept(SliceClaim(register: second, epoch: epoch(1), path: [handOn]))
        #expect(envoy.register == second && envoy.epoch == epoch(1))
        #expect(throws: SliceFreshness.Refusal.olderRegister) {
            try accept(SliceClaim(register: first, epoch: epoch(99)))
        }
        let elsewhere = try #require(world.register(1))
        #expect(throws: SliceFreshness.Refusal.otherSlice) {
            try accept(SliceClaim(register: elsewhere, epoch: epoch(99)))
        }
    }
}
