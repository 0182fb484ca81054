import CRDT
import Spanner

/// A group that is created on both sides of a network split, by two applies: envoys write on both sides, slices are
/// handed on within them, and then the sides hear of one another.
///
/// Owners, the group in force and the gate are the daemon's own rules; tables and handoffs are as simple as can be:
/// what the handoff plane proves of those is taken as given here. One seed decides everything.
public struct GroupSplitHistory {
    private struct Member {
        let identity: TestPartition
        /// Whether it is north of the split.
        let isNorth: Bool
        /// All definitions of the group that it knows.
        var geneses: [SliceGenesis]
        var registers = SliceRegisterSet()
        var adopted: Set<Bytes32> = []
        /// Results by slice, each slice with one envoy.
        var rows: [SliceID: Set<UInt64>] = [:]

        var name: PartitionName { identity.name }
        var genesis: SliceGenesis? { SliceGenesis.winner(among: geneses) }

        /// Where an envoy belongs, as far as is known here.
        func slice(of envoy: UInt32) -> SliceID? { genesis.map { SliceID(group: $0.id, index: envoy) } }

        func walk(of envoy: UInt32) -> SliceWalk? {
            genesis.flatMap { registers.walk(envoy, from: $0, by: TestWitness()) }
        }

        func takes(_ envoy: UInt32) -> Bool {
            guard let walk = walk(of: envoy) else { return false }
            return SliceGate.isOpen(
                at: name, walk: walk, source: nil, isAdopted: adopted.contains(walk.register.hash))
        }

        /// Whether two of them know the same of owners.
        func agrees(with other: Member) -> Bool {
            geneses.map(\.root) == other.geneses.map(\.root) && registers == other.registers
        }
    }

    private static let envoys: UInt32 = 6
    private static let steps = 400

    private var members: [Member] = []
    private var generator: SeededGenerator
    /// The highest number that was acknowledged, by envoy.
    private var acknowledged: [UInt32: UInt64] = [:]
    private var hasHealed = false
    private var report: SimReport
    private var now: UInt64 = 0

    private init(seed: UInt64) {
        generator = SeededGenerator(seed: seed ^ 0x5111_7B0A)
        report = SimReport(seed: seed)
        let names = ["east", "north", "south", "west"].map { PartitionName(checked: $0) }
        for (number, side) in [names.prefix(2), names.suffix(2)].enumerated() {
            let candidates = side.map { Placement.Candidate(partition: $0) }
            let apply = TestWitness.digest([UInt8(truncatingIfNeeded: seed), UInt8(number)])
            let genesis = SliceGenesis(
                apply: apply, name: GroupName(checked: "fleet"), slices: GroupSplitHistory.envoys,
                candidates: candidates, hashedBy: TestWitness())
            guard let genesis else { continue }
            for name in side {
                members.append(Member(identity: TestPartition(name), isNorth: number == 0, geneses: [genesis]))
            }
        }
    }

    /// Runs one seed to the end, or to the first broken promise.
    public static func run(seed: UInt64) -> SimReport {
        var history = GroupSplitHistory(seed: seed)
        history.play()
        return history.report
    }

    private mutating func play() {
        for step in 0..<(2 * GroupSplitHistory.steps) where report.violations.isEmpty {
            now += 1
            hasHealed = step >= GroupSplitHistory.steps
            switch generator.below(10) {
            case 0..<6: write()
            case 6: handOn()
            default: meet()
            }
            checkTakers()
        }
        // Long enough for each to hear of all, twice.
        for _ in 0..<2 {
            for from in members.indices {
                for to in members.indices where to != from { meet(from, to) }
            }
        }
        if report.violations.isEmpty { checkEnd() }
    }

    private mutating func violate(_ guarantee: String, _ detail: String) {
        guard report.violations.isEmpty else { return }
        report.violations.append(SimViolation(guarantee: guarantee, detail: detail, milliseconds: now))
    }

    private mutating func count(_ work: String) { report.work[work, default: 0] += 1 }

    // MARK: - Work

    /// An envoy reaches any partition, on either side; it is answered at once by one that takes it.
    private mutating func write() {
        let envoy = UInt32(generator.below(UInt64(GroupSplitHistory.envoys)))
        let member = Int(generator.below(UInt64(members.count)))
        guard members[member].takes(envoy), let slice = members[member].slice(of: envoy) else { return }
        let number = (acknowledged[envoy] ?? 0) + 1
        members[member].rows[slice, default: []].insert(number)
        acknowledged[envoy] = number
        count(members[member].isNorth ? "writes in the north" : "writes in the south")
    }

    /// A slice goes to another partition of its side, with all that is there of it.
    private mutating func handOn() {
        let envoy = UInt32(generator.below(UInt64(GroupSplitHistory.envoys)))
        let from = Int(generator.below(UInt64(members.count)))
        guard members[from].takes(envoy), let slice = members[from].slice(of: envoy),
            let walk = members[from].walk(of: envoy),
            let to = members.indices.first(where: { $0 != from && members[$0].isNorth == members[from].isNorth }),
            // An offer of a register that is not known there waits.
            members[to].walk(of: envoy)?.register == walk.register,
            let transition = SliceTransition(
                ending: walk.register, to: members[to].name, cause: .handOn(seal: seal(members[from], slice)))
        else { return }
        let delta = SliceDelta([members[from].identity.sign(transition)])
        for member in [from, to] {
            let taken = members[member].registers.absorb(delta, mesh: TestIdentity.mesh, witness: TestWitness())
            if taken.forged > 0 { violate("P7", "a hand-on of \(members[from].name) does not verify") }
        }
        members[to].adopted.insert(transition.hash(by: TestWitness()))
        move(slice, to: slice, from, to)
        count("hand-ons")
    }

    private func seal(_ member: Member, _ slice: SliceID) -> SliceSeal {
        let minter = ReplicaID(key: TestWitness.digest(Array(member.name.text.utf8)), incarnation: 1)
        let point = LogPoint(
            epoch: PartitionEpoch(number: 1, minter: minter), position: now + 1, hash: TestWitness.digest([1]))
        return SliceSeal(point: point, digest: TestWitness.digest([UInt8(truncatingIfNeeded: slice.index)]))
    }

    private mutating func move(_ held: SliceID, to slice: SliceID, _ from: Int, _ to: Int) {
        guard let rows = members[from].rows.removeValue(forKey: held) else { return }
        members[to].rows[slice, default: []].formUnion(rows)
    }

    // MARK: - Hearing

    private mutating func meet() {
        let (from, to) = (
            Int(generator.below(UInt64(members.count))), Int(generator.below(UInt64(members.count)))
        )
        guard from != to, hasHealed || members[from].isNorth == members[to].isNorth else { return }
        meet(from, to)
    }

    /// One tells another what it knows, and what is left of others' slices is brought.
    private mutating func meet(_ from: Int, _ to: Int) {
        for genesis in members[from].geneses where !members[to].geneses.contains(where: { $0.root == genesis.root }) {
            members[to].geneses.append(genesis)
            members[to].geneses.sort { $0.root < $1.root }
            count("definitions heard of")
        }
        let known = members[from].registers
        members[to].registers.merge(known)
        bring(at: from, to)
        bring(at: to, from)
    }

    /// Rows of slices that are none by the group in force, or another's, go to whoever takes the envoy.
    private mutating func bring(at from: Int, _ to: Int) {
        for held in members[from].rows.keys.sorted() {
            guard let slice = members[from].slice(of: held.index) else { continue }
            if members[from].takes(held.index) {
                if slice != held { move(held, to: slice, from, from) }
            } else if members[to].takes(held.index), members[to].slice(of: held.index) == slice {
                move(held, to: slice, from, to)
                count("slices brought")
            }
        }
    }

    // MARK: - Checks

    /// P7: never two that take an envoy in one group, however little they have heard; and whoever took it in a group
    /// that lost stops when he hears of the other.
    private mutating func checkTakers() {
        for envoy in 0..<GroupSplitHistory.envoys {
            let takers = members.filter { $0.takes(envoy) }
            for (index, taker) in takers.enumerated() {
                for other in takers[(index + 1)...] where other.genesis == taker.genesis {
                    violate("P7", "envoy \(envoy) is taken by \(taker.name) and \(other.name) in one group")
                }
            }
        }
    }

    /// One group, one owner of each envoy, and there all that was acknowledged on either side, once.
    private mutating func checkEnd() {
        guard let first = members.first, let genesis = first.genesis else { return violate("P7", "no group") }
        let lowest = members.flatMap(\.geneses).map(\.apply).min()
        if genesis.apply != lowest { violate("P7", "the group in force is not that of the lowest apply") }
        for member in members where !member.agrees(with: first) {
            violate("P7", "\(member.name) and \(first.name) do not agree when they heard of all")
        }
        for envoy in 0..<GroupSplitHistory.envoys {
            let slice = SliceID(group: genesis.id, index: envoy)
            let takers = members.filter { $0.takes(envoy) }
            guard takers.count == 1, let owner = takers.first else {
                violate("P7", "envoy \(envoy) has \(takers.count) owners at the end")
                continue
            }
            let (rows, number) = (owner.rows[slice] ?? [], acknowledged[envoy] ?? 0)
            if rows.count != Int(number) || rows.max() ?? 0 != number {
                violate("P5", "\(owner.name) has \(rows.count) of the \(number) results of envoy \(envoy)")
            }
        }
        for member in members {
            for slice in member.rows.keys.sorted() where slice.group != genesis.id || !member.takes(slice.index) {
                violate("P8", "\(member.name) keeps \(slice), which it does not serve")
            }
        }
    }
}
