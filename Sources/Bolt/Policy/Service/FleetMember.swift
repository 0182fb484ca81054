internal import CRDT
internal import Policy
internal import Spanner
internal import SpannerStore

/// An envoy as far as its policy goes: what it is by the roster, and to which key its secrets are sealed.
struct FleetMember: Hashable, Sendable {
    /// What decides its layers.
    var facts: StandingFacts
    /// Its X25519 key; nil where its admission names none.
    var sealingKey: Bytes32?
    /// Whether nothing new is given to it.
    var isContested: Bool
}

/// Some of a partition's envoys.
struct FleetPage: Sendable {
    /// Those of this stretch that the partition owns.
    var members: [FleetMember]
    /// Where the next stretch begins; nil at the end.
    var next: Int?
}

extension NodeService {
    /// Envoys that this bolt's partition owns, of a stretch of the roster: a large fleet is gone through in turns.
    func fleet(from place: Int, limit: Int) -> FleetPage {
        let partitions = Array(Set(bolts.compactMap(\.partition))).sorted()
        let (envoys, next) = machine.roster.admittedEnvoys(from: place, limit: limit)
        let own = partition.identity.partition
        let members = envoys.compactMap { envoy -> FleetMember? in
            let principal = envoy.principal
            guard owner(of: principal, partitions: partitions) == own else { return nil }
            let facts = StandingFacts(
                id: principal.id, name: principal.name, group: principal.group, labels: principal.labels.dictionary)
            return FleetMember(facts: facts, sealingKey: principal.sealingKey, isContested: envoy.isContested)
        }
        return FleetPage(members: members, next: next)
    }
}
