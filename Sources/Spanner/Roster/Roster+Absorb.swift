internal import CRDT

/// Turning events into facts. Nothing here decides what is in force, but for the cuts of histories, which are kept.
extension Roster {
    mutating func absorb(_ checked: CheckedRun, place: Int) {
        while facts.slots.count <= place { facts.slots.append([]) }
        var cutsMayChange = false
        for (offset, event) in checked.events.enumerated() {
            // Only the mutant that applies gaps ever fills any.
            while UInt64(facts.slots[place].count) + 1 < event.dot.counter { facts.slots[place].append(0) }
            let dot = PackedDot(place: place, counter: event.dot.counter)
            let slot = absorb(
                event, dot: dot, author: checked.head.author, act: checked.acts[offset], &cutsMayChange)
            facts.slots[place].append(slot.raw)
            settlePending(event.dot, slot, &cutsMayChange)
        }
        if cutsMayChange { recut() }
    }

    private mutating func absorb(
        _ event: RosterEvent, dot: PackedDot, author: Author?, act: VerifiedAct?, _ cutsMayChange: inout Bool
    ) -> RosterFacts.Slot {
        switch event.payload {
        case .open:
            if let author, author.standing != .root {
                _ = facts.lineage.link(author.tlsKey.bytes, author.signingKey.bytes, isPrivileged: true)
                cutsMayChange = true
            }
            return .nothing
        case .admit(let admission):
            return .admission(insert(admission, dot: dot))
        case .amend(let amendment):
            return absorb(amendment, dot: dot, &cutsMayChange)
        case .remove(let targets):
            for target in targets { end(target, by: .event(dot), &cutsMayChange) }
            return .nothing
        case .token(let record):
            facts.tokens[record.id, default: []].append(RosterFacts.TokenFact(dot: dot, record: record))
            return .nothing
        case .act:
            guard let act else { return .nothing }
            return absorb(act, dot: dot, &cutsMayChange)
        case .topology(let part):
            let fact = OwnershipFact.part(part, by: histories[dot.place].replica)
            facts.ownership.append(RosterFacts.OwnershipEntry(dot: dot, fact: fact))
            return .nothing
        case .slices(let delta):
            facts.ownership.append(RosterFacts.OwnershipEntry(dot: dot, fact: .transitions(delta)))
            return .nothing
        case .unknown:
            return .nothing
        }
    }

    private mutating func insert(_ admission: Admission, dot: PackedDot) -> Int {
        if facts.admissions.isNew(admission) {
            if let token = admission.token { facts.tokenUses[token, default: 0] += 1 }
            return facts.admissions.insert(admission, dot: dot)
        }
        let others = facts.admissions.places(name: admission.name) + facts.admissions.places(id: admission.id)
        if others.contains(where: { facts.regrouped.contains($0) }) { facts.regroupingChanges += 1 }
        for other in others where facts.admissions[other].key != admission.tlsKey.bytes {
            facts.crowdedNames.insert(admission.name)
            facts.crowdedNames.insert(facts.admissions.name(other))
        }
        if let token = admission.token {
            let known = facts.admissions.places(key: admission.tlsKey)
            if !known.contains(where: { facts.admissions.token($0) == token }) {
                facts.tokenUses[token, default: 0] += 1
            }
        }
        return facts.admissions.insert(admission, dot: dot)
    }

    private mutating func absorb(
        _ amendment: Amendment, dot: PackedDot, _ cutsMayChange: inout Bool
    ) -> RosterFacts.Slot {
        let place = facts.amendments.count
        facts.amendments.append(RosterFacts.AmendmentFact(dot: dot, amendment: amendment))
        if let rekey = amendment.rekey {
            if facts.lineage.link(rekey.from.bytes, rekey.to.bytes, isPrivileged: false) { cutsMayChange = true }
            facts.amendmentsToKey[rekey.to, default: []].append(place)
        }
        switch slot(of: amendment.base) {
        case .admission(let admission): attach(amendment: place, to: admission)
        case .nothing, .amendment: break
        case nil: facts.pendingAmendments[amendment.base, default: []].append(place)
        }
        return .amendment(place)
    }

    private mutating func attach(amendment: Int, to admission: Int) {
        var all = facts.amendmentsOfAdmission[admission] ?? []
        guard !all.contains(amendment) else { return }
        all.append(amendment)
        facts.amendmentsOfAdmission[admission] = all
        if facts.amendments[amendment].amendment.rekey != nil {
            facts.crowdedNames.insert(facts.admissions.name(admission))
        }
        if facts.amendments[amendment].amendment.group != nil {
            facts.regrouped.insert(admission)
            facts.regroupingChanges += 1
        }
    }

    /// Takes a ban that no event in the roster carries.
    mutating func absorb(stray verified: VerifiedAct) {
        guard facts.actPlaces[verified.id] == nil else { return }
        var cutsMayChange = false
        _ = absorb(verified, dot: nil, &cutsMayChange)
        if cutsMayChange { recut() }
    }

    private mutating func absorb(
        _ verified: VerifiedAct, dot: PackedDot?, _ cutsMayChange: inout Bool
    ) -> RosterFacts.Slot {
        let carriers = dot.map { [$0] } ?? []
        if let known = facts.actPlaces[verified.id] {
            facts.acts[known].carriers += carriers
            cutsMayChange = true
            return facts.acts[known].admission.map { .admission($0) } ?? .nothing
        }
        let place = facts.acts.count
        facts.actPlaces[verified.id] = place
        facts.acts.append(RosterFacts.ActFact(verified: verified, carriers: carriers))
        if verified.signer.standing != .root {
            let signer = verified.signer
            if facts.lineage.link(signer.tlsKey.bytes, signer.signingKey.bytes, isPrivileged: true) {
                cutsMayChange = true
            }
        }
        switch verified.act.operation {
        case .admit(let admission):
            guard let dot else { return .nothing }
            let record = insert(admission, dot: dot)
            facts.acts[place].admission = record
            facts.actOfAdmission[record] = place
            let signing = admission.signingKey?.bytes ?? admission.tlsKey.bytes
            _ = facts.lineage.link(admission.tlsKey.bytes, signing, isPrivileged: true)
            cutsMayChange = true
            return .admission(record)
        case .remove(_, let targets, _):
            for target in targets { end(target, by: .act(place), &cutsMayChange) }
            cutsMayChange = true
        case .ban(let keys, _, _):
            facts.bans.append(place)
            for key in keys where facts.lineage.ban(key.bytes, act: place) { cutsMayChange = true }
        case .resolve(_, _, _, let targets):
            for target in targets { end(target, by: .act(place), &cutsMayChange) }
        case .revokeToken(let token):
            facts.revocations[token, default: []].append(place)
        case .unknown:
            break
        }
        return .nothing
    }

    /// What the event at `dot` left behind; nil where it has not arrived.
    func slot(of dot: Dot) -> RosterFacts.Slot? {
        guard let place = places[dot.replica], place < facts.slots.count else { return nil }
        guard dot.counter >= 1, dot.counter <= UInt64(facts.slots[place].count) else { return nil }
        return RosterFacts.Slot(raw: facts.slots[place][Int(dot.counter - 1)])
    }

    private mutating func end(_ target: Dot, by source: EndSource, _ cutsMayChange: inout Bool) {
        guard let slot = slot(of: target) else {
            facts.pendingEnds[target, default: []].append(source)
            return
        }
        end(slot, by: source, &cutsMayChange)
    }

    private mutating func end(_ slot: RosterFacts.Slot, by source: EndSource, _ cutsMayChange: inout Bool) {
        switch slot {
        case .nothing: return
        case .amendment(let place):
            facts.amendments[place].ends.append(source)
            if facts.amendments[place].amendment.group != nil { facts.regroupingChanges += 1 }
        case .admission(let place):
            facts.admissions.end(place, by: source)
            if facts.regrouped.contains(place) { facts.regroupingChanges += 1 }
            if mutation == .removalsForgetWhatWasSeen {
                let namesakes = facts.admissions.places(name: facts.admissions.name(place))
                for other in namesakes where other != place { facts.admissions.end(other, by: source) }
            }
            let role = facts.admissions.role(place)
            guard role != .envoy, case .act(let act) = source,
                case .remove = facts.acts[act].verified.act.operation
            else { return }
            let removal = Lineage.Removal(act: act, always: role == .operator)
            facts.lineage.remove(facts.admissions[place].key, removal)
            cutsMayChange = true
        }
    }

    /// Ends and amendments that arrived before what they refer to.
    private mutating func settlePending(_ dot: Dot, _ slot: RosterFacts.Slot, _ cutsMayChange: inout Bool) {
        if !facts.pendingEnds.isEmpty, let sources = facts.pendingEnds.removeValue(forKey: dot) {
            for source in sources { end(slot, by: source, &cutsMayChange) }
        }
        if !facts.pendingAmendments.isEmpty, let waiting = facts.pendingAmendments.removeValue(forKey: dot),
            case .admission(let admission) = slot
        {
            for amendment in waiting { attach(amendment: amendment, to: admission) }
        }
    }

    /// Works all cuts out anew: the lowest counter of every ban and removal of the history's author.
    private mutating func recut() {
        facts.regroupingChanges += 1
        for place in histories.indices {
            guard let author = histories[place].head.author, author.standing != .root else { continue }
            guard let group = facts.lineage.group(of: author.tlsKey.bytes) else { continue }
            let removals = group.removals.filter { $0.always || isInForce(act: $0.act) }.map(\.act)
            let replica = histories[place].replica
            histories[place].cut = (group.bans + removals).compactMap { act in
                facts.acts[act].verified.act.cut?.seen[replica]
            }.min()
        }
    }
}

extension OperatorAct {
    /// What stays of the histories of whom it concerns; nil for acts that end none.
    var cut: Cut? {
        switch operation {
        case .remove(_, _, let cut), .ban(_, _, let cut): cut
        case .admit, .resolve, .revokeToken, .unknown: nil
        }
    }
}
