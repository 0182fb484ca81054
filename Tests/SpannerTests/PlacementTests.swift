import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Placement: the same everywhere, for ever")
struct PlacementTests {
    private let names = ["ber", "fra", "lon", "nyc"].map { PartitionName(checked: $0) }

    @Test("The hash has the values that it was specified with")
    func vectors() {
        #expect(PlacementHash.value([]) == 0xF52A_15E9_A9B5_E89B)
        #expect(PlacementHash.value(Array("a".utf8)) == 0x02C0_BDBF_4814_20F8)
        #expect(PlacementHash.value(Array("bolt".utf8)) == 0x73DC_FAA1_FBC6_E9A8)
        #expect(Placement.slice(of: PrincipalID(high: 1, low: 2), slices: 256) == 29)
    }

    @Test("Owners follow the weights, and only ids that must move do")
    func rendezvous() {
        var random = Seeded(7)
        var owned: [PartitionName: Int] = [:]
        let weights: [UInt32] = [1, 1, 2, 4]
        let all = zip(names, weights).map { Placement.Candidate(partition: $0, weight: $1) }
        let total = 8_000
        for _ in 0..<total {
            let id = PrincipalID(high: random.next(), low: random.next())
            guard let owner = Placement.owner(of: id, among: all.shuffled(using: &random)) else {
                Issue.record("no owner")
                return
            }
            owned[owner, default: 0] += 1
            let without = all.filter { $0.partition != names[0] }
            if owner != names[0] { #expect(Placement.owner(of: id, among: without) == owner) }
        }
        for (name, weight) in zip(names, weights) {
            let share = Double(owned[name] ?? 0) / Double(total)
            #expect(abs(share - Double(weight) / 8) < 0.02, "\(name) owns \(share)")
        }
    }

    @Test("No candidates, no weight and no slices are answers, not traps")
    func edges() {
        let id = PrincipalID(high: 0, low: 0)
        #expect(Placement.owner(of: id, partitions: []) == nil)
        #expect(Placement.owner(of: id, among: [.init(partition: names[0], weight: 0)]) == nil)
        #expect(Placement.owner(of: id, among: [.init(partition: names[0], weight: .max)]) == names[0])
        #expect(Placement.slice(of: id, slices: 0) == 0)
        #expect(Placement.slice(of: id, slices: 1) == 0)
    }

    @Test("Owners of known ids stay what they were in every version")
    func pinned() {
        let owners = (UInt64(0)..<8).map { number in
            Placement.owner(of: PrincipalID(high: number, low: number &* 77), partitions: names)?.text
        }
        #expect(owners == ["lon", "fra", "nyc", "lon", "fra", "ber", "ber", "ber"])
    }
}
