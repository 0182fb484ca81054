import CRDT
import Spanner

/// The oracle's answers in words, to be compared with the roster's.
extension RosterOracle {
    struct Claim {
        let members: [Entry]
        let current: [KeyFingerprint]
        let gone: [KeyFingerprint]
        let changes: [(dot: Dot, amendment: Amendment)]
    }

    private func entry(at dot: Dot) -> Entry? { entries.first { $0.dots.contains(dot) } }

    func observed(_ entry: Entry) -> Set<Dot> {
        var seen: Set<Dot> = []
        var open = [entry]
        while let next = open.popLast() {
            for dot in next.admission.observes {
                guard let other = self.entry(at: dot), other.admission.role == entry.admission.role,
                    other.admission.name == entry.admission.name || other.admission.id == entry.admission.id
                else { continue }
                if seen.insert(other.first).inserted { open.append(other) }
            }
        }
        return seen
    }

    private func superseded(_ change: (dot: Dot, amendment: Amendment)) -> Set<Dot> {
        var seen: Set<Dot> = []
        var open = [change.amendment]
        while let next = open.popLast() {
            for dot in next.supersedes {
                guard let other = amendments.first(where: { $0.dot == dot }),
                    other.amendment.base == change.amendment.base
                else { continue }
                if seen.insert(dot).inserted { open.append(other.amendment) }
            }
        }
        return seen
    }

    func claim(_ role: PrincipalRole, _ key: KeyFingerprint) -> Claim? {
        let members = entries.filter {
            $0.admission.role == role && related($0.admission.tlsKey.bytes, key.bytes) && isLive($0)
        }.sorted { (observed($0).count, $0.first) < (observed($1).count, $1.first) }
        guard !members.isEmpty else { return nil }
        let changes = members.flatMap { amendments(of: $0) }
            .sorted { (superseded($0).count, $0.dot) < (superseded($1).count, $1.dot) }
        let rekeys = changes.compactMap(\.amendment.rekey)
        var reached = Set(members.map(\.admission.tlsKey))
        for _ in 0...rekeys.count {
            for rekey in rekeys where reached.contains(rekey.from) { reached.insert(rekey.to) }
        }
        let gone = reached.filter { key in rekeys.contains { $0.from == key } }
        let current = reached.subtracting(gone)
        return current.isEmpty
            ? Claim(members: members, current: reached.sorted(), gone: [], changes: changes)
            : Claim(members: members, current: current.sorted(), gone: gone.sorted(), changes: changes)
    }

    private func rivals(_ claim: Claim) -> [Claim] {
        let mine = claim.members[0].admission
        var rivals: [Claim] = []
        for entry in entries where entry.admission.role == mine.role && isLive(entry) {
            let other = entry.admission
            guard !related(other.tlsKey.bytes, mine.tlsKey.bytes),
                claim.members.contains(where: { $0.admission.name == other.name || $0.admission.id == other.id }),
                !rivals.contains(where: { related($0.members[0].admission.tlsKey.bytes, other.tlsKey.bytes) }),
                let rival = self.claim(mine.role, other.tlsKey)
            else { continue }
            rivals.append(rival)
        }
        return rivals
    }

    private func isContested(_ claim: Claim) -> Bool {
        claim.current.count > 1
            || rivals(claim).contains { rival in
                !claim.members.contains { mine in
                    rival.members.allSatisfy {
                        observed($0).contains(mine.first) && !observed(mine).contains($0.first)
                    }
                }
            }
    }

    /// One line a role: how this key stands.
    func standing(_ key: KeyFingerprint, _ role: PrincipalRole) -> String {
        if isBanned(key) { return "banned" }
        if let claim = claim(role, key) {
            if claim.current.contains(key) {
                guard isContested(claim) else { return "active \(text(claim))" }
                let others = rivals(claim).map { text($0) }.sorted()
                return "contested \(text(claim)) by \(others)"
            }
            if claim.gone.contains(key) { return "superseded \(text(claim))" }
        }
        let ids = entries.filter { related($0.admission.tlsKey.bytes, key.bytes) && $0.admission.role == role }
            .map(\.admission.id)
        return ids.min().map { "removed \($0)" } ?? "unknown"
    }

    private func text(_ claim: Claim) -> String {
        let speaker = claim.members[claim.members.count - 1].admission
        let key = claim.current[0]
        var (labels, address, sealing) = (speaker.labels, speaker.address, speaker.sealingKey)
        for change in claim.changes.map(\.amendment) {
            labels = change.labels ?? labels
            address = change.address ?? address
            if let rekey = change.rekey, rekey.to == key { sealing = rekey.sealingKey ?? sealing }
        }
        let dots = claim.members.flatMap(\.dots).sorted()
        return "\(speaker.id) \(speaker.name) \(key) \(labels) \(address ?? "-") \(sealing?.hex ?? "-") \(dots)"
    }

    func token(_ id: TokenID) -> String {
        let known = tokens.filter { $0.record.id == id && inForce($0.dot) }.min { $0.dot < $1.dot }
        guard let known else { return "none" }
        let uses = Set(entries.filter { $0.admission.token == id }.map(\.admission.tlsKey)).count
        let revoked = acts.values.contains { act in
            if case .revokeToken(id) = act.act.operation { return inForce(act) }
            return false
        }
        return "\(known.dot) \(known.record.kind) used \(uses) revoked \(revoked)"
    }
}

extension Roster {
    /// The same line as the oracle's.
    func standingText(_ key: KeyFingerprint, _ role: PrincipalRole) -> String {
        func text(_ principal: Principal) -> String {
            let sealing = principal.sealingKey?.hex ?? "-"
            return "\(principal.id) \(principal.name) \(principal.tlsKey) \(principal.labels) "
                + "\(principal.address ?? "-") \(sealing) \(principal.admissions)"
        }
        switch standing(of: key, as: role) {
        case .active(let principal): return "active \(text(principal))"
        case .contested(let principal, let others):
            return "contested \(text(principal)) by \(others.map { text($0) }.sorted())"
        case .superseded(let principal): return "superseded \(text(principal))"
        case .removed(let id): return "removed \(id)"
        case .banned: return "banned"
        case .unknown: return "unknown"
        }
    }

    func tokenText(_ id: TokenID) -> String {
        guard let token = token(id) else { return "none" }
        return "\(token.dot) \(token.record.kind) used \(token.uses) revoked \(token.isRevoked)"
    }
}
