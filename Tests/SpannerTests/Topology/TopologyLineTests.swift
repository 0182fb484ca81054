import CRDT
import Spanner
import SpannerTestKit
import Testing

/// Topologies in the roster: which of many applies is in force, whatever order they come in.
@Suite struct TopologyLineTests {
    private static let witness = TestWitness()

    private func apply(
        on base: Bytes32, document: [UInt8] = [1, 2, 3], groups: [String] = [], partitions: [String] = ["north"]
    ) throws -> TopologyApply {
        let candidates = partitions.map { Placement.Candidate(partition: PartitionName(checked: $0)) }
        return try #require(
            TopologyApply(
                base: base, plan: .zero, at: WallTime(milliseconds: 5), actor: "operator/ada", document: document,
                groups: groups.map { .init(name: GroupName(checked: $0), slices: 8, candidates: candidates) },
                hashedBy: TopologyLineTests.witness))
    }

    @Test("An apply is read back as it was written, from parts in any order, once all are there")
    func parts() throws {
        let document = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let apply = try apply(on: .zero, document: document, groups: ["web", "rest"])
        #expect(apply.parts.count == 4)
        for order in [[0, 1, 2, 3], [3, 1, 0, 2], [2, 2, 3, 0, 1]] {
            var assembly = TopologyAssembly()
            let author = ReplicaID(key: TestWitness.digest([1]), incarnation: 1)
            var whole: [TopologyApply] = []
            for number in order {
                if let done = assembly.take(apply.parts[number], by: author, hashedBy: TopologyLineTests.witness) {
                    whole.append(done)
                }
            }
            #expect(whole == [apply], "\(order)")
        }
    }

    @Test("R5: a part that another author altered spoils nobody's apply but its own")
    func spoiled() throws {
        let apply = try apply(on: .zero, document: [UInt8](repeating: 7, count: 20_000))
        let (good, bad) = (
            ReplicaID(key: TestWitness.digest([1]), incarnation: 1),
            ReplicaID(key: TestWitness.digest([2]), incarnation: 1)
        )
        var altered = apply.parts[1].canonicalBytes
        altered[altered.count - 1] ^= 1
        var decoder = CanonicalDecoder(altered)
        let forged = try TopologyPart(from: &decoder)
        #expect(forged.apply == apply.id && forged != apply.parts[1])
        var assembly = TopologyAssembly()
        #expect(assembly.take(apply.parts[0], by: good, hashedBy: TopologyLineTests.witness) == nil)
        #expect(assembly.take(apply.parts[0], by: bad, hashedBy: TopologyLineTests.witness) == nil)
        #expect(assembly.take(forged, by: bad, hashedBy: TopologyLineTests.witness) == nil)
        #expect(assembly.take(apply.parts[1], by: good, hashedBy: TopologyLineTests.witness) == apply)
    }

    @Test("R3, R5: what others began and never ended is in nobody's way; of one's own the oldest go")
    func drafts() throws {
        let (good, bad) = (
            ReplicaID(key: TestWitness.digest([1]), incarnation: 1),
            ReplicaID(key: TestWitness.digest([2]), incarnation: 1)
        )
        let large = [UInt8](repeating: 7, count: 20_000)
        let begun = try (0..<300).map { number in
            try apply(on: TestWitness.digest([UInt8(number & 0xFF), UInt8(number >> 8)]), document: large)
        }
        let wanted = try apply(on: .zero, document: large)
        let small = try apply(on: .zero)
        #expect(wanted.parts.count == 2 && small.parts.count == 1)
        var assembly = TopologyAssembly()
        func take(_ part: TopologyPart, by author: ReplicaID) -> TopologyApply? {
            assembly.take(part, by: author, hashedBy: TopologyLineTests.witness)
        }
        for one in begun { #expect(take(one.parts[0], by: bad) == nil) }
        #expect(take(wanted.parts[0], by: good) == nil)
        #expect(take(wanted.parts[1], by: good) == wanted)
        #expect(take(small.parts[0], by: bad) == small)
        let oldest = begun.count - TopologyAssembly.draftsMax
        #expect(take(begun[oldest].parts[1], by: bad) == begun[oldest])
        #expect(take(begun[oldest - 1].parts[1], by: bad) == nil)
    }

    @Test("R3: which apply is in force is a function of the set: every order gives the same line and the same losers")
    func orders() throws {
        let first = try apply(on: .zero, groups: ["web"])
        let rivals = try (1...3).map { try apply(on: first.id, document: [UInt8($0)]) }
        let winner = try #require(rivals.min { $0.id < $1.id })
        let loser = try #require(rivals.max { $0.id < $1.id })
        // What stands on a loser does not help it.
        let above = try apply(on: loser.id, document: [9])
        let next = try apply(on: winner.id, document: [10])
        let all = [first] + rivals + [above, next]
        var random = Seeded(11)
        for _ in 0..<50 {
            var rest = all
            var line = TopologyLine()
            while !rest.isEmpty { line.insert(rest.remove(at: random.below(rest.count))) }
            #expect(line.path.map(\.id) == [first.id, winner.id, next.id])
            #expect(Set(line.others.map(\.id)) == Set(rivals.map(\.id) + [above.id]).subtracting([winner.id]))
        }
    }

    @Test("A group begins with the first apply of the line that names it; its slices never change")
    func groups() throws {
        let first = try apply(on: .zero, groups: ["web"], partitions: ["north", "south"])
        let second = try apply(on: first.id, document: [2], groups: ["web", "rest"], partitions: ["east"])
        var line = TopologyLine()
        line.insert(second)
        #expect(line.geneses(hashedBy: TopologyLineTests.witness).isEmpty, "what it changes is not here yet")
        line.insert(first)
        let geneses = line.geneses(hashedBy: TopologyLineTests.witness)
        #expect(geneses[GroupName(checked: "web")]?.apply == first.id)
        #expect(geneses[GroupName(checked: "rest")]?.apply == second.id)
    }

    @Test("Topologies and transitions go through histories like all else, and are beyond a cut like all else")
    func carried() throws {
        var world = RosterWorld(bolts: 3)
        let apply = try apply(on: .zero, groups: ["web"])
        let slices = try #require(SliceWorld())
        let register = try #require(slices.register())
        let signed = try #require(slices.handOn(register, to: slices.other(than: register.owner)))
        world.write(1, apply.parts.map { .topology($0) })
        let before = world.bolts[1].roster.vector
        world.write(1, .slices(SliceDelta([signed])))
        world.hearAll()
        for bolt in world.bolts {
            let facts = bolt.roster.ownership()
            #expect(facts.count == 2)
            #expect(facts.last == .transitions(SliceDelta([signed])))
            #expect(bolt.roster.ownership(from: 1) == [.transitions(SliceDelta([signed]))])
        }
        // A ban of the bolt with a cut before the transition takes it out of force everywhere.
        let key = world.bolts[1].identity.author.tlsKey
        world.act(
            .ban(keys: [key], principal: nil, cut: OperatorAct.Cut(seen: before)), by: world.operators[0], at: 0)
        world.hearAll()
        for bolt in world.bolts { #expect(bolt.roster.ownership().count == 1) }
    }
}
