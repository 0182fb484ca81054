public import CRDT

/// Questions. All answers are pure functions of the set of events and are sorted, so that bolts with equal digests give
/// equal answers.
extension Roster {
    /// What `key` is good for now. O(1), but for keys with a lineage.
    ///
    /// One key may hold several roles (`role` says which is asked for); nil finds the first in the order of roles.
    public func standing(of key: KeyFingerprint, as role: PrincipalRole? = nil) -> Standing {
        if let ban = ban(covering: key) { return .banned(ban) }
        let roles = role.map { [$0] } ?? PrincipalRole.allCases
        for role in roles {
            guard let claim = claim(role, key: key) else { continue }
            let principal = principal(of: claim)
            if claim.current.contains(key) {
                let rivals = rivals(of: claim)
                guard isContested(claim, rivals: rivals) else { return .active(principal) }
                return .contested(principal, others: sorted(rivals))
            }
            if claim.superseded.contains(key) { return .superseded(principal) }
        }
        var known = facts.lineage.members(with: key.bytes).flatMap {
            facts.admissions.places(key: KeyFingerprint($0))
        }
        if let role { known = known.filter { facts.admissions.role($0) == role } }
        guard let id = known.map({ facts.admissions[$0].id }).min() else { return .unknown }
        return .removed(id)
    }

    /// The standing of the principal with this id: of its current key.
    public func standing(of id: PrincipalID) -> Standing {
        let keys = facts.admissions.places(id: id).map { (facts.admissions.key($0), facts.admissions.role($0)) }
        guard let first = keys.min(by: { ($0.0, $0.1) < ($1.0, $1.1) }) else { return .unknown }
        for (key, role) in keys.sorted(by: { ($0.0, $0.1) < ($1.0, $1.1) }) {
            guard let claim = claim(role, key: key) else { continue }
            return standing(of: claim.current[0], as: role)
        }
        return standing(of: first.0, as: first.1)
    }

    /// The principal with this id, contested or not; nil where none is in force.
    public func principal(_ id: PrincipalID) -> Principal? {
        principals { facts.admissions.places(id: id) }.first
    }

    /// All principals that go by this name, contested or not, in order of their ids.
    public func principals(named name: PrincipalName, role: PrincipalRole? = nil) -> [Principal] {
        principals {
            facts.admissions.places(name: name).filter { role == nil || facts.admissions.role($0) == role }
        }
    }

    /// Envoys that went by this name and are in force no more, each as its last admission had it, in order of their
    /// ids: banned ones, removed ones, and those that lost a name to another.
    public func endedEnvoys(named name: PrincipalName) -> [Principal] { ended(facts.admissions.places(name: name)) }

    /// The envoy that had this id, where it is in force no more, as its last admission had it.
    public func endedEnvoy(_ id: PrincipalID) -> Principal? { ended(facts.admissions.places(id: id)).first }

    /// Envoys that had this key, or one of its lineage, and are in force no more, in order of their ids.
    public func endedEnvoys(with key: KeyFingerprint) -> [Principal] {
        ended(
            facts.lineage.members(with: key.bytes).flatMap { facts.admissions.places(key: KeyFingerprint($0)) })
    }

    private func ended(_ places: [Int]) -> [Principal] {
        let ids = Set(places.filter { facts.admissions.role($0) == .envoy }.map { facts.admissions[$0].id })
        return ids.sorted().compactMap { id in
            guard principal(id) == nil else { return nil }
            let all = facts.admissions.places(id: id).filter { facts.admissions.role($0) == .envoy }
            return lastClaim(.envoy, of: all).map { principal(of: $0) }
        }
    }

    /// All principals of a role, contested or not, in order of their names, then ids. O(envoys ever held) for envoys,
    /// O(bolts and operators ever held) for the others.
    public func principals(role: PrincipalRole) -> [Principal] {
        principals { places(role: role) }.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
    }

    /// The bolts of the mesh with their addresses, in order of their names.
    public var bolts: [Principal] { principals(role: .bolt) }

    /// Signing keys of bolts whose admission has ended, by removal or ban, and that are not in force by another one;
    /// ascending. O(bolts and operators ever held).
    public var endedBoltKeys: [VerificationKey] {
        var (ended, live): (Set<VerificationKey>, Set<VerificationKey>) = ([], [])
        for place in places(role: .bolt) {
            guard let key = facts.admissions.shared(place).signingKey else { continue }
            switch standing(of: facts.admissions.key(place), as: .bolt) {
            case .removed, .banned: ended.insert(key)
            case .active, .contested, .superseded: live.insert(key)
            case .unknown: break
            }
        }
        return ended.subtracting(live).sorted { $0.bytes < $1.bytes }
    }

    /// How many principals of a role there are. O(admissions ever held).
    public func count(role: PrincipalRole) -> Int {
        places(role: role).count { place in
            guard isLive(admission: place) else { return false }
            return claim(role, key: facts.admissions.key(place))?.speaker == place
        }
    }

    /// The bolt that writes `replica`, where it is admitted.
    public func bolt(writing replica: ReplicaID) -> Principal? {
        guard let author = author(of: replica), let claim = claim(.bolt, key: author.tlsKey) else { return nil }
        return principal(of: claim)
    }

    /// Last counter of `replica` that may be in force; nil where its history is not cut. The acts beyond it count.
    public func cut(of replica: ReplicaID) -> UInt64? {
        places[replica].flatMap { histories[$0].cut }
    }

    /// The ban that covers `key`, of several the one with the lowest act; nil where there is none.
    public func ban(covering key: KeyFingerprint) -> BanFact? {
        guard isBanned(key), let group = facts.lineage.group(of: key.bytes) else { return nil }
        return group.bans.map { banFact($0) }.min { $0.act < $1.act }
    }

    /// All bans, in order of time, then act.
    public var bans: [BanFact] {
        facts.bans.map { banFact($0) }.sorted { ($0.at, $0.act) < ($1.at, $1.act) }
    }

    /// All keys of the lineage of `key`, itself included, ascending: what a ban of it covers.
    public func lineage(of key: KeyFingerprint) -> [KeyFingerprint] {
        facts.lineage.members(with: key.bytes).map { KeyFingerprint($0) }.sorted()
    }

    /// A token; nil where none is in force.
    public func token(_ id: TokenID) -> TokenStanding? {
        let inForce = (facts.tokens[id] ?? []).filter { isInForce(event: $0.dot) }
        guard let first = inForce.min(by: { dot($0.dot) < dot($1.dot) }) else { return nil }
        let revoked = (facts.revocations[id] ?? []).contains { isInForce(act: $0) }
        return TokenStanding(record: first.record, dot: dot(first.dot), uses: uses(of: id), isRevoked: revoked)
    }

    /// All tokens in force, revoked ones too, in order of their ids.
    public var tokens: [TokenStanding] { facts.tokens.keys.sorted().compactMap { token($0) } }

    /// How many keys a token admitted, in force or not.
    public func uses(of token: TokenID) -> Int { facts.tokenUses[token] ?? 0 }

    /// Names that several keys claim, in order of role, then name.
    public var conflicts: [NameConflict] {
        var result: [NameConflict] = []
        for name in facts.crowdedNames.sorted() {
            for role in PrincipalRole.allCases {
                let claims = claims { facts.admissions.places(name: name).filter { facts.admissions.role($0) == role } }
                if let conflict = conflict(role, name, among: claims) { result.append(conflict) }
            }
        }
        return result.sorted { ($0.role, $0.name) < ($1.role, $1.name) }
    }

    /// The conflict that a name is part of; nil where none is.
    public func conflict(_ role: PrincipalRole, _ name: PrincipalName) -> NameConflict? {
        conflict(
            role, name,
            among: claims { facts.admissions.places(name: name).filter { facts.admissions.role($0) == role } })
    }

    private func conflict(_ role: PrincipalRole, _ name: PrincipalName, among claims: [Claim]) -> NameConflict? {
        var claimants: [Int: NameConflict.Claimant] = [:]
        for claim in claims {
            for member in [claim] + rivals(of: claim) where claimants[member.speaker] == nil {
                claimants[member.speaker] = NameConflict.Claimant(
                    principal: principal(of: member), keys: member.current,
                    isContested: isContested(member, rivals: rivals(of: member)))
            }
        }
        guard claimants.values.contains(where: \.isContested) else { return nil }
        let sorted = claimants.values.sorted {
            ($0.principal.id, $0.principal.tlsKey) < ($1.principal.id, $1.principal.tlsKey)
        }
        return NameConflict(role: role, name: name, claimants: sorted)
    }

    private func places(role: PrincipalRole) -> [Int] {
        let places = role == .envoy ? Array(0..<facts.admissions.count) : facts.admissions.privileged
        return places.filter { facts.admissions.role($0) == role }
    }

    private func banFact(_ place: Int) -> BanFact {
        let fact = facts.acts[place]
        let act = fact.verified.act
        var (keys, principal): ([KeyFingerprint], PrincipalID?) = ([], nil)
        if case .ban(let named, let whom, _) = act.operation { (keys, principal) = (named, whom) }
        return BanFact(
            act: fact.verified.id, keys: keys, principal: principal, reason: act.reason, at: act.at,
            signer: fact.verified.signer.standing, carriers: fact.carriers.map { dot($0) }.sorted())
    }

    /// The distinct claims that hold some of these admissions.
    private func claims(_ places: () -> [Int]) -> [Claim] {
        var result: [Claim] = []
        var seen: Set<Int> = []
        for place in places() where !seen.contains(place) && isLive(admission: place) {
            guard let claim = claim(facts.admissions.role(place), key: facts.admissions.key(place)) else { continue }
            seen.formUnion(claim.admissions)
            result.append(claim)
        }
        return result
    }

    private func principals(_ places: () -> [Int]) -> [Principal] { sorted(claims(places)) }

    private func sorted(_ claims: [Claim]) -> [Principal] {
        claims.map { principal(of: $0) }.sorted { ($0.id, $0.tlsKey) < ($1.id, $1.tlsKey) }
    }

    /// The admission that speaks for the claim, with all amendments laid over it.
    func principal(of claim: Claim) -> Principal {
        let place = claim.speaker
        let (record, shared) = (facts.admissions[place], facts.admissions.shared(place))
        let key = claim.current[0]
        var (labels, address, group) = (shared.labels, shared.address, shared.group)
        var sealingKey = record.sealingKey == .zero ? nil : record.sealingKey
        for amendment in claim.amendments.map({ facts.amendments[$0].amendment }) {
            if let changed = amendment.labels { labels = changed }
            if let changed = amendment.address { address = changed }
            if let changed = amendment.group, claim.role == .envoy { group = changed }
            if let rekey = amendment.rekey, rekey.to == key { sealingKey = rekey.sealingKey ?? sealingKey }
        }
        return Principal(
            role: claim.role, id: record.id, name: facts.admissions.name(place), tlsKey: key,
            signingKey: shared.signingKey, sealingKey: sealingKey, partition: shared.partition, group: group,
            address: address, labels: labels, token: facts.admissions.token(place),
            admissions: claim.admissions.flatMap { dots(ofAdmission: $0) }.sorted(),
            amendments: claim.amendments.map { dot(facts.amendments[$0].dot) })
    }
}
