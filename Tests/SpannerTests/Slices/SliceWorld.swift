import CRDT
import Spanner
import SpannerTestKit

/// Partitions, an operator and one group, from which tests make transitions.
struct SliceWorld {
    static let names = ["east", "north", "south", "west"].map { PartitionName(checked: $0) }
    static let mesh = TestIdentity.mesh

    let witness = TestWitness()
    let genesis: SliceGenesis
    let partitions: [PartitionName: TestPartition]
    let operators = [
        TestIdentity(.operator(OperatorName(checked: "ada")), seed: 1),
        TestIdentity(.operator(OperatorName(checked: "bob")), seed: 2),
    ]

    init?(slices: UInt32 = 2) {
        let candidates = SliceWorld.names.map { Placement.Candidate(partition: $0) }
        guard
            let genesis = SliceGenesis(
                apply: TestWitness.digest([1]), name: GroupName(checked: "fleet"), slices: slices,
                candidates: candidates, hashedBy: TestWitness())
        else { return nil }
        self.genesis = genesis
        partitions = Dictionary(uniqueKeysWithValues: SliceWorld.names.map { ($0, TestPartition($0)) })
    }

    func register(_ index: UInt32 = 0) -> SliceRegister? { genesis.register(of: index, hashedBy: witness) }

    func other(than name: PartitionName, _ step: Int = 0) -> PartitionName {
        let others = SliceWorld.names.filter { $0 != name }
        return others[step % others.count]
    }

    static func seal(_ number: UInt64) -> SliceSeal {
        let minter = ReplicaID(key: TestWitness.digest([9]), incarnation: 1)
        let point = LogPoint(
            epoch: PartitionEpoch(number: 1, minter: minter), position: number + 1, hash: TestWitness.digest([3]))
        return SliceSeal(point: point, digest: TestWitness.digest([UInt8(truncatingIfNeeded: number)]))
    }

    func handOn(_ register: SliceRegister, to: PartitionName, seal: UInt64 = 0) -> SignedTransition? {
        SliceTransition(ending: register, to: to, cause: .handOn(seal: SliceWorld.seal(seal)))
            .flatMap { partitions[register.owner]?.sign($0) }
    }

    func takeover(_ register: SliceRegister, to: PartitionName, act: UInt64 = 0) -> SignedTransition? {
        SliceTransition(
            ending: register, to: to,
            cause: .takeover(
                act: PrincipalID(high: 1, low: act), at: WallTime(milliseconds: act), reason: "its disks are lost")
        )
        .map { operators[Int(act % 2)].sign($0) }
    }

    func after(_ signed: SignedTransition) -> SliceRegister {
        let transition = signed.transition
        return SliceRegister(
            slice: transition.slice, owner: transition.to, position: transition.position,
            hash: transition.hash(by: witness))
    }

    func set(_ transitions: [SignedTransition?]) -> SliceRegisterSet {
        var set = SliceRegisterSet()
        _ = set.absorb(SliceDelta(transitions.compactMap { $0 }), mesh: SliceWorld.mesh, witness: witness)
        return set
    }

    func walk(_ set: SliceRegisterSet, _ index: UInt32 = 0) -> SliceWalk? {
        set.walk(index, from: genesis, by: witness)
    }

    /// A tree of transitions: hand-ons and takeovers of any register that there is, forks among them.
    func history(_ generator: inout SeededGenerator, count: Int) -> [SignedTransition] {
        var registers = [register(0), register(1)].compactMap { $0 }
        var transitions: [SignedTransition] = []
        for number in 0..<count {
            // Mostly the youngest, so that chains get long.
            let back = generator.below(3) == 0 ? generator.below(UInt64(registers.count)) : generator.below(2)
            let base = registers[max(0, registers.count - 1 - Int(back))]
            let to = other(than: base.owner, Int(generator.below(3)))
            let made =
                generator.below(3) == 0
                ? takeover(base, to: to, act: UInt64(number))
                : handOn(base, to: to, seal: generator.below(3) == 0 ? 0 : UInt64(number))
            guard let made else { continue }
            transitions.append(made)
            registers.append(after(made))
        }
        return transitions
    }

    func shuffle<Element>(_ values: [Element], _ generator: inout SeededGenerator) -> [Element] {
        var values = values
        for index in values.indices.reversed() {
            values.swapAt(index, Int(generator.below(UInt64(index + 1))))
        }
        return values
    }
}
