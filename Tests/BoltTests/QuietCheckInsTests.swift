import BoltAPI
import CRDT
import Spanner
import SpannerStore
import Testing

@testable import Bolt

/// P5, P2: a check-in that brings nothing new is answered as the last one was, in the same reign and under the same
/// register, and in no other case.
struct QuietCheckInsTests {
    private let epoch: PartitionEpoch
    private let later: PartitionEpoch
    private let queue: QueueID
    private let register = Bytes32(words: (3, 0, 0, 0))
    private let traits = EnvoyRecord.Traits(digest: Bytes32(words: (4, 0, 0, 0)), document: Array("{}".utf8))

    init() throws {
        let minter = ReplicaID(key: Bytes32(words: (1, 0, 0, 0)), incarnation: 7)
        (epoch, later) = (PartitionEpoch(number: 5, minter: minter), PartitionEpoch(number: 6, minter: minter))
        queue = try #require(QueueID(bytes: [UInt8](repeating: 9, count: 16)))
    }

    private func checkIn(_ change: (inout PendingCheckIn) -> Void = { _ in }) -> PendingCheckIn {
        var checkIn = PendingCheckIn(
            envoy: PrincipalID(high: 1, low: 2), queue: queue, firstHeld: 8, results: [], traits: traits,
            slice: SliceID(group: GroupID(Bytes32(words: (2, 0, 0, 0))), index: 3),
            seen: OwnerMark(register: 1, epoch: 5, hash: register))
        change(&checkIn)
        return checkIn
    }

    private func bolt(_ name: String) throws -> BoltAddress {
        BoltAddress(
            name: try #require(BoltName(name)), partition: try #require(PartitionName("north")), address: "10.0.0.1:1")
    }

    private func receipt(stored: UInt64 = 7, released: UInt64 = 7) -> CheckInReceipt {
        CheckInReceipt(storedThrough: stored, releaseThrough: released, level: .paired, epoch: 5, register: 2)
    }

    private func answer(_ quiet: QuietCheckIns, _ checkIn: PendingCheckIn, at time: UInt64 = 1000) -> CheckInReceipt? {
        quiet.answer(
            to: checkIn, in: epoch, register: register, isPaired: true, now: WallTime(milliseconds: time))
    }

    @Test("What was answered is answered again, without a proof that was shown; each envoy is seen once a look")
    func again() throws {
        let quiet = QuietCheckIns()
        #expect(answer(quiet, checkIn()) == nil)
        var shown = receipt()
        shown.voucher = [1, 2, 3]
        quiet.note(shown, to: checkIn(), in: epoch, register: register)
        for time in [1000, 3000, 2000] as [UInt64] {
            let said = try #require(answer(quiet, checkIn(), at: time))
            #expect(said.storedThrough == 7 && said.releaseThrough == 7 && said.level == .paired)
            #expect(said.epoch == 5 && said.register == 2 && said.voucher == nil && said.signature == nil)
        }
        let sighting = QuietCheckIns.Sighting(
            envoy: PrincipalID(high: 1, low: 2), slice: checkIn().slice, at: WallTime(milliseconds: 2000))
        #expect(quiet.takeSightings() == [sighting])
        #expect(quiet.takeSightings().isEmpty)
    }

    @Test("Whatever differs is stored: results, a gap, traits, queue, slice, owner, reign, or a bolt between")
    func anythingNew() throws {
        let quiet = QuietCheckIns()
        quiet.note(receipt(), to: checkIn(), in: epoch, register: register)
        let other = try #require(QueueID(bytes: [UInt8](repeating: 8, count: 16)))
        let second = EnvoyBolts([try bolt("b")], change: 2)
        let changes: [(inout PendingCheckIn) -> Void] = [
            { $0 = $0.with(results: [SequencedResult(sequence: 8, body: [1])]) },
            { $0 = $0.with(firstHeld: 9) },
            { $0 = $0.with(traits: EnvoyRecord.Traits(digest: .zero, document: [])) },
            { $0 = $0.with(traits: .some(nil)) },
            { $0 = $0.with(queue: other) },
            { $0.slice = nil },
            { $0.seen = OwnerMark(register: 1, epoch: 4, hash: Bytes32(words: (3, 0, 0, 0))) },
            { $0.seen = OwnerMark(register: 1, epoch: 5, hash: .zero) },
            { $0.keptAt = WallTime(milliseconds: 1) },
            { $0.isPassedOn = true },
            { $0.seen = nil },
            { $0.bolts = second },
        ]
        for (place, change) in changes.enumerated() {
            #expect(answer(quiet, checkIn(change)) == nil, "change \(place)")
        }
        let now = WallTime(milliseconds: 1)
        #expect(quiet.answer(to: checkIn(), in: later, register: register, isPaired: true, now: now) == nil)
        let bare = checkIn { $0.seen = nil }
        #expect(quiet.answer(to: bare, in: epoch, register: .zero, isPaired: true, now: now) == nil)
        #expect(answer(quiet, checkIn()) != nil, "nothing of this was taken for news")
        quiet.forget()
        #expect(answer(quiet, checkIn()) == nil && quiet.takeSightings().isEmpty)
    }

    @Test("Q7: once another list of bolts was signed none is told from memory that was signed before")
    func laterList() throws {
        let quiet = QuietCheckIns()
        let (first, second) = (EnvoyBolts([try bolt("a")], change: 1), EnvoyBolts([try bolt("b")], change: 2))
        func signed(_ bolts: EnvoyBolts, _ number: UInt64) -> CheckInReceipt {
            var told = receipt()
            told.bolts = SignedEnvoyBolts(json: bolts.json, number: number, signature: [1])
            return told
        }
        let other = checkIn { $0 = $0.with(envoy: PrincipalID(high: 1, low: 3)) }
        quiet.note(signed(first, 10), to: checkIn { $0.bolts = first }, in: epoch, register: register)
        #expect(answer(quiet, checkIn { $0.bolts = first })?.bolts?.number == 10)
        quiet.note(signed(second, 11), to: other, in: epoch, register: register)
        // The first list may be in force again: an envoy that heard of the second takes it under a new number only.
        #expect(answer(quiet, checkIn { $0.bolts = first }) == nil)
    }

    @Test("S3: an answer that holds back what is not safe yet is not repeated: the next may say more")
    func notSafeYet() {
        let quiet = QuietCheckIns()
        quiet.note(receipt(), to: checkIn(), in: epoch, register: register)
        quiet.note(receipt(stored: 9, released: 7), to: checkIn(), in: epoch, register: register)
        #expect(answer(quiet, checkIn()) == nil)
    }

    @Test("P5: of two answers on their way at once the lower one does not take the place of the higher")
    func outOfOrder() throws {
        let quiet = QuietCheckIns()
        quiet.note(receipt(stored: 9, released: 9), to: checkIn(), in: epoch, register: register)
        quiet.note(receipt(), to: checkIn(), in: epoch, register: register)
        #expect(try #require(answer(quiet, checkIn())).storedThrough == 9)
    }

    @Test("P1: paired is said again while there is a pair, and local until there is one")
    func levels() throws {
        let (quiet, now) = (QuietCheckIns(), WallTime(milliseconds: 1))
        for level in [PartitionAckLevel.paired, .local] {
            var told = receipt()
            told.level = level
            quiet.note(told, to: checkIn(), in: epoch, register: register)
            for isPaired in [true, false] {
                let said = quiet.answer(to: checkIn(), in: epoch, register: register, isPaired: isPaired, now: now)
                #expect(said?.level == (isPaired == (level == .paired) ? level : nil), "\(level), \(isPaired)")
            }
        }
    }

    @Test("It remembers so many envoys and no more: those that were answered last")
    func bounded() {
        let quiet = QuietCheckIns(envoysMax: 4)
        func of(_ number: UInt64) -> PendingCheckIn {
            checkIn { $0 = $0.with(envoy: PrincipalID(high: 1, low: number)) }
        }
        quiet.note(receipt(), to: of(1), in: epoch, register: register)
        for number in 2...100 as ClosedRange<UInt64> {
            quiet.note(receipt(), to: of(number), in: epoch, register: register)
            #expect(answer(quiet, of(1)) != nil, "it asks again and again")
        }
        #expect((2...100).count { answer(quiet, of($0)) != nil } <= 3)
    }
}

extension PendingCheckIn {
    /// The same with another part.
    fileprivate func with(
        envoy: PrincipalID? = nil, queue: QueueID? = nil, firstHeld: UInt64? = nil,
        results: [SequencedResult]? = nil, traits: EnvoyRecord.Traits?? = nil
    ) -> PendingCheckIn {
        PendingCheckIn(
            envoy: envoy ?? self.envoy, queue: queue ?? self.queue, firstHeld: firstHeld ?? self.firstHeld,
            results: results ?? self.results, traits: traits ?? self.traits, slice: slice, keptAt: keptAt, seen: seen,
            bolts: bolts, isPassedOn: isPassedOn)
    }
}
