import CRDT
import Spanner
import SpannerTestKit

/// Random histories over a small pool of names, ids and keys, so that everything collides with everything: what honest
/// bolts draft, and what a lying one could sign.
struct RosterHistories {
    var world: RosterWorld
    var random: Seeded
    let keys = (0..<8).map { key($0) }
    let tokens = (0..<2).map { TokenID(id(500 + $0)) }

    init(seed: UInt64, bolts: Int = 3, mutation: RosterMutation? = nil) {
        random = Seeded(seed)
        world = RosterWorld(bolts: bolts, mutation: mutation)
    }

    /// All keys that a roster may be asked about.
    var allKeys: [KeyFingerprint] {
        keys + world.bolts.map(\.identity.author.tlsKey) + world.operators.map(\.author.tlsKey)
    }

    mutating func run(_ steps: Int) {
        for _ in 0..<steps {
            let place = random.below(world.bolts.count)
            if random.chance(35) {
                let from = random.below(world.bolts.count)
                if from != place { world.hear(place, from: from, runs: random.below(world.bolts[from].runs.count + 1)) }
            } else if random.chance(45) {
                world.write(place, event(place))
            } else {
                let signer = random.chance(15) ? TestIdentity.root : random.pick(world.operators)
                world.act(operation(place), by: signer, at: place)
            }
            if random.chance(8) { recarry(place) }
        }
    }

    /// An act that somebody else carried, carried once more.
    private mutating func recarry(_ place: Int) {
        let acts = world.events.compactMap { event, _ -> SignedAct? in
            if case .act(let act) = event.payload { return act }
            return nil
        }
        if !acts.isEmpty { world.write(place, .act(random.pick(acts))) }
    }

    private mutating func dot(_ place: Int) -> Dot {
        let bolt = random.pick(world.bolts)
        let last = world.bolts[place].roster.vector[bolt.replica]
        // Now and then something that nobody has written yet, but never an own future.
        let reach = bolt.replica == world.bolts[place].replica ? last : last + (random.chance(15) ? 2 : 0)
        return Dot(bolt.replica, 1 + UInt64(random.below(max(1, Int(reach)))))
    }

    private mutating func dots(_ place: Int, most: Int) -> [Dot] {
        Array(Set((0..<random.below(most + 1)).map { _ in dot(place) })).sorted()
    }

    private mutating func label() -> [Label] { [Label(key: "l", value: "\(random.below(9))")] }

    private mutating func admission(_ place: Int) -> Admission {
        var admission = envoy(random.below(4), name: "n\(random.below(3))", key: random.pick(keys))
        admission.labels = label()
        if random.chance(40) { admission.token = random.pick(tokens) }
        if random.chance(60), let draft = try? world.bolts[place].roster.draftAdmission(admission),
            case .admit(let honest) = draft
        {
            return honest
        }
        admission.observes = dots(place, most: 3)
        return admission
    }

    private mutating func event(_ place: Int) -> RosterEvent.Payload {
        let roster = world.bolts[place].roster
        let writer = world.bolts[place].replica
        switch random.below(10) {
        case 0..<4: return .admit(admission(place))
        case 4..<6:
            let someone = id(random.below(4))
            if random.chance(60),
                let draft = try? roster.draftAmendment(of: someone, by: writer, labels: label())
            {
                return draft
            }
            var amendment = Amendment(base: dot(place))
            amendment.supersedes = dots(place, most: 2)
            amendment.labels = label()
            let living = roster.principals(role: random.chance(80) ? .envoy : .bolt)
            if random.chance(70), !living.isEmpty {
                let someone = random.pick(living)
                amendment.base = random.pick(someone.admissions)
                if random.chance(50) { amendment.supersedes = someone.amendments }
                if random.chance(30) { amendment.address = "a:\(random.below(9))" }
                let to = random.pick(keys)
                if to != someone.tlsKey {
                    // Now and then signed for another id: valid, and without effect.
                    let whose = random.chance(95) ? someone.id : id(random.below(4))
                    amendment.rekey = TestWitness.rekey(whose, from: someone.tlsKey, to: to, sealingKey: to.bytes)
                }
            } else if random.chance(30) {
                let (from, to) = (random.pick(keys), random.pick(keys))
                if from != to {
                    let whose = id(random.below(4))
                    amendment.rekey = TestWitness.rekey(whose, from: from, to: to, sealingKey: to.bytes)
                }
            }
            return .amend(amendment)
        case 6..<9:
            if random.chance(60), let draft = try? roster.draftRemoval(of: id(random.below(4))) { return draft }
            return .remove(targets: [dot(place)] + dots(place, most: 2))
        default:
            let record = JoinTokenRecord(
                id: random.pick(tokens), secretHash: .zero, kind: .multiUse(uses: 2),
                expires: RosterWorld.time, group: nil, labels: [])
            return .token(record)
        }
    }

    private mutating func operation(_ place: Int) -> OperatorAct.Operation {
        let roster = world.bolts[place].roster
        let whom = id(100 + random.below(5))
        switch random.below(12) {
        case 0..<4:
            let number = random.below(5)
            let identity =
                number < 3 ? RosterWorld.bolt(number) : random.pick(world.operators)
            if random.chance(60), let draft = try? roster.draftActAdmission(member(identity, number)) { return draft }
            return .admit(member(identity, number, observes: dots(place, most: 2)))
        case 4..<6:
            if random.chance(60), let draft = try? roster.draftActRemoval(of: whom) { return draft }
            let targets = [dot(place)] + dots(place, most: 2)
            return .remove(principal: whom, targets: targets, cut: OperatorAct.Cut(seen: vector(place)))
        case 6..<8:
            if random.chance(50), let draft = try? roster.draftActBan(of: id(random.below(4))) { return draft }
            if random.chance(20), let draft = try? roster.draftActBan(of: whom) { return draft }
            let named = random.chance(20) ? random.pick(allKeys) : random.pick(keys)
            return .ban(keys: [named], principal: nil, cut: OperatorAct.Cut(seen: vector(place)))
        case 8..<11:
            if let conflict = roster.conflicts.first, random.chance(80) {
                let keep = random.pick(random.pick(conflict.claimants).keys)
                if let draft = try? roster.draftActResolution(role: conflict.role, name: conflict.name, keep: keep) {
                    return draft
                }
            }
            return .resolve(
                role: .envoy, name: PrincipalName("n0") ?? .any, keep: random.pick(keys),
                targets: dots(place, most: 3))
        default: return .revokeToken(random.pick(tokens))
        }
    }

    private mutating func vector(_ place: Int) -> VersionVector {
        var vector = VersionVector()
        for bolt in world.bolts where random.chance(60) {
            vector[bolt.replica] = UInt64(random.below(Int(world.bolts[place].roster.vector[bolt.replica]) + 2))
        }
        return vector
    }
}
