import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Who takes a write of a slice, and which offers are looked at")
struct SliceGateTests {
    private func takers(_ walk: SliceWalk, adoptedBy: PartitionName?) -> [PartitionName] {
        SliceWorld.names.filter {
            SliceGate.isOpen(at: $0, walk: walk, source: nil, isAdopted: $0 == adoptedBy)
        }
    }

    @Test("The owner takes writes, by a hand-on when it has adopted, by a takeover at once; nobody else does (P7)")
    func owners() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        let to = world.other(than: first.owner)
        let fresh = try #require(world.walk(world.set([])))
        #expect(takers(fresh, adoptedBy: nil) == [first.owner])
        let handedOn = try #require(world.walk(world.set([world.handOn(first, to: to)])))
        #expect(takers(handedOn, adoptedBy: nil).isEmpty && takers(handedOn, adoptedBy: to) == [to])
        #expect(takers(handedOn, adoptedBy: first.owner).isEmpty)
        let takenOver = try #require(world.walk(world.set([world.takeover(first, to: to)])))
        #expect(takers(takenOver, adoptedBy: nil) == [to])
    }

    @Test("A source that sealed takes nothing, whoever the owner is (P7)")
    func sources() throws {
        var pair = try #require(HandoffPair())
        pair.losesToSource = { $0.isHeld }
        let walk = try #require(pair.world.walk(pair.world.set([])))
        let owner = pair.order.from
        #expect(SliceGate.isOpen(at: owner, walk: walk, source: pair.source, isAdopted: false))
        pair.start()
        #expect(pair.source.state.phase == .sealed)
        #expect(!SliceGate.isOpen(at: owner, walk: walk, source: pair.source, isAdopted: false))
    }

    @Test("An offer is looked at where its register is in force, or where its hand-on to here already is (P7)")
    func offers() throws {
        let pair = try #require(HandoffPair())
        let (world, order) = (pair.world, pair.order)
        let handOn = try #require(world.handOn(order.register, to: order.to))
        let onward = try #require(world.handOn(world.after(handOn), to: world.other(than: order.to)))
        let takeover = try #require(world.takeover(order.register, to: order.to))
        func admits(_ transitions: [SignedTransition]) throws -> Bool {
            try #require(world.walk(world.set(transitions))).admits(offer: order)
        }
        let (isOpen, isHandedOn) = (try admits([]), try admits([handOn]))
        #expect(isOpen && isHandedOn)
        let (isPassedOn, isTakenOver) = (try admits([handOn, onward]), try admits([takeover]))
        #expect(!isPassedOn && !isTakenOver)
    }
}
