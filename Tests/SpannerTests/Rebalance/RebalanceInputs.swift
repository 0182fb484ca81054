import CRDT
import SpannerTestKit

@testable import Spanner

/// Inputs of plans, drawn from a seed or written by hand.
enum RebalanceInputs {
    static let names = ["ash", "birch", "cedar", "dogwood", "elm", "fir", "ginkgo", "hazel"].map {
        PartitionName(checked: $0)
    }

    static func group(_ number: UInt64) -> GroupID { GroupID(Bytes32(words: (number, 0, 0, 1))) }

    static func slice(_ group: UInt64, _ index: Int) -> SliceID {
        SliceID(group: Self.group(group), index: UInt32(index))
    }

    static func name(_ number: Int) -> PartitionName {
        number < names.count ? names[number] : PartitionName(checked: "p\(number)")
    }

    /// One group, slices with those envoys at those partitions, partitions with those weights.
    static func plain(_ slices: [(owner: Int, envoys: UInt64)], weights: [UInt32]) -> RebalanceInput {
        RebalanceInput(
            groups: [.init(id: group(0), name: GroupName(checked: "web"))],
            slices: slices.enumerated().map {
                .init(id: slice(0, $0), owner: name($1.owner), envoys: $1.envoys, bytes: $1.envoys * 512)
            },
            sites: weights.enumerated().map { .init(partition: name($0), weight: $1, groups: [group(0)]) })
    }

    /// A small input with everything in it that may go wrong but the bounds of capacity.
    static func small(_ random: inout Seeded, slices: Int, sites: Int, groups: Int) -> RebalanceInput {
        let scale = random.pick([1, 3, 20, 1000])
        let heavy = random.chance(30)
        var input = RebalanceInput(
            groups: (0..<groups).map {
                .init(
                    id: group(UInt64($0)), name: GroupName(checked: "g\($0)"), zonesMin: random.chance(15) ? 2 : 1)
            },
            slices: (0..<slices).map { number in
                .init(
                    id: slice(UInt64(random.below(groups)), number), owner: name(random.below(sites)),
                    envoys: UInt64(heavy ? random.below(scale * 10) : scale * 5 + random.below(scale)))
            },
            sites: [], tolerance: random.pick([0, 200, 200, 1000]))
        input.sites = (0..<sites).map { site($0, &random, groups) }
        return input
    }

    private static func site(_ number: Int, _ random: inout Seeded, _ groups: Int) -> RebalanceInput.Site {
        var facts = RebalanceInput.Facts()
        facts.isReachable = !random.chance(5)
        facts.isSealed = random.chance(5)
        facts.isInSync = !random.chance(5)
        facts.wireVersion = random.chance(10) ? 2 : 1
        facts.zones = random.chance(60) ? ["z1", "z2"] : ["z1"]
        let all = (0..<groups).map { group(UInt64($0)) }
        facts.lacksSecrets = Set(all.filter { _ in random.chance(5) })
        return .init(
            partition: name(number), weight: random.pick([0, 50, 100, 100, 100, 200]),
            groups: Set(all.filter { _ in random.chance(80) }), isDraining: random.chance(10), facts: facts)
    }

    /// A fleet whose envoys fall on slices as hashing lets them fall, spread over all but the last partitions.
    static func fleet(
        _ random: inout Seeded, envoys: Int, slices: Int, partitions: Int, joining: Int, groups: Int = 1
    ) -> RebalanceInput {
        var counts = Array(repeating: UInt64(0), count: slices)
        for _ in 0..<envoys { counts[random.below(slices)] += 1 }
        let all = (0..<groups).map { group(UInt64($0)) }
        return RebalanceInput(
            groups: all.enumerated().map { .init(id: $1, name: GroupName(checked: "g\($0)")) },
            slices: (0..<slices).map {
                .init(
                    id: slice(UInt64($0 % groups), $0), owner: name($0 % (partitions - joining)), envoys: counts[$0],
                    bytes: counts[$0] * 2048)
            },
            sites: (0..<partitions).map { .init(partition: name($0), weight: 100, groups: Set(all)) })
    }

    /// The input as it is when the plan was carried out.
    static func after(_ plan: RebalancePlan, _ input: RebalanceInput) -> RebalanceInput {
        let owners = Dictionary(uniqueKeysWithValues: plan.moves.map { ($0.slice, $0.to) })
        var next = input
        next.slices = input.slices.map {
            .init(
                id: $0.id, owner: owners[$0.id] ?? $0.owner, envoys: $0.envoys, bytes: $0.bytes,
                destination: $0.destination)
        }
        return next
    }

    /// The same input in another order.
    static func permuted(_ input: RebalanceInput, _ random: inout Seeded) -> RebalanceInput {
        var next = input
        next.slices.shuffle(using: &random)
        next.sites.shuffle(using: &random)
        next.groups.shuffle(using: &random)
        return next
    }
}
