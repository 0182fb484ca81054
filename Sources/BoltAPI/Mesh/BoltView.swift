public import CRDT
public import Spanner

/// One bolt, as another sees it.
public struct BoltView: Hashable, Sendable, Codable {
    /// How the answering bolt finds it.
    public enum Reach: String, Sendable, Codable, CaseIterable {
        /// It is the one that answers.
        case itself = "self"
        /// A link is up and was heard within the freeze timeout.
        case alive
        /// A link is up but silent for longer.
        case suspect
        /// No link.
        case unreachable
    }

    /// Its name in its partition.
    public var name: BoltName
    /// Its partition.
    public var partition: PartitionName
    /// Its id for ever.
    public var id: PrincipalID
    /// `host:port`.
    public var address: String
    /// Failure zone, from its labels.
    public var zone: String?
    /// Fingerprint of its TLS key.
    public var fingerprint: KeyFingerprint
    /// Its place in the roster.
    public var standing: StandingWord
    /// How it is found.
    public var reach: Reach
    /// Its writer identity, once heard of.
    public var replica: ReplicaID?
    /// The digest it last told.
    public var digest: Bytes32?
    /// Events that the answering bolt holds and it, by its last word, does not.
    public var lagEvents: UInt64?
    /// Seconds since it was last heard.
    public var lastHeardSeconds: Double?
    /// Why it is refused or unreachable.
    public var reason: String?

    /// A bolt as another sees it.
    public init(
        name: BoltName, partition: PartitionName, id: PrincipalID, address: String, zone: String?,
        fingerprint: KeyFingerprint, standing: StandingWord, reach: Reach, replica: ReplicaID? = nil,
        digest: Bytes32? = nil, lagEvents: UInt64? = nil, lastHeardSeconds: Double? = nil, reason: String? = nil
    ) {
        (self.name, self.partition, self.id, self.address, self.zone) = (name, partition, id, address, zone)
        (self.fingerprint, self.standing, self.reach) = (fingerprint, standing, reach)
        (self.replica, self.digest, self.lagEvents) = (replica, digest, lagEvents)
        (self.lastHeardSeconds, self.reason) = (lastHeardSeconds, reason)
    }

    /// `name.partition`.
    public var fullName: String { "\(name).\(partition)" }

    enum CodingKeys: String, CodingKey {
        case name, partition, id, address, zone, fingerprint, standing, reach, replica, digest, reason
        case lagEvents = "lag_events"
        case lastHeardSeconds = "last_heard_seconds"
    }
}

/// `GET /v1/bolts`.
public struct BoltsResponse: Hashable, Sendable, Codable {
    /// By partition and name.
    public var bolts: [BoltView]
    /// Age and completeness.
    public var freshness: Freshness

    /// A list of bolts.
    public init(bolts: [BoltView], freshness: Freshness) { (self.bolts, self.freshness) = (bolts, freshness) }
}

/// `GET /v1/bolts/{bolt}`, by `name.partition`, id or fingerprint.
public struct BoltResponse: Hashable, Sendable, Codable {
    /// The bolt.
    public var bolt: BoltView
    /// Why its standing is what it is.
    public var facts: [RosterFactView]
    /// Age and completeness.
    public var freshness: Freshness

    /// One bolt.
    public init(bolt: BoltView, facts: [RosterFactView], freshness: Freshness) {
        (self.bolt, self.facts, self.freshness) = (bolt, facts, freshness)
    }
}

/// A principal's place in the roster.
public enum StandingWord: String, Sendable, Codable, CaseIterable {
    /// In force.
    case active
    /// Its name was admitted with another key too; results are taken, nothing new is given.
    case contested
    /// Its admission has ended.
    case removed
    /// Its key is banned, for ever.
    case banned
    /// Never heard of.
    case unknown
}
