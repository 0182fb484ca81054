internal import CRDT

/// All live admissions of one role and one lineage of keys: one principal, however often it was admitted.
struct Claim: Sendable {
    let role: PrincipalRole
    /// Live admissions, never empty, the one that speaks for the principal last.
    let admissions: [Int]
    /// Keys that may be used now: one, or several where the principal was given two new keys at once.
    let current: [KeyFingerprint]
    /// Keys that were handed on.
    let superseded: [KeyFingerprint]
    /// Amendments in force, in the order in which they are laid over each other.
    let amendments: [Int]

    var speaker: Int { admissions[admissions.count - 1] }
}

extension Roster {
    /// The principal of this role that holds `key` or one of its lineage; nil where no admission lives.
    func claim(_ role: PrincipalRole, key: KeyFingerprint) -> Claim? {
        guard facts.lineage.group(of: key.bytes) != nil else { return loneClaim(role, key: key) }
        var live: [Int] = []
        for member in facts.lineage.members(with: key.bytes) {
            live += facts.admissions.places(key: KeyFingerprint(member)).filter {
                facts.admissions.role($0) == role && isLive(admission: $0)
            }
        }
        return claim(role, ofLive: live)
    }

    /// The usual case: a key that was never handed on.
    private func loneClaim(_ role: PrincipalRole, key: KeyFingerprint) -> Claim? {
        let live = facts.admissions.places(key: key).filter {
            facts.admissions.role($0) == role && isLive(admission: $0)
        }
        guard live.count == 1, facts.amendmentsOfAdmission[live[0]] == nil else { return claim(role, ofLive: live) }
        return Claim(role: role, admissions: live, current: [key], superseded: [], amendments: [])
    }

    private func claim(_ role: PrincipalRole, ofLive places: [Int]) -> Claim? {
        var live = places
        guard !live.isEmpty else { return nil }
        if live.count > 1 { live = inOrder(live, dot: { dots(ofAdmission: $0)[0] }, before: { observed(by: $0) }) }
        let all = live.flatMap { amendmentsInForce(of: $0) }
        let amendments =
            all.count < 2
            ? all : inOrder(all, dot: { dot(facts.amendments[$0].dot) }, before: { superseded(by: $0) })
        let (current, gone) = keys(of: live, amendments)
        return Claim(role: role, admissions: live, current: current, superseded: gone, amendments: amendments)
    }

    /// What the last of these admissions would hold if nothing had ended it; nil where there is none.
    func lastClaim(_ role: PrincipalRole, of places: [Int]) -> Claim? {
        let ordered = inOrder(places, dot: { dots(ofAdmission: $0)[0] }, before: { observed(by: $0) })
        return ordered.last.flatMap { claim(role, ofLive: [$0]) }
    }

    /// By how much each knows of the others, then by dot: the same everywhere, whatever cycles were signed.
    private func inOrder(_ places: [Int], dot: (Int) -> Dot, before: (Int) -> Set<Int>) -> [Int] {
        places.map { (place: $0, known: before($0).count, dot: dot($0)) }
            .sorted { ($0.known, $0.dot) < ($1.known, $1.dot) }
            .map(\.place)
    }

    /// The keys that follow from those admitted: handed on where one in force says so.
    private func keys(
        of admissions: [Int], _ amendments: [Int]
    ) -> (current: [KeyFingerprint], superseded: [KeyFingerprint]) {
        let rekeys = amendments.compactMap { facts.amendments[$0].amendment.rekey }
        var reached = Set(admissions.map { facts.admissions.key($0) })
        if rekeys.isEmpty { return (reached.sorted(), []) }
        var grew = true
        while grew {
            grew = false
            for rekey in rekeys where reached.contains(rekey.from) && !reached.contains(rekey.to) {
                reached.insert(rekey.to)
                grew = true
            }
        }
        let handedOn = Set(rekeys.map(\.from)).intersection(reached)
        let current = reached.subtracting(handedOn)
        // Keys in a circle: none is the last, so all are current, and contested.
        return current.isEmpty ? (reached.sorted(), []) : (current.sorted(), handedOn.sorted())
    }

    /// Amendments of the same base that this one, or one that it replaced, replaced.
    private func superseded(by amendment: Int) -> Set<Int> {
        reach(from: amendment) { place in
            let base = facts.amendments[place].amendment.base
            return facts.amendments[place].amendment.supersedes.compactMap { dot in
                guard case .amendment(let other) = slot(of: dot) else { return nil }
                return facts.amendments[other].amendment.base == base ? other : nil
            }
        }
    }

    /// Admissions of the same name or id that this one's author knew of, directly or through one that it knew of.
    func observed(by admission: Int) -> Set<Int> {
        let (name, id) = (facts.admissions[admission].name, facts.admissions[admission].id)
        let role = facts.admissions.role(admission)
        return reach(from: admission) { place in
            facts.admissions.observes(place).compactMap { dot in
                guard case .admission(let other) = slot(of: dot), facts.admissions.role(other) == role else {
                    return nil
                }
                let record = facts.admissions[other]
                return record.name == name || record.id == id ? other : nil
            }
        }
    }

    private func reach(from start: Int, _ next: (Int) -> [Int]) -> Set<Int> {
        var seen: Set<Int> = []
        var open = next(start)
        while let place = open.popLast() {
            if seen.insert(place).inserted { open += next(place) }
        }
        return seen
    }

    /// Whether `later` was admitted knowing of `earlier`, and not the other way round.
    private func isLater(_ later: Int, than earlier: Int) -> Bool {
        observed(by: later).contains(earlier) && !observed(by: earlier).contains(later)
    }

    /// Whether one admission of `claim` was known to all of `other`.
    private func isEarlier(_ claim: Claim, than other: Claim) -> Bool {
        if mutation == .firstArrivalWins {
            return (claim.admissions.min() ?? 0) < (other.admissions.min() ?? 0)
        }
        return claim.admissions.contains { mine in
            other.admissions.allSatisfy { isLater($0, than: mine) }
        }
    }

    /// Other live principals of the same role with a name or an id in common.
    func rivals(of claim: Claim) -> [Claim] {
        var rivals: [Claim] = []
        var judged: Set<Int> = Set(claim.admissions)
        for mine in claim.admissions {
            let name = facts.admissions.name(mine)
            guard facts.crowdedNames.contains(name) else { continue }
            let candidates =
                facts.admissions.places(name: name) + facts.admissions.places(id: facts.admissions[mine].id)
            for place in candidates where !judged.contains(place) && facts.admissions.role(place) == claim.role {
                judged.insert(place)
                guard !facts.lineage.areRelated(facts.admissions[place].key, facts.admissions[mine].key),
                    isLive(admission: place),
                    let rival = self.claim(claim.role, key: facts.admissions.key(place))
                else { continue }
                judged.formUnion(rival.admissions)
                rivals.append(rival)
            }
        }
        return rivals
    }

    /// Whether the claim has to wait for an operator: two current keys, or a rival that isn't causally later.
    func isContested(_ claim: Claim, rivals: [Claim]) -> Bool {
        claim.current.count > 1 || rivals.contains { !isEarlier(claim, than: $0) }
    }
}
