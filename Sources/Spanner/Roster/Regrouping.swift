internal import CRDT

/// An envoy that was given another group since it was admitted.
public struct Regrouping: Hashable, Sendable {
    /// Which envoy.
    public let envoy: PrincipalID
    /// Its group now.
    public let group: GroupName
    /// How often it was given one, by amendments in force. Two of them that nobody knew of each other count as two: who
    /// knows both is above whoever knows one.
    public let count: Int
}

extension Roster {
    /// How many events that give an envoy another group were taken, in force or not: while this stays, and no history
    /// is cut, `regroupings` stays too but for those who went.
    public var regroupingCount: Int { facts.regroupings }

    /// All envoys in force that were given another group since they were admitted, in order of their ids.
    /// O(envoys that ever were).
    public var regroupings: [Regrouping] {
        var found: [PrincipalID: Regrouping] = [:]
        for place in facts.regrouped.sorted() where facts.admissions.role(place) == .envoy {
            guard isLive(admission: place), let claim = claim(.envoy, key: facts.admissions.key(place)) else {
                continue
            }
            let groups = claim.amendments.compactMap { facts.amendments[$0].amendment.group }
            guard let group = groups.last else { continue }
            let envoy = facts.admissions[claim.speaker].id
            found[envoy] = Regrouping(envoy: envoy, group: group, count: groups.count)
        }
        return found.values.sorted { $0.envoy < $1.envoy }
    }
}
