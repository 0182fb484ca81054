public import CRDT

/// Payloads of our own, with what they observe, supersede and target filled in from what is known here. Nothing is
/// written: a draft is a value. All throw `RosterDraftError`.
extension Roster {
    /// An envoy's admission. What it observes is filled in.
    ///
    /// Throws `key_banned`; `key_in_use` where the key is this or another principal's already (for the same id an
    /// earlier admission is to be answered instead); `needs_operator` for bolts and operators. A name in use by another
    /// key is no error: the newer becomes contested. Ask `principals(named:)` to refuse it.
    public func draftAdmission(_ admission: Admission) throws(RosterDraftError) -> RosterEvent.Payload {
        guard admission.role == .envoy else {
            throw RosterDraftError(.needsOperator, "a \(admission.role) is admitted by an operator's act")
        }
        return .admit(try prepared(admission))
    }

    /// An act's admission of a bolt or operator. What it observes is filled in. Errors as `draftAdmission`, and
    /// `key_retired`.
    public func draftActAdmission(_ admission: Admission) throws(RosterDraftError) -> OperatorAct.Operation {
        guard admission.role != .envoy else {
            throw RosterDraftError(.eventInvalid, "an envoy is admitted by a bolt, with a token")
        }
        let keys = [admission.tlsKey] + (admission.signingKey.map { [KeyFingerprint($0.bytes)] } ?? [])
        for key in keys {
            if isBanned(key) { throw RosterDraftError(.keyBanned, "key \(key) is banned, for ever") }
            if isRetired(key) {
                throw RosterDraftError(.keyRetired, "key \(key) was removed; a new key can be admitted")
            }
        }
        return .admit(try prepared(admission))
    }

    private func prepared(_ admission: Admission) throws(RosterDraftError) -> Admission {
        if isBanned(admission.tlsKey) {
            throw RosterDraftError(.keyBanned, "key \(admission.tlsKey) is banned, for ever")
        }
        if let claim = claim(admission.role, key: admission.tlsKey) {
            let holder = principal(of: claim)
            throw RosterDraftError(.keyInUse, "key \(admission.tlsKey) is in force for \(holder.name) (\(holder.id))")
        }
        var draft = admission
        draft.labels = admission.labels.sortedSet()
        draft.observes = observable(admission.role, admission.name, admission.id)
        guard draft.observes.count <= RosterLimits.dotsMax else {
            throw RosterDraftError(.tooManyDots, "\(draft.observes.count) admissions of \(admission.name) are in force")
        }
        return draft
    }

    /// Live admissions of this role with this name or id.
    private func observable(_ role: PrincipalRole, _ name: PrincipalName, _ id: PrincipalID) -> [Dot] {
        let known = facts.admissions.places(name: name) + facts.admissions.places(id: id)
        let live = known.sortedSet().filter { facts.admissions.role($0) == role && isLive(admission: $0) }
        return live.flatMap { dots(ofAdmission: $0) }.sortedSet()
    }

    /// New labels, address, group or key of a principal in force. What it supersedes is filled in. `author` is the
    /// replica that will write it: an operator's admission is amended by nobody, a bolt's by itself.
    ///
    /// Throws `unknown_principal`, `needs_operator`, `event_invalid` where nothing changes, `key_banned` for a hand-on
    /// to a key that is banned, `key_in_use` for one to a key that was ever used, `proof_invalid` for one that both
    /// keys did not sign.
    public func draftAmendment(
        of id: PrincipalID, by author: ReplicaID, labels: [Label]? = nil, address: String? = nil,
        group: GroupName? = nil, rekey: Rekey? = nil
    ) throws(RosterDraftError) -> RosterEvent.Payload {
        guard let claim = liveClaim(id) else { throw unknown(id) }
        guard labels != nil || address != nil || group != nil || rekey != nil else {
            throw RosterDraftError(.eventInvalid, "the amendment changes nothing")
        }
        guard group == nil || claim.role == .envoy else {
            throw RosterDraftError(.eventInvalid, "a \(claim.role) is in no group")
        }
        let key = facts.admissions[claim.speaker].key
        let writer = self.author(of: author)?.tlsKey.bytes
        let isOwn = writer.map { facts.lineage.areRelated($0, key) } ?? false
        guard claim.role == .envoy || (claim.role == .bolt && isOwn) else {
            throw RosterDraftError(.needsOperator, "a \(claim.role)'s admission isn't amended by another bolt")
        }
        if let rekey {
            guard rekey.principal == id else {
                throw RosterDraftError(.eventInvalid, "the hand-on is one of \(rekey.principal)'s keys, not of \(id)'s")
            }
            try check(rekey, of: claim)
        }
        guard let base = dots(ofAdmission: claim.speaker).first else { throw unknown(id) }
        var amendment = Amendment(base: base)
        // Only the last of each line: what those replaced is known through them.
        let known = claim.amendments.map { facts.amendments[$0] }.filter { $0.amendment.base == base }
        let replaced = Set(known.flatMap(\.amendment.supersedes))
        amendment.supersedes = known.map { dot($0.dot) }.filter { !replaced.contains($0) }.sorted()
            .suffix(RosterLimits.dotsMax)
        amendment.labels = labels?.sortedSet()
        amendment.address = address
        amendment.group = group
        amendment.rekey = rekey
        return .amend(amendment)
    }

    private func check(_ rekey: Rekey, of claim: Claim) throws(RosterDraftError) {
        guard claim.current.contains(rekey.from) else {
            throw RosterDraftError(.unknownPrincipal, "key \(rekey.from) isn't in force: it can hand on nothing")
        }
        if isBanned(rekey.to) || isBanned(rekey.from) {
            throw RosterDraftError(.keyBanned, "key \(rekey.to) is banned, for ever")
        }
        let known = facts.admissions.places(key: rekey.to).isEmpty && facts.amendmentsToKey[rekey.to] == nil
        guard known, rekey.from != rekey.to else {
            throw RosterDraftError(.keyInUse, "key \(rekey.to) was used before: a hand-on needs a new key")
        }
        guard isProved(rekey) else {
            throw RosterDraftError(.proofInvalid, "keys \(rekey.from) and \(rekey.to) did not both sign the hand-on")
        }
    }

    /// The end of an envoy's admissions. It may be admitted again, also with its old key: to prevent that, ban.
    ///
    /// Throws `unknown_principal`; `needs_operator` for bolts and operators.
    public func draftRemoval(of id: PrincipalID) throws(RosterDraftError) -> RosterEvent.Payload {
        guard let claim = liveClaim(id) else { throw unknown(id) }
        guard claim.role == .envoy else {
            throw RosterDraftError(.needsOperator, "a \(claim.role) is removed by an operator's act")
        }
        return .remove(targets: try targets([claim]))
    }

    /// An act's removal, with the cut of all that is known here. Throws `unknown_principal`.
    public func draftActRemoval(of id: PrincipalID) throws(RosterDraftError) -> OperatorAct.Operation {
        guard let claim = liveClaim(id) else { throw unknown(id) }
        let cut = OperatorAct.Cut(seen: try seen(of: claim))
        return .remove(principal: id, targets: try targets([claim]), cut: cut)
    }

    /// An act's ban of a principal: all keys that it was ever admitted with, in force or not. Throws
    /// `unknown_principal`.
    public func draftActBan(of id: PrincipalID) throws(RosterDraftError) -> OperatorAct.Operation {
        let known = facts.admissions.places(id: id)
        guard let first = known.min() else { throw unknown(id) }
        let keys = known.map { facts.admissions.key($0) }.sortedSet().suffix(RosterLimits.banKeysMax)
        let cut = OperatorAct.Cut(seen: try seen(role: facts.admissions.role(first), keys: Array(keys)))
        return .ban(keys: Array(keys), principal: id, cut: cut)
    }

    /// An act's ban of keys, known or not. Throws `empty` and `event_invalid`.
    public func draftActBan(keys: [KeyFingerprint]) throws(RosterDraftError) -> OperatorAct.Operation {
        guard !keys.isEmpty else { throw RosterDraftError(.empty, "a ban names at least one key") }
        guard keys.count <= RosterLimits.banKeysMax else {
            throw RosterDraftError(.eventInvalid, "\(keys.count) keys, at most \(RosterLimits.banKeysMax)")
        }
        let roles = keys.flatMap { facts.admissions.places(key: $0) }.map { facts.admissions.role($0) }
        let cut = OperatorAct.Cut(seen: try seen(role: roles.max() ?? .envoy, keys: keys))
        return .ban(keys: keys.sortedSet(), principal: nil, cut: cut)
    }

    /// An act that gives a contested name to `keep` and ends the other admissions and hand-ons of it. Throws
    /// `not_contested`, and `unknown_principal` where `keep` claims no such name.
    public func draftActResolution(
        role: PrincipalRole, name: PrincipalName, keep: KeyFingerprint
    ) throws(RosterDraftError) -> OperatorAct.Operation {
        guard let conflict = conflict(role, name) else {
            throw RosterDraftError(.notContested, "\(role) \(name) is not contested")
        }
        guard conflict.claimants.contains(where: { $0.keys.contains(keep) }) else {
            throw RosterDraftError(.unknownPrincipal, "key \(keep) doesn't claim \(role) \(name)")
        }
        var ending: [Dot] = []
        for claimant in conflict.claimants {
            guard claimant.keys.contains(keep) else {
                ending += claimant.principal.admissions
                continue
            }
            guard claimant.keys.count > 1, let claim = liveClaim(claimant.principal.id) else { continue }
            ending += claim.amendments.map { facts.amendments[$0] }.filter {
                guard let rekey = $0.amendment.rekey else { return false }
                return rekey.to != keep && claimant.keys.contains(rekey.to)
            }.map { dot($0.dot) }
        }
        guard ending.count <= RosterLimits.dotsMax else {
            throw RosterDraftError(.tooManyDots, "\(ending.count) admissions claim \(name)")
        }
        return .resolve(role: role, name: name, keep: keep, targets: ending.sortedSet())
    }

    /// A new token. Throws `token_exists`.
    public func draftToken(_ record: JoinTokenRecord) throws(RosterDraftError) -> RosterEvent.Payload {
        guard facts.tokens[record.id] == nil else {
            throw RosterDraftError(.tokenExists, "token \(record.id) is known already")
        }
        var draft = record
        draft.labels = record.labels.sortedSet()
        return .token(draft)
    }

    /// An act that revokes a token. Throws `token_unknown`.
    public func draftActRevocation(of token: TokenID) throws(RosterDraftError) -> OperatorAct.Operation {
        guard facts.tokens[token] != nil else {
            throw RosterDraftError(.tokenUnknown, "token \(token) is not known here")
        }
        return .revokeToken(token)
    }

    /// Whether a token admits one more at `now`, at a bolt of `partition`, with `key`: a key that it admitted before
    /// spends nothing. The secret is not looked at.
    ///
    /// Throws `token_unknown`, `token_revoked`, `token_expired`, `token_spent`, `token_elsewhere`.
    public func honour(
        _ token: TokenID, for key: KeyFingerprint, at now: WallTime, partition: PartitionName
    ) throws(RosterDraftError) -> JoinTokenRecord {
        guard let standing = self.token(token) else {
            throw RosterDraftError(.tokenUnknown, "token \(token) is not known here")
        }
        if standing.isRevoked { throw RosterDraftError(.tokenRevoked, "token \(token) was revoked") }
        if standing.record.expires <= now { throw RosterDraftError(.tokenExpired, "token \(token) has expired") }
        if case .oneShot(let home) = standing.record.kind, home != partition {
            throw RosterDraftError(.tokenElsewhere, "token \(token) is spent in partition \(home) only")
        }
        let isRepeat = facts.admissions.places(key: key).contains { facts.admissions.token($0) == token }
        guard isRepeat || standing.uses < standing.usesMax else {
            throw RosterDraftError(.tokenSpent, "token \(token) has admitted \(standing.uses) of \(standing.usesMax)")
        }
        return standing.record
    }

    private func liveClaim(_ id: PrincipalID) -> Claim? {
        for place in facts.admissions.places(id: id).sorted() where isLive(admission: place) {
            return claim(facts.admissions.role(place), key: facts.admissions.key(place))
        }
        return nil
    }

    private func unknown(_ id: PrincipalID) -> RosterDraftError {
        RosterDraftError(.unknownPrincipal, "no principal \(id) is in force here")
    }

    private func targets(_ claims: [Claim]) throws(RosterDraftError) -> [Dot] {
        let targets = claims.flatMap(\.admissions).flatMap { dots(ofAdmission: $0) }.sortedSet()
        guard targets.count <= RosterLimits.dotsMax else {
            throw RosterDraftError(.tooManyDots, "\(targets.count) admissions are in force")
        }
        return targets
    }

    private func seen(of claim: Claim) throws(RosterDraftError) -> VersionVector {
        try seen(role: claim.role, keys: claim.admissions.map { facts.admissions.key($0) })
    }

    /// What stays: of a bolt its own histories, of an operator whatever may carry its acts, of an envoy nothing.
    private func seen(role: PrincipalRole, keys: [KeyFingerprint]) throws(RosterDraftError) -> VersionVector {
        var seen = VersionVector()
        for entry in vector.entries {
            let writer = author(of: entry.replica)?.tlsKey.bytes
            let isOwn = writer.map { writer in keys.contains { facts.lineage.areRelated($0.bytes, writer) } } ?? false
            if role == .operator || (role == .bolt && isOwn) { seen[entry.replica] = entry.counter }
        }
        return seen
    }
}
