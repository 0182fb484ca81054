import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Roster events: one encoding, bounded, refused when altered")
struct RosterCodecTests {
    static let own = Dot(RosterWorld.bolt(1).replica(9), 5_000)

    static func body(_ payload: RosterEvent.Payload, at dot: Dot = own) -> [UInt8] {
        EventCodec.encode(RosterEvent(dot: dot, at: RosterWorld.time, payload: payload))
    }

    static var samples: [RosterEvent.Payload] {
        let other = Dot(RosterWorld.bolt(2).replica(3), 77)
        var full = envoy(1)
        full.partition = PartitionName("p1")
        full.group = GroupName("retail")
        full.labels = [Label(key: "os", value: "linux"), Label(key: "site", value: "")]
        full.token = TokenID(id(9))
        full.observes = [Dot(own.replica, 4_998), other].sorted()
        var amendment = Amendment(base: other)
        amendment.supersedes = [Dot(own.replica, 12)]
        amendment.labels = []
        amendment.address = "bolt.example:7400"
        amendment.rekey = TestWitness.rekey(id(1), from: key(1), to: key(2), sealingKey: key(3).bytes)
        var regrouped = Amendment(base: other)
        regrouped.group = GroupName("retail")
        let operations: [OperatorAct.Operation] = [
            .admit(member(RosterWorld.bolt(3), 3, observes: [other])),
            .remove(principal: id(3), targets: [other, own].sorted(), cut: cut(own, other)),
            .ban(keys: [key(4), key(5)].sorted(), principal: id(4), cut: cut(other)),
            .resolve(role: .envoy, name: .any, keep: key(1), targets: [own]),
            .revokeToken(TokenID(id(9))),
            .unknown(kind: 900, content: [1, 2]),
        ]
        let acts = operations.map { RosterEvent.Payload.act(TestIdentity.root.act($0, nonce: 4, reason: "why")) }
        let oneShot = JoinTokenRecord(
            id: TokenID(id(9)), secretHash: key(8).bytes, kind: .oneShot(home: PartitionName(checked: "p1")),
            expires: RosterWorld.time, group: GroupName("retail"), labels: full.labels)
        return [
            .open(chain: RosterWorld.bolt(1).chain), .admit(envoy(1)), .admit(full), .amend(amendment),
            .amend(regrouped),
            .remove(targets: [Dot(own.replica, 4_999)]),
            .remove(targets: [own, other].map { Dot($0.replica, 3) }.sorted()),
            .token(oneShot), .unknown(kind: 77, content: [9, 9, 9]),
        ] + (acts + ownership)
    }

    /// A topology, and slices that were handed on and taken over.
    private static var ownership: [RosterEvent.Payload] {
        let candidates = [Placement.Candidate(partition: PartitionName(checked: "p1"))]
        let apply = TopologyApply(
            base: .zero, plan: key(1).bytes, at: RosterWorld.time, actor: "operator/ada",
            document: [UInt8](repeating: 7, count: 90),
            groups: [.init(name: GroupName(checked: "retail"), slices: 4, candidates: candidates)],
            hashedBy: RosterWorld.witness)
        var payloads = apply?.parts.map { RosterEvent.Payload.topology($0) } ?? []
        if let world = SliceWorld(), let first = world.register(0), let second = world.register(1) {
            let signed = [
                world.handOn(first, to: world.other(than: first.owner)),
                world.takeover(second, to: world.other(than: second.owner)),
            ]
            payloads.append(.slices(SliceDelta(signed.compactMap { $0 })))
        }
        return payloads
    }

    static func cut(_ dots: Dot...) -> OperatorAct.Cut {
        var seen = VersionVector()
        for dot in dots { seen[dot.replica] = dot.counter }
        return OperatorAct.Cut(seen: seen)
    }

    @Test("R3: every kind of event is read back as it was written")
    func roundTrip() throws {
        for payload in RosterCodecTests.samples {
            let event = try EventCodec.decode(RosterCodecTests.body(payload), at: RosterCodecTests.own)
            #expect(event.payload == payload)
            #expect(EventDescription.text(payload).isEmpty == false)
        }
    }

    @Test("Another group is a kind of its own, which versions that do not know it keep; one without a group is refused")
    func regrouped() throws {
        var amendment = Amendment(base: Dot(RosterCodecTests.own.replica, 12))
        amendment.labels = [Label(key: "os", value: "linux")]
        let plain = RosterCodecTests.body(.amend(amendment))
        amendment.group = GroupName("retail")
        let body = RosterCodecTests.body(.amend(amendment))
        #expect(plain.first == 3 && body.first == 9)
        #expect(try EventCodec.decode(body, at: RosterCodecTests.own).payload == .amend(amendment))
        #expect(throws: DecodingFailure.self) {
            try EventCodec.decode([9] + plain.dropFirst(), at: RosterCodecTests.own)
        }
        #expect(throws: DecodingFailure.self) {
            try EventCodec.decode([3] + body.dropFirst(), at: RosterCodecTests.own)
        }
    }

    @Test("A removal of an own admission takes at most 12 bytes, an admission 43 besides its attributes")
    func sizes() {
        let near = RosterCodecTests.body(.remove(targets: [Dot(RosterCodecTests.own.replica, 4_990)]))
        let far = RosterCodecTests.body(
            .remove(targets: [Dot(RosterCodecTests.own.replica, 10)]),
            at: Dot(RosterCodecTests.own.replica, 1_000_000))
        #expect(near.count == 10)
        #expect(far.count == 12)
        var plain = envoy(1)
        plain.sealingKey = nil
        let admit = RosterCodecTests.body(.admit(plain))
        let attributes = PrincipalID.count + 1 + plain.name.text.utf8.count
        #expect(admit.count - attributes == 40)
    }

    @Test("Decoding never traps and takes only what the encoder writes, whatever bytes come")
    func fuzz() {
        var random = Seeded(20_261_121)
        let samples = RosterCodecTests.samples.map { RosterCodecTests.body($0) }
        for _ in 0..<6_000 {
            var bytes = random.pick(samples)
            for _ in 0...random.below(3) {
                switch random.below(5) {
                case 0 where !bytes.isEmpty: bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes = Array(bytes.prefix(random.below(bytes.count + 1)))
                case 2: bytes.append(UInt8(truncatingIfNeeded: random.next()))
                case 3 where !bytes.isEmpty: bytes[random.below(bytes.count)] ^= 1 << UInt8(random.below(8))
                default: bytes.insert(0xFF, at: random.below(bytes.count + 1))
                }
            }
            if let event = try? EventCodec.decode(bytes, at: RosterCodecTests.own) {
                #expect(EventCodec.encode(event) == bytes)
                _ = EventDescription.text(event.payload)
            }
            if let act = try? ActCodec.decode(bytes) { #expect(ActCodec.encode(act) == bytes) }
        }
    }

    @Test("Limits are refused with what was too large, not trapped on")
    func limits() {
        let dots = (1...UInt64(300)).map { Dot(RosterCodecTests.own.replica, $0) }
        #expect(throws: DecodingFailure.overLimit(what: "targets", value: 300, limit: RosterLimits.dotsMax)) {
            try EventCodec.decode(RosterCodecTests.body(.remove(targets: dots)), at: RosterCodecTests.own)
        }
        #expect(throws: DecodingFailure.self) {
            try EventCodec.decode([UInt8](repeating: 0x80, count: 20_000), at: RosterCodecTests.own)
        }
        // A target in the own future, or the event itself, can't be written.
        let ahead = RosterCodecTests.body(.remove(targets: [RosterCodecTests.own]))
        #expect(throws: DecodingFailure.invalid(what: "dot distance")) {
            try EventCodec.decode(ahead, at: RosterCodecTests.own)
        }
    }
}
