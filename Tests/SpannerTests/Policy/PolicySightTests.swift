import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("What an envoy takes, and never takes again (P2, S8)")
struct PolicySightTests {
    private let world = PolicyWorld()

    @Test("A later version is taken, the one in force again, an earlier one never (S8)")
    func sequence() throws {
        var envoy = PolicyEnvoy()
        #expect(envoy.take(world.grant(sequence: 3)) == nil)
        let mark = try #require(envoy.sight.accepted)
        #expect(mark.sequence == 3 && mark.partition == world.north.name && mark.epoch == PolicyWorld.epoch(1))
        #expect(mark.leaf == world.grant(sequence: 3)?.leaf.hash(by: world.witness))
        let before = envoy.sight
        #expect(envoy.take(world.grant(sequence: 3)) == nil)
        #expect(envoy.sight == before)
        #expect(envoy.take(world.grant(sequence: 2)) == .replayed)
        #expect(envoy.sight == before, "a refusal changes nothing")
        #expect(envoy.take(world.grant(sequence: 4)) == nil)
        #expect(envoy.take(world.grant(sequence: 3)) == .replayed)
    }

    @Test("Another version under the same number is refused (S8)")
    func twoOfOneNumber() {
        var envoy = PolicyEnvoy()
        #expect(envoy.take(world.grant(sequence: 3)) == nil)
        #expect(envoy.take(world.grant(sequence: 3, count: 6)) == .replayed)
    }

    @Test("An older epoch is refused under one register, whatever its sequence; one below the reign is not (P2)")
    func epochs() {
        var envoy = PolicyEnvoy()
        #expect(envoy.take(world.grant(epoch: 2, sequence: 5)) == nil)
        #expect(envoy.take(world.grant(epoch: 1, sequence: 9)) == .superseded)
        #expect(envoy.take(world.grant(epoch: 3, sequence: 1)) == nil)
        // The owner reigns in a later epoch than the version was made in: that is how versions survive a failover.
        var other = PolicyEnvoy(reign: 7)
        #expect(other.take(world.grant(epoch: 2, sequence: 5)) == nil)
    }

    @Test("What is for another envoy, of another partition, or signed by nobody who may, is refused (S8)")
    func strangers() throws {
        var envoy = PolicyEnvoy()
        #expect(envoy.take(world.grant(of: 3)) == .otherEnvoy)
        #expect(envoy.take(world.grant(by: world.south)) == .otherPartition)
        let tree = world.tree()
        let posing = world.sign(tree, by: world.south, as: world.north.name)
        #expect(envoy.take(PolicyGrant(posing, of: PolicyWorld.envoy(2), in: tree)) == .forged)
        // The leaf of a version with the head of another.
        let old = try #require(world.grant(sequence: 1))
        let new = try #require(world.grant(sequence: 2))
        #expect(envoy.take(PolicyGrant(signed: new.signed, leaf: old.leaf, path: new.path)) == .forged)
        #expect(envoy.take(PolicyGrant(signed: new.signed, leaf: old.leaf, path: old.path)) == .forged)
        var mine = try #require(world.grant(of: 3)).leaf
        mine.envoy = PolicyWorld.envoy(2)
        let stolen = PolicyGrant(signed: new.signed, leaf: mine, path: new.path)
        #expect(envoy.take(stolen) == .forged)
        #expect(envoy.sight == PolicySight())
    }

    @Test("A grant with any one byte altered is refused, or is equal (S8)")
    func everyByte() throws {
        let grant = try #require(world.grant(maxAge: 3600))
        let bytes = grant.canonicalBytes
        for place in bytes.indices {
            for change in [0x01, 0x80, 0xFF] as [UInt8] {
                var altered = bytes
                altered[place] ^= change
                guard let read = try? PolicyGrant(altered) else { continue }
                var envoy = PolicyEnvoy()
                let refusal = envoy.take(read)
                #expect(refusal != nil || read == grant, "byte \(place) of \(bytes.count)")
            }
        }
    }

    @Test("A grant, a beacon and an order cut at any byte, or with one more, are no such thing (S8)")
    func cut() throws {
        let grant = try #require(world.grant()).canonicalBytes
        for length in grant.indices {
            #expect(throws: DecodingFailure.self) { try PolicyGrant(Array(grant[..<length])) }
        }
        #expect(throws: DecodingFailure.self) { try PolicyGrant(grant + [0]) }
        #expect(throws: DecodingFailure.self) {
            try PolicyGrant([UInt8](repeating: 0, count: PolicyLimits.grantBytesMax + 1))
        }
        #expect(try PolicyGrant(grant).canonicalBytes == grant)
        let beacon = world.beacon(at: 5).canonicalBytes
        for length in beacon.indices {
            #expect(throws: DecodingFailure.self) { try SignedPolicyBeacon(Array(beacon[..<length])) }
        }
        let order = world.order().canonicalBytes
        for length in order.indices {
            #expect(throws: DecodingFailure.self) { try SignedPolicyOrder(Array(order[..<length])) }
        }
        #expect(try SignedPolicyBeacon(beacon).canonicalBytes == beacon)
        #expect(try SignedPolicyOrder(order).canonicalBytes == order)
    }

    @Test("A beacon or an order with any one byte altered is refused, or is equal (S8)")
    func everyByteOfOrders() throws {
        let (beacon, order) = (world.beacon(at: 5), world.order())
        for place in beacon.canonicalBytes.indices {
            var altered = beacon.canonicalBytes
            altered[place] ^= 0x01
            guard let read = try? SignedPolicyBeacon(altered) else { continue }
            var envoy = PolicyEnvoy()
            #expect(envoy.hear(read) != nil || read == beacon, "byte \(place)")
        }
        for place in order.canonicalBytes.indices {
            var altered = order.canonicalBytes
            altered[place] ^= 0x01
            guard let read = try? SignedPolicyOrder(altered) else { continue }
            var envoy = PolicyEnvoy()
            #expect(envoy.obey(read) != nil || read == order, "byte \(place)")
        }
    }

    @Test("With another owner its numbers count, and the former owner's word counts no more (P2)")
    func newOwner() {
        var envoy = PolicyEnvoy()
        #expect(envoy.take(world.grant(epoch: 5, sequence: 40)) == nil)
        envoy.go(to: world.south, register: 2, reign: 1)
        #expect(envoy.take(world.grant(epoch: 5, sequence: 41)) == .otherPartition)
        #expect(envoy.take(world.grant(epoch: 1, sequence: 1, by: world.south)) == nil)
        #expect(envoy.sight.accepted?.register == PolicyWorld.register(2))
    }

    @Test("An owner that lost a slice and got it back does not bring its earlier versions back (S8)")
    func returned() {
        var envoy = PolicyEnvoy()
        #expect(envoy.take(world.grant(epoch: 5, sequence: 40)) == nil)
        envoy.go(to: world.south, register: 2, reign: 1)
        #expect(envoy.take(world.grant(epoch: 1, sequence: 1, by: world.south)) == nil)
        envoy.go(to: world.north, register: 3, reign: 6)
        #expect(envoy.take(world.grant(epoch: 5, sequence: 39)) == .replayed)
        #expect(envoy.take(world.grant(epoch: 5, sequence: 40)) == .replayed, "another owner's came after it")
        #expect(envoy.take(world.grant(epoch: 5, sequence: 41)) == nil)
    }

    @Test("A partition that was made anew is believed with lower epochs under a newer register only (P2)")
    func madeAnew() {
        var envoy = PolicyEnvoy()
        #expect(envoy.take(world.grant(epoch: 5, sequence: 40)) == nil)
        #expect(envoy.take(world.grant(epoch: 2, sequence: 1)) == .superseded)
        envoy.go(to: world.north, register: 2, reign: 2)
        #expect(envoy.take(world.grant(epoch: 2, sequence: 1)) == nil)
        #expect(envoy.take(world.grant(epoch: 1, sequence: 9)) == .superseded)
    }

    @Test("Before there are slices partitions are told apart by their own numbers; after, by the register alone")
    func withoutSlices() {
        var envoy = PolicyEnvoy(owner: nil, register: nil, reign: nil)
        #expect(envoy.take(world.grant(sequence: 4)) == nil)
        #expect(envoy.take(world.grant(sequence: 2, by: world.south)) == nil)
        #expect(envoy.take(world.grant(sequence: 3)) == .replayed)
        #expect(envoy.take(world.grant(sequence: 5)) == nil)
        envoy.go(to: world.north, register: 1, reign: 1)
        #expect(envoy.take(world.grant(sequence: 4)) == .replayed, "the first register is no other owner")
        #expect(envoy.take(world.grant(sequence: 6)) == nil)
        (envoy.owner, envoy.register, envoy.reign) = (nil, nil, nil)
        #expect(envoy.take(world.grant(sequence: 7, by: world.south)) == .otherPartition)
        #expect(envoy.take(world.grant(sequence: 7)) == nil)
    }

    @Test("An order is obeyed once, by whom it names, in the epoch that reigns, and not after a later one (S8)")
    func orders() {
        var envoy = PolicyEnvoy(reign: 2)
        #expect(envoy.obey(world.order(epoch: 2, sequence: 3)) == nil)
        #expect(envoy.obey(world.order(epoch: 2, sequence: 3)) == .replayed)
        #expect(envoy.obey(world.order(epoch: 2, sequence: 2)) == .replayed)
        #expect(envoy.obey(world.order(epoch: 1, sequence: 9)) == .superseded)
        #expect(envoy.obey(world.order(epoch: 2, sequence: 4, to: 3)) == .otherEnvoy)
        #expect(envoy.obey(world.order(epoch: 2, sequence: 4, by: world.south)) == .otherPartition)
        #expect(envoy.obey(world.order(epoch: 2, sequence: 4)) == nil)
        #expect(envoy.sight.obeyed(of: world.north.name) == 4)
        // An epoch that a beacon told of is over for orders too.
        #expect(envoy.hear(world.beacon(epoch: 3, at: 1000)) == nil)
        #expect(envoy.obey(world.order(epoch: 2, sequence: 5)) == .superseded)
        #expect(envoy.obey(world.order(epoch: 3, sequence: 1)) == nil)
    }

    @Test("An order that is over by a clock that is believed is refused; no clock makes one obeyed twice (D8, S8)")
    func expiredOrders() {
        var envoy = PolicyEnvoy()
        let before = envoy.sight
        #expect(envoy.obey(world.order(notAfter: 2_000), now: 2_001) == .expired)
        #expect(envoy.sight == before)
        #expect(envoy.obey(world.order(notAfter: 2_000), now: nil) == nil)
        for now in [0, 1_000, UInt64.max] as [UInt64] {
            #expect(envoy.obey(world.order(notAfter: 2_000), now: now) == .replayed)
        }
    }

    @Test("Beacons go forward only, and say how old the policy is")
    func beacons() {
        var envoy = PolicyEnvoy()
        #expect(envoy.hear(world.beacon(at: 5_000)) == nil)
        #expect(envoy.hear(world.beacon(at: 5_000)) == .replayed)
        #expect(envoy.hear(world.beacon(at: 4_000)) == .replayed)
        #expect(envoy.hear(world.beacon(at: 6_000, by: world.south)) == .otherPartition)
        #expect(envoy.hear(world.beacon(epoch: 2, at: 4_000)) == nil, "another reign, another clock")
        #expect(envoy.hear(world.beacon(epoch: 1, at: 9_000)) == .superseded)
        #expect(envoy.sight.beacon?.at == WallTime(milliseconds: 4_000))
    }

    @Test("Age is counted from the owner's last word; what follows is the owner's to say; a clock decides nothing else")
    func standing() {
        func at(_ seconds: UInt64) -> WallTime { WallTime(milliseconds: 1_000_000 + seconds * 1000) }
        var envoy = PolicyEnvoy()
        #expect(envoy.sight.standing(now: at(0)) == .none)
        #expect(envoy.take(world.grant(maxAge: 4000, expiry: .stop)) == nil)
        #expect(envoy.sight.standing(now: at(0)) == .fresh)
        #expect(envoy.sight.standing(now: at(3000)) == .fresh)
        #expect(envoy.sight.standing(now: at(3001)) == .aging)
        #expect(envoy.sight.standing(now: at(4000)) == .aging)
        #expect(envoy.sight.standing(now: at(4001)) == .expired(.stop))
        #expect(envoy.sight.standing(now: WallTime(milliseconds: 0)) == .ageUnknown, "a clock in 1970")
        #expect(envoy.hear(world.beacon(at: at(4001).milliseconds)) == nil)
        #expect(envoy.sight.standing(now: at(4001)) == .fresh)
        #expect(envoy.sight.standing(now: WallTime(milliseconds: .max)) == .expired(.stop))
        #expect(envoy.take(world.grant(sequence: 2)) == nil)
        for now in [0, UInt64.max] as [UInt64] {
            #expect(envoy.sight.standing(now: WallTime(milliseconds: now)) == .fresh, "it never expires")
        }
    }

    /// It has the same for this envoy: there is nothing to give, so that no version of its own comes to be in force.
    /// The policy grew too old though its owner answered.
    @Test("Age is counted from the word of whoever owns the slice now, also where nothing new was given (P2)")
    func standingAfterAMove() throws {
        func at(_ seconds: UInt64) -> WallTime { WallTime(milliseconds: 1_000_000 + seconds * 1000) }
        var envoy = PolicyEnvoy()
        #expect(envoy.take(world.grant(sequence: 9, maxAge: 4000, expiry: .stop)) == nil)
        #expect(envoy.hear(world.beacon(sequence: 9, at: at(1000).milliseconds)) == nil)
        envoy.go(to: world.south, register: 2, reign: 1)
        #expect(envoy.hear(world.beacon(sequence: 12, at: at(9000).milliseconds)) == .otherPartition)
        #expect(envoy.sight.standing(now: at(9000)) == .expired(.stop), "the former owner's word counts no more")
        #expect(envoy.hear(world.beacon(sequence: 12, at: at(9000).milliseconds, by: world.south)) == nil)
        #expect(envoy.sight.standing(now: at(9000)) == .fresh)
        #expect(envoy.sight.standing(now: at(13_001)) == .expired(.stop))
        var decoder = CanonicalDecoder(envoy.sight.canonicalBytes)
        let again = try PolicySight(from: &decoder)
        #expect(again.standing(now: at(9000)) == .fresh, "after a restart too")
        // The clock of the owner of now may be behind: that makes nothing older.
        let west = TestPartition(PartitionName(checked: "west"))
        envoy.go(to: west, register: 3, reign: 1)
        #expect(envoy.hear(world.beacon(at: at(10).milliseconds, by: west)) == nil)
        #expect(envoy.sight.standing(now: at(1200)) == .fresh)
        #expect(envoy.sight.standing(now: at(4500)) == .aging, "as the one who made it was heard of")
    }

    /// The cause of both: terms stood in the head, and a machine is given no head that leaves its leaf as it is.
    @Test("Terms are those of the leaf in force: of a version that changes them alone, and of another owner's (P2)")
    func termsOfTheLeaf() throws {
        func at(_ seconds: UInt64) -> WallTime { WallTime(milliseconds: 1_000_000 + seconds * 1000) }
        var envoy = PolicyEnvoy()
        let first = try #require(world.grant(body: 0, maxAge: 4000, expiry: .stop))
        let longer = try #require(world.grant(sequence: 2, body: 0, maxAge: 8000, expiry: .enforceSafe))
        let moved = try #require(world.grant(by: world.south, body: 0, maxAge: 60, expiry: .stop))
        #expect(Set([first, longer, moved].map(\.leaf.body)).count == 1)
        #expect(Set([first, longer, moved].map { $0.leaf.hash(by: world.witness) }).count == 3)
        #expect(envoy.take(first) == nil && envoy.sight.standing(now: at(5000)) == .expired(.stop))
        // A grant whose leaf was given other terms on its way proves nothing.
        var leaf = longer.leaf
        leaf.terms = PolicyTerms()
        #expect(envoy.take(PolicyGrant(signed: longer.signed, leaf: leaf, path: longer.path)) == .forged)
        #expect(envoy.take(longer) == nil && envoy.sight.standing(now: at(5000)) == .fresh)
        #expect(envoy.sight.standing(now: at(8001)) == .expired(.enforceSafe))
        envoy.go(to: world.south, register: 2, reign: 1)
        #expect(envoy.take(moved) == nil && envoy.sight.standing(now: at(61)) == .expired(.stop))
        var decoder = CanonicalDecoder(envoy.sight.canonicalBytes)
        #expect(try PolicySight(from: &decoder).standing(now: at(61)) == .expired(.stop), "after a restart too")
    }

    @Test("What is remembered is remembered after a restart, and is bounded")
    func durable() throws {
        var envoy = PolicyEnvoy()
        _ = envoy.take(world.grant(sequence: 7, maxAge: 60))
        _ = envoy.hear(world.beacon(at: 8_000))
        _ = envoy.obey(world.order(sequence: 3))
        for number in 0..<20 as Range<UInt8> {
            let partition = TestPartition(PartitionName(checked: "p\(number)"))
            envoy.go(to: partition, register: 100 + number, reign: 1)
            #expect(envoy.take(world.grant(sequence: 1, by: partition)) == nil)
        }
        let bytes = envoy.sight.canonicalBytes
        #expect(bytes.count < 4096)
        var decoder = CanonicalDecoder(bytes)
        let again = try PolicySight(from: &decoder)
        try decoder.finish()
        #expect(again == envoy.sight)
        envoy.sight = again
        let last = TestPartition(PartitionName(checked: "p19"))
        #expect(envoy.take(world.grant(sequence: 1, by: last)) == nil)
        #expect(envoy.take(world.grant(sequence: 0, by: last)) == .replayed)
    }

    @Test(
        "Whatever comes in whatever order, what is in force only goes forward (S8)",
        arguments: 0..<100 as Range<UInt64>)
    func law(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var envoy = PolicyEnvoy()
        var highest: (UInt64, UInt64) = (0, 0)
        var obeyed: Set<[UInt64]> = []
        for _ in 0..<120 {
            let (epoch, sequence) = (1 + generator.below(4), 1 + generator.below(6))
            switch generator.below(4) {
            case 0:
                let isNew = obeyed.insert([epoch, sequence]).inserted
                if envoy.obey(world.order(epoch: epoch, sequence: sequence)) == nil { #expect(isNew) }
            case 1: _ = envoy.hear(world.beacon(epoch: epoch, sequence: sequence, at: generator.below(99)))
            default:
                let refusal = envoy.take(world.grant(epoch: epoch, sequence: sequence))
                #expect((refusal == nil) == ((epoch, sequence) >= highest))
                if refusal == nil { highest = (epoch, sequence) }
            }
            guard let mark = envoy.sight.accepted else { continue }
            #expect((mark.epoch.number, mark.sequence) == highest)
        }
    }
}
