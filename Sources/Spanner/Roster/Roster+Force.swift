internal import CRDT

/// What is in force: a pure function of the facts, worked out when asked.
///
/// In layers, so that it is well-founded whatever anybody signs:
/// 1. Bans, and removals of operators, count always. They only take away, and if they could be annulled by removing
///    their signer, two operators who remove each other would have no answer.
/// 2. From these follow the cuts of operators' acts; other acts of an operator who went are in force only where an
///    event that carries them is within all these cuts.
/// 3. From acts in force follow the cuts of bolts' histories; events beyond them are inert, but for the acts carried.
/// 4. From events in force follow admissions, amendments, contests.
extension Roster {
    func isInForce(event dot: PackedDot) -> Bool {
        guard let cut = histories[dot.place].cut else { return true }
        return dot.counter <= cut
    }

    func isInForce(act place: Int) -> Bool {
        let fact = facts.acts[place]
        let signer = fact.verified.signer
        if signer.standing == .root { return true }
        if case .ban = fact.verified.act.operation { return true }
        guard let group = facts.lineage.group(of: signer.tlsKey.bytes) else { return true }
        let cutting = group.bans + group.removals.filter(\.always).map(\.act)
        return cutting.allSatisfy { act in
            guard let seen = facts.acts[act].verified.act.cut?.seen else { return true }
            return fact.carriers.contains { seen.contains(dot($0)) }
        }
    }

    func isBanned(_ key: KeyFingerprint) -> Bool {
        guard let group = facts.lineage.group(of: key.bytes) else { return false }
        guard mutation == .bansDieWithTheirCarrier else { return !group.bans.isEmpty }
        return group.bans.contains { act in facts.acts[act].carriers.contains { isInForce(event: $0) } }
    }

    /// Whether a bolt or operator with this key was removed: it returns with a new key only.
    func isRetired(_ key: KeyFingerprint) -> Bool {
        guard let group = facts.lineage.group(of: key.bytes) else { return false }
        return group.removals.contains { $0.always || isInForce(act: $0.act) }
    }

    /// Whether the event or act that makes the admission counts at all.
    func isCarriedInForce(admission place: Int) -> Bool {
        if let act = facts.actOfAdmission[place] { return isInForce(act: act) }
        return isInForce(event: facts.admissions[place].dot)
    }

    /// Whether a removal or resolution ends this admission.
    func ends(_ source: EndSource, admission place: Int) -> Bool {
        let role = facts.admissions.role(place)
        switch source {
        case .event(let dot): return role == .envoy && isInForce(event: dot)
        case .act(let act):
            switch facts.acts[act].verified.act.operation {
            case .remove: return role == .operator || isInForce(act: act)
            case .resolve(_, _, let keep, _):
                let kept = facts.lineage.areRelated(keep.bytes, facts.admissions[place].key)
                return !kept && isInForce(act: act)
            case .admit, .ban, .revokeToken, .unknown: return false
            }
        }
    }

    func isLive(admission place: Int) -> Bool {
        let record = facts.admissions[place]
        let key = KeyFingerprint(record.key)
        if record.firstEnd != AdmissionTable.none,
            facts.admissions.ends(of: place).contains(where: { ends($0, admission: place) })
        {
            return false
        }
        guard isCarriedInForce(admission: place), !isBanned(key) else { return false }
        return facts.admissions.role(place) == .envoy || !isRetired(key)
    }

    /// Whether the author of an event may amend this admission: any bolt an envoy's, a bolt its own, none an
    /// operator's.
    private func mayAmend(_ event: PackedDot, admission: Int) -> Bool {
        switch facts.admissions.role(admission) {
        case .envoy: return true
        case .operator: return false
        case .bolt:
            guard let author = histories[event.place].head.author else { return false }
            return facts.lineage.areRelated(author.tlsKey.bytes, facts.admissions[admission].key)
        }
    }

    /// Amendments of an admission that count: theirs are the admission's life and their author's cut.
    func amendmentsInForce(of admission: Int) -> [Int] {
        (facts.amendmentsOfAdmission[admission] ?? []).filter { place in
            let fact = facts.amendments[place]
            guard isInForce(event: fact.dot), mayAmend(fact.dot, admission: admission) else { return false }
            if let rekey = fact.amendment.rekey, rekey.principal != facts.admissions[admission].id { return false }
            return !fact.ends.contains { source in
                guard case .act(let act) = source,
                    case .resolve(_, _, let keep, _) = facts.acts[act].verified.act.operation
                else { return false }
                return fact.amendment.rekey?.to != keep && isInForce(act: act)
            }
        }
    }

    /// The dot as it is named outside.
    func dot(_ packed: PackedDot) -> Dot { Dot(histories[packed.place].replica, packed.counter) }

    /// All dots that carry an admission, ascending.
    func dots(ofAdmission place: Int) -> [Dot] {
        if let act = facts.actOfAdmission[place] { return facts.acts[act].carriers.map { dot($0) }.sorted() }
        return [dot(facts.admissions[place].dot)]
    }
}
