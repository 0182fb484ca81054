internal import CRDT

/// An envoy of which was said, since it was admitted, that it is in another group.
public struct Regrouping: Hashable, Sendable {
    /// Which envoy.
    public let envoy: PrincipalID
    /// Its group now; nil where it was admitted without, and nothing else is in force.
    public let group: GroupName?
}

extension Roster {
    /// Grows with every event that may change what `regroupings` says.
    public var regroupingChanges: Int { facts.regroupingChanges }

    /// All envoys in force of which was said since they were admitted that they are in another group, in order of their
    /// ids. O(envoys of which it ever was).
    public var regroupings: [Regrouping] {
        var found: [PrincipalID: Regrouping] = [:]
        for place in facts.regrouped.sorted() where facts.admissions.role(place) == .envoy {
            guard isLive(admission: place), let claim = claim(.envoy, key: facts.admissions.key(place)) else {
                continue
            }
            let envoy = principal(of: claim)
            found[envoy.id] = Regrouping(envoy: envoy.id, group: envoy.group)
        }
        return found.values.sorted { $0.envoy < $1.envoy }
    }
}
