import BoltAPI
import CRDT
import Foundation
import Identity
import Spanner
import SpannerTestKit
import Testing

@testable import Bolt

/// Q7: an owner signs the list of bolts that its envoys are told, once for each that there is.
struct BoltListServiceTests {
    private static let envoys = (1...6).map { PrincipalID(high: 77, low: UInt64($0) &* 0x9E37_79B9_7F4A_7C15) }

    /// An envoy, and what it makes of answers.
    private struct Follower {
        let envoy: PrincipalID
        var sight = OwnerSight()
        var sequence: UInt64 = 0
    }

    private func bolts(_ names: [String], change: UInt64) throws -> EnvoyBolts {
        EnvoyBolts(
            try names.map { name in
                BoltAddress(
                    name: try #require(BoltName(name)), partition: TwoPartitions.names[0], address: "\(name):7440")
            }, change: change)
    }

    /// A check-in, and the list that the answer brings: as its owner signed it, verified as an envoy does.
    private func told(
        _ two: TwoPartitions, _ follower: inout Follower, at number: Int = 0, _ bolts: EnvoyBolts
    ) async throws -> (names: [String], number: UInt64) {
        follower.sequence += 1
        let (seen, next) = (follower.sight, follower.sequence)
        let mark = OwnerMark(
            register: seen.fence.register, epoch: seen.fence.epoch, hash: seen.freshness?.register.hash)
        let answer = try await two.checkIn(follower.envoy, next...next, at: number, seen: mark, bolts: bolts)
        guard case .stored(let receipt) = answer else { throw Problem(.notReady, "\(answer)") }
        _ = try follower.sight.judge(
            number: receipt.register, epoch: receipt.epoch, voucher: try receipt.voucher.map { try SliceVoucher($0) },
            from: nil, mesh: TestIdentity.mesh, witness: BoltSliceWitness(TestWitness()))
        let signed = try #require(receipt.bolts)
        let read = try APIJSON.decode([BoltAddress].self, from: Data(signed.json.utf8))
        let proved = follower.sight.proved(
            try #require(BoltList(read)), number: signed.number, signature: signed.signature,
            mesh: TestIdentity.mesh, witness: TestWitness())
        #expect(proved?.owner == TwoPartitions.names[number], "the answer's list is the one that was signed")
        return (read.map(\.name.text), signed.number)
    }

    @Test("Q7: a list is signed once for all envoys and check-ins, and again where it changed", .timeLimit(.minutes(2)))
    func once() async throws {
        let two = try await TwoPartitions.reigning()
        var followers = Self.envoys.map { Follower(envoy: $0) }
        let first = try bolts(["a", "b"], change: 1)
        var numbers: Set<UInt64> = []
        for change in 1...3 as ClosedRange<UInt64> {
            // Something else happened in the node: the list is looked up again and is the same.
            for index in followers.indices {
                numbers.insert(try await told(two, &followers[index], first.seen(again: change)).number)
            }
        }
        #expect(two.signedLists[0].value == 1 && numbers.count == 1)
        var last = try #require(numbers.first)
        for (change, names) in [(4, ["a", "b", "c"]), (5, ["b"]), (6, ["a", "b"])] as [(UInt64, [String])] {
            let next = try bolts(names, change: change)
            for index in followers.indices {
                let said = try await told(two, &followers[index], next)
                #expect(said.names == names && said.number >= last)
                last = said.number
            }
        }
        #expect(two.signedLists[0].value == 4)
        await two.close()
    }

    /// The list of a check-in that was routed before a change came under a higher number than what followed, and kept
    /// that from the envoy until the next change.
    @Test("Q7: a check-in that was routed before a change is told what followed", .timeLimit(.minutes(2)))
    func overtaken() async throws {
        let two = try await TwoPartitions.reigning()
        var follower = Follower(envoy: Self.envoys[0])
        let (old, new) = (try bolts(["a"], change: 1), try bolts(["a", "b"], change: 2))
        let first = try await told(two, &follower, old)
        let second = try await told(two, &follower, new)
        let late = try await told(two, &follower, old)
        #expect(first.names == ["a"] && second.names == ["a", "b"] && second.number > first.number)
        #expect(late.names == ["a", "b"] && late.number == second.number)
        #expect(two.signedLists[0].value == 2)
        await two.close()
    }

    @Test("Q7, P2: after a handoff the list is the new owner's word", .timeLimit(.minutes(2)))
    func handedOn() async throws {
        let two = try await TwoPartitions.reigning()
        var follower = Follower(envoy: Self.envoys[0])
        let bolts = try bolts(["a", "b"], change: 1)
        _ = try await told(two, &follower, bolts)
        try await two.services[0].begin(task: two.job(), limits: HandoffBudget.Limits(slices: 4))
        try await wait("all are in the south") { try two.owners(1) == [TwoPartitions.names[1]] }
        _ = try await told(two, &follower, at: 1, bolts)
        #expect(two.signedLists.map(\.value) == [1, 1])
        await two.close()
    }

    @Test("an envoy that says nothing of its owner, and a check-in that nobody waits for, cost no signature")
    func unasked() async throws {
        let two = try await TwoPartitions.reigning()
        let plain = try await two.checkIn(Self.envoys[0], 1...1, at: 0, bolts: try bolts(["a"], change: 1))
        let none = try await two.checkIn(
            Self.envoys[1], 1...1, at: 0, seen: OwnerMark(register: 0, epoch: 0), bolts: EnvoyBolts([], change: 2))
        for answer in [plain, none] {
            guard case .stored(let receipt) = answer else {
                Issue.record("\(answer)")
                continue
            }
            #expect(receipt.bolts == nil)
        }
        #expect(two.signedLists[0].value == 0)
        await two.close()
    }

    @Test("Q7: numbers of lists go on over the end of a reign: no later list is taken for an earlier one")
    func outlasts() throws {
        var desk = HandoffDesk()
        let epoch = PartitionEpoch(number: 3, minter: ReplicaID(key: .zero, incarnation: 1))
        desk.bolts = HandoffDesk.SignedBolts(
            bolts: try bolts(["a"], change: 4), epoch: epoch, number: 900, signature: [1])
        desk.end()
        #expect(desk.bolts?.number == 900 && desk.bolts?.epoch == epoch && desk.bolts?.bolts.change == 4)
    }

    @Test("what envoys are told of has at most 256 bolts, the first, and says what is signed")
    func ready() throws {
        let names = (0..<300).map { "b\($0)" }
        let most = try bolts(names, change: 7)
        #expect(most.bolts.count == BoltList.boltsMax && most.bolts.first?.name.text == "b0")
        #expect(try APIJSON.decode([BoltAddress].self, from: Data(most.json.utf8)) == most.bolts)
        #expect(most.list == BoltList(most.bolts) && most.list != nil)
        let (other, again) = (try bolts(Array(names.dropLast(200)), change: 8), most.seen(again: 9))
        #expect(most.digest != other.digest && again.digest == most.digest)
        #expect(again.change == 9 && most.seen(again: 3).change == 7 && again.json == most.json)
        #expect(try bolts(["a", "b"], change: 1).digest == bolts(["b", "a"], change: 1).digest)
        #expect(EnvoyBolts([], change: 1).list == nil && EnvoyBolts([], change: 1).json == "[]")
    }
}
