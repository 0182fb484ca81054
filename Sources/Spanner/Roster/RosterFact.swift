public import CRDT

/// One reason why somebody stands as they do.
public struct RosterFact: Hashable, Sendable {
    /// What kind of reason. Stable across versions.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// An admission, in force or not: the other facts of the same dot say why not.
        case admitted
        /// It is laid over by an amendment in force.
        case amended
        /// An amendment that has no effect: its author's history is cut before it, or a resolution ended it.
        case amendmentInert = "amendment_inert"
        /// A removal in force ends it.
        case removed
        /// A resolution in force ends it.
        case resolved
        /// A removal without effect: beyond a cut, or of a bolt or operator without being an operator's.
        case removalInert = "removal_inert"
        /// The event or act that admits is beyond a cut.
        case beyondCut = "beyond_cut"
        /// A ban covers its keys.
        case banned
        /// A bolt or operator with this lineage of keys was removed.
        case retired
        /// Another claims its name or id and isn't causally later.
        case contested
        /// All of that leaves it in force.
        case inForce = "in_force"
    }

    /// What kind of reason.
    public let kind: Kind
    /// The admission that it concerns: its first carrier.
    public let admission: Dot
    /// The event that is the reason; nil for acts, and for what follows from several.
    public let dot: Dot?
    /// The act that is the reason.
    public let act: Bytes32?
    /// In words.
    public let text: String
}

extension Roster {
    /// Why all who were ever admitted by this name stand as they do, in order of their admissions' dots.
    public func explain(name: PrincipalName) -> [RosterFact] { explain(facts.admissions.places(name: name)) }

    /// Why the principal with this id stands as it does.
    public func explain(id: PrincipalID) -> [RosterFact] { explain(facts.admissions.places(id: id)) }

    /// Why this key, or one of its lineage, stands as it does.
    public func explain(key: KeyFingerprint) -> [RosterFact] {
        explain(facts.lineage.members(with: key.bytes).flatMap { facts.admissions.places(key: KeyFingerprint($0)) })
    }

    private func explain(_ places: [Int]) -> [RosterFact] {
        places.sortedSet().map { (dots(ofAdmission: $0)[0], $0) }.sorted { $0.0 < $1.0 }
            .flatMap { explain($0.1, at: $0.0) }
    }

    private func explain(_ place: Int, at first: Dot) -> [RosterFact] {
        let (record, role) = (facts.admissions[place], facts.admissions.role(place))
        let key = KeyFingerprint(record.key)
        func fact(_ kind: RosterFact.Kind, _ text: String, dot: Dot? = nil, act: Int? = nil) -> RosterFact {
            RosterFact(
                kind: kind, admission: first, dot: dot, act: act.map { facts.acts[$0].verified.id }, text: text)
        }
        let made = facts.actOfAdmission[place]
        let name = facts.admissions.name(place)
        var reasons = [
            fact(.admitted, "\(role) \(name) (\(record.id)) with key \(key)", dot: made == nil ? first : nil, act: made)
        ]
        if !isCarriedInForce(admission: place) {
            reasons.append(fact(.beyondCut, "what admits it is beyond the cut of its author", dot: first))
        }
        for source in facts.admissions.ends(of: place) { reasons.append(explain(source, of: place, fact)) }
        if isBanned(key) {
            // A lineage names an act once for each of its keys; people are told once, and why.
            for place in (facts.lineage.group(of: key.bytes)?.bans ?? []).sortedSet() {
                let act = facts.acts[place].verified.act
                let why = act.reason.isEmpty ? "" : ": \(act.reason)"
                reasons.append(fact(.banned, EventDescription.text(act.operation) + why, act: place))
            }
        }
        if role != .envoy, isRetired(key) {
            reasons.append(fact(.retired, "a \(role) with this lineage of keys was removed: a new key is needed"))
        }
        let inForce = Set(amendmentsInForce(of: place))
        for amendment in facts.amendmentsOfAdmission[place] ?? [] {
            let kind: RosterFact.Kind = inForce.contains(amendment) ? .amended : .amendmentInert
            let text = EventDescription.text(.amend(facts.amendments[amendment].amendment))
            reasons.append(fact(kind, text, dot: dot(facts.amendments[amendment].dot)))
        }
        if isLive(admission: place), let claim = claim(role, key: key) {
            let rivals = rivals(of: claim)
            if isContested(claim, rivals: rivals) {
                let others = rivals.map { principal(of: $0) }.sorted { $0.id < $1.id }
                let names = others.map { "\($0.name) (\($0.id))" }.joined(separator: ", ")
                let why = others.isEmpty ? "it was given several new keys" : "also claimed by \(names)"
                reasons.append(fact(.contested, why))
            } else {
                reasons.append(fact(.inForce, "admitted, not ended, not banned, not contested"))
            }
        }
        return [reasons[0]] + reasons.dropFirst().sorted { ($0.kind.rank, $0.text) < ($1.kind.rank, $1.text) }
    }

    private func explain(
        _ source: EndSource, of place: Int,
        _ fact: (RosterFact.Kind, String, Dot?, Int?) -> RosterFact
    ) -> RosterFact {
        let counts = ends(source, admission: place)
        switch source {
        case .event(let packed):
            return fact(counts ? .removed : .removalInert, "removed by \(dot(packed))", dot(packed), nil)
        case .act(let act):
            let operation = facts.acts[act].verified.act.operation
            var kind = RosterFact.Kind.removed
            if case .resolve = operation { kind = .resolved }
            return fact(counts ? kind : .removalInert, EventDescription.text(operation), nil, act)
        }
    }
}

extension RosterFact.Kind {
    /// The order in which reasons are told.
    fileprivate var rank: Int { RosterFact.Kind.allCases.firstIndex(of: self) ?? 0 }
}
