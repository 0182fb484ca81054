public import CRDT
public import Spanner

/// One principal of any role: `GET /v1/roster?role=&after=&limit=`.
public struct PrincipalView: Hashable, Sendable, Codable {
    /// Its role.
    public var role: PrincipalRole
    /// Its id for ever.
    public var id: PrincipalID
    /// Its name.
    public var name: PrincipalName
    /// Its place in the roster.
    public var standing: StandingWord
    /// Fingerprint of the key in force.
    public var fingerprint: KeyFingerprint
    /// All keys of its lineage, oldest first.
    public var lineage: [KeyFingerprint]
    /// Its live admissions.
    public var admissions: [Dot]
    /// A bolt's partition, or an envoy's issuer.
    public var partition: PartitionName?
    /// An envoy's part of the fleet.
    public var group: GroupName?
    /// Its labels.
    public var labels: [String: String]
    /// A bolt's address.
    public var address: String?

    /// A principal.
    public init(
        role: PrincipalRole, id: PrincipalID, name: PrincipalName, standing: StandingWord,
        fingerprint: KeyFingerprint, lineage: [KeyFingerprint], admissions: [Dot], partition: PartitionName?,
        group: GroupName?, labels: [String: String], address: String?
    ) {
        (self.role, self.id, self.name, self.standing) = (role, id, name, standing)
        (self.fingerprint, self.lineage, self.admissions) = (fingerprint, lineage, admissions)
        (self.partition, self.group, self.labels, self.address) = (partition, group, labels, address)
    }
}

/// A page of the roster.
public struct RosterResponse: Hashable, Sendable, Codable {
    /// By id.
    public var principals: [PrincipalView]
    /// Id after which the next page begins; nil on the last.
    public var nextAfter: PrincipalID?
    /// Age and completeness.
    public var freshness: Freshness

    /// A page of the roster.
    public init(principals: [PrincipalView], nextAfter: PrincipalID?, freshness: Freshness) {
        (self.principals, self.nextAfter, self.freshness) = (principals, nextAfter, freshness)
    }

    enum CodingKeys: String, CodingKey {
        case principals, freshness
        case nextAfter = "next_after"
    }
}

/// One event, told to people.
public struct RosterFactView: Hashable, Sendable, Codable {
    /// Which event.
    public var dot: Dot
    /// When, by its author's clock.
    public var at: WallTime
    /// Who made it: `name.partition`, or `root`; the replica's short form where that is not known.
    public var author: String
    /// The event's kind: `open`, `admit`, `amend`, `remove`, `token`, `act_ban` and so on.
    public var kind: String
    /// What it says, in a line.
    public var text: String
    /// Whether it has effect now.
    public var inForce: Bool
    /// Why it has none, or why it wins.
    public var why: String?

    /// An event, told to people.
    public init(
        dot: Dot, at: WallTime, author: String, kind: String, text: String, inForce: Bool, why: String? = nil
    ) {
        (self.dot, self.at, self.author, self.kind) = (dot, at, author, kind)
        (self.text, self.inForce, self.why) = (text, inForce, why)
    }

    enum CodingKeys: String, CodingKey {
        case dot, author, kind, text, why
        case at = "at_ms"
        case inForce = "in_force"
    }
}

/// A page of history: `GET /v1/roster/log?after=&limit=`, in replica and counter order.
public struct RosterLogResponse: Hashable, Sendable, Codable {
    /// The events.
    public var events: [RosterFactView]
    /// Dot after which the next page begins; nil on the last.
    public var nextAfter: Dot?
    /// Age and completeness.
    public var freshness: Freshness

    /// A page of history.
    public init(events: [RosterFactView], nextAfter: Dot?, freshness: Freshness) {
        (self.events, self.nextAfter, self.freshness) = (events, nextAfter, freshness)
    }

    enum CodingKeys: String, CodingKey {
        case events, freshness
        case nextAfter = "next_after"
    }
}

/// What one replica's history has come to.
public struct ReplicaHead: Hashable, Sendable, Codable {
    /// Whose history.
    public var replica: ReplicaID
    /// Events held, without a gap.
    public var counter: UInt64
    /// The hash chain's value there.
    public var head: Bytes32
    /// Who that is: `name.partition`, or `root`.
    public var author: String

    /// A history's end.
    public init(replica: ReplicaID, counter: UInt64, head: Bytes32, author: String) {
        (self.replica, self.counter, self.head, self.author) = (replica, counter, head, author)
    }
}

/// What one bolt holds: `GET /v1/roster/digest`. Two bolts hold the same events when and only when the digests are
/// equal.
public struct RosterDigestResponse: Hashable, Sendable, Codable {
    /// The bolt that answers, `name.partition`.
    public var bolt: String
    /// Digest of its event set.
    public var digest: Bytes32
    /// Events held.
    public var events: UInt64
    /// Where each history stands, in replica order.
    public var replicas: [ReplicaHead]

    /// What one bolt holds.
    public init(bolt: String, digest: Bytes32, events: UInt64, replicas: [ReplicaHead]) {
        (self.bolt, self.digest, self.events, self.replicas) = (bolt, digest, events, replicas)
    }
}

/// A name that several keys were admitted under.
public struct ConflictView: Hashable, Sendable, Codable {
    /// The role.
    public var role: PrincipalRole
    /// The name.
    public var name: PrincipalName
    /// Who holds it; `active` first, where one admission came causally earlier.
    public var holders: [PrincipalView]

    /// A contested name.
    public init(role: PrincipalRole, name: PrincipalName, holders: [PrincipalView]) {
        (self.role, self.name, self.holders) = (role, name, holders)
    }
}

/// `GET /v1/roster/conflicts`.
public struct ConflictsResponse: Hashable, Sendable, Codable {
    /// By role and name.
    public var conflicts: [ConflictView]
    /// Age and completeness.
    public var freshness: Freshness

    /// Contested names.
    public init(conflicts: [ConflictView], freshness: Freshness) {
        (self.conflicts, self.freshness) = (conflicts, freshness)
    }
}
