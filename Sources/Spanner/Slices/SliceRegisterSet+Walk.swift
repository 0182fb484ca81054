import CRDT

extension SliceRegisterSet {
    /// Who owns a slice, and how that came: from the genesis on, at each register the transition that wins.
    ///
    /// A hand-on beats a takeover of the same register, however late it is heard of; among equals the lowest hash
    /// wins. A transition counts only where its base has the owner and the position that it names. The chain of hashes
    /// makes cycles impossible; each transition is looked at once. O(n log n) in the transitions of the slice. Nil
    /// where the group has no such slice.
    public func walk(_ index: UInt32, from genesis: SliceGenesis, by witness: some Witness) -> SliceWalk? {
        walk(index, from: genesis, by: witness, mutation: nil)
    }

    /// The same with a deliberate fault.
    package func walk(
        _ index: UInt32, from genesis: SliceGenesis, by witness: some Witness, mutation: HandoffMutation?
    ) -> SliceWalk? {
        guard let first = genesis.register(of: index, hashedBy: witness) else { return nil }
        let isTurned = mutation == .takeoverBeatsHandOn
        let children = SliceFamily(entries[first.slice] ?? [:], takeoversFirst: isTurned)
        var register = first
        var path: [SliceWalk.Step] = []
        var losers: [SliceLoser] = []
        var equivocations: [SliceEquivocation] = []
        var reached: Set<Bytes32> = []
        while true {
            let ranked = children.ranked(after: register)
            guard let winner = ranked.first else { break }
            reached.insert(winner.hash)
            for loser in ranked.dropFirst() {
                losers.append(children.loser(loser, base: register, reached: &reached))
            }
            let hands = ranked.filter { $0.transition.isHandOn }.map(\.hash)
            if hands.count > 1 {
                equivocations.append(
                    SliceEquivocation(partition: register.owner, base: register, hashes: hands))
            }
            register = winner.register
            path.append(SliceWalk.Step(transition: winner.transition, register: register))
        }
        let inert = hashes(of: first.slice).filter { !reached.contains($0) }
        return SliceWalk(
            genesis: first, path: path, losers: losers, equivocations: equivocations, inert: inert)
    }
}

/// A slice's transitions by what they end.
struct SliceFamily {
    /// A transition with its hash.
    struct Member {
        let transition: SliceTransition
        let hash: Bytes32
        var register: SliceRegister { transition.register(hash: hash) }
    }

    private let byBase: [Bytes32: [Member]]
    /// A deliberate fault.
    private let takeoversFirst: Bool

    init(_ transitions: [Bytes32: SignedTransition], takeoversFirst: Bool = false) {
        self.takeoversFirst = takeoversFirst
        byBase = Dictionary(
            grouping: transitions.map { Member(transition: $0.value.transition, hash: $0.key) },
            by: { $0.transition.base })
    }

    /// The transitions that end a register, best first: hand-ons before takeovers, then the lowest hash.
    func ranked(after register: SliceRegister) -> [Member] {
        (byBase[register.hash] ?? []).filter { SliceFamily.isValid($0.transition, after: register) }
            .sorted { left, right in
                if takeoversFirst, left.transition.isHandOn != right.transition.isHandOn {
                    return right.transition.isHandOn
                }
                return SliceFamily.beats((left.transition, left.hash), (right.transition, right.hash))
            }
    }

    static func isValid(_ transition: SliceTransition, after register: SliceRegister) -> Bool {
        transition.slice == register.slice && transition.base == register.hash && transition.from == register.owner
            && register.position < UInt64.max && transition.position == register.position + 1
    }

    /// Whether the one wins against the other, both of one base.
    static func beats(_ left: (SliceTransition, Bytes32), _ right: (SliceTransition, Bytes32)) -> Bool {
        if left.0.isHandOn != right.0.isHandOn { return left.0.isHandOn }
        return left.1 < right.1
    }

    /// What lost, with all that stands on it.
    func loser(_ member: Member, base: SliceRegister, reached: inout Set<Bytes32>) -> SliceLoser {
        var holders: Set<PartitionName> = []
        var count = 0
        var open = [member]
        while let next = open.popLast() {
            reached.insert(next.hash)
            holders.insert(next.transition.to)
            count += 1
            open.append(contentsOf: ranked(after: next.register))
        }
        return SliceLoser(
            base: base, transition: member.transition, hash: member.hash, holders: holders.sorted(), count: count)
    }
}
