import BoltAPI
import CRDT
import Foundation
import Spanner
import SpannerStore
import Testing

@testable import Envoy

/// Q7, P2: an agent goes by the list of bolts that its owner signed, over restarts, and nobody else takes a bolt from
/// it.
@Suite struct SignedBoltsTests {
    private static let (north, south) = (PartitionName(checked: "north"), PartitionName(checked: "south"))

    private static func bolt(_ address: String, _ partition: PartitionName = north) -> BoltAddress {
        BoltAddress(name: BoltName(checked: "a"), partition: partition, address: address)
    }

    private static let bolts = [bolt("a:1"), bolt("b:1"), bolt("c:1", south)]
    private static let strangers = [bolt("x:1")]

    /// What an agent saw of the owner of its slice.
    private static func sight(
        _ owner: PartitionName = north, epoch: UInt64 = 5, hasKey: Bool = true
    ) -> OwnerSight {
        OwnerSight(
            freshness: SliceFreshness(register: PaperWitness.first(owner), epoch: PaperWitness.epoch(epoch)),
            key: hasKey ? PaperWitness.key(owner) : nil)
    }

    private static func answer(_ bolts: [BoltAddress], _ signature: CheckInBoltsSignature?) -> CheckInResponse {
        ScriptedPort.answer(stored: 0, released: 0, bolts: bolts, boltsSignature: signature)
    }

    private static func begun(_ kept: KeptBolts = .unsigned([]), pinned: Bool = false) -> KnownBolts {
        KnownBolts(seeds: ["s:1"], pinned: pinned, kept: kept, owner: north)
    }

    /// An agent that keeps the list which its owner signed as number 10 of epoch 5.
    private func settled() throws -> KnownBolts {
        var known = Self.begun()
        let signature = PaperWitness.bolts(Self.bolts, of: Self.north, epoch: 5, number: 10)
        let kept = known.take(Self.answer(Self.bolts, signature), under: Self.sight(), PaperWitness.trust)
        #expect(kept?.bolts == Self.bolts && kept?.signed?.number == 10)
        #expect(known.asked == ["a:1", "b:1", "c:1"] && known.home == 2)
        return known
    }

    @Test("Q7, P2: what is not signed, signed by another, changed, of another epoch, or earlier takes no bolt away")
    func lies() throws {
        let good = try #require(PaperWitness.bolts(Self.strangers, of: Self.north, epoch: 5, number: 11))
        var forged = good.signature.bytes
        forged[7] ^= 1
        let old = try #require(PaperWitness.bolts(Self.bolts, of: Self.north, epoch: 5, number: 10))
        let lies: [(String, CheckInBoltsSignature?)] = [
            ("unsigned", nil), ("forged", .init(number: 11, signature: Base64Bytes(forged))),
            ("cut", .init(number: 11, signature: Base64Bytes(Array(forged.prefix(10))))),
            ("another number", .init(number: 12, signature: good.signature)),
            ("that of another list", old),
            ("earlier", PaperWitness.bolts(Self.strangers, of: Self.north, epoch: 5, number: 9)),
            ("an epoch that was", PaperWitness.bolts(Self.strangers, of: Self.north, epoch: 4, number: 11)),
            ("an epoch to come", PaperWitness.bolts(Self.strangers, of: Self.north, epoch: 6, number: 11)),
            ("a sibling's", PaperWitness.bolts(Self.strangers, of: Self.south, epoch: 5, number: 11)),
            (
                "a sibling's key",
                PaperWitness.bolts(Self.strangers, of: Self.north, epoch: 5, number: 11, by: Self.south)
            ),
        ]
        for (name, signature) in lies {
            var known = try settled()
            let kept = known.take(Self.answer(Self.strangers, signature), under: Self.sight(), PaperWitness.trust)
            #expect(kept == nil && known.kept == Self.bolts && known.signed?.number == 10, "\(name)")
            #expect(known.asked == ["a:1", "b:1", "c:1", "x:1"] && known.home == 2, "\(name): asked after all others")
        }
        var known = try settled()
        let kept = known.take(Self.answer(Self.strangers, good), under: Self.sight(), PaperWitness.trust)
        #expect(kept?.bolts == Self.strangers && known.asked == ["x:1"], "the same list, as its owner signed it")
    }

    @Test("Q7: of bolts that nobody signed for at most 16 are asked, and the next answer's take their place")
    func many() throws {
        var known = try settled()
        let crowd = (1...300).map { Self.bolt("n\($0):1") }
        for from in [0, 100] {
            let named = Self.bolts + crowd.dropFirst(from) + crowd.dropFirst(from)
            #expect(known.take(Self.answer(named, nil), under: Self.sight(), PaperWitness.trust) == nil)
            let others = (1...EnvoyLimits.unprovedBoltsMax).map { "n\($0 + from):1" }
            #expect(known.asked == ["a:1", "b:1", "c:1"] + others && EnvoyLimits.unprovedBoltsMax == 16)
        }
        let same = Array(repeating: Self.bolt("x:1"), count: 40) + [Self.bolt("y:1")]
        #expect(known.take(Self.answer(same, nil), under: Self.sight(), PaperWitness.trust) == nil)
        #expect(known.asked == ["a:1", "b:1", "c:1", "x:1", "y:1"], "one that is named often is asked once")
    }

    @Test("Q7: without a key of the owner's nothing is proved: those that it was begun with stay the first")
    func noKey() throws {
        let signature = PaperWitness.bolts(Self.bolts, of: Self.north, epoch: 0, number: 10)
        var known = Self.begun()
        let admitted = Self.sight(epoch: 0, hasKey: false)
        #expect(known.take(Self.answer(Self.bolts, signature), under: admitted, PaperWitness.trust) == nil)
        #expect(known.asked == ["s:1", "a:1", "b:1", "c:1"] && known.home == 0 && known.kept.isEmpty)
    }

    @Test("Q7: the list of a new owner takes the place of the former's, whatever its number")
    func newOwner() throws {
        var known = try settled()
        let signature = PaperWitness.bolts(Self.bolts, of: Self.south, epoch: 1, number: 2)
        let moved = Self.sight(Self.south, epoch: 1)
        let kept = known.take(Self.answer(Self.bolts, signature), under: moved, PaperWitness.trust)
        #expect(kept?.signed?.owner == Self.south && known.signed?.number == 2)
        #expect(known.asked == ["c:1", "a:1", "b:1"] && known.home == 1, "its own bolts first")
        // And before it signed for one: the former owner's bolts, the new owner's of them first.
        known = try settled()
        let none = known.take(Self.answer([], nil), under: moved, PaperWitness.trust)
        #expect(none == nil && known.asked == ["c:1", "a:1", "b:1"] && known.home == 1 && known.kept == Self.bolts)
    }

    @Test("while no topology is in force everybody is believed, and a list that was signed replaces that")
    func everybody() throws {
        var known = Self.begun()
        let kept = known.take(Self.answer(Self.strangers, nil), under: OwnerSight(), PaperWitness.trust)
        #expect(kept == .unsigned(Self.strangers) && known.asked == ["x:1"] && known.signed == nil)
        let signature = PaperWitness.bolts(Self.bolts, of: Self.north, epoch: 5, number: 1)
        _ = known.take(Self.answer(Self.bolts, signature), under: Self.sight(), PaperWitness.trust)
        #expect(known.asked == ["a:1", "b:1", "c:1"] && known.signed != nil)
    }

    @Test("an agent that was told whom to ask asks nobody else, and an earlier list takes no later one's place")
    func pinned() throws {
        let first = try settled()
        var known = Self.begun(try #require(first.signed.map { .signed($0) }), pinned: true)
        let earlier = PaperWitness.bolts(Self.strangers, of: Self.north, epoch: 5, number: 9)
        #expect(known.take(Self.answer(Self.strangers, earlier), under: Self.sight(), PaperWitness.trust) == nil)
        let later = PaperWitness.bolts(Self.strangers, of: Self.north, epoch: 5, number: 11)
        let kept = known.take(Self.answer(Self.strangers, later), under: Self.sight(), PaperWitness.trust)
        #expect(kept?.signed?.number == 11 && known.asked == ["s:1"])
    }

    // MARK: - On disk

    /// An owner that proves itself in its first answer and signs for `bolts`.
    private func owner(_ bolts: [BoltAddress]) -> ScriptedPort {
        ScriptedPort { request, number throws(EnvoyPortFailure) in
            let (all, first) = (ScriptedPort.last(request), PaperWitness.first(Self.north))
            return ScriptedPort.answer(
                stored: all, released: all, register: 2, epoch: 5, bolts: bolts,
                claim: request.highest?.hash == nil ? PaperWitness.claim(first, epoch: 5) : nil,
                signature: PaperWitness.signature(first, epoch: 5, all: all, of: request),
                boltsSignature: PaperWitness.bolts(bolts, of: Self.north, epoch: 5, number: 10))
        }
    }

    private func addresses(_ scratch: Scratch, _ port: ScriptedPort) async throws -> [String] {
        try await withAgent(scratch.state, port, seeds: ["s:1"]) { await $0.addresses }
    }

    @Test("Q7: the answer that proves the owner brings its list too: there after a restart, and status says whose")
    func kept() async throws {
        let scratch = try Scratch()
        let port = owner(Self.bolts)
        for _ in 1...2 {
            guard case .delivered = try await withAgent(scratch.state, port, seeds: ["s:1"], { try await $0.runOnce() })
            else {
                Issue.record("it was not delivered")
                return
            }
        }
        #expect(port.addresses.first == "s:1" && port.addresses.last != "s:1")
        #expect(try await addresses(scratch, port) == ["a:1", "b:1", "c:1"])
        let history = try #require(scratch.state.history()?.bolts)
        #expect(history.count == 3 && history.signedBy == Self.north && history.epoch == 5 && history.number == 10)
        #expect(history.asked == 3 && history.addresses == ["a:1", "b:1", "c:1"])
    }

    @Test("however many bolts there are and however long their names, what status is to show of them can be read")
    func longNames() async throws {
        let scratch = try Scratch()
        let bolts = (0..<BoltList.boltsMax).map { Self.bolt(String(repeating: "h", count: 290) + "\($0):1") }
        let port = ScriptedPort { request, _ throws(EnvoyPortFailure) in
            var answer = ScriptedPort.takeAll(request)
            answer.bolts = bolts
            return answer
        }
        _ = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        let history = try #require(scratch.state.history()?.bolts)
        #expect(history.count == bolts.count && history.asked == bolts.count)
        let addresses = try #require(history.addresses)
        #expect(!addresses.isEmpty && addresses == bolts.prefix(addresses.count).map(\.address))
    }

    @Test("Q7: a list that somebody changed on the disk counts as none: the agent asks those that it was begun with")
    func edited() async throws {
        let scratch = try Scratch()
        let port = owner(Self.bolts)
        _ = try await withAgent(scratch.state, port, seeds: ["s:1"]) { try await $0.runOnce() }
        let whole = try #require(try scratch.state.openQueue().meta.value("signed_bolts"))
        for index in stride(from: 0, to: whole.count, by: 5) {
            var changed = whole
            changed[index] ^= 0x01
            try scratch.state.openQueue().meta.set("signed_bolts", to: changed)
            #expect(try await addresses(scratch, port) == ["s:1"], "byte \(index)")
        }
        for other in [Array(whole.dropLast()), whole + [0], Array("[]".utf8)] {
            try scratch.state.openQueue().meta.set("signed_bolts", to: other)
            #expect(try await addresses(scratch, port) == ["s:1"])
        }
        // A list that nobody signed, from before there was a topology: it is tried, last.
        let json = Array(try APIJSON.encode(Self.strangers))
        try scratch.state.openQueue().meta.set("bolts", to: json)
        #expect(try await addresses(scratch, port) == ["s:1"] + Self.strangers.map(\.address))
        try scratch.state.openQueue().meta.set("signed_bolts", to: whole)
        #expect(try await addresses(scratch, port) == ["a:1", "b:1", "c:1"])
    }
}
